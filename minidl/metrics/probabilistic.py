"""How far predicted probabilities are from the truth, in nats.

    BinaryCrossentropy               −[y·log p + (1 − y)·log(1 − p)]     mean over the outputs of a sample
    CategoricalCrossentropy          −Σ_c y_c·log p_c                    y one-hot
    SparseCategoricalCrossentropy    −log p_y                            y a class number
    KLDivergence                     Σ_c y_c·log(y_c / p_c)
    Poisson                          p − y·log p                         counts y, rates p; mean over outputs

Probabilities are kept in [epsilon, 1 − epsilon], so that a certain and wrong answer costs −log 1e-7 = 16.1
instead of infinity. From logits nothing needs to be clipped: log softmax is x − log Σ e^x.
"""

from typing import Any

import numpy as np

from minidl import config
from minidl.backend import Array
from minidl.devices import on_gpu
from minidl.messages import say
from minidl.metrics.base import Mean, MeanMetricWrapper
from minidl.metrics.inputs import float_pair, one_column_per_class, spread_weights, to_array
from minidl.utils.checks import flag, number, whole_number

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "KLDivergence",
    "Poisson",
    "SparseCategoricalCrossentropy",
]


def log_probabilities(scores: Array, from_logits: bool) -> Array:
    """log p along the last axis, of logits x or of probabilities that may need to be made to sum to 1."""
    if from_logits:
        shifted = scores - scores.max(axis=-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    p = scores / scores.sum(axis=-1, keepdims=True)
    return np.log(np.clip(p, config.epsilon(), 1 - config.epsilon()))


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0
) -> Array:
    """−[y·log p + (1 − y)·log(1 − p)] for each element; of logits x: log(1 + e^x) − x·y."""
    y, p = float_pair("binary_crossentropy", y_true, y_pred)
    y = y * (1 - label_smoothing) + label_smoothing / 2
    if from_logits:
        return np.logaddexp(0, p) - p * y
    p = np.clip(p, config.epsilon(), 1 - config.epsilon())
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Array:
    """−Σ_c y_c·log p_c for each sample."""
    y, p = (np.moveaxis(a, axis, -1) for a in float_pair("categorical_crossentropy", y_true, y_pred))
    y = y * (1 - label_smoothing) + label_smoothing / y.shape[-1]
    return -np.sum(y * log_probabilities(p, from_logits), axis=-1)


def sparse_categorical_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False) -> Array:
    """−log p_y for each sample.

    Raises:
        ValueError: a class number outside 0 ... C-1.
    """
    y, p = one_column_per_class("sparse_categorical_crossentropy", y_true, y_pred)
    wrong = y[(y < 0) | (y >= p.shape[-1])]
    if wrong.size:
        raise ValueError(
            say(
                f"sparse_categorical_crossentropy expects class numbers 0 ... {p.shape[-1] - 1}, got {wrong[0]}."
            )
        )
    log_p = log_probabilities(p.astype(np.float64), from_logits)
    return -np.take_along_axis(log_p, y.astype(np.intp)[..., None], axis=-1)[..., 0]


def kl_divergence(y_true: Any, y_pred: Any) -> Array:
    """Σ_c y_c·log(y_c / p_c) for each sample, both kept in [epsilon, 1]."""
    y, p = (np.clip(a, config.epsilon(), 1) for a in float_pair("kl_divergence", y_true, y_pred))
    return np.sum(y * np.log(y / p), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Array:
    """p − y·log(p + epsilon) for each element."""
    y, p = float_pair("poisson", y_true, y_pred)
    if not on_gpu(p) and (p < 0).any():
        raise ValueError(
            say(f"poisson expects predicted rates >= 0, got {p.min():g}. End the model with softplus or exp.")
        )
    return p - y * np.log(p + config.epsilon())


class BinaryCrossentropy(MeanMetricWrapper):
    """mean −[y·log p + (1 − y)·log(1 − p)].

    Args:
        name: key in the history.
        dtype: see `Metric`.
        from_logits: predictions are logits instead of probabilities.
        label_smoothing: s in [0, 1]: labels become y·(1 − s) + s/2.

    >>> round(BinaryCrossentropy()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]), 4)
    0.8149
    """

    direction = "down"

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ):
        smoothing = number("BinaryCrossentropy", "label_smoothing", label_smoothing, minimum=0, maximum=1)
        super().__init__(
            binary_crossentropy,
            name,
            dtype,
            from_logits=flag(type(self).__name__, "from_logits", from_logits),
            label_smoothing=smoothing,
        )


class CategoricalCrossentropy(MeanMetricWrapper):
    """mean −Σ_c y_c·log p_c, for one-hot targets.

    Args:
        name: key in the history.
        dtype: see `Metric`.
        from_logits: predictions are logits instead of probabilities.
        label_smoothing: s in [0, 1]: targets become y·(1 − s) + s/C.
        axis: the axis of the classes.

    >>> round(CategoricalCrossentropy()([[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]]), 4)
    1.1769
    """

    direction = "down"

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ):
        super().__init__(
            categorical_crossentropy,
            name,
            dtype,
            from_logits=flag(type(self).__name__, "from_logits", from_logits),
            label_smoothing=number(
                "CategoricalCrossentropy", "label_smoothing", label_smoothing, minimum=0, maximum=1
            ),
            axis=whole_number("CategoricalCrossentropy", "axis", axis),
        )


class SparseCategoricalCrossentropy(Mean):
    """mean −log p_y, for class numbers.

    Args:
        name: key in the history.
        dtype: see `Metric`.
        from_logits: predictions are logits instead of probabilities.
        ignore_class: samples of this class number are left out of the mean.
        axis: the axis of the classes.

    >>> round(SparseCategoricalCrossentropy()([1, 2], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]]), 4)
    1.1769
    """

    direction = "down"

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        super().__init__(name, dtype)
        owner = type(self).__name__
        self.from_logits = flag(owner, "from_logits", from_logits)
        self.ignore_class = (
            None if ignore_class is None else whole_number(owner, "ignore_class", ignore_class)
        )
        self.axis = whole_number("SparseCategoricalCrossentropy", "axis", axis)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take in class numbers (N, ...) and predictions with one more axis; weights as in `Mean`."""
        y, p = one_column_per_class(self.name, y_true, np.moveaxis(to_array(y_pred), self.axis, -1))
        if self.ignore_class is not None:
            counts = y != self.ignore_class
            sample_weight = counts * spread_weights(1 if sample_weight is None else sample_weight, y.shape)
            y = np.where(counts, y, 0)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            values = sparse_categorical_crossentropy(y, p, self.from_logits)
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        own = {"from_logits": self.from_logits, "ignore_class": self.ignore_class, "axis": self.axis}
        return {**super().get_config(), **own}


class KLDivergence(MeanMetricWrapper):
    """mean Σ_c y_c·log(y_c / p_c): the extra nats paid for believing p when y is true.

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> round(KLDivergence()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]), 4)
    0.4581
    """

    direction = "down"

    def __init__(self, name: str = "kl_divergence", dtype: Any = None):
        super().__init__(kl_divergence, name, dtype)


class Poisson(MeanMetricWrapper):
    """mean (p − y·log p): minus the log-likelihood of counts y at rates p, up to a constant.

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> round(Poisson()([[0, 1], [0, 0]], [[1, 1], [0, 0]]), 4)
    0.5
    """

    direction = "down"

    def __init__(self, name: str = "poisson", dtype: Any = None):
        super().__init__(poisson, name, dtype)
