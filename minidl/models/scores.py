"""What a run measures: the mean loss of its samples, in total and of each output, and the metrics, batch by batch."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from minidl import metrics as metrics_module
from minidl.backend import Array
from minidl.devices import beside
from minidl.models.outputs import Output
from minidl.tensor import as_array
from minidl.utils.checks import chosen

__all__ = ["Scores"]

Shapes = list[tuple[int, ...] | None]


class _Entry(NamedTuple):
    metric: Any
    weighted: bool  # whether it sees the sample weights
    output: int  # which output it looks at


def _recognised(metric: Any, loss: Any) -> Any:
    return metrics_module.resolve(metric, (1, 1), (1, 1), loss)


class Scores:
    """Collects the losses and metrics of an epoch.

    A metric is a name, a Metric or a function f(y_true, y_pred). Those in `metrics` ignore sample weights, those in
    `weighted_metrics` see them. Time steps that the mask of an output rules out count in no metric, in training and
    in evaluation alike. A loss that takes logits tells the metrics of its output to do so too.

    A name such as "accuracy" becomes a metric when the first batch shows the shapes of targets and outputs.

    Args:
        outputs: what `compile` was told of each output; None as long as the outputs are not known.

    Raises:
        TypeError, ValueError: an unknown name, or something that is no metric.
    """

    def __init__(self, outputs: Sequence[Output] | None = None):
        self.metrics: dict[str, _Entry] | None = None  # by their keys in the history
        self.loss_sum: Any = 0.0  # on a GPU an array without axes: it is read when the epoch is over
        self.samples = 0
        self.loss_sums: list[Any] = []  # of the outputs that have a loss, where there are several of those
        self.learn(outputs or [])

    def learn(self, outputs: Sequence[Output]) -> None:
        """Take note of the outputs there are."""
        self.outputs = outputs
        self.several = len(outputs) > 1
        losing = [output for output in outputs if output.loss is not None]
        losing = losing if len(losing) > 1 else []
        self.loss_keys = [f"{output.loss_name}_loss" for output in losing]
        self._listed = [
            f"{output.loss_name}_loss" for output in sorted(losing, key=lambda output: output.place)
        ]
        self.loss_sums = [0.0] * len(self.loss_keys)
        self.given = [(m, False, i) for i, output in enumerate(outputs) for m in output.metrics]
        self.given += [(m, True, i) for i, output in enumerate(outputs) for m in output.weighted_metrics]
        for metric, _, i in self.given:  # what is no metric is told at once
            read = partial(_recognised, loss=outputs[i].loss)
            chosen("compile", "metrics", read, metric)

    def reset(self) -> None:
        """Begin a new epoch."""
        self.loss_sum, self.samples = 0.0, 0
        self.loss_sums = [0.0] * len(self.loss_keys)
        for entry in (self.metrics or {}).values():
            entry.metric.reset_state()

    def update(self, loss: Any, y: Any, y_pred: Any, sample_weight: Any, losses: Sequence[Any] = ()) -> None:
        """Take in one batch. The epoch's loss is the mean over samples, so a batch counts by its size.

        Args:
            loss: in total; a number, or on a GPU an array without axes.
            y, y_pred, sample_weight: the batch and the output of the model; lists for several outputs.
            losses: of the outputs that have one, where there are several of those.
        """
        if not self.several:
            y, y_pred, sample_weight = (y,), (y_pred,), (sample_weight,)
        if self.given and y is not None:
            if self.metrics is None:
                self._resolve(
                    [None if t is None else np.shape(t) for t in y],
                    [prediction.shape for prediction in y_pred],
                )
            for metric, weighted, i in self.metrics.values():  # type: ignore[union-attr]
                if y[i] is not None:
                    weights = sample_weight[i] if weighted and sample_weight is not None else None
                    weights = _masked(weights, y_pred[i].mask)
                    metric.update_state(y[i], y_pred[i].data, sample_weight=weights)
        n = len(y_pred[0])
        self.loss_sum = self.loss_sum + _wide(loss) * n
        self.samples += n
        for i, one in enumerate(losses):
            self.loss_sums[i] = self.loss_sums[i] + _wide(one) * n

    def _resolve(self, y_shapes: Shapes, y_pred_shapes: Shapes) -> None:
        """Make metric objects of what was given.

        With several outputs a key begins with the name of its output. A key that is taken gets a number, mae_1, or
        as a weighted metric a word, weighted_mae.
        """
        resolved: dict[str, _Entry] = {}
        for given, weighted, i in self.given:
            output = self.outputs[i]
            shapes = y_shapes[i] or (), y_pred_shapes[i] or ()
            metric = metrics_module.resolve(given, *shapes, output.loss)
            prefix = f"{output.name}_" if output.name is not None and self.several else ""
            taken = {"loss", *self.loss_keys, *resolved}
            name = f"{prefix}{metric.name}"
            if weighted and name in taken:
                name = f"{prefix}weighted_{metric.name}"
            key = next(n for k in count() if (n := f"{name}_{k}" if k else name) not in taken)
            metric.reset_state()  # an object may come from another model, or from an earlier compile
            resolved[key] = _Entry(metric, weighted, i)
        self.metrics, self._shapes = resolved, (y_shapes, y_pred_shapes)

    def values(self) -> dict[str, Any]:
        """Key -> value: the loss first, then those of the outputs, then the metrics.

        Metrics stand in the order they were given; with several outputs in alphabetical order, as in Keras.
        """
        n = max(self.samples, 1)
        results: dict[str, Any] = {"loss": float(self.loss_sum) / n}
        results |= {key: float(total) / n for key, total in zip(self.loss_keys, self.loss_sums, strict=True)}
        keys = sorted(self.metrics or {}) if self.several else self.metrics or {}
        return results | {key: self.metrics[key].metric.result() for key in keys}  # type: ignore[index]

    def answer(self, as_dict: bool) -> Any:
        """What `evaluate` returns: the loss, or a list or dict of all values.

        Outputs of one name share a key, and the last of them has it; the list has a value for each, as in Keras.
        """
        values = self.values()
        if as_dict:
            return values
        keys = ["loss", *self._listed]
        keys += [key for key in values if key not in keys]
        return [values[key] for key in keys] if len(keys) > 1 else values["loss"]

    # --- to go on elsewhere ---------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """The sums so far, by name: numbers and arrays, to go on from with `set_state`."""
        state: dict[str, Any] = {
            "loss_sum": float(self.loss_sum), "samples": self.samples,
            "loss_sums": np.array([float(total) for total in self.loss_sums]),
        }  # fmt: skip
        if self.metrics is not None:
            for part, shapes in zip(("y", "y_pred"), self._shapes, strict=True):
                known = {f"{part}_shape/{i}": shape for i, shape in enumerate(shapes) if shape is not None}
                state |= {name: np.array(shape, np.int64) for name, shape in known.items()}
            for key, entry in self.metrics.items():
                state |= {f"{key}/{i}": v.numpy().copy() for i, v in enumerate(entry.metric.variables)}
        return state

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from the sums that `get_state` of a model with the same outputs and metrics gave."""
        if self.given and "y_pred_shape/0" in state:
            y_shapes, y_pred_shapes = (
                [_shape(state.get(f"{part}_shape/{i}")) for i in range(len(self.outputs))]
                for part in ("y", "y_pred")
            )
            if self.metrics is None:
                self._resolve(y_shapes, y_pred_shapes)
            for key, entry in self.metrics.items():  # type: ignore[union-attr]
                for i, variable in enumerate(entry.metric.variables):
                    variable.assign(state[f"{key}/{i}"])
        self.loss_sum, self.samples = float(state["loss_sum"]), int(state["samples"])
        self.loss_sums = [float(total) for total in state["loss_sums"]]


def _wide(loss: Any) -> Any:
    """A loss as the float64 to add up in."""
    return loss if isinstance(loss, float) else loss.astype(np.float64)


def _shape(numbers: Any) -> tuple[int, ...] | None:
    return None if numbers is None else tuple(int(n) for n in numbers)


def _masked(sample_weight: Any, mask: Array | None) -> Any:
    """The weights for a metric: those given, and 0 where the mask is false."""
    if mask is None or sample_weight is None:
        return mask if sample_weight is None else sample_weight
    weights = beside(as_array(sample_weight), mask)
    weights = weights[..., 0] if weights.ndim == mask.ndim + 1 and weights.shape[-1] == 1 else weights
    return weights.reshape(weights.shape + (1,) * (mask.ndim - weights.ndim)) * mask
