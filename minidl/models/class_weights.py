"""Class weights: rare classes made to count more, as a weight for each sample of a batch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl.models.data import Batch

__all__ = ["class_weights"]


def class_weights(batch: Batch, weights: Mapping[int, float]) -> Batch:
    """`batch` with sample weights by class. Classes that are not in `weights` weigh 1.

    The class of a sample is the position of the 1 in a one-hot target, else the target itself.

    >>> batch = Batch(np.zeros((3, 1)), np.array([0, 1, 2]))
    >>> class_weights(batch, {0: 0.5, 1: 4.0}).sample_weight
    array([0.5, 4. , 1. ], dtype=float32)
    """
    if batch.y is None:
        raise ValueError("class_weight needs y.")
    y: Any = batch.y
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(len(y))
    sample_weight = np.ones(labels.shape, np.float32)
    for label, weight in weights.items():
        sample_weight[labels == label] = weight
    return batch._replace(sample_weight=sample_weight)
