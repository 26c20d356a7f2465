"""What a run measures: the mean loss of its samples and the metrics, batch by batch."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np

from minidl import metrics as metrics_module
from minidl.backend import Array
from minidl.tensor import as_array

__all__ = ["Scores"]

Shape = tuple[int, ...]


class Scores:
    """Collects the loss and metrics of an epoch.

    Args:
        metrics: names, Metric objects or functions f(y_true, y_pred); they ignore sample weights. Time steps
            that the mask of the output rules out count in no metric, in training and in evaluation alike.
        weighted_metrics: the same, but these see the sample weights.
        loss: the Loss of the model; one that takes logits tells the metrics to do so too.

    A name such as "accuracy" becomes a metric when the first batch shows the shapes of targets and outputs.

    Raises:
        TypeError, ValueError: an unknown name, or something that is no metric.
    """

    def __init__(self, metrics: Any = None, weighted_metrics: Any = None, loss: Any = None):
        self.loss = loss
        self.given = [(m, False) for m in _as_list(metrics)] + [(m, True) for m in _as_list(weighted_metrics)]
        for metric, _ in self.given:  # what is no metric is told at once
            metrics_module.resolve(metric, (1, 1), (1, 1), loss)
        self.metrics: dict[str, tuple[Any, bool]] | None = None  # key -> metric, and whether it is weighted
        self.loss_sum = 0.0
        self.samples = 0

    def reset(self) -> None:
        """Begin a new epoch."""
        self.loss_sum, self.samples = 0.0, 0
        for metric, _ in (self.metrics or {}).values():
            metric.reset_state()

    def update(self, loss: float, y: Any, y_pred: Any, sample_weight: Any) -> None:
        """Take in one batch. The epoch's loss is the mean over samples, so a batch counts by its size."""
        if y is not None and self.given:
            if self.metrics is None:
                self.metrics = self._resolve(np.shape(y), y_pred.shape)
            for metric, weighted in self.metrics.values():
                weights = _masked(sample_weight if weighted else None, y_pred.mask)
                metric.update_state(y, y_pred.data, sample_weight=weights)
        self.loss_sum += loss * len(y_pred)
        self.samples += len(y_pred)

    def _resolve(self, y_shape: Shape, y_pred_shape: Shape) -> dict[str, tuple[Any, bool]]:
        """Metric objects for what was given, by their keys in the history.

        A key that is taken gets a number, mae_1, or as a weighted metric a word, weighted_mae.
        """
        resolved: dict[str, tuple[Any, bool]] = {}
        for given, weighted in self.given:
            metric = metrics_module.resolve(given, y_shape, y_pred_shape, self.loss)
            taken = {"loss", *resolved}
            name = f"weighted_{metric.name}" if weighted and metric.name in taken else metric.name
            key = next(n for i in count() if (n := f"{name}_{i}" if i else name) not in taken)
            metric.reset_state()  # an object may come from another model, or from an earlier compile
            resolved[key] = metric, weighted
        return resolved

    def values(self) -> dict[str, Any]:
        """Key -> value: the loss first, then the metrics in the order they were given."""
        results: dict[str, Any] = {"loss": self.loss_sum / max(self.samples, 1)}
        return results | {key: metric.result() for key, (metric, _) in (self.metrics or {}).items()}


def _masked(sample_weight: Any, mask: Array | None) -> Any:
    """The weights for a metric: those given, and 0 where the mask is false."""
    if mask is None or sample_weight is None:
        return mask if sample_weight is None else sample_weight
    weights = as_array(sample_weight)
    weights = weights[..., 0] if weights.ndim == mask.ndim + 1 and weights.shape[-1] == 1 else weights
    return weights.reshape(weights.shape + (1,) * (mask.ndim - weights.ndim)) * mask


def _as_list(value: Any) -> Sequence[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
