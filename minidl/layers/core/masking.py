"""Masking: tells the layers behind which time steps are only padding."""

from typing import Any

import numpy as np

from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec
from minidl.layers.masks import widened
from minidl.symbolic import Shape
from minidl.tensor import Tensor
from minidl.utils.checks import number

__all__ = ["Masking"]


class Masking(Layer):
    """A time step does not count if all its features equal `mask_value`; its numbers become 0.

    Recurrent layers skip such steps, and if the output of the model has the same steps, so do the loss and the
    metrics (see `minidl.layers.masks`).

    Args:
        mask_value: what the padding is made of.

    >>> y = Masking(-1.0)([[[3.0, -1.0], [-1.0, -1.0]]])
    >>> y.numpy(), y.mask
    (array([[[ 3., -1.],
            [ 0.,  0.]]], dtype=float32), array([[ True, False]]))
    """

    input_spec = InputSpec(min_ndim=2)
    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.mask_value = number("Masking", "mask_value", mask_value)

    def call(self, inputs: Tensor) -> Tensor:
        return np.where(widened(self.compute_mask(inputs), inputs.ndim), inputs, 0)  # type: ignore[return-value]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True for the steps (..., T) with a feature that is not `mask_value`, unless ruled out before."""
        counts = (inputs.data != self.mask_value).any(axis=-1)
        return counts if previous_mask is None else counts & previous_mask

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape
