"""ZeroPadding1D: zeros before and after a series."""

from typing import Any

from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, channels_last, size_tuple
from minidl.layers.convolutional.windows import SERIES_AXES
from minidl.primitives.joining import pad
from minidl.symbolic import Shape
from minidl.tensor import Tensor

__all__ = ["ZeroPadding1D"]


class ZeroPadding1D(Layer):
    """Adds time steps of zeros: (N, T, C) -> (N, before + T + after, C).

    Args:
        padding: one number for both ends, or (before, after).
        data_format: "channels_last", the layout of all layers here.

    >>> import numpy as np
    >>> ZeroPadding1D((2, 0))(np.ones((1, 3, 1))).numpy().ravel()
    array([0., 0., 1., 1., 1.], dtype=float32)
    """

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.padding = size_tuple(self, "padding", padding, 2, least=0)
        self.data_format = channels_last(self, data_format)
        self.input_spec = InputSpec(SERIES_AXES)

    def call(self, inputs: Tensor) -> Tensor:
        return pad(inputs, ((0, 0), self.padding, (0, 0)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, steps, channels = input_shape
        return (batch, None if steps is None else steps + sum(self.padding), channels)

    def shape_formulas(self) -> list[str]:
        n, (before, after) = self._sizes[1], self.padding
        return [] if n is None else [f"{n} + {before} + {after} = {n + before + after}"]
