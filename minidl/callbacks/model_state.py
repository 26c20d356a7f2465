"""All that changes in a model while it trains, taken out as plain data and arrays, and put back in.

    weights       with the running averages
    optimizer     its variables: the number of steps, the learning rate, momenta
    kept          the states of stateful recurrent layers
    draws         where the random numbers of each layer, and of the order of the samples, come from

What is drawn in a training step depends on the seed of who draws and on the number of the step alone (see
`minidl.random`). So the seeds are all there is to know: with them, and the same step number, the next masks and the
next order of the samples are those that would have followed.
"""

from collections.abc import Iterator
from typing import Any

from minidl.backend import Array
from minidl.layers.holder import all_layers
from minidl.layers.recurrent.rnn import RNN
from minidl.random.streams import SeedGenerator, unseeded_generator
from minidl.utils.interrupts import postponed_interrupt

__all__ = ["check_model", "copied", "model_state", "set_model_state"]


def model_state(model: Any) -> dict[str, Any]:
    """What training has made of a compiled and built model."""
    return {
        "weights": [v.numpy() for v in model.weights],
        "weight_names": [v.name for v in model.weights],
        "optimizer": type(model.optimizer).__name__,
        "slots": [v.numpy() for v in model.optimizer.variables],
        "kept": [layer.get_state() for layer in _recurrent(model)],
        "draws": [source.get_state() for source in _sources(model)],
    }


def check_model(model: Any, state: dict[str, Any]) -> str | None:
    """What does not fit between a model and a state, in words; None if all does."""
    names = [v.name for v in model.weights]
    if names != state["weight_names"]:
        known = state["weight_names"]
        return f"{len(known)} weights ({_some(known)}), the model has {len(names)} ({_some(names)})"
    for variable, array in zip(model.weights, state["weights"], strict=True):
        if not _alike(variable.data, array):
            return f"{variable.name} {array.dtype} {array.shape}, the model has {variable.dtype} {variable.shape}"
    optimizer = model.optimizer
    if state["optimizer"] != type(optimizer).__name__:
        return f"a state of {state['optimizer']}, the model has {type(optimizer).__name__}"
    slots = [v.data for v in optimizer.variables]
    if len(slots) != len(state["slots"]) or not all(map(_alike, slots, state["slots"])):
        return f"{len(state['slots'])} arrays of the optimizer, {optimizer.name} has {len(slots)} or others"
    if len(state["kept"]) != len(_recurrent(model)) or len(state["draws"]) != len(_sources(model)):
        return "other layers that keep states or draw random numbers"
    return None


def set_model_state(model: Any, state: dict[str, Any]) -> None:
    """Make a model what it was, with a state that `check_model` has found to fit; no Ctrl-C comes in between."""
    pairs = (model.weights, state["weights"]), (model.optimizer.variables, state["slots"])
    with postponed_interrupt():
        for variables, arrays in pairs:
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)
        for layer, kept in zip(_recurrent(model), state["kept"], strict=True):
            layer.set_state(kept)
        for source, drawn in zip(_sources(model), state["draws"], strict=True):
            source.set_state(drawn)


def copied(state: dict[str, Any]) -> dict[str, Any]:
    """A model's state with arrays of its own, which stays as it is while the model goes on."""
    arrays = {name: [array.copy() for array in state[name]] for name in ("weights", "slots")}
    return {**state, **arrays}


def _alike(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _recurrent(model: Any) -> list[RNN]:
    return [layer for layer in all_layers(model) if isinstance(layer, RNN)]


def _sources(model: Any) -> list[SeedGenerator]:
    """All that draw in training, each once: those that layers own, and the one of draws without a seed."""
    owned = [source for layer in all_layers(model) for value in vars(layer).values() for source in _in(value)]
    return list({id(source): source for source in (*owned, unseeded_generator())}.values())


def _in(value: Any) -> Iterator[SeedGenerator]:
    if isinstance(value, SeedGenerator):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _in(item)
    elif isinstance(value, dict):
        yield from _in(list(value.values()))
