"""minidl's own layer classes by name: the only ones that a description in a file may ask for.

A layer is described as {"class_name", "config"}. A layer around other layers (Bidirectional, TimeDistributed, RNN, a
model) describes the inner ones within its own config, and makes them again from there. Classes of your own are passed
along as `custom_objects`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from minidl.utils.registry import deserialize_object

__all__ = ["KNOWN", "is_a", "layer_from", "layer_or_described", "shared_layers", "to_config"]

# Filled by `Layer.__init_subclass__`; other names for the same by `minidl.layers`.
KNOWN: dict[str, type] = {}

_shared: ContextVar[dict[Any, Any] | None] = ContextVar("minidl_shared_layers", default=None)


def is_a(name: str, what: Any) -> bool:
    """Whether an object or a class is of minidl's class `name`; for modules that may not import that class.

    >>> import minidl
    >>> is_a("Sequential", minidl.Sequential()), is_a("Functional", minidl.Sequential)
    (True, False)
    """
    kind: Any = KNOWN.get(name, ())  # (): its module was not imported, so nothing can be of it
    return issubclass(what, kind) if isinstance(what, type) else isinstance(what, kind)


@contextmanager
def shared_layers() -> Iterator[None]:
    """Inside this block, descriptions with one and the same "shared_object_id" are of one layer, as in Keras."""
    token = _shared.set({})
    try:
        yield
    finally:
        _shared.reset(token)


def to_config(layer: Any) -> dict[str, Any]:
    """What a JSON file says about a layer: {"class_name", "config"}."""
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


def layer_from(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The layer that {"class_name", "config"} describes, with new weights.

    Args:
        config: the description.
        custom_objects: the caller's own layers by class name, looked at first; also for the layers inside.

    Raises:
        ValueError: an unknown class, another form, or arguments that do not fit.
    """
    made, number = _shared.get(), config.get("shared_object_id") if isinstance(config, Mapping) else None
    if made is None or not isinstance(number, int):
        return deserialize_object("layer", KNOWN, config, custom_objects)
    if number not in made:
        made[number] = deserialize_object("layer", KNOWN, config, custom_objects)
    return made[number]


def layer_or_described(layer: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The layer itself, or the one that is described in its place, as in the config of a layer around it."""
    return layer_from(layer, custom_objects) if isinstance(layer, Mapping) else layer
