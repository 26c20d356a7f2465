"""F scores: precision and recall in one number, for each class.

    F_β = (1 + β²)·precision·recall / (β²·precision + recall)
        = (1 + β²)·tp / ((1 + β²)·tp + β²·fn + fp)

β = 1 is their harmonic mean, which is small as soon as one of the two is. β = 2 weighs recall more, 0.5 less
(van Rijsbergen 1979, "Information Retrieval").
"""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.metrics.base import Metric, add_up
from minidl.metrics.inputs import float_pair, spread_weights
from minidl.utils.checks import number
from minidl.variable import Variable

__all__ = ["F1Score", "FBetaScore"]

_AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """F_β of targets (N, C), one-hot or several labels a sample, and predictions (N, C).

    Args:
        average: None gives an array of C scores; "macro" their mean; "weighted" their mean weighted by how
            often each class occurs; "micro" the score of all counts together.
        beta: β > 0.
        threshold: in (0, 1]; predictions above it say yes. None: the largest of each row says yes, for one
            class a sample.
        name: key in the history.
        dtype: see `Metric`.

    Raises:
        ValueError: arguments out of range; at update, inputs that are not (N, C).

    >>> metric = FBetaScore(beta=2.0, threshold=0.5)
    >>> metric([[1, 1], [1, 0], [1, 1]], [[0.2, 0.6], [0.2, 0.6], [0.6, 0.8]])
    array([0.3846..., 0.9090...])
    """

    direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ):
        owner = type(self).__name__
        if average not in _AVERAGES:
            raise ValueError(say(f"{owner} expects average to be one of {_AVERAGES}, got {average!r:.60}."))
        super().__init__(dtype, name)
        self.average = average
        self.beta = number(owner, "beta", beta, above=0)
        self.threshold = (
            None if threshold is None else number(owner, "threshold", threshold, above=0, maximum=1)
        )
        self._state: tuple[Variable, ...] = ()  # tp, fp, fn: (C,) each

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in targets and predictions (N, C), and weights (N,) or (N, C)."""
        owner = type(self).__name__
        y, p = float_pair(owner, y_true, y_pred)
        if p.ndim != 2:
            raise ValueError(say(f"{owner} expects y_true and y_pred of shape (N, C), got {p.shape}."))
        if self._state and self._state[0].shape != p.shape[1:]:
            raise ValueError(
                say(f"{owner} has counted {self._state[0].size} classes, got predictions {p.shape}.")
            )
        if self.threshold is not None:
            yes = p > self.threshold
        elif p.shape[1] == 1:
            raise ValueError(
                say(
                    f"{owner} of one output needs a threshold: without one the largest of a row says yes, which "
                    f"in one column is always. Use {owner}(threshold=0.5)."
                )
            )
        else:
            yes = (p >= p.max(axis=1, keepdims=True)) & (np.abs(p) > 1e-9)
        weights: Any = 1.0 if sample_weight is None else spread_weights(sample_weight, p.shape)
        counts = [np.sum(weights * hit, axis=0) for hit in (yes * y, yes * (1 - y), ~yes * y)]
        if not self._state:
            names = ("true_positives", "false_positives", "false_negatives")
            self._state = tuple(self.add_variable(p.shape[1:], name=name) for name in names)
        add_up(self._state, counts)

    def result(self) -> float | Array:
        if not self._state:
            return 0.0
        tp, fp, fn = (v.numpy() for v in self._state)
        if self.average == "micro":
            return float(self._score(tp.sum(), fp.sum(), fn.sum()))
        scores = self._score(tp, fp, fn)
        if self.average == "macro":
            return float(scores.mean())
        if self.average == "weighted":
            occurs = tp + fn
            return float(np.sum(scores * occurs) / (occurs.sum() or 1.0))
        return scores

    def _score(self, tp: Array, fp: Array, fn: Array) -> Array:
        hits, b2 = (1 + self.beta**2) * tp, self.beta**2
        whole = hits + b2 * fn + fp
        return hits / np.where(whole == 0, 1, whole)

    def get_config(self) -> dict[str, Any]:
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **own}


class F1Score(FBetaScore):
    """F_1 = 2·precision·recall / (precision + recall); see `FBetaScore`.

    Args:
        average: None, "micro", "macro" or "weighted"; None gives an array of C scores.
        threshold: see `FBetaScore`.
        name: key in the history.
        dtype: see `Metric`.

    >>> metric = F1Score(average="macro", threshold=0.5)
    >>> metric([[1, 1], [1, 0], [1, 1]], [[0.2, 0.6], [0.2, 0.6], [0.6, 0.8]])
    0.65
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: Any = None,
    ):
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["beta"]
        return config
