"""Errors of predicted numbers, as means over samples and outputs.

With d = p − y, the difference between prediction and target:

    MeanSquaredError                d²                    in squared units; large errors weigh most
    RootMeanSquaredError            sqrt(mean d²)         in the units of y
    MeanAbsoluteError               |d|                   in the units of y; every error weighs alike
    MeanAbsolutePercentageError     100·|d| / |y|         per cent; explodes for y near 0
    MeanSquaredLogarithmicError     (log(1+p) − log(1+y))²   for targets over several orders of magnitude
    LogCoshError                    log cosh d            d²/2 near 0, |d| − log 2 far out
    CosineSimilarity                y·p / (|y|·|p|)       direction only, −1 ... 1

Everything is computed in float64. Targets (N,) count as (N, 1): one number for each of N samples.
"""

from typing import Any

import numpy as np

from minidl import config
from minidl.backend import Array
from minidl.metrics.base import MeanMetricWrapper
from minidl.metrics.inputs import float_pair
from minidl.utils.checks import whole_number

__all__ = [
    "CosineSimilarity",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "RootMeanSquaredError",
]


def squared_error(y_true: Any, y_pred: Any) -> Array:
    """d² for each element."""
    y, p = float_pair("mean_squared_error", y_true, y_pred)
    return (p - y) ** 2


def absolute_error(y_true: Any, y_pred: Any) -> Array:
    """|d| for each element."""
    y, p = float_pair("mean_absolute_error", y_true, y_pred)
    return np.abs(p - y)


def absolute_percentage_error(y_true: Any, y_pred: Any) -> Array:
    """100·|d| / max(|y|, epsilon) for each element."""
    y, p = float_pair("mean_absolute_percentage_error", y_true, y_pred)
    return 100 * np.abs(p - y) / np.maximum(np.abs(y), config.epsilon())


def squared_logarithmic_error(y_true: Any, y_pred: Any) -> Array:
    """(log(1 + p) − log(1 + y))² for each element, with p and y at least epsilon."""
    y, p = float_pair("mean_squared_logarithmic_error", y_true, y_pred)
    least = config.epsilon()
    return (np.log1p(np.maximum(p, least)) - np.log1p(np.maximum(y, least))) ** 2


def log_cosh_error(y_true: Any, y_pred: Any) -> Array:
    """log cosh d = log(e^d + e^−d) − log 2 for each element, without overflow."""
    y, p = float_pair("log_cosh", y_true, y_pred)
    d = p - y
    return np.logaddexp(d, -d) - np.log(2)


def cosine_of_angle(y_true: Any, y_pred: Any, axis: int = -1) -> Array:
    """Σ y·p / (|y|·|p|) along `axis`; 0 where one of the two is the zero vector."""
    y, p = float_pair("cosine_similarity", y_true, y_pred)
    lengths = np.sqrt(np.sum(y * y, axis=axis)) * np.sqrt(np.sum(p * p, axis=axis))
    return np.sum(y * p, axis=axis) / np.where(lengths == 0, 1, lengths)


class MeanSquaredError(MeanMetricWrapper):
    """mean (p − y)².

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> MeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
    0.25
    """

    direction = "down"

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None):
        super().__init__(squared_error, name, dtype)


class RootMeanSquaredError(MeanSquaredError):
    """sqrt(mean (p − y)²): the root is taken of the mean over everything, not batch by batch.

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> RootMeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
    0.5
    """

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None):
        super().__init__(name, dtype)

    def result(self) -> float:
        return float(np.sqrt(super().result()))


class MeanAbsoluteError(MeanMetricWrapper):
    """mean |p − y|.

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> MeanAbsoluteError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
    0.25
    """

    direction = "down"

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = None):
        super().__init__(absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """mean 100·|p − y| / max(|y|, epsilon), in per cent.

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> MeanAbsolutePercentageError()([[2.0], [4.0]], [[1.0], [5.0]])
    37.5
    """

    direction = "down"

    def __init__(self, name: str = "mean_absolute_percentage_error", dtype: Any = None):
        super().__init__(absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """mean (log(1 + p) − log(1 + y))², with p and y at least epsilon.

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> error = MeanSquaredLogarithmicError()([[99.0]], [[9.0]])
    >>> bool(np.isclose(error, np.log(10) ** 2))
    True
    """

    direction = "down"

    def __init__(self, name: str = "mean_squared_logarithmic_error", dtype: Any = None):
        super().__init__(squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """mean log cosh(p − y).

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> round(LogCoshError()([[0.0]], [[1.0]]), 4)
    0.4338
    """

    direction = "down"

    def __init__(self, name: str = "logcosh", dtype: Any = None):
        super().__init__(log_cosh_error, name, dtype)


class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine of the angle between target and prediction: 1 same direction, −1 opposite.

    As a metric larger is better. The loss of the same name has the opposite sign, to be minimised.

    Args:
        name: key in the history.
        dtype: see `Metric`.
        axis: the axis along which a vector lies.

    >>> CosineSimilarity()([[0.0, 1.0], [3.0, 4.0]], [[1.0, 0.0], [6.0, 8.0]])
    0.5
    """

    direction = "up"

    def __init__(self, name: str = "cosine_similarity", dtype: Any = None, axis: int = -1):
        super().__init__(cosine_of_angle, name, dtype, axis=whole_number("CosineSimilarity", "axis", axis))
