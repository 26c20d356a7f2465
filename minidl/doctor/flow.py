"""One pass forward and back in which everything is noted, and the table of the report.

A layer multiplies the size of what passes through it by some factor, forward and again on the way back. Thirty layers
with a factor of 0.7 leave 0.00002 of it, with 1.4 they make it 24,000 times as large: X. Glorot and Y. Bengio (2010)
plot this layer by layer, and the table of the report is theirs. `signals` looks at the way forward, `gradients` at the
way back.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minidl import random
from minidl.backend import Array
from minidl.doctor.patient import Patient, Seen, numbers, watched
from minidl.doctor.report import LayerRow
from minidl.layers.context import CallContext
from minidl.models.parts import parts
from minidl.tensor import Tensor
from minidl.utils.nested import flatten, mapped

__all__ = ["LONG", "RECURRENT", "Flow", "flow", "rms", "rows_of"]

LONG = 300  # steps of a sequence from which it is worth asking whether the first ones count
RECURRENT = {"LSTM", "GRU", "SimpleRNN"}


class Flow(NamedTuple):
    """What was seen of a training step forward and back."""

    seen: list[Seen]
    gradients: dict[int, Array]  # by the id of the weight
    steps: dict[str, Array]  # by the name of a recurrent layer: rms of the gradient of its input at each step
    size: float  # rms of the inputs of the model
    y_pred: Any  # what the model gave
    has_loss: bool


def flow(patient: Patient, with_loss: bool) -> Flow:
    """Run one training step without its update, and keep all that can be seen."""
    model, batch = patient.model, patient.sample
    inputs = batch.x
    if with_loss and any(type(layer).__name__ in RECURRENT for layer in parts(model)):
        inputs = mapped(_with_gradient, batch.x)
    with CallContext(), random.training_step(0), watched(model) as seen:
        y_pred = model(inputs, training=True)
        long = [s for s in seen if type(s.layer).__name__ in RECURRENT and s.inputs[0].shape[1] >= LONG]
        if with_loss:
            for call in long:
                if call.inputs[0].requires_grad:
                    call.inputs[0].retain_grad()
            loss = model.compute_loss(batch.x, batch.y, y_pred, None, training=True)
            if loss.requires_grad:
                loss.backward()
    gradients = {id(v): np.array(v.grad) for v in model.weights if v.grad is not None}
    along = {s.layer.name: _along(s.inputs[0].grad) for s in long if s.inputs[0].grad is not None}
    for v in model.weights:
        v.grad = None
    looked_up = [s for s in seen if type(s.layer).__name__ == "Embedding"]  # numbers of words have no size
    entering = [numbers(s.outputs) for s in looked_up] or [x for x in flatten(batch.x) if x.size]
    size = max(map(rms, entering), default=0.0)
    return Flow(seen, gradients, along, size, y_pred, with_loss)


def _with_gradient(x: Array) -> Any:
    """A long sequence as a tensor that keeps its gradient; anything else as it is."""
    return Tensor(x, requires_grad=True) if x.dtype.kind == "f" and x.ndim == 3 and x.shape[1] >= LONG else x


def _along(gradient: Any) -> Array:
    return np.sqrt(np.mean(gradient.astype(np.float64) ** 2, axis=(0, 2)))


def rows_of(seen: Flow) -> Iterator[LayerRow]:
    """The table: each layer once, in the order in which they ran."""
    known: set[int] = set()
    for call in seen.seen:
        layer = call.layer
        if id(layer) in known or not call.outputs:
            continue
        known.add(id(layer))
        y = numbers(call.outputs)
        own = [seen.gradients[id(v)].ravel() for v in layer.weights if id(v) in seen.gradients]
        gradient = rms(np.concatenate(own)) if own else None
        mean, std, zeros = (float(y.mean()), float(y.std()), float((y == 0).mean())) if y.size else (0.0,) * 3
        yield LayerRow(layer.name, type(layer).__name__, mean, std, zeros, gradient)


def rms(values: Array) -> float:
    """The root of the mean square, 0 of nothing."""
    return float(np.sqrt(np.mean(np.asarray(values, np.float64) ** 2))) if values.size else 0.0
