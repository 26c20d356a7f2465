"""UpSampling1D: every time step several times over."""

from typing import Any

from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec
from minidl.layers.convolutional.windows import SERIES_AXES
from minidl.primitives.joining import repeat
from minidl.symbolic import Shape
from minidl.tensor import Tensor
from minidl.utils.checks import whole_number

__all__ = ["UpSampling1D"]


class UpSampling1D(Layer):
    """Repeats each time step: (N, T, C) -> (N, T·size, C). A step's gradient is the sum over its copies.

    Args:
        size: how many copies there are of each step, >= 1.

    >>> import numpy as np
    >>> UpSampling1D(3)(np.array([[[1.0], [2.0]]])).numpy().ravel()
    array([1., 1., 1., 2., 2., 2.], dtype=float32)
    """

    def __init__(self, size: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = whole_number("UpSampling1D", "size", size, 1)
        self.input_spec = InputSpec(SERIES_AXES)

    def call(self, inputs: Tensor) -> Tensor:
        return repeat(inputs, self.size, axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, steps, channels = input_shape
        return (batch, None if steps is None else steps * self.size, channels)

    def shape_formulas(self) -> list[str]:
        n = self._sizes[1]
        return [] if n is None else [f"{n}·{self.size} = {n * self.size}"]
