"""`.keras`: a whole model in one file, as Keras 3 writes and reads it: description, weights, state of the optimizer.

A zip archive with four members, or five. Keras looks at the second and the third.

    metadata.json        versions and the date
    config.json          the description of the model and what `compile` was told
    model.weights.h5     weights and the state of the optimizer (see `weights_h5`)
    history.json         what `fit` measured, if the model was trained (see `training_history`)
    manifest.json        length and SHA-256 checksum of the others

A file is data, not code. It names layers out of a closed table, and classes and functions of your own only if you
pass them along; what it names is checked before anything is built, and weights are built only as far as the file has
numbers for them.
"""

import datetime
import io
import json
import os
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from minidl import losses, metrics, optimizers
from minidl.layers.allowance import allowance
from minidl.layers.known import is_a, layer_from, shared_layers
from minidl.messages import say
from minidl.saving.archive import ANEW, open_archive, read_member
from minidl.saving.files import MAX_CONFIG, MAX_FILE, FilePath, checksum, open_regular, refusal
from minidl.saving.from_keras import check_size, plain_config
from minidl.saving.hdf5 import open_hdf5, stored_numbers
from minidl.saving.json_text import objects_in, read_json
from minidl.saving.registration import custom_object_scope, registered_objects
from minidl.saving.to_keras import model_config
from minidl.saving.training_history import HISTORY, encode_history, restored_history
from minidl.saving.weights_h5 import assign, encode, read_weights
from minidl.tensor import no_grad
from minidl.utils.atomic import atomic_write
from minidl.utils.nested import mapped
from minidl.utils.registry import is_described

__all__ = ["built_from", "load_keras", "model_from_json", "refuse_lambdas", "save_keras", "weights_member"]

_CONFIG, _METADATA, _WEIGHTS, _MANIFEST = "config.json", "metadata.json", "model.weights.h5", "manifest.json"
_KERAS = "3.15"  # whose format it is
_EPOCH = (1980, 1, 1, 0, 0, 0)


def save_keras(model: Any, path: FilePath, overwrite: bool = True) -> None:
    """Write a model to a `.keras` file.

    Raises:
        OSError: the file cannot be written. What was at `path` is unchanged.
        TypeError, ValueError: some part of the model cannot be described.
    """
    metadata = {"keras_version": _KERAS, "date_saved": f"{datetime.datetime.now():%Y-%m-%d@%H:%M:%S}"}
    members: dict[str, Any] = {
        _METADATA: _json(metadata),
        _CONFIG: _json(model_config(model, with_training=True)),
        _WEIGHTS: encode(model, model.optimizer),
    }
    if (history := encode_history(model)) is not None:
        members[HISTORY] = history
    manifest = {name: {"bytes": len(data), "sha256": checksum(data)} for name, data in members.items()}
    members[_MANIFEST] = _json({"format": "minidl model", "version": 1, "members": manifest})
    needed = sum(map(len, members.values())) + 1000
    with atomic_write(path, overwrite, needed) as file, zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            with archive.open(zipfile.ZipInfo(name, _EPOCH), "w", force_zip64=len(data) > 1 << 30) as member:
                member.write(data)


def _json(value: Any) -> bytes:
    try:
        return json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise type(error)(
            say(
                f"The configuration of the model cannot be written: {error}. get_config() of every layer, loss and metric "
                "gives numbers, words, lists and dicts."
            )
        ) from error


def load_keras(
    path: FilePath,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model in a `.keras` file, minidl's or Keras's.

    Args:
        path: the file.
        custom_objects: your own classes and functions by name.
        compile: compile the model too, as it was, with the state of its optimizer.
        safe_mode: refuse Lambda layers.

    Raises:
        OSError: there is no such file.
        ValueError: it is damaged, or asks for something that is not there.
    """
    with open_regular(path) as file:
        members = _members(file, path, (_CONFIG, _WEIGHTS), (HISTORY,))
    config = read_json(members[_CONFIG], path, _CONFIG)
    history = restored_history(members[HISTORY], path) if HISTORY in members else None
    if safe_mode:
        refuse_lambdas(config, path, custom_objects)
    with open_hdf5(io.BytesIO(members[_WEIGHTS]), path) as root:
        numbers = stored_numbers(root, path)
    with allowance(numbers):
        model = built_from(config, path, custom_objects, compile)
    with open_hdf5(io.BytesIO(members[_WEIGHTS]), path) as root:
        values = read_weights(root, path, model, optimizer=model.optimizer if compile else None)
    assign(values, path)
    if history is not None:
        history.set_model(model)
        model.history = history
    return model


def refuse_lambdas(config: Any, path: FilePath, custom_objects: Mapping[str, Any] | None) -> None:
    """Raise ValueError if the description of a model has a Lambda layer in it.

    What a Lambda does stands in a program, not in the file. Whoever loads one has to say so, and bring the function.
    """
    if "Lambda" in registered_objects(custom_objects):
        return  # a class of the caller's own
    if any(part.get("class_name") == "Lambda" for part in objects_in(config)):
        raise refusal(
            path,
            "layers",
            "a Lambda, whose function is not in the file",
            "load_model(..., safe_mode=False, custom_objects={'name of the function': function}) loads it by "
            "the function's name; code in a file is never run.",
        )


def weights_member(file: IO[bytes], path: FilePath) -> IO[bytes]:
    """The weights in a `.keras` file, as a file of their own."""
    return io.BytesIO(_members(file, path, (_WEIGHTS,))[_WEIGHTS])


def _members(
    file: IO[bytes], path: FilePath, wanted: tuple[str, ...], welcome: tuple[str, ...] = ()
) -> dict[str, bytes]:
    """The members of an archive that are wanted, and those that are welcome, compared with its manifest if it has one."""
    archive, infos = open_archive(file, path)
    for name in wanted:
        if name not in infos:
            raise refusal(path, f"a member {name}", f"{', '.join(infos):.80}", "Is it a .keras file?")
    limits = {_WEIGHTS: min(MAX_FILE, max(1 << 20, 20 * file.seek(0, 2)))}
    names = [*wanted, *(name for name in welcome if name in infos)]
    if _MANIFEST in infos:
        names = [name for name in infos if name != _MANIFEST]
    found = {name: read_member(archive, infos[name], path, limits.get(name, MAX_CONFIG)) for name in names}
    if _MANIFEST in infos:
        manifest = read_json(read_member(archive, infos[_MANIFEST], path, MAX_CONFIG), path, _MANIFEST)
        _compare(path, found, manifest.get("members"))
    return found


def _compare(path: FilePath, found: Mapping[str, bytes], listed: Any) -> None:
    """See that the members are those of the manifest, to the last bit."""
    if not isinstance(listed, dict) or listed.keys() != found.keys():
        raise refusal(path, f"the members that {_MANIFEST} lists", f"{', '.join(found)}", ANEW)
    for name, data in found.items():
        if listed[name] != {"bytes": len(data), "sha256": checksum(data)}:
            raise refusal(path, f"{name} as {_MANIFEST} says", "other bytes", ANEW)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The model that `to_json` described, with new weights.

    Raises:
        ValueError: another form, or it names something that is not there.
    """
    if not isinstance(json_string, str):
        raise TypeError(
            say(f"model_from_json expects the text of to_json(), got {type(json_string).__name__}.")
        )
    described = read_json(json_string.encode(), "the text", "model")
    with allowance(MAX_FILE // 4):  # numbers: as many as a file could hold
        return built_from(described, "the text", custom_objects)


def built_from(
    config: Mapping[str, Any],
    path: FilePath,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
) -> Any:
    """A model with new weights from its description in Keras's form.

    Args:
        config: the description.
        path: where it comes from, for errors.
        custom_objects: your own classes and functions by name.
        compile: whether to compile it too, if it was.
    """
    own = registered_objects(custom_objects)
    try:
        check_size(config)
        with custom_object_scope(own), shared_layers():
            model = layer_from(plain_config(config, own), own)
            if not hasattr(model, "compile"):
                raise ValueError(say(f"{model} is a layer, not a model."))
            _build(model, config.get("build_config"))
            if compile and config.get("compile_config"):
                _compile(model, plain_config(config["compile_config"], own), own)
    except Exception as error:  # whatever layers make of arguments that nobody would give them
        if isinstance(error, Warning):
            raise
        name = os.fspath(path)[-120:]
        raise ValueError(
            say(f"{name}: the description of the model does not work out. {error!s:.400}")
        ) from error
    return model


def _build(model: Any, described: Any) -> None:
    """Build what is not built yet: a Sequential for the shape it had, a model of your own by a run on zeros."""
    shape = described.get("input_shape") if isinstance(described, Mapping) else None
    if model.built or not shape:
        return
    if is_a("Sequential", model):
        model.build(shape)
        return
    several = isinstance(shape[0], list)
    zeros = [np.zeros([1, *s[1:]], model.dtype) for s in (shape if several else [shape])]
    with no_grad():
        model(zeros if several else zeros[0])
    if not any(s is None or isinstance(s, list) for s in shape[1:]):
        model._built_for = tuple(shape)


def _compile(model: Any, told: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Compile a model as its description says, and let the optimizer take charge of its weights."""
    optimizer = optimizers.deserialize(told.get("optimizer"), own)
    model.compile(
        optimizer=optimizer,
        loss=_objects(told.get("loss"), losses, own),
        loss_weights=told.get("loss_weights"),
        metrics=_objects(told.get("metrics"), metrics, own),
        weighted_metrics=_objects(told.get("weighted_metrics"), metrics, own),
    )
    if model.built:
        optimizer.build(model.trainable_weights)


def _objects(value: Any, kind: Any, own: Mapping[str, Any]) -> Any:
    """A loss or metric, or lists and dicts of them, from their descriptions."""

    def one(described: Any) -> Any:
        if isinstance(described, str):
            return own.get(described, described)
        return None if described is None else kind.deserialize(described, own)

    return mapped(one, value, is_described)
