"""What a model takes: data of the shape that its Input declares, give or take a last axis of size 1."""

import math
from typing import Any

from minidl.layers.checks import InputSpec
from minidl.symbolic import Shape

__all__ = ["DeclaredShape", "of_rank"]


def of_rank(declared: Shape, shape: Shape) -> Shape:
    """`shape` with the axes of `declared`: a last axis of size 1 may be missing or too many, as in Keras.

    >>> of_rank((None, 1), (32,)), of_rank((None, 4), (32, 4, 1)), of_rank((None, 4), (32,))
    ((32, 1), (32, 4), (32,))
    """
    if len(shape) == len(declared) - 1 and declared[-1] == 1:
        return (*shape, 1)
    if len(shape) == len(declared) + 1 and shape[-1] == 1:
        return shape[:-1]
    return shape


class DeclaredShape(InputSpec):
    """Holds data against the shape of an Input, batch axis included.

    Only what was declared is held against. A size that a model without an Input has seen in its first batch
    is no promise: images may be larger next time.
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape

    def check(self, layer: Any, shape: Shape) -> None:
        if shape[1:] == self.shape[1:]:
            return
        fitted = of_rank(self.shape, shape)
        if len(fitted) == len(self.shape) and all(
            wanted is None or size is None or wanted == size
            for wanted, size in zip(self.shape[1:], fitted[1:], strict=True)
        ):
            return
        raise ValueError(
            f"{layer} was made for inputs of shape {self.shape}, got {tuple(shape)}.{self._mend(tuple(shape))}"
        )

    def _mend(self, shape: Shape) -> str:
        if shape == self.shape[1:]:
            return " One sample needs a batch axis too: x[None]."
        wanted, sizes = [n or 0 for n in self.shape[1:]], [n or 0 for n in shape[1:]]
        if math.prod(wanted) == math.prod(sizes) > 0:
            return f" The sizes agree: x.reshape({(-1, *wanted)})."
        return ""
