"""Are the gradients right? Checks for a function, a layer or a whole model, for tests and for learning.

A backward pass is easy to get almost right, and a network trains on almost right gradients, only worse. The
slope itself is easy to measure, though: move one number a little and look how far the output moves. `gradcheck`
does that for every element of every input and weight, in float64 and by differences of fourth order, which
gives twelve digits or so, and holds the backward pass to seven of them: an error of a millionth of the
largest slope in a single element is found.

    differences     slopes from values nearby, and how a kink shows in them
    compare         the Jacobian twice, element by element
    target          functions, layers and models, brought into float64
    exact           two checks without differences: the complex step, the inner product

>>> import numpy as np
>>> from minidl.tensor import Function
>>> class Square(Function):
...     @staticmethod
...     def forward(x):
...         return x * x, x
...     @staticmethod
...     def backward(dy, x):
...         return (dy * x,)  # a 2 is missing
>>> print(gradcheck(Square.apply, [1.0, 2.0], raise_on_failure=False))
0 of 1 gradients agree with differences (tolerance 1e-07 relative)
                           worst at   backward difference   error    rel.
inputs[0] 2                       1  2.000e+00  4.000e+00   2e+00   1e+00 WRONG
d output[0][1] / d inputs[0][1] is 2 by backward, 4 by differences.
"""

import sys
from types import ModuleType
from typing import Any

from minidl.gradcheck.check import gradcheck
from minidl.gradcheck.exact import complex_step, inner_product
from minidl.gradcheck.report import GradcheckError, GradcheckReport, GradcheckRow


class _CallablePackage(ModuleType):
    """`minidl.gradcheck(f, x)` and `minidl.gradcheck.complex_step(f, x)` both work."""

    def __call__(self, *arguments: Any, **options: Any) -> GradcheckReport:
        return gradcheck(*arguments, **options)


sys.modules[__name__].__class__ = _CallablePackage

__all__ = ["GradcheckError", "GradcheckReport", "GradcheckRow", "complex_step", "gradcheck", "inner_product"]
