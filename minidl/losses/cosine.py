"""The angle between two vectors: for embeddings, where the direction counts and the length does not."""

from typing import Any

import numpy as np

from minidl import config
from minidl.devices import on_gpu
from minidl.losses.base import LossFunctionWrapper
from minidl.losses.inputs import pair
from minidl.tensor import Tensor
from minidl.utils.checks import whole_number

__all__ = ["CosineSimilarity", "cosine_similarity"]


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """−Σ y·p / (‖y‖·‖p‖) along the axis: −1 for the same direction, 0 for a right angle, 1 for the opposite.

    Norms below ε count as ε, so a vector of zeros gives 0.

    Args:
        y_true, y_pred: as `mean_squared_error`.
        axis: the axis along which the vectors lie.

    >>> cosine_similarity([[1.0, 0.0], [1.0, 1.0]], [[2.0, 0.0], [0.0, 0.0]]).numpy() + 0
    array([-1.,  0.], dtype=float32)
    """
    axis = whole_number("cosine_similarity", "axis", axis)
    y, p = pair("cosine_similarity", y_true, y_pred)
    return -(_direction(y, axis) * _direction(p, axis)).sum(axis=axis)


_SQUARED = 1e15  # beyond, a sum of squares may overflow in float32


def _direction(x: Tensor, axis: int) -> Tensor:
    """x / max(‖x‖, ε)."""
    size = np.abs(np.real(x.data))
    top = size.max() if x.size else np.zeros((), size.dtype)
    too_large = (top > _SQUARED) & (top < np.inf)
    if on_gpu(x.data):  # which would have to be waited for
        x = x / np.where(too_large, top, 1).astype(x.dtype)
    elif too_large:  # the direction is that of a smaller x
        x = x / float(top)
    squares = np.square(x).sum(axis=axis, keepdims=True)
    return x / np.sqrt(np.maximum(squares, config.epsilon() ** 2))


class CosineSimilarity(LossFunctionWrapper):
    """`cosine_similarity` of a batch. (Its config keeps `axis`, which Keras's forgets.)

    Args:
        axis: the axis along which the vectors lie.
        reduction, name, dtype: as `LossFunctionWrapper`.
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity",
        dtype: Any = None,
    ):
        axis = whole_number("CosineSimilarity", "axis", axis)
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)
