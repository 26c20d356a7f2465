"""A graph of layers as plain data and back, in the form in which Keras 3 writes it.

Each layer lists the calls it takes part in ("inbound_nodes"): the arguments, where a symbolic tensor is named by

    "keras_history": [name of the layer that made it, number of that call, number of the output]
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl.layers.known import layer_from, to_config
from minidl.symbolic import Call, SymbolicTensor

__all__ = ["graph_config", "graph_from_config"]


def graph_config(model: Any) -> dict[str, Any]:
    """Name, layers with their calls, and the ends of a Functional model."""
    numbers: dict[int, int] = {}  # of a call among those of its layer in this model
    calls: dict[int, list[Call]] = {id(layer): [] for layer in model.operations}
    for call in sorted(model.calls, key=lambda call: call.number):
        own = calls[id(call.layer)]
        numbers[id(call)] = len(own)
        own.append(call)

    def place(x: SymbolicTensor) -> list[Any]:
        return [x.maker.name, numbers.get(id(x.call), 0), x.index]

    def written(x: Any) -> Any:
        if isinstance(x, SymbolicTensor):
            config = {"shape": list(x.shape), "dtype": x.dtype, "keras_history": place(x)}
            return {"class_name": "__keras_tensor__", "config": config}
        return _written(x, written)

    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": [
            {
                **to_config(layer),
                "name": layer.name,
                "inbound_nodes": [
                    {
                        "args": [written(a) for a in call.args],
                        "kwargs": {k: written(v) for k, v in call.kwargs.items()},
                    }
                    for call in calls[id(layer)]
                    if call.args
                ],
            }
            for layer in model.operations
        ],
        "input_layers": _ends(model.input, place),
        "output_layers": _ends(model.output, place),
    }


def _ends(structure: Any, place: Any) -> Any:
    if isinstance(structure, Mapping):
        return {name: _ends(part, place) for name, part in structure.items()}
    return (
        [_ends(part, place) for part in structure]
        if isinstance(structure, list | tuple)
        else place(structure)
    )


def _written(x: Any, inner: Any) -> Any:
    """An argument of a call as plain data."""
    if isinstance(x, list | tuple):
        parts = [inner(part) for part in x]
        return parts if isinstance(x, list) else {"class_name": "__tuple__", "config": {"value": parts}}
    if isinstance(x, Mapping):
        return {str(name): inner(part) for name, part in x.items()}
    if isinstance(x, slice):
        parts = [x.start, x.stop, x.step]
        return {"class_name": "__slice__", "config": dict(zip(("start", "stop", "step"), parts, strict=True))}
    if x is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(x, np.ndarray | np.generic) and np.ndim(x):
        return {"class_name": "__numpy__", "config": {"value": x.tolist(), "dtype": str(x.dtype)}}
    if isinstance(x, np.generic):
        return x.item()
    if x is None or isinstance(x, bool | int | float | str):
        return x
    if isinstance(x, type | np.dtype):
        return str(np.dtype(x))
    raise TypeError(f"A call in this model was given {x!r:.80}, which cannot be written as plain data.")


def graph_from_config(config: Any, custom_objects: Mapping[str, Any] | None = None) -> tuple[Any, Any]:
    """The inputs and outputs of the graph that `graph_config` described, on new layers.

    Raises:
        ValueError: another form, an unknown layer, or calls that wait for each other.
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
        raise ValueError(
            f"Functional expects a config with name, layers and their calls, got {config!r:.120}."
        )
    layers: dict[str, Any] = {}
    made: dict[tuple[str, int, int], SymbolicTensor] = {}
    waiting: list[tuple[str, int, Mapping[str, Any]]] = []
    for part in config["layers"]:
        layer = layer_from(part, custom_objects)
        if layer.name in layers:
            raise ValueError(f"The config has two layers called {layer.name!r:.60}.")
        layers[layer.name] = layer
        nodes = part.get("inbound_nodes") or []
        waiting += [(layer.name, i, node) for i, node in enumerate(nodes)]
        if not nodes and layer._calls:
            made[layer.name, 0, 0] = layer.output
    while waiting:
        later = []
        for name, number, node in waiting:
            if not _lay_out(layers[name], name, number, node, made):
                later.append((name, number, node))
        if len(later) == len(waiting):
            raise ValueError(f"The config's calls wait for each other or for nothing: {later[0][0]!r:.60}.")
        waiting = later
    return _read_ends(config.get("input_layers"), made), _read_ends(config.get("output_layers"), made)


def _lay_out(
    layer: Any, name: str, number: int, node: Any, made: dict[tuple[str, int, int], SymbolicTensor]
) -> bool:
    """Make a call that the config lists, if its inputs are there."""
    if not isinstance(node, Mapping) or not isinstance(node.get("args"), list):
        raise ValueError(f"The config of {name!r:.60} lists its calls as args and kwargs, got {node!r:.80}.")
    try:
        args = [_read(value, made) for value in node["args"]]
        kwargs = {key: _read(value, made) for key, value in (node.get("kwargs") or {}).items()}
    except _NotYetError:
        return False
    outputs = layer(*args, **{key: value for key, value in kwargs.items() if value is not None})
    call = _call_of(outputs)
    made.update({(name, number, i): y for i, y in enumerate(call.outputs)})
    return True


def _call_of(outputs: Any) -> Any:
    while isinstance(outputs, list | tuple | dict):
        outputs = next(iter(outputs.values() if isinstance(outputs, dict) else outputs))
    return outputs.call


class _NotYetError(Exception):
    """A tensor that no call has made so far."""


def _read(value: Any, made: Mapping[tuple[str, int, int], SymbolicTensor]) -> Any:
    """An argument from its description."""
    if isinstance(value, list):
        return [_read(part, made) for part in value]
    if not isinstance(value, Mapping):
        return value
    kind, config = value.get("class_name"), value.get("config")
    if not isinstance(config, Mapping):
        return {name: _read(part, made) for name, part in value.items()}
    if kind == "__keras_tensor__":
        return _tensor(config.get("keras_history"), made)
    if kind == "__tuple__":
        return tuple(_read(part, made) for part in config["value"])
    if kind == "__slice__":
        return slice(*(config[name] for name in ("start", "stop", "step")))
    if kind == "__ellipsis__":
        return Ellipsis
    if kind == "__numpy__":
        return np.array(config["value"], dtype=config["dtype"])
    raise ValueError(f"A call in the config was given a {kind!r:.60}, which is not known.")


def _tensor(history: Any, made: Mapping[tuple[str, int, int], SymbolicTensor]) -> SymbolicTensor:
    if not _is_place(history):
        raise ValueError(f"The config names a tensor as [layer, call, output], got {history!r:.80}.")
    try:
        return made[tuple(history)]
    except KeyError:
        raise _NotYetError from None


def _is_place(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 3 and [type(v) for v in value] == [str, int, int]


def _read_ends(structure: Any, made: Mapping[tuple[str, int, int], SymbolicTensor]) -> Any:
    if _is_place(structure):
        try:
            return _tensor(structure, made)
        except _NotYetError:
            raise ValueError(
                f"The config's model has an end at {structure!r:.80}, where nothing is."
            ) from None
    if isinstance(structure, Mapping):
        return {name: _read_ends(part, made) for name, part in structure.items()}
    if isinstance(structure, list | tuple):
        return [_read_ends(part, made) for part in structure]
    raise ValueError(
        f"The config names the ends of the model as [layer, call, output], got {structure!r:.80}."
    )
