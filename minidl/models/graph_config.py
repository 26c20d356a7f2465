"""A graph of layers as plain data and back, in the form in which Keras 3 writes it.

Each layer lists the calls it takes part in ("inbound_nodes"): the arguments, where a symbolic tensor is named by

    "keras_history": [name of the layer that made it, number of that call, number of the output]
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from minidl.layers.known import layer_from, to_config
from minidl.messages import say
from minidl.symbolic import Call, SymbolicTensor

__all__ = ["graph_config", "graph_from_config"]

Origin = tuple[str, int, int]  # layer, number of its call, number of the output


class _Node(NamedTuple):
    args: list[Any]
    kwargs: dict[str, Any]


def graph_config(model: Any) -> dict[str, Any]:
    """Name, layers with their calls, and the ends of a Functional model."""
    numbers: dict[int, int] = {}  # of a call among those of its layer in this model
    calls: dict[int, list[Call]] = {id(layer): [] for layer in model.operations}
    for call in sorted(model.calls, key=lambda call: call.number):
        own = calls[id(call.layer)]
        numbers[id(call)] = len(own)
        own.append(call)

    def origin(x: SymbolicTensor) -> list[Any]:
        return [x.maker.name, numbers.get(id(x.call), 0), x.index]

    def described(x: Any) -> Any:
        if isinstance(x, SymbolicTensor):
            config = {"shape": list(x.shape), "dtype": x.dtype, "keras_history": origin(x)}
            return {"class_name": "__keras_tensor__", "config": config}
        return _described(x, described)

    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": [
            {
                **to_config(layer),
                "name": layer.name,
                "inbound_nodes": [
                    {
                        "args": [described(a) for a in call.args],
                        "kwargs": {k: described(v) for k, v in call.kwargs.items()},
                    }
                    for call in calls[id(layer)]
                    if call.args
                ],
            }
            for layer in model.operations
        ],
        "input_layers": _ends(model.input, origin),
        "output_layers": _ends(model.output, origin),
    }


def _ends(structure: Any, origin: Any) -> Any:
    if isinstance(structure, Mapping):
        return {name: _ends(part, origin) for name, part in structure.items()}
    return (
        [_ends(part, origin) for part in structure]
        if isinstance(structure, list | tuple)
        else origin(structure)
    )


def _described(x: Any, inner: Any) -> Any:
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
    raise TypeError(say(f"A call in this model was given {x!r:.80}, which cannot be written as plain data."))


def graph_from_config(config: Any, custom_objects: Mapping[str, Any] | None = None) -> tuple[Any, Any]:
    """The inputs and outputs of the graph that `graph_config` described, on new layers.

    Raises:
        ValueError: another form, an unknown layer, or calls that wait for each other.
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
        raise ValueError(
            say(f"Functional expects a config with name, layers and their calls, got {config!r:.120}.")
        )
    layers: dict[str, Any] = {}
    nodes: dict[tuple[str, int], _Node] = {}
    made: dict[Origin, SymbolicTensor] = {}
    for part in config["layers"]:
        layer = layer_from(part, custom_objects)
        if layer.name in layers:
            raise ValueError(say(f"The config has two layers called {layer.name!r:.60}."))
        layers[layer.name] = layer
        listed = part.get("inbound_nodes") or []
        nodes.update({(layer.name, i): _node(layer.name, node) for i, node in enumerate(listed)})
        if not listed and layer._calls:
            made[layer.name, 0, 0] = layer.output
    for name, number in _in_order(nodes):
        args, kwargs = (_read(value, made) for value in nodes[name, number])
        given = {key: value for key, value in kwargs.items() if value is not None}
        call = _call_of(layers[name](*args, **given))
        made.update({(name, number, i): y for i, y in enumerate(call.outputs)})
    return _read_ends(config.get("input_layers"), made), _read_ends(config.get("output_layers"), made)


def _node(name: str, node: Any) -> _Node:
    """A call that the config lists, in the form it must have."""
    if not isinstance(node, Mapping) or not isinstance(node.get("args"), list):
        raise ValueError(
            say(f"The config of {name!r:.60} lists its calls as args and kwargs, got {node!r:.80}.")
        )
    kwargs = node.get("kwargs") or {}
    if not isinstance(kwargs, Mapping):
        raise ValueError(
            say(f"The config of {name!r:.60} lists kwargs of its calls by name, got {kwargs!r:.80}.")
        )
    return _Node(node["args"], dict(kwargs))


def _in_order(nodes: Mapping[tuple[str, int], _Node]) -> list[tuple[str, int]]:
    """The calls, each behind those that make its inputs and behind the earlier ones of its layer (Kahn 1962)."""
    waits = {
        (name, i): {(layer, n) for layer, n, _ in _origins_in(list(node)) if (layer, n) in nodes}
        | ({(name, i - 1)} if i else set())
        for (name, i), node in nodes.items()
    }
    followers: dict[tuple[str, int], list[tuple[str, int]]] = {key: [] for key in nodes}
    for key, needed in waits.items():
        for other in needed:
            followers[other].append(key)
    order = [key for key, needed in waits.items() if not needed]
    for done in order:  # which grows meanwhile
        for key in followers[done]:
            waits[key].discard(done)
            if not waits[key]:
                order.append(key)
    if len(order) < len(nodes):
        stuck = next(key for key in nodes if waits[key])
        raise ValueError(say(f"The calls in the config wait for each other: {stuck[0]!r:.60}."))
    return order


def _origins_in(value: Any) -> list[Origin]:
    """The origins of all tensors that an argument names."""
    if isinstance(value, list | tuple):
        return [origin for part in value for origin in _origins_in(part)]
    if not isinstance(value, Mapping):
        return []
    if value.get("class_name") == "__keras_tensor__" and isinstance(value.get("config"), Mapping):
        return [_origin(value["config"].get("keras_history"))]
    return [origin for part in value.values() for origin in _origins_in(part)]


def _call_of(outputs: Any) -> Any:
    while isinstance(outputs, list | tuple | dict):
        outputs = next(iter(outputs.values() if isinstance(outputs, dict) else outputs))
    return outputs.call


def _read(value: Any, made: Mapping[Origin, SymbolicTensor]) -> Any:
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
    raise ValueError(say(f"A call in the config was given a {kind!r:.60}, which is not known."))


def _tensor(history: Any, made: Mapping[Origin, SymbolicTensor]) -> SymbolicTensor:
    origin = _origin(history)
    if origin not in made:
        raise ValueError(say(f"The config names a tensor at {list(origin)!r:.80}, where nothing is."))
    return made[origin]


def _origin(value: Any) -> Origin:
    if not _is_origin(value):
        raise ValueError(say(f"The config names a tensor as [layer, call, output], got {value!r:.80}."))
    return tuple(value)


def _is_origin(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 3 and [type(v) for v in value] == [str, int, int]


def _read_ends(structure: Any, made: Mapping[Origin, SymbolicTensor]) -> Any:
    if _is_origin(structure):
        return _tensor(structure, made)
    if isinstance(structure, Mapping):
        return {name: _read_ends(part, made) for name, part in structure.items()}
    if isinstance(structure, list | tuple):
        return [_read_ends(part, made) for part in structure]
    raise ValueError(
        say(f"The config names the ends of the model as [layer, call, output], got {structure!r:.80}.")
    )
