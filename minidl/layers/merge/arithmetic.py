"""Add, Subtract, Multiply and Average: arithmetic between the outputs of layers.

    Add         y = Σ xᵢ           dxᵢ = dy              the shortcut around a residual block
    Subtract    y = x₁ − x₂        dx₁ = dy, dx₂ = −dy
    Multiply    y = Π xᵢ           dxᵢ = dy·Π_{j≠i} xⱼ   a gate: one input lets the other through
    Average     y = (Σ xᵢ)/n       dxᵢ = dy/n            the vote of an ensemble

Which shapes fit and what becomes of masks stands in `minidl.layers.merge.elementwise`.
"""

from functools import reduce
from operator import add as plus
from operator import mul as times
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.layers.merge.elementwise import Elementwise
from minidl.primitives.elementwise import where
from minidl.tensor import Tensor

__all__ = ["Add", "Average", "Multiply", "Subtract", "add", "average", "multiply", "subtract"]


class Add(Elementwise):
    """The sum of the inputs. Masked steps are added like all others.

    >>> import numpy as np
    >>> Add()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])]).numpy()
    array([[11., 22.]], dtype=float32)
    """

    def merged(self, inputs: list[Tensor], masks: list[Array | None]) -> Tensor:
        return reduce(plus, inputs)


class Subtract(Elementwise):
    """The first of two inputs minus the second.

    >>> import numpy as np
    >>> Subtract()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])]).numpy()
    array([[ -9., -18.]], dtype=float32)
    """

    exactly = 2

    def merged(self, inputs: list[Tensor], masks: list[Array | None]) -> Tensor:
        return inputs[0] - inputs[1]


class Multiply(Elementwise):
    """The product of the inputs.

    A masked step of an input counts as 1; where every input has a mask and none counts, the output is 0.

    >>> import numpy as np
    >>> Multiply()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])]).numpy()
    array([[10., 40.]], dtype=float32)
    """

    def merged(self, inputs: list[Tensor], masks: list[Array | None]) -> Tensor:
        factors = [x if m is None else where(m, x, 1) for x, m in zip(inputs, masks, strict=True)]
        product, known = reduce(times, factors), [m for m in masks if m is not None]
        return where(reduce(np.logical_or, known), product, 0) if len(known) == len(masks) else product


class Average(Elementwise):
    """The mean of the inputs. Masked steps count like all others.

    >>> import numpy as np
    >>> Average()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])]).numpy()
    array([[ 5.5, 11. ]], dtype=float32)
    """

    def merged(self, inputs: list[Tensor], masks: list[Array | None]) -> Tensor:
        return reduce(plus, inputs) / len(inputs)


def add(inputs: Any, **kwargs: Any) -> Any:
    """The sum of `inputs`, by an `Add` layer with the arguments `kwargs`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """The first of two `inputs` minus the second, by a `Subtract` layer with the arguments `kwargs`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """The product of `inputs`, by a `Multiply` layer with the arguments `kwargs`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """The mean of `inputs`, by an `Average` layer with the arguments `kwargs`."""
    return Average(**kwargs)(inputs)
