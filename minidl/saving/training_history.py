"""The history of a model's training in its file: one more member of a `.keras` archive, which Keras does not look at.

    {"epoch": [0, 1], "history": {"loss": [0.7, 0.5], "accuracy": [0.5, 0.75]}}

JSON has no NaN and no infinity, and a run that diverged has them: they stand as the words "NaN", "Infinity" and
"-Infinity". What comes back is plain: floats, whole numbers, and lists of them for metrics that give several.
"""

import json
import math
import sys
from typing import Any

import numpy as np

from minidl.saving.files import MAX_CONFIG, FilePath, refusal
from minidl.saving.json_text import read_json
from minidl.utils.checks import shown
from minidl.utils.warned import warn

__all__ = ["HISTORY", "encode_history", "restored_history"]

HISTORY = "history.json"  # the name of the member
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode_history(model: Any) -> bytes | None:
    """The text of the member for the history of the latest `fit` of `model`; None if there is none.

    A value that is no number, which a callback of somebody's own has put there, stays out of the file, with a warning.
    """
    history = getattr(model, "history", None)
    curves = getattr(history, "history", None)
    if not isinstance(curves, dict) or not curves:
        return None
    kept = {}
    for key, values in curves.items():
        try:
            kept[str(key)] = [_written(value) for value in values]
        except (TypeError, ValueError):
            warn(
                f"save leaves {shown(key)} out of the history in the file: its values are no numbers. The model is saved."
            )
    epochs = [int(epoch) for epoch in getattr(history, "epoch", ())]
    text = json.dumps({"epoch": epochs, "history": kept}, allow_nan=False).encode()
    if len(text) > MAX_CONFIG:  # which nobody would read again
        warn(f"save leaves the history out of the file: it has {len(text):,} bytes. The model is saved.")
        return None
    return text


def _written(value: Any) -> Any:
    """A number, or lists of numbers, in the way of JSON."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(array.dtype)
    if array.ndim:
        return [_written(entry) for entry in array]
    number = array.item()
    if math.isfinite(number):
        return number
    return next(word for word, x in _WORDS.items() if x == number or number != number)


def restored_history(raw: bytes, path: FilePath) -> Any:
    """The History that `encode_history` wrote.

    Raises:
        ValueError: the text is something else.
    """
    from minidl.callbacks.base import History

    found = read_json(raw, path, HISTORY)
    epochs, curves = found.get("epoch"), found.get("history")
    in_order = isinstance(epochs, list) and all(
        type(epoch) is int and abs(epoch) <= sys.maxsize for epoch in epochs
    )
    if not in_order or not isinstance(curves, dict) or not all(isinstance(v, list) for v in curves.values()):
        raise refusal(path, f"{HISTORY} to list epochs and what was measured in them", "something else")
    history = History()
    history.epoch = list(epochs or [])
    history.history = {key: [_read(value, path) for value in values] for key, values in curves.items()}
    return history


def _read(value: Any, path: FilePath) -> Any:
    if isinstance(value, list):
        return [_read(entry, path) for entry in value]
    if isinstance(value, str) and value in _WORDS:
        return _WORDS[value]
    if isinstance(value, bool | int | float) and abs(value) <= sys.float_info.max:
        return value
    raise refusal(path, f"numbers in {HISTORY}", shown(value))
