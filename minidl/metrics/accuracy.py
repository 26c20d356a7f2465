"""Accuracy: how often the prediction is right. What "right" means depends on how the answer is written.

    BinaryAccuracy              y in {0, 1}       p one probability     right if (p > 0.5) == y
    CategoricalAccuracy         y one-hot (N, C)  p scores (N, C)       right if argmax p == argmax y
    SparseCategoricalAccuracy   y number  (N,)    p scores (N, C)       right if argmax p == y
    TopK...                     as the two above                        right if y is among the k best scores

`compile(metrics=["accuracy"])` picks one of the first three by the shapes (`minidl.metrics.resolve`). Each
function below returns 1 for right and 0 for wrong, each class is the mean of its function.
"""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import on_gpu
from minidl.messages import say
from minidl.metrics.base import MeanMetricWrapper
from minidl.metrics.inputs import aligned, one_column_per_class, to_array
from minidl.utils.checks import flag, number, whole_number

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


def accuracy(y_true: Any, y_pred: Any) -> Array:
    """1 where the prediction is exactly the target: [p == y], element by element."""
    y, p = aligned("accuracy", y_true, y_pred)
    if p.dtype.kind == "f":
        y = y.astype(p.dtype)  # 0.1 as float64 is not 0.1 as float32
    return (y == p).astype(np.float64)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Array:
    """1 where the thresholded prediction is the label: [[p > threshold] == y], element by element.

    Args:
        y_true: labels 0 or 1, (N, ...).
        y_pred: probabilities of label 1, same shape.
        threshold: a prediction must be above it to count as 1.

    >>> binary_accuracy([0, 1, 1], [0.2, 0.9, 0.5])
    array([1., 1., 0.])
    """
    threshold = number("binary_accuracy", "threshold", threshold)
    y, p = aligned("binary_accuracy", y_true, y_pred)
    return ((p > threshold) == y).astype(np.float64)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """1 where the largest score is that of the right class: [argmax_c p_nc == argmax_c y_nc].

    Args:
        y_true: one-hot targets, (N, ..., C).
        y_pred: probabilities or logits, (N, ..., C). Of equal scores the first counts.

    >>> categorical_accuracy([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
    array([0., 1.])
    """
    y, p = _one_hot_pair("categorical_accuracy", y_true, y_pred)
    return (y.argmax(axis=-1) == p.argmax(axis=-1)).astype(np.float64)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """1 where the largest score is that of the right class: [argmax_c p_nc == y_n].

    Args:
        y_true: class numbers, (N, ...) or (N, ..., 1).
        y_pred: probabilities or logits, (N, ..., C). Of equal scores the first counts.

    >>> sparse_categorical_accuracy([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
    array([0., 1.])
    """
    y, p = one_column_per_class("sparse_categorical_accuracy", y_true, y_pred)
    return (p.argmax(axis=-1) == y).astype(np.float64)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    """1 where fewer than k classes score higher than the right one.

    Args:
        y_true: one-hot targets, (N, ..., C).
        y_pred: probabilities or logits, (N, ..., C). A tie counts as right.
        k: how many guesses are allowed.

    >>> top_k_categorical_accuracy([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]], k=2)
    array([1., 1.])
    """
    k = whole_number("top_k_categorical_accuracy", "k", k, 1)
    y, p = _one_hot_pair("top_k_categorical_accuracy", y_true, y_pred)
    return _in_top_k(y.argmax(axis=-1), p, k)


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Array:
    """1 where fewer than k classes score higher than the right one.

    Args:
        y_true: class numbers, (N, ...) or (N, ..., 1).
        y_pred: probabilities or logits, (N, ..., C), a tie counts as right; or with `from_sorted_ids` the
            numbers of the best classes, best first.
        k: how many guesses are allowed.
        from_sorted_ids: see `y_pred`.

    Raises:
        ValueError: a class number outside 0 ... C-1.

    >>> sparse_top_k_categorical_accuracy([2, 0], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.5]], k=2)
    array([1., 0.])
    """
    k = whole_number("sparse_top_k_categorical_accuracy", "k", k, 1)
    from_sorted_ids = flag("sparse_top_k_categorical_accuracy", "from_sorted_ids", from_sorted_ids)
    y, p = one_column_per_class("sparse_top_k_categorical_accuracy", y_true, y_pred)
    if from_sorted_ids:
        return (y[..., None] == p[..., :k]).any(axis=-1).astype(np.float64)
    if on_gpu(y):  # what would have to be waited for is not looked at: no class is never right
        known = (y >= 0) & (y < p.shape[-1])
        return _in_top_k(np.where(known, y, 0).astype(np.intp), p, k) * known
    wrong = y[(y < 0) | (y >= p.shape[-1])]
    if wrong.size:
        raise ValueError(
            say(
                "sparse_top_k_categorical_accuracy expects class numbers "
                f"0 ... {p.shape[-1] - 1}, got {wrong[0]}."
            )
        )
    return _in_top_k(y.astype(np.intp), p, k)


def _one_hot_pair(owner: str, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    y, p = to_array(y_true), to_array(y_pred)
    if y.shape != p.shape or not p.ndim:
        raise ValueError(
            say(
                f"{owner} expects one-hot y_true of y_pred's shape {p.shape}, got {y.shape}. "
                f"For class numbers use to_categorical(y, {p.shape[-1] if p.ndim else 'C'}) or sparse_{owner}."
            )
        )
    return y, p


def _in_top_k(classes: Array, scores: Array, k: int) -> Array:
    own = np.take_along_axis(scores, classes[..., None], axis=-1)
    better = np.count_nonzero(scores > own, axis=-1)
    return ((better < k) & ~np.isnan(own[..., 0])).astype(np.float64)


class _RightOrWrong(MeanMetricWrapper):
    direction = "up"


class Accuracy(_RightOrWrong):
    """How often predictions equal targets exactly: for predicted classes, not for probabilities.

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
    0.75
    """

    def __init__(self, name: str = "accuracy", dtype: Any = None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(_RightOrWrong):
    """The mean of `binary_accuracy`.

    Args:
        name: key in the history.
        dtype: see `Metric`.
        threshold: a prediction must be above it to count as 1. For logits use 0.

    >>> BinaryAccuracy()([[1], [1], [0], [0]], [[0.98], [1], [0], [0.6]])
    0.75
    """

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5):
        self.threshold = number("BinaryAccuracy", "threshold", threshold)
        super().__init__(binary_accuracy, name, dtype, threshold=self.threshold)


class CategoricalAccuracy(_RightOrWrong):
    """The mean of `categorical_accuracy`.

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> CategoricalAccuracy()([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
    0.5
    """

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(_RightOrWrong):
    """The mean of `sparse_categorical_accuracy`.

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> SparseCategoricalAccuracy()([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]], sample_weight=[1, 3])
    0.75
    """

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(_RightOrWrong):
    """The mean of `top_k_categorical_accuracy`.

    Args:
        k: how many guesses are allowed.
        name: key in the history.
        dtype: see `Metric`.

    >>> TopKCategoricalAccuracy(k=1)([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
    0.5
    """

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None):
        self.k = whole_number("TopKCategoricalAccuracy", "k", k, minimum=1)
        super().__init__(top_k_categorical_accuracy, name, dtype, k=self.k)


class SparseTopKCategoricalAccuracy(_RightOrWrong):
    """The mean of `sparse_top_k_categorical_accuracy`.

    Args:
        k: how many guesses are allowed.
        name: key in the history.
        dtype: see `Metric`.
        from_sorted_ids: predictions are class numbers, best first, instead of scores.

    >>> SparseTopKCategoricalAccuracy(k=1)([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
    0.5
    """

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ):
        self.k = whole_number("SparseTopKCategoricalAccuracy", "k", k, minimum=1)
        self.from_sorted_ids = flag(type(self).__name__, "from_sorted_ids", from_sorted_ids)
        super().__init__(
            sparse_top_k_categorical_accuracy, name, dtype, k=self.k, from_sorted_ids=self.from_sorted_ids
        )
