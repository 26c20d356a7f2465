"""Identity: nothing, as a layer, for a place in a model that has to be filled (an absent shortcut, say)."""

from typing import Any

from minidl.layers.base import Layer

__all__ = ["Identity"]


class Identity(Layer):
    """Its output is its input, one tensor or a list of them, and so is its gradient: dx = dy.

    >>> Identity()([[1.0, 2.0]]).numpy()
    array([[1., 2.]], dtype=float32)
    """

    supports_masking = True
    repeats = True

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
