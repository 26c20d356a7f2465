"""minidl's own layer classes by name: the only ones that a description in a file may ask for.

A layer is described as {"class_name", "config"}. A layer around other layers (Bidirectional, TimeDistributed, RNN, a
model) describes the inner ones within its own config, and makes them again from there. Classes of your own are passed
along as `custom_objects`.
"""

from collections.abc import Mapping
from typing import Any

from minidl.utils.registry import deserialize_object

__all__ = ["KNOWN", "layer_from", "layer_or_described", "to_config"]

KNOWN: dict[str, type] = {}  # filled by `Layer.__init_subclass__`, other names for the same by `minidl.layers`


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
    return deserialize_object("layer", KNOWN, config, custom_objects)


def layer_or_described(layer: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The layer itself, or the one that is described in its place, as in the config of a layer around it."""
    return layer_from(layer, custom_objects) if isinstance(layer, Mapping) else layer
