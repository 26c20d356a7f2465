"""Functions in configs: a file says a function's name, and the program that loads it brings the function.

A name is enough only where it says everything. An anonymous function has none; what a closure has captured, and the
object behind a method, would be left out. Those are refused when they are to be written. Code is refused when it is
to be read, in each of the forms in which Keras has written it:

    Keras 3     {"class_name": "__lambda__", "config": {"code": ...}}
    Keras 2     "function": {"class_name": "__tuple__", "items": [code, ...]} or [code, ...], "function_type": "lambda"
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minidl.messages import say
from minidl.utils.registry import deserialize_object

__all__ = ["function_name", "named_function", "refuse_bytecode", "written"]


def function_name(layer: Any, argument: str, function: Callable[..., Any]) -> str:
    """The name by which `function` can be found again.

    Raises:
        TypeError: it has none, or a name does not say all.
    """
    name = getattr(function, "__name__", "<lambda>")
    if "<" in name:
        what = "an anonymous function, which has no name to write"
    elif getattr(function, "__closure__", None):
        what = f"{name}, which uses values of the function around it"
    elif hasattr(function, "__func__"):
        what = f"{name}, a method, which belongs to an object"
    else:
        return str(name)
    raise TypeError(
        say(
            f"{layer} cannot be written: its {argument} is {what}, and minidl writes no code. Use a function of a module "
            "(def at the left margin) with the values as arguments={...}, or a subclass of Layer with get_config()."
        )
    )


def named_function(layer: str, argument: str, config: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    """The function whose name `config` is; any other value as it is.

    Raises:
        ValueError: it is not in `custom_objects`.
    """
    if _kind(config) == "function":  # so Keras 3 writes it
        config = config.get("config")
    if not isinstance(config, str):
        return config
    try:
        return deserialize_object("function", {}, config, custom_objects)
    except ValueError:
        raise ValueError(
            say(
                f"Lambda {layer!r:.60} needs the function {config!r:.60} as its {argument}, and a file has its name only. "
                f"Pass yours along, as custom_objects={{{config!r:.60}: {config:.60}}}."
            )
        ) from None


def refuse_bytecode(config: Mapping[str, Any], safe_mode: bool | None) -> None:
    """Raise ValueError if one of the functions that the config of a Lambda describes is there as code."""
    for argument in ("function", "output_shape", "mask"):
        value = config.get(argument)
        named = isinstance(value, str) or callable(value) or _kind(value) == "function"
        code = not named if argument == "function" else _kind(value) == "__lambda__"
        if code or config.get(f"{argument}_type") == "lambda":
            switch = " safe_mode=False does not change that." if safe_mode is False else ""
            raise ValueError(
                say(
                    f"The {argument} of Lambda {config.get('name')!r:.60} is there as Python bytecode, not by name, and "
                    f"minidl runs no code out of a file.{switch} Build the model again with a function def-ined in your "
                    "program, or a subclass of Layer, and take over the weights."
                )
            )


def _kind(value: Any) -> Any:
    return value.get("class_name") if isinstance(value, Mapping) else None


def written(layer: Any, argument: str, value: Any) -> Any:
    """`value` as plain data: numbers, words, lists, tuples and dicts of them.

    Raises:
        TypeError: there is something else in it.
    """
    if isinstance(value, Mapping):
        return {name: written(layer, argument, entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([written(layer, argument, entry) for entry in value])
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf":
        return value.tolist()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(
        say(
            f"{layer} cannot be written: its {argument} holds {value!r:.80}. Use numbers, words, and lists and dicts of "
            "them, or a subclass of Layer with get_config()."
        )
    )
