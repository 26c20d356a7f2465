"""The best of one ratio while another is kept above a bound.

For questions such as "find as many of the ill as possible, and be right in 9 of 10 alarms".

    sensitivity = recall = tp / (tp + fn)      specificity = tn / (tn + fp)      precision = tp / (tp + fp)

All thresholds that keep the bound are looked at, and the best value among them is the result; 0 if none does.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.metrics.confusion import ConfusionMetric
from minidl.metrics.counts import Counts, ratio
from minidl.utils.checks import number, whole_number

__all__ = ["PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity", "SpecificityAtSensitivity"]


class Ratios(NamedTuple):
    """The three ratios at each threshold, (T,)."""

    recall: Array
    specificity: Array
    precision: Array


class _BestAtBound(ConfusionMetric):
    """The best `wanted` ratio where the `bounded` ratio is at least the bound.

    Args:
        bound: in [0, 1].
        num_thresholds: number of thresholds, evenly spaced from 0 to 1.
        class_id, name, dtype: see `ConfusionMetric`.
    """

    direction = "up"
    counted = ("tp", "fp", "tn", "fn")
    state_names = ("true_positives", "false_positives", "true_negatives", "false_negatives")
    wanted = bounded = ""  # fields of Ratios
    argument = ""  # what Keras calls the bound

    def __init__(
        self,
        bound: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        owner = type(self).__name__
        self.bound = number(owner, self.argument, bound, minimum=0, maximum=1)
        self.num_thresholds = whole_number(owner, "num_thresholds", num_thresholds, minimum=1)
        thresholds = np.linspace(0, 1, self.num_thresholds) if self.num_thresholds > 1 else np.array([0.5])
        super().__init__(thresholds.tolist(), class_id=class_id, name=name, dtype=dtype)

    def result(self) -> float:
        counts = Counts(*(v.numpy() for v in self._state))
        ratios = Ratios(
            recall=ratio(counts.tp, counts.fn),
            specificity=ratio(counts.tn, counts.fp),
            precision=ratio(counts.tp, counts.fp),
        )
        kept = getattr(ratios, self.bounded) >= self.bound
        return float(np.max(np.where(kept, getattr(ratios, self.wanted), 0)))

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "dtype": self.dtype,
            self.argument: self.bound,
            "num_thresholds": self.num_thresholds,
            "class_id": self.class_id,
        }


class SensitivityAtSpecificity(_BestAtBound):
    """The best sensitivity among thresholds with at least this specificity.

    Args:
        specificity: in [0, 1].
        num_thresholds, class_id, name, dtype: as for the other three.

    >>> SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    wanted, bounded, argument = "recall", "specificity", "specificity"

    def __init__(self, specificity: float, *args: Any, **kwargs: Any):
        super().__init__(specificity, *args, **kwargs)


class SpecificityAtSensitivity(_BestAtBound):
    """The best specificity among thresholds with at least this sensitivity.

    Args:
        sensitivity: in [0, 1].
        num_thresholds, class_id, name, dtype: as for the other three.

    >>> SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.6666666666666666
    """

    wanted, bounded, argument = "specificity", "recall", "sensitivity"

    def __init__(self, sensitivity: float, *args: Any, **kwargs: Any):
        super().__init__(sensitivity, *args, **kwargs)


class PrecisionAtRecall(_BestAtBound):
    """The best precision among thresholds with at least this recall.

    Args:
        recall: in [0, 1].
        num_thresholds, class_id, name, dtype: as for the other three.

    >>> PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    wanted, bounded, argument = "precision", "recall", "recall"

    def __init__(self, recall: float, *args: Any, **kwargs: Any):
        super().__init__(recall, *args, **kwargs)


class RecallAtPrecision(_BestAtBound):
    """The best recall among thresholds with at least this precision.

    Args:
        precision: in [0, 1].
        num_thresholds, class_id, name, dtype: as for the other three.

    >>> RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    0.5
    """

    wanted, bounded, argument = "recall", "precision", "precision"

    def __init__(self, precision: float, *args: Any, **kwargs: Any):
        super().__init__(precision, *args, **kwargs)
