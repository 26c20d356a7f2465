"""Whole models in the `.h5` of Keras 2: their description stands in an attribute of the file."""

from collections.abc import Mapping
from typing import Any

from minidl.layers.allowance import allowance
from minidl.saving.files import MAX_CONFIG, FilePath, open_regular, refusal
from minidl.saving.hdf5 import Node, open_hdf5, stored_numbers
from minidl.saving.json_text import read_json
from minidl.saving.keras_file import built_from, refuse_lambdas
from minidl.saving.legacy_h5 import read_legacy_weights
from minidl.saving.weights_h5 import assign

__all__ = ["load_legacy_model"]


def load_legacy_model(
    path: FilePath, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """The model in a file of Keras 2's `model.save("model.h5")`, or of Keras 3's under that name.

    Compiled it is not: the state of the optimizer is left in the file.

    Raises:
        OSError: there is no such file.
        ValueError: it is damaged, holds weights only, or asks for something that is not there.
    """
    with open_regular(path) as file:
        with open_hdf5(file, path) as root:
            described = read_json(_text(root, "model_config", path), path, "model_config")
            if safe_mode:
                refuse_lambdas(described, path, custom_objects)
            numbers = stored_numbers(root, path)
        with allowance(numbers):
            model = built_from(described, path, custom_objects, compile=False)
        with open_hdf5(file, path) as root:
            values = read_legacy_weights(root, path, model)
    assign(values, path)
    return model


def _text(root: Node, attribute: str, path: FilePath) -> bytes:
    if attribute not in root.attrs:
        raise refusal(
            path,
            "a whole model",
            "weights only",
            "Build the model in your program, and call model.load_weights.",
        )
    if (
        root.attrs.get_id(attribute).shape != ()
        or root.attrs.get_id(attribute).get_storage_size() > MAX_CONFIG
    ):
        raise refusal(path, f"a text as {attribute}", "something else")
    text = root.attrs[attribute]
    if not isinstance(text, str | bytes):
        raise refusal(path, f"a text as {attribute}", type(text).__name__)
    return text.encode() if isinstance(text, str) else bytes(text)
