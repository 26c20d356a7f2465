"""What is examined: a copy of the model, a sample of the data, and a run in which every layer is watched.

Whatever the doctor does, it does to a copy: its weights, its optimizer, its states. Random numbers are drawn from a
seed of the doctor's own, so that nobody else's are used up and two examinations see the same.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from minidl import random
from minidl.backend import Array
from minidl.layers.base import Layer
from minidl.layers.context import CallContext
from minidl.messages import say
from minidl.models import watching
from minidl.models.data import Batch
from minidl.models.model import Model
from minidl.models.outputs import Output
from minidl.models.parts import parts
from minidl.models.sources import source
from minidl.tensor import Tensor, no_grad
from minidl.utils.nested import flatten, mapped

__all__ = [
    "End", "Patient", "Seen", "admitted", "all_rows", "begins_at_zero", "inference", "numbers", "picked", "sampled", "step",
    "watched",
]  # fmt: skip

_SEED = 0  # of the rows that are drawn
_BATCH = 32  # the batch size of fit, if none is given
_NUMBERS = 2**20  # of the inputs in a sample: images of 224 x 224 come in a handful


class Seen(NamedTuple):
    """One call of a layer, while it was watched."""

    layer: Layer
    inputs: list[Tensor]
    outputs: list[Tensor]


class End(NamedTuple):
    """An output with its loss, its targets, and the layer and activation that it comes from."""

    output: Output
    y: Array | None  # of all rows, not of the sample only
    y_pred: Tensor
    layer: Layer | None
    activation: str


class Patient(NamedTuple):
    """A copy of the model with the data."""

    model: Model
    data: Batch  # all there is
    sample: Batch  # some rows of it, drawn at random
    compiled: bool
    batch: int  # samples in a training step


def all_rows(model: Model, x: Any, y: Any, rows: int) -> Batch:
    """The data as arrays; of objects that hand out batches, the first ones that make `rows` samples.

    Raises:
        TypeError: x is a generator, which reading would use up.
        TypeError, ValueError: the data does not fit the model.
    """
    if hasattr(x, "__next__"):
        raise TypeError(
            say(
                "doctor expects x as arrays, or as an object that can be read again: reading a generator would use it "
                "up. Take one batch from it and pass that, x, y = next(generator)."
            )
        )
    arrange = model._arrangement()
    data = source(x, y, None, None, None, None, arrange)
    if hasattr(data, "data"):
        return data.data
    batches: list[Batch] = []
    for number in range(len(x)) if hasattr(x, "__len__") else [None]:
        batches += [data.peek()] if number is None else [_batch(x[number], arrange)]
        if sum(batch.samples for batch in batches) >= rows:
            break
    return Batch(*[_joined(parts) for parts in zip(*batches, strict=True)])


def _batch(given: Any, arrange: Any) -> Batch:
    made: Batch = arrange(*(given if isinstance(given, tuple | list) else (given,)))
    return made


def _joined(parts: Sequence[Any]) -> Any:
    first = parts[0]
    if isinstance(first, dict):
        return {key: _joined([part[key] for part in parts]) for key in first}
    if isinstance(first, list):
        return [_joined([part[i] for part in parts]) for i in range(len(first))]
    return None if first is None else np.concatenate(parts)


def admitted(model: Model, data: Batch, rows: int, compiled: bool) -> Patient:
    """The patient, with a sample of `data`; a model that was made for batches of one size gets one of these."""
    sizes = [x.shape[0] for x in getattr(model, "inputs", None) or [] if x.shape[0] is not None]
    sample = sampled(data, sizes[0] if sizes else rows, bool(sizes))
    return Patient(model, data, sample, compiled, sample.samples if sizes else _BATCH)


def sampled(data: Batch, rows: int, exactly: bool = False) -> Batch:
    """Some rows, drawn at random: the first ones may all be of one class. Of large samples fewer, unless `exactly`."""
    each = sum(int(np.prod(x.shape[1:])) for x in flatten(data.x)) or 1
    rows = min(data.samples, rows, rows if exactly else max(_NUMBERS // each, 8))
    chosen = np.random.default_rng(_SEED).choice(data.samples, rows, replace=False)
    return picked(data, np.sort(chosen))


def picked(batch: Batch, rows: Any) -> Batch:
    """These rows of a batch."""
    return Batch(*[mapped(lambda a: None if a is None else a[rows], part) for part in batch])


def begins_at_zero(model: Model) -> bool:
    """Whether a kernel is all 0, as that of a last layer may be: then what is before it is learnt from step 2 on."""
    return any(v.ndim > 1 and not v.data.any() for v in model.trainable_weights)


def numbers(tensors: Sequence[Tensor]) -> Array:
    """All elements of some tensors in a row, in float64."""
    return np.concatenate([t.data.ravel().astype(np.float64) for t in tensors] or [np.zeros(0)])


# --- running ------------------------------------------------------------------------------------------------


@contextmanager
def watched(model: Model) -> Iterator[list[Seen]]:
    """Within the block, every call of a layer inside `model` is noted."""
    seen: list[Seen] = []

    def note(layer: Layer, inputs: Any, outputs: Any) -> None:
        ends = [[t for t in flatten(end) if isinstance(t, Tensor)] for end in (inputs, outputs)]
        seen.append(Seen(layer, *ends))

    with watching.watched(parts(model), note):
        yield seen


def step(model: Model, batch: Batch, number: int) -> float:
    """One training step of a model whose optimizer has its weights. The loss before it."""
    optimizer: Any = model.optimizer
    optimizer.flat.clear_gradients()
    with CallContext() as context, random.training_step(number):
        loss = model.compute_loss(batch.x, batch.y, model(batch.x, training=True), None, training=True)
        if loss.requires_grad:
            loss.backward()
    if loss.requires_grad:
        optimizer.step()
    context.commit()
    return float(loss)


def inference(patient: Patient) -> tuple[list[End], list[Seen]]:
    """The outputs of the model on the sample, each with what belongs to it; and the calls of the layers."""
    model, batch = patient.model, patient.sample
    with no_grad(), CallContext(), watched(model) as seen, random.training_step(0):
        y_pred = model(batch.x, training=False)
    made = flatten(y_pred)
    if not patient.compiled:
        return [End(_NOTHING_ASKED, None, t, *_source(t, seen)) for t in made], seen
    objective = model._objective
    outputs = objective.know(y_pred)
    ys: Any = [patient.data.y]
    if len(outputs) > 1 or not isinstance(y_pred, Tensor):
        ys = objective.in_order(patient.data.y, y_pred, None)[0] or [None] * len(outputs)
    found = zip(outputs, ys, made, strict=True)
    return [End(output, y, t, *_source(t, seen)) for output, y, t in found], seen


_NOTHING_ASKED = Output(None, None, "output", 1.0, [], [])


def _source(y_pred: Tensor, seen: Sequence[Seen]) -> tuple[Layer | None, str]:
    """The layer that an output comes from, and the name of its activation."""
    layer: Any = next((s.layer for s in reversed(seen) if any(t is y_pred for t in s.outputs)), None)
    if y_pred.origin is not None:
        return layer, y_pred.origin[0]
    inner = getattr(layer, "layer", layer)  # of TimeDistributed
    if inner is None:
        return layer, "unknown"
    function = getattr(inner, "activation", None)
    named = {"ReLU": "relu", "Softmax": "softmax"}.get(type(inner).__name__, "linear")
    return layer, getattr(function, "__name__", "unknown") if function is not None else named
