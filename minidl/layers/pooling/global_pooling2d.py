"""Global pooling: each channel of an image becomes one number, its mean or its largest pixel.

Pixels that tie for the maximum share the gradient here, while MaxPooling2D gives it to the first of them; both
as in Keras.

(M. Lin, Q. Chen, S. Yan, Network in network, 2013, arXiv:1312.4400.)
"""

from typing import Any

from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, channels_last, flag
from minidl.layers.convolutional.windows import IMAGE_AXES
from minidl.layers.symbolic import Shape
from minidl.tensor import Tensor

__all__ = ["GlobalAveragePooling2D", "GlobalMaxPooling2D"]


class _GlobalPooling2D(Layer):
    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = channels_last(self, data_format)
        self.keepdims = flag(self, "keepdims", keepdims)
        self.input_spec = InputSpec(IMAGE_AXES)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *((1, 1) if self.keepdims else ()), input_shape[-1])


class GlobalAveragePooling2D(_GlobalPooling2D):
    """(N, H, W, C) -> (N, C), the mean over H and W; (N, 1, 1, C) with keepdims.

    >>> import numpy as np
    >>> GlobalAveragePooling2D()(np.arange(4.0).reshape(1, 2, 2, 1)).numpy()
    array([[1.5]], dtype=float32)
    """

    def call(self, inputs: Tensor) -> Tensor:
        return inputs.mean(axis=(1, 2), keepdims=self.keepdims)


class GlobalMaxPooling2D(_GlobalPooling2D):
    """(N, H, W, C) -> (N, C), the maximum over H and W; pixels that tie for it share the gradient.

    >>> import numpy as np
    >>> GlobalMaxPooling2D()(np.arange(4.0).reshape(1, 2, 2, 1)).numpy()
    array([[3.]], dtype=float32)
    """

    def call(self, inputs: Tensor) -> Tensor:
        return inputs.max(axis=(1, 2), keepdims=self.keepdims)
