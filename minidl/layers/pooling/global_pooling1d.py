"""Global pooling over time: each channel of a series becomes one number, its mean or its largest value.

    mean without a mask   y[n, c] = Σ_t x[n, t, c] / T
    mean with a mask      y[n, c] = Σ_t m[n, t]·x[n, t, c] / Σ_t m[n, t]          m = 1 where a step counts, else 0

A series of which no step counts has the mean 0 here, so that one empty text does not make the loss of its whole
batch NaN (as 0/0 does in Keras). The maximum takes no notice of masks, as in Keras. Steps that tie for it share
the gradient.
"""

import numpy as np

from minidl.backend import Array
from minidl.layers.convolutional.windows import SERIES_AXES
from minidl.layers.masks import widened, wrong_mask
from minidl.layers.pooling.base import GlobalPooling
from minidl.primitives.elementwise import where
from minidl.tensor import Tensor

__all__ = ["GlobalAveragePooling1D", "GlobalMaxPooling1D"]


class GlobalAveragePooling1D(GlobalPooling):
    """(N, T, C) -> (N, C), the mean over the time steps that count; (N, 1, C) with keepdims.

    >>> x = np.array([[[1.0], [3.0], [50.0]]])
    >>> GlobalAveragePooling1D()(x).numpy(), GlobalAveragePooling1D()(x, mask=[[True, True, False]]).numpy()
    (array([[18.]], dtype=float32), array([[2.]], dtype=float32))
    """

    axes = SERIES_AXES

    def call(self, inputs: Tensor, mask: Array | None = None) -> Tensor:
        if mask is None:
            return inputs.mean(axis=1, keepdims=self.keepdims)
        if mask.shape != inputs.shape[:2]:
            raise wrong_mask(self, mask, inputs)
        counts = widened(mask, 3)
        steps = np.maximum(counts.sum(axis=1, keepdims=self.keepdims), 1).astype(inputs.dtype)
        return where(counts, inputs, 0).sum(axis=1, keepdims=self.keepdims) / steps


class GlobalMaxPooling1D(GlobalPooling):
    """(N, T, C) -> (N, C), the maximum over time; (N, 1, C) with keepdims.

    >>> GlobalMaxPooling1D()(np.array([[[1.0], [3.0], [2.0]]])).numpy()
    array([[3.]], dtype=float32)
    """

    axes = SERIES_AXES

    def call(self, inputs: Tensor) -> Tensor:
        return inputs.max(axis=1, keepdims=self.keepdims)
