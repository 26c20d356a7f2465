"""Cropping1D: the two ends of a series are cut off."""

from typing import Any

from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, size_tuple
from minidl.layers.convolutional.windows import SERIES_AXES
from minidl.messages import say
from minidl.symbolic import Shape
from minidl.tensor import Tensor

__all__ = ["Cropping1D"]


class Cropping1D(Layer):
    """Takes time steps away: (N, T, C) -> (N, T − first − last, C).

    Args:
        cropping: how many steps, one number for both ends, or (first, last).

    >>> import numpy as np
    >>> Cropping1D((1, 2))(np.arange(6.0).reshape(1, 6, 1)).numpy().ravel()
    array([1., 2., 3.], dtype=float32)
    """

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any):
        super().__init__(**kwargs)
        self.cropping = size_tuple(self, "cropping", cropping, 2, least=0)
        self.input_spec = InputSpec(SERIES_AXES)

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(inputs.shape)  # raises where nothing would be left
        return inputs[:, self.cropping[0] : inputs.shape[1] - self.cropping[1]]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, steps, channels = input_shape
        if steps is None:
            return input_shape
        if steps <= sum(self.cropping):
            raise ValueError(
                say(
                    f"{self} takes {self.cropping[0]} + {self.cropping[1]} time steps away and nothing is left of "
                    f"{steps} (shape {input_shape}). Use a smaller cropping, or longer series."
                )
            )
        return (batch, steps - sum(self.cropping), channels)

    def shape_formulas(self) -> list[str]:
        n, (first, last) = self._sizes[1], self.cropping
        return [] if n is None else [f"{n} − {first} − {last} = {n - first - last}"]
