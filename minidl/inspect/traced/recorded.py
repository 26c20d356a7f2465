"""`trace`: run one training step on a copy, with a tape beside it.

Two things are noted while the step runs. Every call of a Function lands on the tape of `minidl.graph`, with its
inputs, its outputs and its way back; and every layer is watched, so that it is known which part of the tape is its own.
All outputs keep their gradients, so the backward pass that follows leaves dL/doutput behind for each op. Nothing is
computed a second way: what is shown are the numbers of the step itself.

Then the optimizer makes its update on the copy. How far each weight moved is noted, and the move is taken back, so that
the arrays on the tape are again those that the step has seen.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minidl import random
from minidl.backend import Array
from minidl.devices import device, is_array, to_numpy
from minidl.graph import Applied, taken_down
from minidl.inspect.traced.assembled import Noted, assembled
from minidl.inspect.traced.calls import Calls
from minidl.inspect.traced.switched import with_gradients
from minidl.inspect.traced.traces import Trace
from minidl.layers.base import Layer
from minidl.layers.context import CallContext
from minidl.layers.holder import all_layers
from minidl.messages import say
from minidl.models.aside import copied, undisturbed
from minidl.models.data import Batch
from minidl.models.model import Model
from minidl.models.modes import modes_restored
from minidl.models.placing import batch_at_home
from minidl.models.watching import watched
from minidl.tensor import Tensor, no_grad
from minidl.utils.checks import shown
from minidl.utils.nested import flatten, mapped
from minidl.utils.py_dataset import PyDataset

__all__ = ["trace"]

_MOST_SAMPLES, _MOST_NUMBERS = 1024, 2**20  # of a batch: every output of every op is kept


@modes_restored
def trace(model: Any, x: Any, y: Any = None, sample_weight: Any = None) -> Trace:
    """Record one training step: every op in order, and what came back through it.

    The step is that of `fit` with this batch, at the optimizer's present iteration, dropout masks included. It runs on
    a copy: the model, its optimizer and random state, and the data, stay as they are. A model that has no weights yet
    gets some in the copy, others than it will have.

    Without `y` only the forward pass is recorded, unless the loss needs none (`add_loss`). A layer by itself has no
    loss: then L is the sum of its outputs, dL/doutput = 1.

    Args:
        model: a model, compiled if there is a `y`, trained or not; or a layer.
        x, y, sample_weight: one batch, in the form that `fit` takes: arrays (N, ...), or lists or dicts of them.

    Returns:
        A `Trace`; `["name"]` is the call of one layer, `["name"].element(0, 3)` the calculation of a number it made.

    Raises:
        TypeError: `model` is no model and no layer, or cannot be copied.
        ValueError: there is a `y` but no loss, or far more samples than a batch has.
        Whatever the model raises on this batch, with a note in which layer that was.

    >>> import numpy as np
    >>> from minidl.layers import Dense, Input
    >>> from minidl.models import Sequential
    >>> model = Sequential([Input((3,)), Dense(4, activation="relu", name="hidden"), Dense(1, name="out")])
    >>> model.compile("sgd", "mse")
    >>> step = trace(model, np.ones((2, 3)), np.zeros((2, 1)))
    >>> [layer.name for layer in step.layers], [op.name for op in step["hidden"].ops]
    (['hidden', 'out'], ['Dense', 'ReLU'])
    >>> step["hidden"].weights[0].gradient.shape
    (3, 4)
    """
    if not isinstance(model, Layer):
        raise TypeError(
            say(f"trace expects a model or a layer, got {shown(model)}. Call trace(model, x, y).")
        )
    with undisturbed(), device("cpu"), with_gradients():
        if isinstance(model, Model):
            return _of_model(model, x, y, sample_weight)
        if y is not None or sample_weight is not None:
            raise ValueError(
                say(f"{model} has no loss to compare y with. Call trace(layer, x), or put it into a model.")
            )
        return _of_layer(model, x)


def _of_model(model: Model, x: Any, y: Any, sample_weight: Any) -> Trace:
    if y is not None and model.scores is None:
        raise ValueError(say(f"{model.name} is not compiled. Call compile(optimizer=..., loss=...) first."))
    if hasattr(x, "__next__") or isinstance(x, PyDataset):
        kind = type(x).__name__
        raise TypeError(
            say(
                f"trace expects x to be one batch of arrays, got {kind}. Take one: x, y = next(generator), or "
                "x, y = dataset[0]."
            )
        )
    twin: Any = _twin(model)
    batch = batch_at_home(twin._arrangement()(x, y, sample_weight))
    _check_size(batch)
    if y is None and (twin.scores is None or _needs_targets(twin)):
        with _noted(twin, Calls(twin, [])):
            _build(twin, batch.x)
        return _recorded(twin, batch, "none")
    with _noted(twin, Calls(twin, [])):
        twin._prepare(lambda: batch, training=True)
    return _recorded(twin, batch, "compiled")


def _needs_targets(model: Any) -> bool:
    """Whether its loss compares something with y; one of its own, or one of penalties alone, may not."""
    own = type(model).compute_loss is not Model.compute_loss
    return not own and any(term is not None for term in flatten(model.loss))


def _of_layer(layer: Layer, x: Any) -> Trace:
    twin: Any = _twin(layer)
    batch = Batch(mapped(_with_gradient, x, _is_one))
    _check_size(batch)
    with _noted(twin, Calls(twin, [])):
        _build(twin, batch.x)
    return _recorded(twin, batch, "sum")


def _twin(model: Any) -> Any:
    try:
        twin = copied(model)
    except Exception as problem:  # it may hold anything: files, locks, connections
        raise TypeError(
            say(f"trace works on a copy, and {model} cannot be copied: {problem!s:.150}. Keep that outside.")
        ) from problem
    return twin


def _is_one(part: Any) -> bool:
    """Whether a list is an array written out, and no list of arrays."""
    several = isinstance(part, dict) or (
        isinstance(part, list | tuple) and any(is_array(a) or isinstance(a, Tensor) for a in part)
    )
    return not several


def _with_gradient(x: Any) -> Tensor:
    data = np.array(to_numpy(Tensor(x).data))
    made = Tensor(data, requires_grad=data.dtype.kind == "f")
    mask = x.mask if isinstance(x, Tensor) else None
    made.mask = None if mask is None else to_numpy(mask)
    return made


def _check_size(batch: Batch) -> None:
    numbers = sum(a.size for a in flatten(batch.x))
    if batch.samples > _MOST_SAMPLES and numbers > _MOST_NUMBERS:
        raise ValueError(
            say(
                f"trace records one step on one batch, and this x has {batch.samples:,} samples ({numbers:,} numbers). Pass "
                "a batch of them: trace(model, x[:32], y[:32])."
            )
        )


def _build(twin: Any, x: Any) -> None:
    if not twin.built:
        with no_grad(), CallContext():
            twin(x, training=True)


@contextmanager
def _noted(twin: Any, calls: Calls) -> Iterator[None]:
    """Within the block the calls of all layers are noted; an error is told in which of them it was."""
    try:
        with watched([layer for layer in all_layers(twin) if layer is not twin], calls.after, calls.before):
            yield
    except Exception as error:
        if calls.where != twin.name:
            error.add_note(say(f"trace came as far as {calls.where}."))
        raise


# --- the step -----------------------------------------------------------------------------------------------


def _recorded(twin: Any, batch: Batch, loss_kind: str) -> Trace:
    """Run the step.

    Args:
        loss_kind: "compiled", "sum" of the outputs, or "none".
    """
    tape: list[Applied] = []
    calls = Calls(twin, tape)
    number = int(twin.optimizer.iterations) if loss_kind == "compiled" else 0
    with CallContext() as context, random.training_step(number):
        loss = _forward(twin, batch, loss_kind, calls)
        calls.finish()
        for applied in tape:
            for made in applied.outputs:
                if made.requires_grad:
                    made.retain_grad()
        if loss is not None and loss.requires_grad:
            loss.backward(retain_graph=True)
        gradients = {id(v): np.array(v.grad) for v in twin.weights if v.grad is not None}
        updates = _updates(twin, context, learns=loss is not None and loss_kind == "compiled")
        seconds = [_timed(applied) for applied in tape]
    kind = loss_kind if loss is not None else "none"
    return assembled(Noted(twin, batch, tape, calls, loss, kind, gradients, updates, seconds))


def _forward(twin: Any, batch: Batch, loss_kind: str, calls: Calls) -> Tensor | None:
    """Run the model and its loss, with everything noted."""
    with taken_down(calls.tape), _noted(twin, calls):
        with calls.inside(twin, batch.x):
            y_pred = twin(batch.x, training=True)
            calls.made(y_pred)
        with calls.inside(None):
            return _loss(twin, batch, y_pred, loss_kind)


def _loss(twin: Any, batch: Batch, y_pred: Any, loss_kind: str) -> Tensor | None:
    if loss_kind == "compiled":
        penalties_only = batch.y is None and not _needs_targets(twin)
        if penalties_only and type(twin).compute_loss is Model.compute_loss and not twin.losses:
            return None
        made: Tensor = twin.compute_loss(batch.x, batch.y, y_pred, batch.sample_weight, training=True)
        return made
    outputs = [t for t in flatten(y_pred) if isinstance(t, Tensor) and t.requires_grad]
    if loss_kind == "none" or not outputs:
        return None
    total = outputs[0].sum()
    for t in outputs[1:]:
        total = total + t.sum()
    return total


def _updates(twin: Any, context: CallContext, learns: bool) -> dict[int, Array]:
    """How the step changes each weight, by its id. Afterwards all are again what they were."""
    variables = {id(v): v for v in twin.weights} | {key: v for key, (v, _) in context.updates.items()}
    before = {key: v.data.copy() for key, v in variables.items()}
    if learns and len(twin.trainable_weights) > len(twin._chosen.waiting):
        twin.optimizer.step()
    context.commit()
    found = {}
    for key, v in variables.items():
        found[key] = v.data - before[key]
        v.data[...] = before[key]
    return found


def _timed(applied: Applied) -> tuple[float, float | None]:
    """Seconds of forward and of backward, run once more on the same arrays."""
    forward_again: Any = applied.forward
    start = time.perf_counter()
    forward_again(*applied.arrays, **applied.options)
    forward = time.perf_counter() - start
    dys = [made.grad for made in applied.outputs]
    if applied.node is None or all(dy is None for dy in dys):
        return forward, None
    start = time.perf_counter()
    applied.node.gradients(dys, keep=True)
    return forward, time.perf_counter() - start
