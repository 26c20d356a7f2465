"""Hinge losses: a prediction is right once it lies on the right side by a margin of 1, and then costs nothing.

For labels y of −1 and 1, y·p is positive where the sign of p is right:

    hinge                mean max(1 − y·p, 0)
    squared_hinge        mean max(1 − y·p, 0)²
    categorical_hinge    max(max of the wrong classes − score of the right class + 1, 0)

At the corner the slope taken is half that of the line, as in Keras (JAX).
V. Vapnik, "The Nature of Statistical Learning Theory" (1995).
"""

from typing import Any

import numpy as np

from minidl.devices import on_gpu
from minidl.losses.base import LossFunctionWrapper
from minidl.losses.inputs import one_hot_pair, pair
from minidl.tensor import Tensor

__all__ = ["CategoricalHinge", "Hinge", "SquaredHinge", "categorical_hinge", "hinge", "squared_hinge"]


def _margin(loss: str, y_true: Any, y_pred: Any) -> Tensor:
    """max(1 − y·p, 0). If all labels are 0 or 1, the zeros stand for −1."""
    y, p = pair(loss, y_true, y_pred)
    zeros_and_ones = np.all((y.data == 0) | (y.data == 1))
    if on_gpu(y.data):  # which would have to be waited for
        y = np.where(zeros_and_ones, 2.0 * y - 1.0, y)  # type: ignore[assignment]
    elif zeros_and_ones:
        y = 2.0 * y - 1.0
    margin: Any = np.maximum(1.0 - y * p, 0.0)
    return margin


def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """mean max(1 − y·p, 0) over the last axis.

    Args:
        y_true: labels −1 and 1 (N, ..., U). If all labels of the batch are 0 or 1, they become −1 and 1.
        y_pred: scores of the same shape, up to a last axis of size 1.

    Returns:
        Losses (N, ...).

    Raises:
        ValueError: the shapes differ.

    >>> hinge([[0.0], [1.0]], [[-2.0], [0.25]]).numpy()
    array([0.  , 0.75], dtype=float32)
    """
    return _margin("hinge", y_true, y_pred).mean(axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """mean max(1 − y·p, 0)² over the last axis. Arguments as `hinge`.

    >>> squared_hinge([[-1.0], [1.0]], [[-2.0], [0.5]]).numpy()
    array([0.  , 0.25], dtype=float32)
    """
    return np.square(_margin("squared_hinge", y_true, y_pred)).mean(axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """max(neg − pos + 1, 0) with pos = Σ y·p and neg = max (1 − y)·p over the last axis.

    Args:
        y_true: one-hot targets (N, ..., C).
        y_pred: scores of the same shape.

    Raises:
        ValueError: the shapes differ.

    >>> categorical_hinge([[0.0, 1.0, 0.0]], [[0.5, 2.0, 1.5]]).numpy()
    array([0.5], dtype=float32)
    """
    y, p = one_hot_pair("categorical_hinge", y_true, y_pred)
    right, wrong = (y * p).sum(axis=-1), ((1.0 - y) * p).max(axis=-1)
    losses: Any = np.maximum(wrong - right + 1.0, 0.0)
    return losses


class Hinge(LossFunctionWrapper):
    """`hinge` of a batch. Arguments as `LossFunctionWrapper`."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "hinge", dtype: Any = None):
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(LossFunctionWrapper):
    """`squared_hinge` of a batch. Arguments as `LossFunctionWrapper`."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "squared_hinge", dtype: Any = None
    ):
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunctionWrapper):
    """`categorical_hinge` of a batch. Arguments as `LossFunctionWrapper`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_hinge",
        dtype: Any = None,
    ):
        super().__init__(categorical_hinge, reduction, name, dtype)
