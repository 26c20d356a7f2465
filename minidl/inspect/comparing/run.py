"""One side of a comparison: forward and backward of a layer, what they give, and how long they take."""

import copy
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl import random
from minidl.backend import Array
from minidl.devices import beside, entered, is_array, on_gpu, to_numpy
from minidl.graph import Applied, taken_down, walk
from minidl.inspect.comparing.report import Difference
from minidl.layers.base import Layer
from minidl.layers.context import CallContext
from minidl.messages import say
from minidl.models.aside import copied
from minidl.models.model import Model
from minidl.models.placing import brought, home_of
from minidl.tensor import Tensor
from minidl.utils.nested import flatten, mapped

__all__ = ["Run", "differences", "readied", "run"]

_SEED = 20_261_121  # of the gradient that is sent back: not one that x may have been drawn with
_ENOUGH = 0.2  # seconds of repetitions
_MOST, _LEAST = 100, 5  # repetitions


class Run(NamedTuple):
    """What one side gave: every array by name, its ops, and its times."""

    results: dict[str, Array]
    tape: list[Applied]
    forward_seconds: float
    backward_seconds: float


def readied(layer: Layer, x: Any) -> tuple[Layer, Any]:
    """A copy of `layer` that is built, and `x` as tensors that want a gradient; that of a model is on the CPU."""
    if isinstance(layer, Model):
        twin: Layer = copied(layer)
        x = mapped(lambda part: to_numpy(part) if is_array(part) else part, x)
    else:
        twin, x = copy.deepcopy(layer), brought(x, home_of(layer))
    inputs = mapped(lambda part: _leaf(part, twin), twin._as_tensors(x))
    if any(not part.ndim for part in flatten(inputs)):
        raise ValueError(
            say(f"compare expects x as {layer.name} takes it, with a batch axis, got one number.")
        )
    with CallContext():
        twin(inputs)
    return twin, inputs


def _leaf(x: Tensor, layer: Layer) -> Tensor:
    is_float = x.dtype.kind == "f"
    leaf = Tensor(x.data.astype(layer.dtype) if is_float else x.data, requires_grad=is_float)
    leaf.mask = x.mask
    return leaf


def run(layer: Layer, inputs: Any, training: bool) -> Run:
    """Forward and backward, with whichever kernels are in use."""
    tape: list[Applied] = []
    with taken_down(tape):
        outputs = _forward(layer, inputs, training)
    names = [f"inputs[{i}]" for i in range(len(flatten(inputs)))] + [w.path for w in layer.trainable_weights]
    leaves = [*flatten(inputs), *layer.trainable_weights]
    dys = _drawn(outputs)
    found = _backward(outputs, dys)
    results = {name: to_numpy(y.data) for name, y in zip(_output_names(outputs), outputs, strict=True)}
    for name, leaf in zip(names, leaves, strict=True):
        if id(leaf) in found:
            results[f"d {name}"] = to_numpy(found[id(leaf)])
    return Run(
        results,
        [applied for applied in tape if applied.function is not None],
        _seconds(lambda: _forward(layer, inputs, training)),
        _seconds(lambda: _backward(outputs, dys)),
    )


def _forward(layer: Layer, inputs: Any, training: bool) -> list[Tensor]:
    """The outputs; what the layer would remember of the call is forgotten."""
    with CallContext(), random.training_step(0):
        outputs = flatten(layer(inputs, training=training))
    _wait(outputs[0].data)
    return outputs


def _drawn(outputs: Sequence[Tensor]) -> list[Array]:
    """A random gradient for each output."""
    rng = np.random.default_rng(_SEED)
    return [beside(rng.standard_normal(y.shape).astype(y.dtype), y.data) for y in outputs]


def _backward(outputs: Sequence[Tensor], dys: Sequence[Array]) -> dict[int, Array]:
    """The gradients of the leaves, by the tensor's id."""
    totals: dict[int, Array] = {}
    for y, dy in zip(outputs, dys, strict=True):
        if y.requires_grad:
            with entered(y.data):
                for leaf, g in walk(y, dy, retain_graph=True):
                    so_far = totals.get(id(leaf))
                    totals[id(leaf)] = g if so_far is None else so_far + g
    for g in totals.values():
        _wait(g)
    return totals


def _wait(array: Any) -> None:
    """Until a GPU has computed it: it works behind the program's back."""
    if on_gpu(array):
        to_numpy(array.reshape(-1)[:1])


def _seconds(work: Callable[[], Any]) -> float:
    """The shortest time that `work` took in some runs."""
    taken: list[float] = []
    while len(taken) < _LEAST or (sum(taken) < _ENOUGH and len(taken) < _MOST):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def _output_names(outputs: Sequence[Tensor]) -> list[str]:
    return ["output"] if len(outputs) == 1 else [f"output[{i}]" for i in range(len(outputs))]


def differences(reference: Run, kernels: Run) -> tuple[Difference, ...]:
    """For every array that came out, where the two sides are farthest apart."""
    return tuple(_difference(name, y, kernels.results[name]) for name, y in reference.results.items())


def _difference(name: str, a: Array, b: Array) -> Difference:
    if not a.size:
        return Difference(name, a.shape, 0.0, 0.0, None, None, None)
    wide_a, wide_b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.where(a == b, 0.0, np.abs(wide_a - wide_b))  # of two infinities of the same sign: 0
    apart = np.where(np.isnan(wide_a) & np.isnan(wide_b), 0.0, apart)
    apart = np.where(np.isnan(apart), np.inf, apart)
    worst = int(apart.argmax())
    size = float(np.max(np.abs(wide_a), where=np.isfinite(wide_a), initial=0.0))
    largest = float(apart.reshape(-1)[worst])
    return Difference(
        name,
        a.shape,
        largest,
        largest / size if size else largest,
        tuple(int(i) for i in np.unravel_index(worst, a.shape)),
        float(wide_a.reshape(-1)[worst]),
        float(wide_b.reshape(-1)[worst]),
    )
