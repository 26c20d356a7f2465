"""Hinge errors: the margin by which a score is on the wrong side, for labels −1 and 1.

    Hinge              max(1 − y·p, 0)
    SquaredHinge       max(1 − y·p, 0)²
    CategoricalHinge   max(1 + max_c (1 − y_c)·p_c − Σ_c y_c·p_c, 0)     y one-hot

A score must be beyond the margin 1 on the right side to cost nothing. Labels 0 and 1 are read as −1 and 1.
"""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import on_gpu
from minidl.metrics.base import MeanMetricWrapper
from minidl.metrics.inputs import float_pair

__all__ = ["CategoricalHinge", "Hinge", "SquaredHinge"]


def hinge(y_true: Any, y_pred: Any) -> Array:
    """max(1 − y·p, 0) for each element."""
    y, p = float_pair("hinge", y_true, y_pred)
    zeros_and_ones = ((y == 0) | (y == 1)).all()
    if on_gpu(y):  # which would have to be waited for
        y = np.where(zeros_and_ones, 2 * y - 1, y)
    elif zeros_and_ones:
        y = 2 * y - 1
    return np.maximum(1 - y * p, 0)


def squared_hinge(y_true: Any, y_pred: Any) -> Array:
    """max(1 − y·p, 0)² for each element."""
    return hinge(y_true, y_pred) ** 2


def categorical_hinge(y_true: Any, y_pred: Any) -> Array:
    """max(1 + best wrong score − right score, 0) for each sample."""
    y, p = float_pair("categorical_hinge", y_true, y_pred)
    right, wrong = np.sum(y * p, axis=-1), np.max((1 - y) * p, axis=-1)
    return np.maximum(wrong - right + 1, 0)


class Hinge(MeanMetricWrapper):
    """mean max(1 − y·p, 0).

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> round(Hinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]), 4)
    1.3
    """

    direction = "down"

    def __init__(self, name: str = "hinge", dtype: Any = None):
        super().__init__(hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """mean max(1 − y·p, 0)².

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> round(SquaredHinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]), 4)
    1.86
    """

    direction = "down"

    def __init__(self, name: str = "squared_hinge", dtype: Any = None):
        super().__init__(squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """mean max(1 + best wrong score − right score, 0), for one-hot targets.

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> round(CategoricalHinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]), 4)
    1.4
    """

    direction = "down"

    def __init__(self, name: str = "categorical_hinge", dtype: Any = None):
        super().__init__(categorical_hinge, name, dtype)
