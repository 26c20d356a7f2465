"""Global pooling: each channel of an image becomes one number, its mean or its largest pixel.

Pixels that tie for the maximum share the gradient here, while MaxPooling2D gives it to the first of them; both
as in Keras.

(M. Lin, Q. Chen, S. Yan, Network in network, 2013, arXiv:1312.4400.)
"""

from minidl.layers.convolutional.windows import IMAGE_AXES
from minidl.layers.pooling.base import GlobalPooling
from minidl.tensor import Tensor

__all__ = ["GlobalAveragePooling2D", "GlobalMaxPooling2D"]


class GlobalAveragePooling2D(GlobalPooling):
    """(N, H, W, C) -> (N, C), the mean over H and W; (N, 1, 1, C) with keepdims.

    >>> import numpy as np
    >>> GlobalAveragePooling2D()(np.arange(4.0).reshape(1, 2, 2, 1)).numpy()
    array([[1.5]], dtype=float32)
    """

    axes = IMAGE_AXES

    def call(self, inputs: Tensor) -> Tensor:
        return inputs.mean(axis=self._pooled, keepdims=self.keepdims)


class GlobalMaxPooling2D(GlobalPooling):
    """(N, H, W, C) -> (N, C), the maximum over H and W; pixels that tie for it share the gradient.

    >>> import numpy as np
    >>> GlobalMaxPooling2D()(np.arange(4.0).reshape(1, 2, 2, 1)).numpy()
    array([[3.]], dtype=float32)
    """

    axes = IMAGE_AXES

    def call(self, inputs: Tensor) -> Tensor:
        return inputs.max(axis=self._pooled, keepdims=self.keepdims)
