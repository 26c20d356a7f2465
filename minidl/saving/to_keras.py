"""Descriptions as Keras 3 writes them. The configs of layers are the same; Keras adds where things come from.

    minidl    {"class_name": "Dense", "config": {...}}
    Keras     {"class_name": "Dense", "config": {...}, "module": "keras.layers", "registered_name": None}

A class of your own has its module, for people to read, and the name it is registered under, for programs to find it.
"""

from collections.abc import Mapping
from typing import Any

from minidl import activations, constraints, initializers, losses, metrics, optimizers, regularizers
from minidl.layers.known import KNOWN, is_a
from minidl.saving.numbering import renumbered
from minidl.saving.operations import operation_to_keras
from minidl.saving.places import places
from minidl.saving.registration import registered_name
from minidl.utils.nested import mapped
from minidl.utils.registry import is_described, serialize_object

__all__ = ["compile_config", "model_config"]

_MODULES = {
    "keras.initializers": initializers, "keras.regularizers": regularizers, "keras.constraints": constraints,
    "keras.losses": losses, "keras.metrics": metrics, "keras.optimizers": optimizers,
    "keras.optimizers.schedules": optimizers.schedules,
}  # fmt: skip
_BY_KEY = {
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
}
_MODELS = {
    "Sequential": ("keras", None),
    "Functional": ("keras.src.models.functional", "Functional"),
    "SeedGenerator": ("keras.random", None),
}


def model_config(model: Any, with_training: bool = False) -> dict[str, Any]:
    """The description of a model; with the choices of `compile`, if asked for.

    Raises:
        TypeError, ValueError: some part of it cannot be written: an anonymous function, an argument that a layer
            of your own does not keep.
    """
    described = _Writer(model).described(serialize_object(model), "layer", model)
    if model._built_for is not None:
        described["build_config"] = {"input_shape": model._built_for}
    if described["class_name"] == "Sequential" and model.built:
        described["config"]["build_input_shape"] = model.input_shape
    if with_training:
        described["compile_config"] = compile_config(model)
    return described


class _Writer:
    """Turns a config into Keras's form, part by part, beside the layers that it describes."""

    def __init__(self, model: Any):
        tree = places(model)
        self.own = {type(place.owner).__name__: type(place.owner) for place in tree}
        self.holders: dict[int, int] = {}  # in how many others a layer stands
        for place in tree:
            for number in {id(part) for part in place.owner._layers}:
                self.holders[number] = self.holders.get(number, 0) + 1
        self.numbers: dict[int, int] = {}  # of layers that stand in several

    def described(self, value: Any, key: str, layer: Any) -> Any:
        """A part of a config.

        Args:
            value: the part.
            key: what it is called where it stands.
            layer: the layer it describes; or that in whose description it stands.
        """
        if isinstance(value, list | tuple):
            return [self.described(entry, key, _part(layer, key, entry, i)) for i, entry in enumerate(value)]
        if isinstance(value, str) and key.endswith("activation") and not hasattr(activations, value):
            registered: str | None = registered_name(value)
            return {"module": None, "class_name": "function", "config": value, "registered_name": registered}
        if not isinstance(value, Mapping):
            return value
        name, config = value.get("class_name"), value.get("config")
        if not isinstance(name, str) or name.startswith("__") or not isinstance(config, Mapping):
            return {k: self.described(v, k, layer) for k, v in value.items()}
        if name == "Operation":
            return operation_to_keras(value)
        if "input_layers" in config:
            config = renumbered(config, lambda part: is_a("Functional", _part(layer, "layers", part)), 1)
        inner = {k: self.described(v, k, _part(layer, k, v)) for k, v in config.items()}
        if inner.get("activity_regularizer", 0) is None:  # most of Keras's layers do not list it
            del inner["activity_regularizer"]
        if name == "SpatialDropout1D":  # which Keras does not let be told, having no weights
            inner.pop("trainable", None)
        module, registered = _origin(name, key, self.own)
        others = {
            k: self.described(v, k, layer) for k, v in value.items() if k not in ("class_name", "config")
        }
        if self.holders.get(id(layer), 0) > 1 and type(layer).__name__ == name:
            others["shared_object_id"] = self.numbers.setdefault(id(layer), len(self.numbers) + 1)
        return {
            "module": module,
            "class_name": name,
            "config": inner,
            "registered_name": registered,
            **others,
        }


def _part(layer: Any, key: str, value: Any, i: int = 0) -> Any:
    """The layer that `value` describes, which stands as `key` in the description of `layer`."""
    if not isinstance(value, Mapping):
        return layer
    if key == "layers":
        name = (value.get("config") or {}).get("name")
        return next((part for part in getattr(layer, "layers", ()) if part.name == name), None)
    found = getattr(layer, key, None)
    return found[i] if isinstance(found, list) else found


def _origin(name: str, key: str, own: Mapping[str, type]) -> tuple[str | None, str | None]:
    """The module and the registered name of a class."""
    if name in _MODELS and own.get(name) in (None, KNOWN.get(name)):
        return _MODELS[name]
    module = _BY_KEY.get(key.rpartition("_")[2], "keras.layers")
    table = KNOWN if module == "keras.layers" else vars(_MODULES[module])
    cls = own.get(name) or table.get(name)
    if cls is not None and cls.__module__.startswith("minidl."):
        return module, None
    return None, registered_name(cls or name)


def compile_config(model: Any) -> dict[str, Any]:
    """What `compile` was told, {} if it was not called.

    Raises:
        TypeError: a loss or metric has no name to find it by.
    """
    if model.optimizer is None:
        return {}
    told = model.compiled_with
    return {
        "optimizer": _object(model.optimizer, "keras.optimizers"),
        "loss": _objects(told["loss"], "keras.losses"),
        "loss_weights": told["loss_weights"],
        "metrics": _objects(told["metrics"], "keras.metrics"),
        "weighted_metrics": _objects(told["weighted_metrics"], "keras.metrics"),
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": "auto",
    }


def _objects(value: Any, module: str) -> Any:
    """A loss or metric, or lists and dicts of them."""
    return mapped(lambda one: _object(one, module), value, is_described)


def _object(value: Any, module: str) -> Any:
    if value is None or isinstance(value, str | Mapping):
        return value
    if not hasattr(value, "get_config"):
        return _function(value, module)
    config = {k: _schedule(v) for k, v in value.get_config().items()}
    if callable(config.get("fn")):
        config["fn"] = serialize_object(config["fn"])
    cls = type(value)
    ours = cls.__module__.startswith("minidl.")
    names = {"module": module, "registered_name": None}
    if not ours:
        names = {"module": None, "registered_name": registered_name(cls)}
    return {"class_name": cls.__name__, "config": config, **names}


def _function(function: Any, module: str) -> Any:
    name = serialize_object(function)
    if getattr(_MODULES[module], name, None) is function:
        return name
    name = registered_name(function)
    return {"module": None, "class_name": "function", "config": name, "registered_name": name}


def _schedule(value: Any) -> Any:
    """A learning-rate schedule within the config of an optimizer."""
    if not is_described(value):
        return value
    name = value["class_name"]
    if hasattr(optimizers.schedules, name):
        return {**value, "module": "keras.optimizers.schedules", "registered_name": None}
    return {**value, "module": None, "registered_name": name}
