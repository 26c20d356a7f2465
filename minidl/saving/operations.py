"""Operations between layers, such as `x + y`, in the descriptions of Keras and back.

minidl has one class for all of them, and keeps every argument with the call. Keras has a class for each, and keeps
the arguments that are no tensors with the class:

    minidl    Operation(function="reshape")    called with (x, (-1, 6))
    Keras     Reshape(newshape=[-1, 6])        called with (x)
"""

import inspect
from collections.abc import Mapping
from typing import Any

from minidl import ops
from minidl.messages import say
from minidl.utils.naming import snake_case

__all__ = ["is_operation", "operation_from_keras", "operation_to_keras"]

_OPERANDS = {  # arguments that stay with the call; all others go to the class
    "condition", "fill_value", "indices", "key", "variable", "weights", "x", "x1", "x2", "xs",
}  # fmt: skip
_ELSEWHERE = {
    "keras.src.ops.core": "cast convert_to_tensor stop_gradient unstack",
    "keras.src.ops.linalg": "norm",
    "keras.src.ops.math": "erf logsumexp rsqrt top_k",
    "keras.src.ops.nn": (
        "celu elu gelu glu hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid log_softmax normalize one_hot relu "
        "relu6 selu sigmoid silu softmax softplus softsign tanh_shrink"
    ),
}
_MODULES = {function: module for module, names in _ELSEWHERE.items() for function in names.split()}
_SAME = {"hard_swish": "hard_silu", "swish": "silu"}
# Arguments that only Keras has, at the values that mean nothing.
_NEUTRAL = {
    "dtype": None,
    "initial": None,
    "ragged": False,
    "retstep": False,
    "sorted": True,
    "sparse": False,
}


def _parameters(function: str) -> list[str]:
    if function == "get_item":
        return ["x", "key"]
    return list(inspect.signature(getattr(ops, function)).parameters)


def operation_to_keras(described: Mapping[str, Any]) -> dict[str, Any]:
    """The description of an Operation as that of Keras's class."""
    config = described["config"]
    function = _SAME.get(config["function"], config["function"])
    names = _parameters(function)
    nodes, constants = [], {}
    for node in described.get("inbound_nodes", []):
        given = {**dict(zip(names, node["args"], strict=False)), **node["kwargs"]}
        operands = [_plain(value) for name, value in given.items() if name in _OPERANDS]
        constants = {name: _plain(value) for name, value in given.items() if name not in _OPERANDS}
        nodes.append({"args": operands, "kwargs": {}})
    if function not in ("get_item", "relu"):
        defaults = {
            name: parameter.default
            for name, parameter in inspect.signature(getattr(ops, function)).parameters.items()
            if name not in _OPERANDS and parameter.default is not parameter.empty
        }
        constants = {**defaults, **constants}
    name = "".join(word.capitalize() for word in function.split("_"))
    return {
        **described,
        "module": _MODULES.get(function, "keras.src.ops.numpy"),
        "class_name": name,
        "config": {"name": config["name"], **constants},
        "registered_name": name,
        "inbound_nodes": nodes,
    }


def _plain(value: Any) -> Any:
    """Tuples as lists: JSON, and so Keras, has no others."""
    if isinstance(value, Mapping) and value.get("class_name") == "__tuple__":
        return [_plain(entry) for entry in value["config"]["value"]]
    return [_plain(entry) for entry in value] if isinstance(value, list) else value


def is_operation(described: Mapping[str, Any]) -> bool:
    """Whether Keras describes an operation here, and not a layer of the same name."""
    return str(described.get("module")).startswith("keras.src.ops.")


def operation_from_keras(described: Mapping[str, Any]) -> dict[str, Any]:
    """The description of Keras's class as that of an Operation.

    Raises:
        ValueError: minidl has no such function.
    """
    function = snake_case(str(described.get("class_name"))[:60])
    if function not in ops.__all__ and function != "get_item":
        raise ValueError(say(f"The operation {described.get('class_name')!r:.60} is not part of minidl.ops."))
    constants = dict(described["config"])
    name, known = constants.pop("name", None), _parameters(function)
    for extra in constants.keys() & _NEUTRAL.keys() - set(known):
        if constants[extra] == _NEUTRAL[extra]:
            del constants[extra]
    nodes = []
    for node in described.get("inbound_nodes") or []:
        args = list(node["args"])
        if function == "get_item" and len(args) > 1 and isinstance(args[1], list):
            args[1] = {"class_name": "__tuple__", "config": {"value": args[1]}}
        nodes.append({"args": args, "kwargs": {**node.get("kwargs", {}), **constants}})
    return {
        "class_name": "Operation",
        "config": {"name": name, "function": function},
        "name": described.get("name"),
        "inbound_nodes": nodes,
    }
