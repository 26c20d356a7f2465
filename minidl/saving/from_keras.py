"""Descriptions that Keras wrote, and those of `to_keras`, as minidl's own; nothing is imported here.

The `module` of a description is never imported. It only says whose class is meant: one of Keras's, which is looked up
among minidl's layers, or one of somebody else's, which the caller must have passed along, even where minidl has a
class of the same name. What Keras knows and minidl does not (quantization, LoRA, mixed precision) is dropped where it
is switched off, and refused where it is not.
"""

import math
from collections.abc import Mapping
from typing import Any

from minidl.layers.arguments import constructor_arguments
from minidl.layers.base import Layer
from minidl.layers.known import KNOWN, is_a, layer_from
from minidl.layers.laying_out import LARGEST_SAMPLE
from minidl.messages import say
from minidl.saving.files import MAX_LAYERS
from minidl.saving.json_text import objects_in
from minidl.saving.numbering import renumbered
from minidl.saving.operations import is_operation, operation_from_keras
from minidl.utils.registry import is_described

__all__ = ["check_size", "plain_config"]

# Arguments that only Keras has, at the values that mean nothing.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "autocast": (True,),
    "implementation": (0, 1, 2),
    "input_axes": (None,),
    "input_spec": (None,),
    "lora_alpha": (None,),
    "lora_rank": (None,),
    "optional": (False,),
    "output_axes": (None,),
    "quantization_config": (None,),
    "ragged": (False,),
    "ragged_input": (False,),
    "remat": (None,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "renorm_momentum": (0.99, None),
    "sparse": (False,),
    "synchronized": (False,),
    "time_major": (False,),
}
_OURS = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras", "minidl", "builtins")
_MARKS = ("__keras_tensor__", "__numpy__", "__slice__", "__ellipsis__", "__tuple__")
_BESIDES = ("name", "inbound_nodes", "shared_object_id")
_NAME_LENGTH = 200
_SHAPES = ("batch_shape", "batch_input_shape", "build_input_shape", "input_shape", "shape", "target_shape")
_LIMITS = ("x_min", "x_max")  # of the operation Clip: values, where all other whole numbers are sizes
_MODEL_KEYS = ("dtype", "trainable")  # what the config of a Sequential says, but its layers say too


def check_size(value: Any) -> None:
    """Refuse a description of more layers or calls than any model has, or of larger samples.

    Raises:
        ValueError: it is one.
    """
    count = 0
    for inner in objects_in(value):
        listed, calls = inner.get("layers"), inner.get("inbound_nodes")
        count += len(listed) if isinstance(listed, list) else 0
        count += len(calls[1:]) if isinstance(calls, list) else 0
        for key, entry in inner.items():
            if key in _SHAPES and isinstance(entry, list) and _largest(entry) > LARGEST_SAMPLE:
                raise ValueError(say(f"{key} is {entry!r:.60}, which is more numbers than a sample has."))
        if count > MAX_LAYERS:
            raise ValueError(
                say(f"The description of a model lists more than {MAX_LAYERS:,} layers or calls.")
            )


def _largest(shapes: list[Any]) -> int:
    """The numbers in the largest array of this shape, or of several: those of a layer with several inputs."""
    return (
        max(map(_numbers, shapes))
        if shapes and all(isinstance(s, list) for s in shapes)
        else _numbers(shapes)
    )


def _numbers(value: Any) -> int:
    """The product of all whole numbers in nested lists, a bound on what they can make of a sample."""
    if isinstance(value, list):
        return math.prod(map(_numbers, value))
    return max(abs(value), 1) if isinstance(value, int) else 1


def plain_config(value: Any, custom_objects: Mapping[str, Any]) -> Any:
    """A part of Keras's description in minidl's form.

    Args:
        value: any part of the JSON.
        custom_objects: what it may name besides minidl's own.

    Raises:
        ValueError: it asks for something minidl does not have, or for code.
    """
    if isinstance(value, list):
        return [plain_config(entry, custom_objects) for entry in value]
    if not isinstance(value, Mapping):
        return value
    if not is_described(value) or "config" not in value:
        return {key: plain_config(entry, custom_objects) for key, entry in value.items()}
    kind, config = value["class_name"], value["config"]
    if not isinstance(kind, str) or len(kind) > _NAME_LENGTH:
        raise ValueError(say(f"A description names a class by a short word, got {kind!r:.60}."))
    if kind == "__lambda__":
        raise ValueError(
            say(
                "A function is there as Python bytecode, and minidl runs no code out of a file; safe_mode=False does not "
                "change that. Build the model again with a named function, and take over the weights."
            )
        )
    if kind in _MARKS:
        return value
    if kind in ("DTypePolicy", "Policy"):
        return _one_type(config)
    if kind == "function":
        return _function_name(value, custom_objects)
    if not isinstance(config, Mapping):
        raise ValueError(
            say(f"The description of {kind!r:.60} expects its arguments as a dict, got {config!r:.60}.")
        )
    if is_operation(value):
        if _numbers([entry for key, entry in config.items() if key not in _LIMITS]) > LARGEST_SAMPLE:
            raise ValueError(
                say(f"The operation {kind!r:.60} asks for arrays that are larger than a sample can be.")
            )
        value = operation_from_keras(value)
        kind, config = "Operation", value["config"]
    if "input_layers" in config:
        config = renumbered(config, lambda part: _is_graph(part, custom_objects), -1)
    inner = {key: _argument(key, entry, custom_objects) for key, entry in config.items()}
    name = _class_name(value, kind, custom_objects)
    if name not in custom_objects:
        inner = _understood(name, inner)
    others = {key: plain_config(value[key], custom_objects) for key in _BESIDES if key in value}
    return {"class_name": name, "config": inner, **others}


def _is_graph(value: Mapping[str, Any], custom_objects: Mapping[str, Any]) -> bool:
    """Whether a description is that of a Functional model, or of your own class of such."""
    name = _class_name(value, str(value.get("class_name")), custom_objects)
    return is_a("Functional", custom_objects.get(name, KNOWN.get(name)))


def _argument(key: str, value: Any, custom_objects: Mapping[str, Any]) -> Any:
    """An argument in minidl's form; a layer as activation is made here, since activations do not know layers."""
    plain = plain_config(value, custom_objects)
    described = isinstance(plain, Mapping) and key.endswith("activation")
    return layer_from(plain, custom_objects) if described else plain


def _one_type(config: Any) -> str:
    """The float type that a dtype policy means."""
    name = config.get("name") if isinstance(config, Mapping) else None
    if name not in ("float32", "float64", "float16"):
        raise ValueError(
            say(
                f"The dtype policy {name!r:.60} is not part of minidl, where a layer computes in one float type. "
                "Save the model with dtype_policy='float32'."
            )
        )
    return str(name)


def _function_name(value: Mapping[str, Any], custom_objects: Mapping[str, Any]) -> Any:
    registered, name = value.get("registered_name"), value["config"]
    if not isinstance(name, str) or len(name) > _NAME_LENGTH:
        raise ValueError(say(f"A function is there by its name, got {name!r:.60}."))
    found = registered if isinstance(registered, str) and registered in custom_objects else name
    if found not in custom_objects and not _is_ours(value):
        raise ValueError(say(_pass_along("function", name)))
    return found


def _class_name(value: Mapping[str, Any], kind: str, custom_objects: Mapping[str, Any]) -> str:
    """The name under which the class is found, in `custom_objects` or among minidl's own."""
    registered = value.get("registered_name")
    if isinstance(registered, str) and registered in custom_objects:
        return registered
    if kind in custom_objects:
        return kind
    if not _is_ours(value):
        raise ValueError(say(_pass_along("class", kind)))
    return "Functional" if kind == "Model" else kind


def _is_ours(value: Mapping[str, Any]) -> bool:
    """Whether a description can mean one of Keras's, and so of minidl's, own."""
    if "module" not in value:
        return True  # older files do not say
    module = value["module"]
    return isinstance(module, str) and any(module == own or module.startswith(f"{own}.") for own in _OURS)


def _pass_along(what: str, name: str) -> str:
    return (
        f"The file asks for the {what} {name!r:.60}, which is neither Keras's nor minidl's. Pass yours along: "
        f"custom_objects={{{name!r:.60}: ...}}."
    )


def _understood(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """A config without what minidl's class does not take.

    Raises:
        ValueError: it asks for something that is not there.
    """
    cls = KNOWN.get(name)
    if cls is not None and name in ("Sequential", "Functional"):
        return {
            k: v for k, v in config.items() if k not in _MODEL_KEYS or (name == "Functional" and k != "dtype")
        }
    taken = () if cls is None else (*constructor_arguments(cls, Layer), "activity_regularizer")
    left = {}
    for key, value in config.items():
        if key in _NEUTRAL and key not in taken:
            if value not in _NEUTRAL[key]:
                raise ValueError(say(f"{name} with {key}={value!r:.60} is not part of minidl."))
            continue
        left[key] = value
    return left
