"""AUC: how well the scores rank, over all thresholds at once.

Move the threshold from 1 down to 0 and draw what happens:

    ROC   recall tp/(tp+fn) over the false-alarm rate fp/(fp+tn)     area 0.5 is guessing, 1 is perfect
    PR    precision tp/(tp+fp) over recall                           for rare positives, where ROC flatters

The area under ROC is the probability that a random positive scores higher than a random negative. Exact areas
need all scores of the epoch; 200 thresholds and four counts at each are enough for two digits, and add up
over batches. Scores crowded at 0 or 1 leave most thresholds unused: give more of them, or your own.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minidl import config
from minidl.backend import Array
from minidl.messages import say
from minidl.metrics.base import Metric, add_up
from minidl.metrics.counts import Constant, Counts, confusion_counts, questions, ratio
from minidl.metrics.inputs import to_array
from minidl.utils.checks import chosen, flag, number, shown, whole_number
from minidl.utils.registry import lookup
from minidl.variable import Variable

__all__ = ["AUC"]

_HEIGHTS: dict[str, Callable[[Array, Array], Array]] = {
    "interpolation": lambda left, right: (left + right) / 2,
    "minoring": np.minimum,
    "majoring": np.maximum,
}


class AUC(Metric):
    """The area under the ROC or the precision-recall curve.

    Args:
        num_thresholds: number of thresholds, evenly spaced from just below 0 to just above 1.
        curve: "ROC" or "PR".
        summation_method: how the curve runs between two thresholds: "interpolation" (trapezoids; for PR the
            curve of Davis and Goadrich), or a staircase below ("minoring") or above ("majoring") it.
        name: key in the history.
        dtype: see `Metric`.
        thresholds: thresholds of your own in [0, 1]; the two outer ones are added.
        multi_label: one area for each column of (N, L), then their mean. Otherwise every element is one
            yes-or-no question of the same kind.
        num_labels: L, with `multi_label`; by default that of the first batch.
        label_weights: (L,) weights of the columns: of their areas with `multi_label`, else of their elements.
        from_logits: predictions are logits; a sigmoid is applied.

    Raises:
        ValueError: arguments out of range; at update, shapes that do not fit or probabilities outside [0, 1].

    >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    0.75
    """

    direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ):
        super().__init__(dtype, name)
        if thresholds is None:
            self.num_thresholds = whole_number("AUC", "num_thresholds", num_thresholds, minimum=2)
            inner = (np.arange(1, self.num_thresholds - 1) / (self.num_thresholds - 1)).tolist()
        else:
            if not isinstance(thresholds, list | tuple | np.ndarray):
                raise TypeError(
                    say(f"AUC expects thresholds to be a list of numbers, got {shown(thresholds)}.")
                )
            inner = sorted(number("AUC", "thresholds", t, minimum=0, maximum=1) for t in thresholds)
            self.num_thresholds = len(inner) + 2
        self._own_thresholds = thresholds is not None
        self.thresholds = [-config.epsilon(), *inner, 1 + config.epsilon()]
        self.curve = lookup("curve of AUC", {"ROC": "ROC", "PR": "PR"}, curve)
        self.summation_method = lookup(
            "summation_method of AUC", {name: name for name in _HEIGHTS}, summation_method
        )
        if num_labels is not None and not multi_label:
            raise ValueError(say("AUC expects num_labels only together with multi_label=True."))
        self.multi_label = flag("AUC", "multi_label", multi_label)
        self.num_labels = (
            None if num_labels is None else whole_number("AUC", "num_labels", num_labels, minimum=1)
        )
        self.label_weights = (
            None if label_weights is None else chosen("AUC", "label_weights", _label_weights, label_weights)
        )
        self.from_logits = flag("AUC", "from_logits", from_logits)
        self._bounds = Constant(self.thresholds)
        self._columns_weigh = None if self.label_weights is None else Constant(self.label_weights)
        self._state: list[Variable] = []
        if not multi_label or self.num_labels:
            self._build(self.num_labels or 1)

    def _build(self, labels: int) -> None:
        names = ("true_positives", "false_positives", "true_negatives", "false_negatives")
        self._state = [self.add_variable((self.num_thresholds, labels), name=name) for name in names]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in labels 0 or 1 and predictions of one shape; weights per sample or per element."""
        labels, scores, weights = questions("AUC", y_true, y_pred, sample_weight, self.from_logits)
        if self.from_logits:
            scores = 0.5 + 0.5 * np.tanh(0.5 * scores)
        columns = scores.shape[-1] if self.multi_label and scores.ndim == 2 else 1
        self._check_columns(scores, columns)
        if self._columns_weigh is not None and not self.multi_label:
            columns_weigh = self._columns_weigh.beside(scores, np.float64)
            weights = np.broadcast_to(columns_weigh, scores.shape) * (1 if weights is None else weights)
        counts = confusion_counts(
            labels.reshape(-1, columns),
            scores.reshape(-1, columns),
            self._bounds,
            None if weights is None else weights.reshape(-1, columns),
        )
        if not self._state:
            self._build(columns)
        add_up(self._state, counts)

    def _check_columns(self, scores: Array, columns: int) -> None:
        if self.multi_label and scores.ndim != 2:
            raise ValueError(
                say(f"AUC(multi_label=True) expects predictions (N, L), got shape {scores.shape}.")
            )
        if self._state and columns != self._state[0].shape[1]:
            raise ValueError(
                say(f"AUC expects {self._state[0].shape[1]} labels, got predictions {scores.shape}.")
            )
        if self.label_weights is not None and scores.shape[-1:] != self.label_weights.shape:
            raise ValueError(
                say(
                    f"AUC has {self.label_weights.size} label_weights, got predictions of shape {scores.shape}."
                )
            )

    def result(self) -> float:
        if not self._state:
            return 0.0
        counts = Counts(*(v.numpy() for v in self._state))
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = _area_of_davis_and_goadrich(counts)
        else:
            recall = ratio(counts.tp, counts.fn)
            if self.curve == "ROC":
                x, y = ratio(counts.fp, counts.tn), recall
            else:
                x, y = recall, ratio(counts.tp, counts.fp)
            heights = _HEIGHTS[self.summation_method](y[:-1], y[1:])
            areas = np.sum((x[:-1] - x[1:]) * heights, axis=0)
        if self.multi_label and self.label_weights is not None:
            return float(np.sum(areas * self.label_weights) / (self.label_weights.sum() or 1.0))
        return float(areas.mean())

    def get_config(self) -> dict[str, Any]:
        own = {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self.from_logits,
        }
        thresholds = {"thresholds": self.thresholds[1:-1]} if self._own_thresholds else {}
        return {**super().get_config(), **own, **thresholds}


def _label_weights(values: Any) -> Array:
    weights = np.asarray(to_array(values), dtype=np.float64)
    if weights.ndim != 1 or not weights.size or not (weights >= 0).all():
        raise ValueError(say(f"AUC expects label_weights to be a list of numbers >= 0, got {values!r:.80}."))
    return weights


def _area_of_davis_and_goadrich(counts: Counts) -> Array:
    """Area under precision over recall, when tp and fp run linearly between two thresholds.

    Precision does not run linearly then (Davis and Goadrich 2006, "The relationship between precision-recall
    and ROC curves"). With P = tp + fp, and tp = m·P + c between the points A (higher P) and B,

        ∫ precision d tp = ∫ (m·P + c)/P · m dP = m·[(tp_A − tp_B) + c·log(P_A / P_B)]

    which divided by the number of positives is the area over recall. Below the first point with P > 0
    precision is taken as constant, so the logarithm is left out.
    """
    tp, called = counts.tp, counts.tp + counts.fp
    d_tp, d_called = tp[:-1] - tp[1:], called[:-1] - called[1:]
    m = d_tp / np.where(d_called > 0, d_called, 1)
    c = tp[1:] - m * called[1:]
    both = (called[:-1] > 0) & (called[1:] > 0)
    log_ratio = np.log(np.where(both, called[:-1], 1) / np.where(both, called[1:], 1))
    positives = tp[0] + counts.fn[0]
    return np.sum(m * (d_tp + c * log_ratio), axis=0) / np.where(positives == 0, 1, positives)
