"""Ratios of right and wrong answers to yes-or-no questions.

Of the four outcomes (`minidl.metrics.counts`: true and false positives and negatives) two ratios are made:

    Precision = tp / (tp + fp)     of those it called positive, how many are
    Recall    = tp / (tp + fn)     of those that are positive, how many it found

Precision tends to rise and Recall falls with the threshold, so they are only worth something together
(`FBetaScore` joins them, `AUC` looks at all thresholds at once). The counts add up over batches, the
ratios do not.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.metrics.base import Metric, add_up
from minidl.metrics.counts import Constant, confusion_counts, questions, ratio, top_k_only
from minidl.utils.checks import number, whole_number

__all__ = ["FalseNegatives", "FalsePositives", "Precision", "Recall", "TrueNegatives", "TruePositives"]


class ConfusionMetric(Metric):
    """What the metrics below share: thresholds, and a state of counts, one per threshold.

    Args:
        thresholds: number or numbers in [0, 1]; a prediction above says yes. By default 0.5, or none if
            `top_k` is given. With 0 the predictions may be logits.
        top_k: only the k largest scores of a sample can say yes.
        class_id: look at this class (column) only.
        name: key in the history.
        dtype: see `Metric`.

    Raises:
        ValueError: a threshold outside [0, 1], `top_k` < 1 or `class_id` < 0.
    """

    counted: tuple[str, ...] = ()  # fields of Counts that are added up
    state_names: tuple[str, ...] = ()

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        owner = type(self).__name__
        self._given = thresholds
        self.top_k = top_k if top_k is None else whole_number(owner, "top_k", top_k, minimum=1)
        self.class_id = class_id if class_id is None else whole_number(owner, "class_id", class_id, minimum=0)
        several = [thresholds] if thresholds is None or np.ndim(thresholds) == 0 else list(thresholds)  # type: ignore[arg-type]
        if several == [None]:
            self.thresholds = [0.5 if top_k is None else -np.inf]
        else:
            self.thresholds = [number(owner, "thresholds", t, minimum=0, maximum=1) for t in several]
        if not self.thresholds:
            raise ValueError(say(f"{owner} expects thresholds to hold at least one threshold, got none."))
        order = np.argsort(self.thresholds)
        self._ascending, self._as_given = (
            Constant(np.asarray(self.thresholds)[order]),
            Constant(np.argsort(order)),
        )
        self._state = [self.add_variable((len(self.thresholds),), name=n) for n in self.state_names]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in labels 0 or 1 and predictions of one shape; weights per sample or per element."""
        owner = type(self).__name__
        logits = not any(self.thresholds) or self.thresholds[0] == -np.inf
        labels, scores, weights = questions(owner, y_true, y_pred, sample_weight, logits)
        if self.top_k is not None:
            scores = top_k_only(scores, self.top_k)
        if self.class_id is not None:
            if scores.ndim < 2 or self.class_id >= scores.shape[-1]:
                raise ValueError(
                    say(
                        f"{owner}(class_id={self.class_id}) expects predictions with a column for that class, "
                        f"got shape {scores.shape}."
                    )
                )
            one = (..., slice(self.class_id, self.class_id + 1))
            labels, scores, weights = labels[one], scores[one], None if weights is None else weights[one]
        counts = confusion_counts(
            labels.reshape(-1, 1),
            scores.reshape(-1, 1),
            self._ascending,
            None if weights is None else weights.reshape(-1, 1),
        )
        as_given = self._as_given.beside(counts.tp, np.intp)
        add_up(self._state, [getattr(counts, field)[as_given, 0] for field in self.counted])

    def _per_threshold(self, values: Array) -> float | Array:
        return float(values[0]) if len(values) == 1 else values

    def get_config(self) -> dict[str, Any]:
        thresholds = (
            self._given if self._given is None or np.ndim(self._given) == 0 else list(self.thresholds)
        )
        return {
            **super().get_config(),
            "thresholds": thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


class Precision(ConfusionMetric):
    """tp / (tp + fp): of those called positive, how many are. 0 when none was called positive.

    Args:
        thresholds, top_k, class_id, name, dtype: see `ConfusionMetric`. Several thresholds give an array.

    >>> Precision()([0, 1, 1, 1], [1, 0, 1, 1])
    0.6666666666666666
    """

    direction = "up"
    counted = ("tp", "fp")
    state_names = ("true_positives", "false_positives")

    def result(self) -> float | Array:
        tp, fp = (v.numpy() for v in self._state)
        return self._per_threshold(ratio(tp, fp))


class Recall(ConfusionMetric):
    """tp / (tp + fn): of those that are positive, how many were found. 0 when there are none.

    Args:
        thresholds, top_k, class_id, name, dtype: see `ConfusionMetric`. Several thresholds give an array.

    >>> Recall()([0, 1, 1, 1], [1, 0, 1, 1])
    0.6666666666666666
    """

    direction = "up"
    counted = ("tp", "fn")
    state_names = ("true_positives", "false_negatives")

    def result(self) -> float | Array:
        tp, fn = (v.numpy() for v in self._state)
        return self._per_threshold(ratio(tp, fn))


class _OutcomeCount(ConfusionMetric):
    state_names = ("accumulator",)

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(thresholds, name=name, dtype=dtype)

    def result(self) -> float | Array:
        return self._per_threshold(self._state[0].numpy().copy())

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {key: config[key] for key in ("name", "dtype", "thresholds")}


class TruePositives(_OutcomeCount):
    """The (weighted) number of predictions above the threshold with label 1.

    Args:
        thresholds, name, dtype: see `ConfusionMetric`. Several thresholds give an array.

    >>> TruePositives()([0, 1, 1, 1], [1, 0, 1, 1])
    2.0
    """

    counted = ("tp",)


class FalsePositives(_OutcomeCount):
    """The (weighted) number of predictions above the threshold with label 0.

    Args:
        thresholds, name, dtype: see `ConfusionMetric`. Several thresholds give an array.

    >>> FalsePositives()([0, 1, 0, 0], [0, 0, 1, 1])
    2.0
    """

    counted = ("fp",)


class TrueNegatives(_OutcomeCount):
    """The (weighted) number of predictions not above the threshold with label 0.

    Args:
        thresholds, name, dtype: see `ConfusionMetric`. Several thresholds give an array.

    >>> TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0])
    2.0
    """

    counted = ("tn",)


class FalseNegatives(_OutcomeCount):
    """The (weighted) number of predictions not above the threshold with label 1.

    Args:
        thresholds, name, dtype: see `ConfusionMetric`. Several thresholds give an array.

    >>> FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0])
    2.0
    """

    counted = ("fn",)
