"""Layers as plain data and back. A description can name the layers of minidl and what the caller passes along."""

from collections.abc import Mapping
from typing import Any

from minidl import layers
from minidl.layers.base import Layer
from minidl.utils.registry import deserialize_object

__all__ = ["from_config", "to_config"]

_EXPORTED = {name: getattr(layers, name) for name in layers.__all__}
_LAYERS: dict[str, type[Layer]] = {
    name: cls
    for name, cls in _EXPORTED.items()
    if isinstance(cls, type) and issubclass(cls, Layer) and cls is not Layer
}


def to_config(layer: Layer) -> dict[str, Any]:
    """What a JSON file says about a layer: {"class_name", "config"}.

    >>> to_config(layers.Flatten(name="rows"))["class_name"]
    'Flatten'
    """
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


def from_config(
    config: Any, models: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """The layer that `to_config` described, with new weights.

    Args:
        config: {"class_name", "config"}.
        models: classes of models by name; they take `custom_objects` for the layers inside them.
        custom_objects: the caller's own layers by class name, looked at first.

    Raises:
        ValueError: another form, an unknown class, or arguments that do not fit.

    >>> from_config({"class_name": "Dense", "config": {"units": 3, "name": "last"}}, {})
    <Dense name=last, built=False>
    """
    name = str(config.get("class_name")) if isinstance(config, Mapping) else ""
    if name in models and name not in (custom_objects or {}):
        return models[name].from_config(config.get("config"), custom_objects)
    return deserialize_object("layer", {**_LAYERS, **models}, config, custom_objects)
