"""ZeroPadding2D: a border of zeros around images."""

from typing import Any

from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, channels_last, side_pairs
from minidl.layers.convolutional.windows import IMAGE_AXES
from minidl.primitives.joining import pad
from minidl.symbolic import Shape
from minidl.tensor import Tensor

__all__ = ["ZeroPadding2D"]


class ZeroPadding2D(Layer):
    """Adds rows and columns of zeros.

    Args:
        padding: one number for all sides, (rows, columns), or ((top, bottom), (left, right)).
        data_format: "channels_last", the layout of all layers here.

    >>> import numpy as np
    >>> ZeroPadding2D(((1, 0), (2, 3)))(np.ones((1, 4, 4, 1))).shape
    (1, 5, 9, 1)
    """

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.padding = side_pairs(self, "padding", padding)
        self.data_format = channels_last(self, data_format)
        self.input_spec = InputSpec(IMAGE_AXES)

    def call(self, inputs: Tensor) -> Tensor:
        return pad(inputs, ((0, 0), *self.padding, (0, 0)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, h, w, c = input_shape
        (top, bottom), (left, right) = self.padding
        return (batch, None if h is None else h + top + bottom, None if w is None else w + left + right, c)

    def shape_formulas(self) -> list[str]:
        sides = zip(self._sizes[1:3], self.padding, strict=True)
        return list(dict.fromkeys(f"{n} + {a} + {b} = {n + a + b}" for n, (a, b) in sides if n is not None))
