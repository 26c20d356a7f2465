"""Losses for numbers: how far is the prediction p from the target y?

Each is a mean over the last axis, of U units:

    mean_squared_error                mean (y − p)²                     pulls outliers hardest
    mean_absolute_error               mean |y − p|                      pulls all alike; |d|′ = 0 at d = 0
    mean_absolute_percentage_error    100·mean |y − p| / max(|y|, ε)    relative, huge where y is near 0
    mean_squared_logarithmic_error    mean (log(1 + y) − log(1 + p))²   relative, negative numbers count as ε
    huber                             squared near 0, absolute from δ on
    log_cosh                          mean log cosh(p − y)              like huber, smooth in every derivative

(Neither of the last two has a corner, but the second derivative of Huber's loss jumps at ±δ.)

ε is `config.epsilon()`, 10⁻⁷. The gradients come from the primitives these are made of.
"""

import math
from typing import Any

import numpy as np

from minidl import config
from minidl.backend import Array
from minidl.losses.base import LossFunctionWrapper
from minidl.losses.inputs import pair
from minidl.tensor import Function, Tensor
from minidl.utils.checks import number

__all__ = [
    "Huber", "LogCosh", "MeanAbsoluteError", "MeanAbsolutePercentageError",
    "MeanSquaredError", "MeanSquaredLogarithmicError", "huber", "log_cosh",
    "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error",
]  # fmt: skip


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """mean (y − p)² over the last axis.

    Args:
        y_true: targets (N, ..., U).
        y_pred: predictions of the same shape, up to a last axis of size 1.

    Returns:
        Losses (N, ...).

    Raises:
        ValueError: the shapes differ.

    >>> mean_squared_error([[1.0, 2.0]], [[1.0, 4.0]]).numpy()
    array([2.], dtype=float32)
    """
    y, p = pair("mean_squared_error", y_true, y_pred)
    return np.square(p - y).mean(axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """mean |y − p| over the last axis. Arguments as `mean_squared_error`.

    >>> mean_absolute_error([[1.0, 2.0]], [[1.0, 4.0]]).numpy()
    array([1.], dtype=float32)
    """
    y, p = pair("mean_absolute_error", y_true, y_pred)
    return abs(p - y).mean(axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """100·mean |y − p| / max(|y|, ε) over the last axis. Arguments as `mean_squared_error`.

    >>> mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]]).numpy()
    array([25.], dtype=float32)
    """
    y, p = pair("mean_absolute_percentage_error", y_true, y_pred)
    return 100.0 * abs((y - p) / np.maximum(abs(y), config.epsilon())).mean(axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """mean (log(1 + max(y, ε)) − log(1 + max(p, ε)))² over the last axis. Arguments as `mean_squared_error`.

    >>> mean_squared_logarithmic_error([[0.0]], [[math.e - 1]]).numpy()
    array([0.99999...], dtype=float32)
    """
    y, p = pair("mean_squared_logarithmic_error", y_true, y_pred)
    epsilon = config.epsilon()
    return np.square(np.log1p(np.maximum(p, epsilon)) - np.log1p(np.maximum(y, epsilon))).mean(axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """Squared for small errors, absolute for large ones, without a step in value or slope.

        d²/2              |d| ≤ δ,  d = p − y
        δ·|d| − δ²/2      elsewhere

    With c = d held between −δ and δ both lines are c·(d − c/2), which never squares a large number.

    Args:
        y_true, y_pred: as `mean_squared_error`.
        delta: δ > 0, where the straight line begins.

    Raises:
        ValueError: the shapes differ, or `delta` is not above 0.

    P. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35 (1964).

    >>> huber([[0.0], [0.0]], [[0.5], [3.0]]).numpy()
    array([0.125, 2.5  ], dtype=float32)
    """
    delta = number("huber", "delta", delta, above=0)
    y, p = pair("huber", y_true, y_pred)
    error = p - y
    held = error.clip(-delta, delta)
    return (held * (error - 0.5 * held)).mean(axis=-1)


class LogCoshFunction(Function):
    """y = log cosh x = |x| + log(1 + e^(−2|x|)) − log 2, near 0 log(1 + 2 sinh²(x/2)).  dx = dy·tanh x."""

    @staticmethod
    def forward(x: Array) -> tuple[Array, Array]:
        near = np.fabs(np.real(x)) < 1
        half_sinh = np.sinh(np.where(near, x, 0) / 2)
        magnitude = np.where(np.real(x) < 0, -x, x)
        far = magnitude + np.log1p(np.exp(-2 * magnitude)) - math.log(2)
        return np.where(near, np.log1p(2 * half_sinh * half_sinh), far), x

    @staticmethod
    def backward(dy: Array, x: Array) -> tuple[Array]:
        return (dy * np.tanh(x),)


def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """mean log cosh(p − y) over the last axis: about d²/2 near 0 and |d| − log 2 far away.

    Arguments as `mean_squared_error`.

    >>> log_cosh([[0.0]], [[10000.0]]).numpy()
    array([9999.307], dtype=float32)
    """
    y, p = pair("log_cosh", y_true, y_pred)
    return LogCoshFunction.apply(p - y).mean(axis=-1)


class MeanSquaredError(LossFunctionWrapper):
    """`mean_squared_error` of a batch. Arguments as `LossFunctionWrapper`.

    >>> float(MeanSquaredError()([1.0, 2.0], [[1.0], [4.0]]))
    2.0
    """

    repeats = True

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_error",
        dtype: Any = None,
    ):
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """`mean_absolute_error` of a batch."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_error",
        dtype: Any = None,
    ):
        super().__init__(mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """`mean_absolute_percentage_error` of a batch."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_percentage_error",
        dtype: Any = None,
    ):
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """`mean_squared_logarithmic_error` of a batch."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ):
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class Huber(LossFunctionWrapper):
    """`huber` of a batch. (Its config keeps `delta`, which Keras's forgets.)

    Args:
        delta: δ > 0, where the straight line begins.
        reduction, name, dtype: as `LossFunctionWrapper`.

    >>> Huber(delta=-1)
    Traceback (most recent call last):
    ValueError: Huber expects delta to be a number > 0, got -1.
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: Any = None,
    ):
        super().__init__(huber, reduction, name, dtype, delta=number("Huber", "delta", delta, above=0))


class LogCosh(LossFunctionWrapper):
    """`log_cosh` of a batch."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "log_cosh", dtype: Any = None
    ):
        super().__init__(log_cosh, reduction, name, dtype)
