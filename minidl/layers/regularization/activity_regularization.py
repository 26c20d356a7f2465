"""ActivityRegularization: a price on the numbers that pass, so that a model learns to say things with small ones.

    y = x           loss += (l1·Σ |x| + l2·Σ x²) / N          dx = dy + (l1·sign(x) + 2·l2·x) / N

It is the argument `activity_regularizer`, which every layer has, as a layer of its own.
"""

from typing import Any

from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec
from minidl.regularizers import L1L2
from minidl.symbolic import Shape
from minidl.tensor import Tensor
from minidl.utils.checks import number

__all__ = ["ActivityRegularization"]


class ActivityRegularization(Layer):
    """Adds a penalty on its input to the loss, divided by the batch size, and passes the input on.

    Args:
        l1: price of the absolute values, >= 0.
        l2: price of the squares, >= 0.

    >>> ActivityRegularization(l1=0.01)([[1.0, 2.0]]).numpy()
    array([[1., 2.]], dtype=float32)
    """

    input_spec = InputSpec(min_ndim=0)
    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any):
        self.l1 = number("ActivityRegularization", "l1", l1, minimum=0)
        self.l2 = number("ActivityRegularization", "l2", l2, minimum=0)
        super().__init__(activity_regularizer=L1L2(self.l1, self.l2), **kwargs)

    def call(self, inputs: Tensor) -> Tensor:
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["activity_regularizer"]  # it is l1 and l2
        return config
