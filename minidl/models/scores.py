"""What a run measures: the mean loss of its samples and the metrics, batch by batch."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np

from minidl import metrics as metrics_module
from minidl.tensor import Tensor

__all__ = ["Scores"]


class Scores:
    """Collects the loss and metrics of an epoch.

    Args:
        metrics: names, Metric objects or functions f(y_true, y_pred); they ignore sample weights.
        weighted_metrics: the same, but these see the sample weights.
        loss: the Loss of the model; one that takes logits tells the metrics to do so too.

    A name such as "accuracy" becomes a metric when the first batch shows the shapes of targets and outputs.
    """

    def __init__(self, metrics: Any = None, weighted_metrics: Any = None, loss: Any = None):
        self.loss = loss
        self.given = [(m, False) for m in _as_list(metrics)] + [(m, True) for m in _as_list(weighted_metrics)]
        for metric, _ in self.given:
            if isinstance(metric, str | type):
                metrics_module.resolve(metric, (1, 1), (1, 1))  # an unknown name is told at once
        self.metrics: list[tuple[Any, bool]] | None = None
        self.loss_sum = 0.0
        self.samples = 0

    def reset(self) -> None:
        """Begin a new epoch."""
        self.loss_sum, self.samples = 0.0, 0
        for metric, _ in self.metrics or []:
            metric.reset_state()

    def update(self, loss: float, y: Any, y_pred: Tensor, sample_weight: Any) -> None:
        """Take in one batch. The epoch's loss is the mean over samples, so a batch counts by its size."""
        if self.metrics is None and y is not None:
            self.metrics = self._resolve(np.shape(y), y_pred.shape)
        if y is not None:
            for metric, weighted in self.metrics or []:
                metric.update_state(y, y_pred.data, sample_weight=sample_weight if weighted else None)
        self.loss_sum += loss * len(y_pred)
        self.samples += len(y_pred)

    def _resolve(self, y_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> list[tuple[Any, bool]]:
        """Metric objects for what was given; a name that is taken gets a number."""
        resolved = []
        names = {"loss"}
        for given, weighted in self.given:
            metric = metrics_module.resolve(given, y_shape, y_pred_shape, self.loss)
            name = metric.name
            metric.name = next(n for i in count() if (n := f"{name}_{i}" if i else name) not in names)
            names.add(metric.name)
            resolved.append((metric, weighted))
        return resolved

    def values(self) -> dict[str, Any]:
        """Name -> value: the loss first, then the metrics in the order they were given."""
        results: dict[str, Any] = {"loss": self.loss_sum / max(self.samples, 1)}
        for metric, _ in self.metrics or []:
            results[metric.name] = metric.result()
        return results


def _as_list(value: Any) -> Sequence[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
