"""Which format a file has: by the end of its name where one is written, by what is in it where one is read."""

import os
from collections.abc import Mapping
from typing import Any

from minidl.backend import Array
from minidl.messages import say
from minidl.saving import npz, safetensors_file
from minidl.saving.files import FilePath, open_regular
from minidl.saving.hdf5 import open_hdf5
from minidl.saving.keras_file import load_keras, save_keras, weights_member
from minidl.saving.legacy_h5 import is_legacy, read_legacy_weights
from minidl.saving.legacy_model import load_legacy_model
from minidl.saving.pairing import weight_names
from minidl.saving.weights_h5 import Values, assign, encode, read_weights
from minidl.utils.atomic import atomic_write
from minidl.utils.checks import as_path, flag
from minidl.utils.keywords import tells_names
from minidl.utils.warned import warn

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]

_BY_NAME: dict[str, Any] = {".npz": npz, ".safetensors": safetensors_file}


def save_model(model: Any, filepath: FilePath, overwrite: bool = True) -> None:
    """Write a whole model to a `.keras` file; see `Model.save`."""
    as_path("save", "filepath", filepath)
    overwrite = flag("save", "overwrite", overwrite)
    if not _name(filepath).endswith(".keras"):
        mend = " model.save_weights writes the weights alone." if _weights_format(filepath) else ""
        raise ValueError(
            say(
                f"save expects filepath to end with .keras, such as 'model.keras', got {_name(filepath)!r:.120}.{mend}"
            )
        )
    _check_built(model, "save")
    save_keras(model, filepath, overwrite)


@tells_names
def load_model(
    filepath: FilePath,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model that `save` wrote, here or in Keras 3; also in an older `.h5` of Keras 2.

    No code in the file is run, and nothing is imported because of it. It may name the layers of minidl, and what you
    pass along.

    Args:
        filepath: the file.
        custom_objects: your own classes and functions by name, if they are not registered
            (`register_keras_serializable`).
        compile: compile the model as it was, with the state of its optimizer, so that training goes on.
        safe_mode: refuse Lambda layers. With False their functions are looked up by name in `custom_objects`; code
            in a file, which Keras runs then, is not run here in any case.

    Raises:
        OSError: there is no such file.
        ValueError: it is damaged, no model, or asks for something that is not there.
    """
    import minidl.models  # noqa: F401  a file may name Sequential before anyone else has

    as_path("load_model", "filepath", filepath)
    if custom_objects is not None and not isinstance(custom_objects, Mapping):
        raise TypeError(say(f"load_model expects custom_objects to be a dict, got {custom_objects!r:.60}."))
    compile, safe_mode = flag("load_model", "compile", compile), flag("load_model", "safe_mode", safe_mode)
    if _name(filepath).endswith((".h5", ".hdf5")):
        return load_legacy_model(filepath, custom_objects, safe_mode)
    return load_keras(filepath, custom_objects, compile, safe_mode)


def save_weights(model: Any, filepath: FilePath, overwrite: bool = True) -> None:
    """Write the weights of a model; see `Model.save_weights`."""
    as_path("save_weights", "filepath", filepath)
    overwrite = flag("save_weights", "overwrite", overwrite)
    suffix = _weights_format(filepath)
    if suffix is None:
        raise ValueError(
            say(
                "save_weights expects filepath to end with .weights.h5, .npz or .safetensors, got "
                f"{_name(filepath)!r:.120}. A whole model goes to a .keras file with model.save."
            )
        )
    _check_built(model, "save_weights")
    if suffix == ".weights.h5":
        data = encode(model, model.optimizer)  # which Keras writes here too, and misses with a warning
        with atomic_write(filepath, overwrite, len(data)) as file:
            file.write(data)
    else:
        named = {name: variable.numpy() for name, variable in weight_names(model.weights).items()}
        _BY_NAME[suffix].save(filepath, named, overwrite=overwrite)


def load_weights(model: Any, filepath: FilePath, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Take on the weights in a file; see `Model.load_weights`."""
    as_path("load_weights", "filepath", filepath)
    skip_mismatch = flag("load_weights", "skip_mismatch", skip_mismatch)
    by_name = flag("load_weights", "by_name", by_name)
    _check_built(model, "load_weights")
    name = _name(filepath)
    suffix = next((s for s in _BY_NAME if name.endswith(s)), None)
    if suffix is None and not name.endswith((".h5", ".hdf5", ".keras")):
        raise ValueError(
            say(
                "load_weights expects a file whose name ends with .weights.h5, .npz, .safetensors, .keras or .h5, got "
                f"{name!r:.120}."
            )
        )
    if by_name and not name.endswith((".h5", ".hdf5")):
        raise ValueError(
            say(f"by_name=True is for .h5 files of Keras 1 and 2, got {name!r:.120}. Leave it out.")
        )
    values = (
        _read_h5(model, filepath, skip_mismatch, by_name)
        if suffix is None
        else _read_named(model, filepath, skip_mismatch, suffix)
    )
    assign(values, filepath)


def _read_h5(model: Any, path: FilePath, skip_mismatch: bool, by_name: bool) -> Values:
    with open_regular(path) as file:
        inner = weights_member(file, path) if _name(path).endswith(".keras") else file
        with open_hdf5(inner, path) as root:
            if is_legacy(root, path):
                return read_legacy_weights(root, path, model, by_name, skip_mismatch)
            if by_name:
                raise ValueError(
                    say(
                        f"{path}: by_name=True is for files of Keras 1 and 2, this is a newer one. Leave it out."
                    )
                )
            return read_weights(root, path, model, skip_mismatch)


def _read_named(model: Any, path: FilePath, skip_mismatch: bool, suffix: str) -> Values:
    variables = weight_names(model.weights)
    expected = {name: (variable.shape, variable.dtype) for name, variable in variables.items()}
    found: Mapping[str, Array] = _BY_NAME[suffix].load(path, expected, skip_mismatch)
    for name in expected.keys() - found.keys():
        warn(f"{name} keeps its value: {path} has none that fits.")
    return [(variables[name], value) for name, value in found.items()]


def _name(filepath: FilePath) -> str:
    return str(os.fspath(filepath))


def _weights_format(filepath: FilePath) -> str | None:
    return next((s for s in (".weights.h5", *_BY_NAME) if _name(filepath).endswith(s)), None)


def _check_built(model: Any, what: str) -> None:
    if not model.built:
        raise ValueError(
            say(
                f"{what}: {model.name} is not built, so it has no weights yet. Call it on data or build(input_shape)."
            )
        )
