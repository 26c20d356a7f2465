"""What is checked: a function, a layer or a model, brought into float64 for as long as the check lasts.

A float32 slope is right to three digits at best, so the check runs on float64 copies of the inputs and of the
weights, on the CPU. Every weight gets its own array back afterwards, whatever happens in between. Randomness is held
still: each run is a repetition of training step 0, so that dropout drops the same units every time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from minidl import random
from minidl.backend import Array
from minidl.devices import device, on_gpu, to_numpy
from minidl.gradcheck.report import GradcheckError
from minidl.messages import say
from minidl.tensor import Tensor, as_array, no_grad
from minidl.utils.nested import mapped

__all__ = ["Leaf", "Target", "prepared"]


class Leaf(NamedTuple):
    """A float64 tensor whose gradient is checked."""

    name: str
    tensor: Tensor

    def element(self, position: int) -> tuple[int, ...]:
        """The index of the element at `position` of the flattened array."""
        return tuple(int(i) for i in np.unravel_index(position, self.tensor.shape))


class Target:
    """A computation that can be run again and again, and the leaves it depends on."""

    def __init__(self, run: Callable[[], Any], leaves: Sequence[Leaf], notes: Sequence[str]):
        self._run = run
        self.leaves = list(leaves)
        self.notes = list(notes)

    def outputs(self) -> list[Tensor]:
        """The float outputs, on the graph.

        Raises:
            GradcheckError: an output is no tensor, or not float64.
        """
        with np.errstate(all="ignore"), random.training_step(0):
            found = _flat(self._run())
        for i, y in enumerate(found):
            if not isinstance(y, Tensor):
                raise GradcheckError(
                    say(
                        f"gradcheck expects output {i} of the target to be a Tensor, got {type(y).__name__}: "
                        "a gradient cannot flow back through it. Use operators, NumPy functions or minidl.ops."
                    )
                )
            if y.dtype.kind == "f" and y.dtype != np.float64:
                raise GradcheckError(
                    say(
                        f"gradcheck got output {i} as {y.dtype} though all inputs are float64. The target converts "
                        "to a narrower type inside, so no slope can be measured to more than a few digits."
                    )
                )
        return [y for y in found if y.dtype.kind == "f"]

    def output_name(self, position: int) -> str:
        """What the number at `position` of `values` is called."""
        for i, y in enumerate(self.outputs()):
            if position < y.size:
                index = ",".join(str(int(n)) for n in np.unravel_index(position, y.shape))
                return f"output[{i}]" + (f"[{index}]" if index else "")
            position -= y.size
        raise IndexError(position)

    def values(self) -> Array:
        """All float outputs in one row, as they are now; no graph."""
        with no_grad():
            return np.concatenate([y.data.ravel() for y in self.outputs()] or [np.zeros(0)])


@contextmanager
def prepared(target: Any, inputs: Sequence[Any], training: bool) -> Iterator[Target]:
    """The target on float64 copies of its inputs and weights; the weights are restored on the way out.

    Raises:
        TypeError: the target cannot be called, or is a layer or model without an input.
        GradcheckError: the loss of a model that has none yet.
    """
    if not callable(target):
        raise TypeError(
            say(f"gradcheck expects a function, layer or model to check, got {type(target).__name__}.")
        )
    with device("cpu"):
        yield from _prepared(target, [mapped(_on_host, x) for x in inputs], training)


def _prepared(target: Any, inputs: Sequence[Any], training: bool) -> Iterator[Target]:
    leaves: list[Leaf] = []
    notes: list[str] = []
    if not hasattr(target, "trainable_weights"):
        arguments = _arguments(inputs, leaves, notes)
        yield Target(lambda: target(*arguments), leaves, notes)
        return
    if not inputs:
        raise TypeError(
            say(f"gradcheck expects an input to run {type(target).__name__} on: gradcheck(layer, x).")
        )
    is_loss = hasattr(target, "compute_loss") and len(inputs) > 1
    if is_loss and getattr(target, "optimizer", True) is None:
        raise GradcheckError(
            say(
                "gradcheck of a model with x and y checks its loss: compile the model first, or pass x alone."
            )
        )
    arguments = _arguments(inputs[:1] if is_loss else inputs, leaves, notes)
    if not getattr(target, "built", True):
        with no_grad(), random.training_step(0):
            target(*arguments, training=False)
    constants = [_constant(x) for x in inputs[1:]] if is_loss else []
    with _weights_in_float64(target) as begin:

        def run() -> Any:
            begin()
            if is_loss:
                return _loss(target, arguments[0], constants, training)
            return target(*arguments, training=training)

        weights = [Leaf(getattr(v, "path", "weight"), v) for v in target.trainable_weights if v.requires_grad]
        yield Target(run, [*weights, *leaves], notes)


def _loss(model: Any, x: Any, constants: Sequence[Any], training: bool) -> Tensor:
    """The whole loss of a batch: of the outputs, of the weights, and what layers add while they run."""
    from minidl.layers.context import CallContext  # known where there is a model, and only needed then

    weight = {"sample_weight": constants[1]} if len(constants) > 1 else {}
    with CallContext():
        y_pred = model(x, training=training)
        return model.compute_loss(x=x, y=constants[0], y_pred=y_pred, training=training, **weight)


@contextmanager
def _weights_in_float64(root: Any) -> Iterator[Callable[[], None]]:
    """Every weight on a float64 copy, every layer computing in float64.

    What it gives is to be called before every run: statistics and recurrent states begin it as they were.
    """
    weights = list(root.weights if hasattr(root, "weights") else root.trainable_weights)
    layers = [layer for layer in _layers_in(root) if hasattr(layer, "dtype")]
    recurrent = [layer for layer in layers if getattr(layer, "stateful", False)]
    arrays, types = [v.data for v in weights], [layer.dtype for layer in layers]
    kept = [layer.states for layer in recurrent]
    try:
        for v in weights:
            v.data = np.array(v.numpy(), dtype=np.float64 if v.data.dtype.kind == "f" else None, order="C")
        for layer in layers:
            layer.dtype = "float64"
        trained = {id(v) for v in root.trainable_weights}
        statistics = [(v, v.data.copy()) for v in weights if id(v) not in trained]
        states = [layer.get_state() for layer in recurrent]

        def begin() -> None:
            for v, value in statistics:
                v.data[...] = value
            for layer, state in zip(recurrent, states, strict=True):
                layer.set_state(state)

        yield begin
    finally:
        for v, array in zip(weights, arrays, strict=True):
            v.data = array
        for layer, dtype in zip(layers, types, strict=True):
            layer.dtype = dtype
        for layer, own in zip(recurrent, kept, strict=True):
            vars(layer)["states"] = own


def _layers_in(root: Any) -> list[Any]:
    """The layer and all layers inside it, each once."""
    found: dict[int, Any] = {}
    waiting = [root]
    while waiting:
        layer = waiting.pop()
        if id(layer) not in found:
            found[id(layer)] = layer
            waiting.extend(getattr(layer, "_layers", ()))
    return list(found.values())


def _on_host(x: Any) -> Any:
    """An input that is on a GPU as an array of NumPy; anything else as it is."""
    data = x.data if isinstance(x, Tensor) else x
    return to_numpy(data) if on_gpu(data) else x


def _arguments(inputs: Sequence[Any], leaves: list[Leaf], notes: list[str]) -> list[Any]:
    """What the target is called with; its leaves are named by their places among the inputs."""
    return [_to_float64(x, f"inputs[{i}]", leaves, notes) for i, x in enumerate(inputs)]


def _to_float64(x: Any, name: str, leaves: list[Leaf], notes: list[str]) -> Any:
    """A float input as a new leaf; a list of inputs entry by entry; anything else as it is."""
    if isinstance(x, list | tuple) and any(isinstance(entry, Tensor | np.ndarray) for entry in x):
        return type(x)(_to_float64(entry, f"{name}[{i}]", leaves, notes) for i, entry in enumerate(x))
    if not isinstance(x, Tensor | np.ndarray | np.generic | list | tuple | float):
        return x
    array = as_array(x)
    if array.dtype.kind != "f":
        notes.append(say(f"{name} holds {array.dtype}, which has no gradient: not checked."))
        return x
    exact = x if isinstance(x, list | tuple | float) else array
    leaf = Leaf(name, Tensor(np.array(exact, np.float64, order="C"), requires_grad=True))
    leaves.append(leaf)
    return leaf.tensor


def _constant(x: Any) -> Any:
    """Targets and sample weights: floats in float64, everything else as it is."""
    if isinstance(x, list | tuple) and any(isinstance(entry, Tensor | np.ndarray) for entry in x):
        return type(x)(_constant(entry) for entry in x)
    if isinstance(x, dict):
        return {name: _constant(entry) for name, entry in x.items()}
    array = None if x is None else as_array(x)
    return array.astype(np.float64) if array is not None and array.dtype.kind == "f" else array


def _flat(outputs: Any) -> list[Any]:
    if isinstance(outputs, list | tuple):
        return [y for entry in outputs for y in _flat(entry)]
    return [y for entry in outputs.values() for y in _flat(entry)] if isinstance(outputs, dict) else [outputs]
