"""Counting the four outcomes of yes-or-no questions at many thresholds.

A prediction above the threshold says yes. Against the label there are four outcomes:

                     label 1                 label 0
    says yes         tp, true positive       fp, false positive
    says no          fn, false negative      tn, true negative
"""

from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.devices import beside, home, on_gpu
from minidl.metrics.inputs import aligned, check_unit_interval, spread_weights

__all__ = ["Constant", "Counts", "confusion_counts", "questions", "ratio", "top_k_only"]


_COMPARED = 2**24  # numbers in an array of comparisons


class Constant:
    """An array that never changes, brought once to where it is needed: a step that is being captured can copy nothing.

    >>> Constant([0.5]).beside(np.zeros(2, np.float32))
    array([0.5], dtype=float32)
    """

    def __init__(self, numbers: Any):
        self.array = np.asarray(numbers)
        self._there: dict[tuple[str, Any], Array] = {}

    def beside(self, neighbour: Array, dtype: Any = None) -> Array:
        """It, where `neighbour` is, in the type `dtype` or that of `neighbour`."""
        wanted = np.dtype(dtype or neighbour.dtype)
        if not on_gpu(neighbour):
            return self.array.astype(wanted, copy=False)
        key = home(neighbour), wanted
        if key not in self._there:
            self._there[key] = beside(self.array.astype(wanted), neighbour)
        return self._there[key]


class Counts(NamedTuple):
    """Weighted numbers of the four outcomes at each of T thresholds, each (T, L)."""

    tp: Array
    fp: Array
    tn: Array
    fn: Array


def confusion_counts(labels: Array, scores: Array, thresholds: Constant, weights: Array | None) -> Counts:
    """Count the outcomes at all thresholds in one pass, O(N·log T), for L questions side by side.

    A score that is above exactly b of the ascending thresholds falls into bucket b; it says yes at thresholds
    0 ... b-1. So what says yes at threshold t is the sum of the buckets t+1 ... T.

    Args:
        labels: (N, L), True for yes.
        scores: (N, L). NaN is above no threshold.
        thresholds: (T,) ascending.
        weights: (N, L), or None for 1.

    >>> confusion_counts(np.array([[True], [False]]), np.array([[0.9], [0.6]]), Constant([0.5, 0.7]), None).fp
    array([[1.], [0.]])
    """
    if on_gpu(scores):
        return _compared(labels, scores, thresholds.beside(scores), weights)
    T, L = len(thresholds.array), scores.shape[1]
    scores = np.where(np.isnan(scores), -np.inf, scores)
    bucket = np.searchsorted(thresholds.beside(scores), scores) + np.arange(L) * (T + 1)
    weights = np.ones(scores.shape) if weights is None else weights

    def at_or_above(chosen: Array) -> Array:
        sums = np.bincount(bucket.ravel(), weights=chosen.ravel(), minlength=L * (T + 1))
        return sums.reshape(L, T + 1)[:, ::-1].cumsum(axis=1)[:, ::-1].T

    positive, negative = at_or_above(weights * labels), at_or_above(weights * ~labels)
    tp, fp = positive[1:], negative[1:]
    return Counts(tp, fp, negative[0] - fp, positive[0] - tp)


def _compared(labels: Array, scores: Array, thresholds: Array, weights: Array | None) -> Counts:
    """The same, every score against every threshold: O(N·T), which a GPU is made for, in an order that is always the same."""
    positive = labels * (1.0 if weights is None else weights)
    negative = ~labels * (1.0 if weights is None else weights)
    bounds = thresholds[:, None, None]
    piece = max(_COMPARED // (len(thresholds) * scores.shape[1]), 1)
    tp: Any = 0.0
    fp: Any = 0.0
    for start in range(0, len(scores), piece):
        part = slice(start, start + piece)
        yes = scores[part] > bounds  # (T, N, L)
        tp = tp + np.where(yes, positive[part], 0.0).sum(axis=1)
        fp = fp + np.where(yes, negative[part], 0.0).sum(axis=1)
    return Counts(tp, fp, negative.sum(axis=0) - fp, positive.sum(axis=0) - tp)


def top_k_only(scores: Array, k: int) -> Array:
    """`scores` with all but the k largest of each row set to −inf; of equal ones the first are kept."""
    order = np.argsort(-scores, axis=-1, kind="stable")
    kept = np.full_like(scores, -np.inf)
    best = order[..., :k]
    np.put_along_axis(kept, best, np.take_along_axis(scores, best, axis=-1), axis=-1)
    return kept


def questions(
    owner: str, y_true: Any, y_pred: Any, sample_weight: Any, logits: bool
) -> tuple[Array, Array, Array | None]:
    """Labels as booleans, scores and weights, all of one shape.

    Raises:
        ValueError: shapes that do not fit, labels or probabilities outside [0, 1].
    """
    y, scores = aligned(owner, y_true, y_pred)
    if scores.dtype.kind != "f":
        scores = scores.astype(np.float64)
    check_unit_interval(owner, "labels", y, "Labels are 0 and 1; for -1 and 1 pass (y + 1) / 2.")
    if not logits:
        check_unit_interval(
            owner,
            "probabilities",
            scores,
            "End the model with a sigmoid or softmax, or, for logits, use from_logits=True "
            "(AUC) or thresholds=0 (the others).",
        )
    weights = None if sample_weight is None else spread_weights(sample_weight, scores.shape)
    return y != 0, scores, weights


def ratio(part: Array, rest: Array) -> Array:
    """part / (part + rest), and 0 where both are 0."""
    whole = part + rest
    return part / np.where(whole == 0, 1, whole)
