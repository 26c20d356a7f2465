"""A file that holds a whole state: numbers, texts, lists, dicts and arrays, put together as one likes.

It is a zip archive: one member `state.json` with everything but the arrays, and one `.npy` member for each array,
which NumPy can read too. JSON has no tuples, no NaN, no keys but texts, and no arrays; these are written as an object
with a single key that says what stands there:

    (1, nan)   {"tuple": [1, {"float": "nan"}]}          array   {"array": 0}, whose numbers are in 0.npy

Every dict is written as {"dict": [[key, value], ...]}, so that none can be mistaken for one of those. The archive has a
checksum (CRC-32) for every member. There is no pickle in it: whatever the file contains, reading runs no code of it.
"""

import json
import math
import re
import zipfile
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.saving.archive import open_archive, read_member
from minidl.saving.files import MAX_ARRAY, MAX_CONFIG, MAX_FILE, FilePath, open_regular, refusal
from minidl.saving.json_text import read_json
from minidl.saving.npy import read_member_array, write_member_array
from minidl.utils.atomic import atomic_write

__all__ = ["read_state", "write_state"]

_STATE = "state.json"
_ARRAY = re.compile(r"\d{1,5}\.npy", re.ASCII)


def write_state(path: FilePath, state: dict[str, Any]) -> None:
    """Write `state` into a file, whole or not at all.

    Raises:
        TypeError: something in it is neither plain data nor an array of numbers.
        ValueError: it is larger than what can be read again.
        OSError: the file cannot be written. What was at `path` is unchanged.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home:
    ...     write_state(f"{home}/state.npz", {"wait": 3, "best": float("inf"), "weights": [np.arange(3)]})
    ...     read_state(f"{home}/state.npz")
    {'wait': 3, 'best': inf, 'weights': [array([0, 1, 2])]}
    """
    arrays: list[Array] = []
    text = json.dumps(_encoded(state, arrays, "state"), allow_nan=False).encode()
    needed = len(text) + sum(array.nbytes + 512 for array in arrays)
    if needed > MAX_FILE or len(text) > MAX_CONFIG or any(array.nbytes > MAX_ARRAY for array in arrays):
        raise ValueError(
            say(
                f"The state is too large for one file: {needed:,} bytes. At most {MAX_FILE:,} bytes can be read again, "
                f"{MAX_ARRAY:,} of them in one array, {MAX_CONFIG:,} besides arrays."
            )
        )
    with atomic_write(path, needed=needed) as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(_STATE, text)
        for number, array in enumerate(arrays):
            write_member_array(archive, str(number), array)


def _encoded(value: Any, arrays: list[Array], where: str) -> Any:
    """`value` as JSON can have it; its arrays are added to `arrays`."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf":
        arrays.append(np.asarray(value))
        return {"array" if isinstance(value, np.ndarray) else "number": len(arrays) - 1}
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": str(float(value))}
    if isinstance(value, list | tuple):
        items = [_encoded(item, arrays, f"{where}[{i}]") for i, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, dict):
        return {
            "dict": [
                [_encoded(key, arrays, where), _encoded(item, arrays, f"{where}[{key!r:.60}]")]
                for key, item in value.items()
            ]
        }
    raise TypeError(
        say(
            f"{where:.200} is of type {type(value).__name__}, which cannot be saved. A state consists of numbers, texts, "
            "None, lists, tuples, dicts and arrays of numbers."
        )
    )


def read_state(path: FilePath) -> dict[str, Any]:
    """What `write_state` has written.

    Raises:
        OSError: there is no such file, or it may not be read.
        ValueError: the file is damaged, or of another kind.
    """
    with open_regular(path) as file:
        archive, members = open_archive(file, path)
        if _STATE not in members:
            raise refusal(
                path, f"a member {_STATE}", f"{', '.join(members) or 'none'}", "Is it the right file?"
            )
        text = read_json(read_member(archive, members[_STATE], path, MAX_CONFIG), path, _STATE)
        arrays: dict[int, Array] = {}
        for name, info in members.items():
            if name == _STATE:
                continue
            if not _ARRAY.fullmatch(name):
                raise refusal(path, "arrays with numbers for names", f"{name!r:.60}", "Is it the right file?")
            arrays[int(name.removesuffix(".npy"))] = read_member_array(archive, info, path)
    try:
        state = _decoded(text, arrays)
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise refusal(path, f"a state in {_STATE}", f"{type(error).__name__}: {error}") from error
    if not isinstance(state, dict):
        raise refusal(path, f"a state in {_STATE}", type(state).__name__)
    return state


def _decoded(value: Any, arrays: dict[int, Array]) -> Any:
    if isinstance(value, list):
        return [_decoded(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    if kind == "dict":
        return {_decoded(key, arrays): _decoded(item, arrays) for key, item in content}
    if kind == "tuple":
        return tuple([_decoded(item, arrays) for item in content])
    if kind == "float":
        return float(content)
    array = arrays[content]
    return {"array": array, "number": array[()]}[kind]
