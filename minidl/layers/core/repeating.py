"""RepeatVector: from a vector to a series, as between an encoder and a decoder."""

from typing import Any

import numpy as np

from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec
from minidl.symbolic import Shape
from minidl.tensor import Tensor
from minidl.utils.checks import whole_number

__all__ = ["RepeatVector"]


class RepeatVector(Layer):
    """The same vector at each of `n` time steps: (N, I) -> (N, n, I). Its gradient is the sum over the steps.

    >>> RepeatVector(3)([[1.0, 2.0]]).shape
    (1, 3, 2)
    """

    input_spec = InputSpec(("batch", "features"))

    def __init__(self, n: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.n = whole_number("RepeatVector", "n", n, 1)

    def call(self, inputs: Tensor) -> Tensor:
        return np.repeat(inputs[:, None], self.n, axis=1)  # type: ignore[return-value]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.n, input_shape[1])
