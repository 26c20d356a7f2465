"""Maximum and Minimum: the largest or smallest of the inputs, element by element.

    y = max(x₁, x₂, ...)    dy goes to the input that gave y; two equal ones share it

A masked step of an input is left out of the comparison. Where no input counts, the output is the first one's.
"""

from typing import Any, ClassVar

import numpy as np

from minidl.backend import Array
from minidl.layers.merge.elementwise import Elementwise
from minidl.primitives.elementwise import where
from minidl.tensor import Tensor

__all__ = ["Maximum", "Minimum", "maximum", "minimum"]


class _Extreme(Elementwise):
    """Input after input compared with the best so far."""

    better: ClassVar[Any]

    def merged(self, inputs: list[Tensor], masks: list[Array | None]) -> Tensor:
        best, counts = inputs[0], masks[0]
        for x, mask in zip(inputs[1:], masks[1:], strict=True):
            rival = x if mask is None else where(mask, x, best)  # one that does not count never wins
            best = self.better(best if counts is None else where(counts, best, rival), rival)
            counts = None if counts is None or mask is None else counts | mask
        return best


class Maximum(_Extreme):
    """The largest of the inputs, element by element.

    >>> import numpy as np
    >>> Maximum()([np.array([[1.0, 5.0]]), np.array([[3.0, 4.0]])]).numpy()
    array([[3., 5.]], dtype=float32)
    """

    better = np.maximum


class Minimum(_Extreme):
    """The smallest of the inputs, element by element.

    >>> import numpy as np
    >>> Minimum()([np.array([[1.0, 5.0]]), np.array([[3.0, 4.0]])]).numpy()
    array([[1., 4.]], dtype=float32)
    """

    better = np.minimum


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """The largest of `inputs`, by a `Maximum` layer with the arguments `kwargs`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """The smallest of `inputs`, by a `Minimum` layer with the arguments `kwargs`."""
    return Minimum(**kwargs)(inputs)
