"""Two losses between distributions: predicted probabilities against true ones, and counts under a rate.

    kl_divergence    Σ y·log(y / p)        how many nats longer messages get when y is coded as if it were p
    poisson          mean (p − y·log p)    −log of the probability of the count y at the rate p, up to a constant

The divergence is 0 where p = y and positive elsewhere, but it is no distance: exchange y and p and it differs.
(A nat is 1/log 2 = 1.44 bits.) The constant that the Poisson loss leaves out is the logarithm of the factorial
of y, which no prediction changes.

S. Kullback and R. Leibler, "On information and sufficiency" (1951).
"""

from typing import Any

import numpy as np

from minidl import config
from minidl.losses.base import LossFunctionWrapper
from minidl.losses.inputs import pair, within
from minidl.tensor import Tensor

__all__ = ["KLDivergence", "Poisson", "kl_divergence", "poisson"]


def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """Σ y·log(y / p) over the last axis, y and p held between ε and 1.

    Args:
        y_true: probabilities (N, ..., C).
        y_pred: probabilities of the same shape.

    Returns:
        Losses (N, ...), 0 where the two agree.

    Raises:
        ValueError: the shapes differ, or a number is negative.

    >>> kl_divergence([[0.5, 0.5]], [[0.25, 0.75]]).numpy()
    array([0.14384...], dtype=float32)
    """
    y, p = pair("kl_divergence", y_true, y_pred)
    mend = "Both are probabilities: end the model with activation='softmax'."
    within("kl_divergence", "probabilities", p.data, mend, largest=np.inf)
    within("kl_divergence", "targets", y.data, mend, largest=np.inf)
    y, p = y.clip(config.epsilon(), 1.0), p.clip(config.epsilon(), 1.0)
    return (y * np.log(y / p)).sum(axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """mean (p − y·log(p + ε)) over the last axis.

    Args:
        y_true: counts (N, ..., U).
        y_pred: rates ≥ 0 of the same shape, such as `exponential` and `softplus` give.

    Returns:
        Losses (N, ...).

    Raises:
        ValueError: the shapes differ, or a rate is negative.

    >>> poisson([[2.0]], [[1.0]]).numpy()
    array([0.9999...], dtype=float32)
    """
    y, p = pair("poisson", y_true, y_pred)
    mend = "End the model with activation='exponential' or 'softplus'."
    within("poisson", "targets", y.data, "They count something: use 'mse' for other numbers.", largest=np.inf)
    within("poisson", "rates", p.data, mend, largest=np.inf, rounding=0)  # a negative rate has no logarithm
    return (p - y * np.log(p + config.epsilon())).mean(axis=-1)


class KLDivergence(LossFunctionWrapper):
    """`kl_divergence` of a batch. Arguments as `LossFunctionWrapper`."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "kl_divergence", dtype: Any = None
    ):
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """`poisson` of a batch. Arguments as `LossFunctionWrapper`."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "poisson", dtype: Any = None
    ):
        super().__init__(poisson, reduction, name, dtype)
