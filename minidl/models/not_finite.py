"""Why a loss is NaN or infinite: the first place where the numbers of a step are not finite any more.

Looking costs nothing as long as all is well: the loss of a step is one number, and only if that one is not finite the
step is gone through again, with the weights it had:

    data        NaN or infinity in x or y, with its index
    weights     an earlier step has made them so
    layers      the first one that makes something infinite of finite numbers: an overflow
    loss        the logarithm of 0, or a square that is too large
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from minidl import config
from minidl.devices import to_numpy
from minidl.layers.context import CallContext
from minidl.layers.holder import all_layers
from minidl.models.data import Batch
from minidl.models.watching import watched
from minidl.random import training_step
from minidl.tensor import Tensor, as_array, no_grad
from minidl.utils.nested import flatten
from minidl.utils.warned import warn

__all__ = ["Alarm", "alarmed", "why_not_finite"]


def why_not_finite(model: Any, batch: Batch, y_pred: Any, training: bool) -> str:
    """The cause and the mend, in a sentence each. The model is left as it is.

    Args:
        model: it has the weights that the step began with.
        batch: the data of the step.
        y_pred: what the model made of it; None if it is not known any more.
        training: whether it was a training step.
    """
    for name, part in (("x", batch.x), ("y", batch.y)):
        for label, array in _labelled(name, part):
            if (index := _first_wrong(array)) is not None:
                return (
                    f"The cause: {label} has {array[index]} at index {index} of the batch. Remove or fill such values; "
                    f"np.argwhere(~np.isfinite({name})) finds them."
                )
    for v in model.weights:
        if _first_wrong(v.data) is not None:
            return (
                f"The cause: {v.path} is not finite since an earlier step. Begin again with a smaller learning rate, "
                "scaled inputs, or clipnorm=1.0 in the optimizer."
            )
    found = _first_layer(model, batch.x, training)
    if found is not None:
        return (
            f"The cause: {found[0]} is the first layer whose output is not finite, from inputs up to {found[1]:.3g} in "
            "size. Scale the inputs, lower the learning rate, or use clipnorm=1.0 in the optimizer."
        )
    predictions = [to_numpy(as_array(p)) for p in flatten(y_pred) if p is not None]
    sizes = [float(np.abs(p).max(initial=0)) for p in predictions]
    largest = f", which are up to {max(sizes):.3g} in size" if sizes else ""
    return (
        f"The cause: the loss of finite predictions{largest}: an overflow, or the logarithm of 0. "
        "Scale the targets, lower the learning rate, or give a cross-entropy logits with from_logits=True."
    )


def _labelled(name: str, part: Any) -> list[tuple[str, Any]]:
    if isinstance(part, Mapping):
        return [(f"{name}[{key!r}]", array) for key, array in part.items() if array is not None]
    if isinstance(part, list | tuple):
        return [(f"{name}[{i}]", array) for i, array in enumerate(part) if array is not None]
    return [] if part is None else [(name, part)]


def _first_wrong(array: Any) -> tuple[int, ...] | None:
    """The index of the first number that is not finite."""
    values = to_numpy(array)
    if values.dtype.kind != "f":
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        values = values.astype(config.floatx(), copy=False)  # in which 1e300 is infinite
        if np.isfinite(values.sum(dtype=np.float64)):
            return None
    wrong = np.argwhere(~np.isfinite(values))
    return tuple(wrong[0].tolist()) if len(wrong) else None


def _first_layer(model: Any, x: Any, training: bool) -> tuple[Any, float] | None:
    """The innermost layer that is the first to make numbers that are not finite of finite ones, and its largest input."""
    found: list[tuple[Any, float]] = []

    def look(layer: Any, inputs: Any, outputs: Any) -> None:
        given = [t.data for t in flatten(inputs) if isinstance(t, Tensor)]
        made = [t.data for t in flatten(outputs) if isinstance(t, Tensor)]
        if (
            found
            or all(_first_wrong(a) is None for a in made)
            or any(_first_wrong(a) is not None for a in given)
        ):
            return
        found.append((layer, max([float(np.abs(to_numpy(a)).max(initial=0)) for a in given], default=0.0)))

    parts = [part for part in all_layers(model) if part is not model]
    step = training_step(int(model.optimizer.iterations))  # what was drawn is drawn again, and nothing else
    try:
        with no_grad(), CallContext(), step, watched(parts, look), np.errstate(all="ignore"):
            model(x, training=training)
    except Exception:  # a layer of the user's own may refuse to be asked twice: then this much is not known
        return None
    return found[0] if found else None


class Alarm:
    """Warns once, at the first step whose loss is not finite.

    Args:
        run: the epochs and batches of `fit`; None in other calls.
    """

    def __init__(self, run: Any = None):
        self.run = run
        self.told = False
        self._waiting: Any = None  # the last batch whose loss nobody has read yet

    def look_back(self, model: Any, loss: float) -> None:
        """Warn if the mean `loss` of an epoch on a GPU is not finite; of its batches the last one is gone through."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.look(model, loss, *waiting)

    def look(self, model: Any, loss: Any, batch: Batch, y_pred: Any, training: bool) -> None:
        """Warn if `loss` is not finite; the other arguments are those of `why_not_finite`."""
        if not isinstance(loss, float):  # on a GPU: read when the epoch is over
            self._waiting = batch, y_pred, training
            return
        if self.told or math.isfinite(loss):
            return
        self.told = True
        where = "in this batch" if training else "in evaluation"
        if training and self.run is not None:
            where = f"in batch {self.run.done + 1} of epoch {self.run.epoch + 1}"
        warn(f"The loss of {model.name} {where} is {loss}. {why_not_finite(model, batch, y_pred, training)}")


@contextmanager
def alarmed(model: Any) -> Iterator[None]:
    """Within the block `model` has an alarm of its own: a callback of `fit` may call `evaluate`."""
    outer, model._alarm = model._alarm, Alarm()
    try:
        yield
    finally:
        model._alarm = outer
