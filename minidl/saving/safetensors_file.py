"""Weights as `.safetensors`, the format in which models are exchanged: a table and bytes, nothing that could run.

    length of the table (8 bytes)   {"dense/kernel": {"dtype": "F32", "shape": [4, 3], "data_offsets": [0, 48]}, ...}
    the values of all arrays, without gaps

The format is so small that minidl reads and writes it by itself. It has no checksum of its own: of 300 files
with one flipped bit, its usual reader takes 288 for good. So the SHA-256 checksum of table and values is kept in
the place for remarks, `__metadata__`; a file that has one there is compared with it, files of others are read
without.

Half-precision values (F16, BF16) become float32. A BF16 number is the upper half of the float32 number that it
stands for, so its bytes are moved there. The 8-bit floats are not read.

>>> import os, tempfile
>>> home = tempfile.TemporaryDirectory()
>>> place = os.path.join(home.name, "weights.safetensors")
>>> save(place, {"dense/bias": np.array([0.5, 1.0], np.float32)})
>>> load(place, {"dense/bias": ((2,), "float32")})
{'dense/bias': array([0.5, 1. ], dtype=float32)}
>>> home.cleanup()
"""

import hashlib
import itertools
import json
import math
import struct
from collections.abc import Iterator, Mapping
from typing import IO, Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.saving.archive import ANEW
from minidl.saving.files import (
    MAX_CONFIG,
    MAX_FILE,
    MAX_MEMBERS,
    FilePath,
    open_regular,
    refusal,
)
from minidl.saving.json_text import read_json
from minidl.saving.npy import check_size, fill, plain_array
from minidl.saving.pairing import Expected, convert, pair
from minidl.utils.atomic import atomic_write

__all__ = ["load", "read_all", "save"]

_FORMAT = "minidl"
_NAMES = {"f": "F", "i": "I", "u": "U"}
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "|b1",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1",
}  # fmt: skip
_CHUNK = 1 << 20  # bytes


class _Entry(NamedTuple):
    """One array, as the table has it; `begin` and `end` count from the first value in the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class _Table(NamedTuple):
    entries: dict[str, _Entry]
    remarks: Mapping[str, Any]  # what __metadata__ says
    start: int  # where in the file the values begin


def save(
    path: FilePath,
    named: Mapping[str, Any],
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = True,
) -> None:
    """Write arrays to a `.safetensors` file, which is there completely or not at all.

    Args:
        path: the file.
        named: the arrays, in the order of the model's weights. The table keeps this order; the values are
            sorted by the size of their numbers, so that each array begins at a multiple of it.
        metadata: texts to keep in `__metadata__`, besides `format` and `sha256`.
        overwrite: False refuses to replace a file that is there.

    Raises:
        OSError: the file cannot be written. What was at `path` is unchanged.
        ValueError: a name is no relative path.
        TypeError: an array holds something else than real numbers.
    """
    arrays = {name: plain_array(name, value) for name, value in named.items()}
    sorted_names = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    ends = list(itertools.accumulate((arrays[name].nbytes for name in sorted_names), initial=0))
    places = {name: ends[i : i + 2] for i, name in enumerate(sorted_names)}
    entries = {name: _Entry(_dtype_name(array), array.shape, *places[name]) for name, array in arrays.items()}
    parts = [arrays[name].reshape(-1).view(np.uint8).data for name in sorted_names]
    remarks = {**(metadata or {}), "format": _FORMAT, "sha256": _digest(entries, parts)}
    table = {"__metadata__": remarks} | {
        name: {"dtype": e.dtype, "shape": e.shape, "data_offsets": (e.begin, e.end)}
        for name, e in entries.items()
    }
    header = json.dumps(table, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the values begin at a multiple of 8
    with atomic_write(path, overwrite, needed=8 + len(header) + ends[-1]) as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for part in parts:
            file.write(part)


def load(path: FilePath, expected: Expected, skip_mismatch: bool = False) -> dict[str, Array]:
    """Read the arrays of a `.safetensors` file.

    Args:
        path: the file.
        expected: name, shape and dtype of the model's weights, in their order. In a file that minidl wrote,
            arrays of other names are taken in their order, if all shapes fit.
        skip_mismatch: leave out what is missing or has another shape, instead of refusing.

    Returns:
        New arrays, by the names in `expected`.

    Raises:
        OSError: there is no such file, or it may not be read.
        ValueError: it is damaged, or does not fit. No more memory is taken than the weights need.
    """
    with open_regular(path, MAX_FILE) as file:
        table = _read_table(file, path)
        shapes = {name: entry.shape for name, entry in table.entries.items()}
        ordered = table.remarks.get("format") == _FORMAT
        pairs = pair(path, expected, shapes, ordered, skip_mismatch)
        return {
            name: convert(_read(file, table, other, path), expected[name][1], path, other)
            for name, other in pairs.items()
        }


def read_all(path: FilePath) -> dict[str, Array]:
    """All arrays of a `.safetensors` file, whatever they are; together they are about as large as the file.

    Raises:
        OSError: there is no such file, or it may not be read.
        ValueError: it is damaged.
    """
    with open_regular(path, MAX_FILE) as file:
        table = _read_table(file, path)
        return {name: _read(file, table, name, path) for name in table.entries}


def _read_table(file: IO[bytes], path: FilePath) -> _Table:
    """The table of a file, compared with the length of the file and, where it has one, with the checksum."""
    size = file.seek(0, 2)
    file.seek(0)
    start = file.read(8)
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if not 2 <= length <= min(MAX_CONFIG, size - 8):
        raise refusal(
            path, "a safetensors file", f"one whose table would have {length:,} of {size:,} bytes", ANEW
        )
    found = read_json(file.read(length), path, "its table")
    remarks = found.pop("__metadata__", {})
    if not isinstance(remarks, dict):
        raise refusal(path, "__metadata__ to be an object", repr(remarks))
    if len(found) > MAX_MEMBERS:
        raise refusal(path, f"at most {MAX_MEMBERS:,} arrays", f"{len(found):,}")
    table = _Table({name: _entry(value, path, name) for name, value in found.items()}, remarks, 8 + length)
    end = 0
    for name, entry in sorted(table.entries.items(), key=lambda item: item[1][2:]):
        if entry.begin != end:
            raise refusal(path, f"{name!r:.60} to begin at byte {end:,}", f"{entry.begin:,}", ANEW)
        end = entry.end
    if table.start + end != size:
        raise refusal(path, f"{table.start + end:,} bytes, as its table says", f"{size:,}", ANEW)
    if remarks.get("format") == _FORMAT and remarks.get("sha256") != _digest(table.entries, _chunks(file)):
        raise refusal(path, "the values that were saved", "others (wrong SHA-256)", ANEW)
    return table


def _entry(value: Any, path: FilePath, name: str) -> _Entry:
    """One entry of the table, if it describes an array."""
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise refusal(path, f"dtype, shape and data_offsets of {name!r:.60}", repr(value))
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise refusal(path, f"{name!r:.60} of a dtype among {', '.join(_DTYPES)}", repr(dtype))
    if not _whole(shape) or not _whole(offsets) or len(offsets) != 2:
        raise refusal(path, f"shape and data_offsets of {name!r:.60}", f"{shape!r:.70} and {offsets!r:.70}")
    stored = np.dtype(_DTYPES[dtype])
    check_size(tuple(shape), stored, path, name)
    if offsets[1] - offsets[0] != math.prod(shape) * stored.itemsize:
        raise refusal(
            path, f"{dtype} of shape {shape} in {name!r:.60}", f"bytes {offsets[0]} to {offsets[1]}", ANEW
        )
    return _Entry(dtype, tuple(shape), *offsets)


def _whole(values: Any) -> bool:
    return isinstance(values, list) and all(type(n) is int and 0 <= n < 2**63 for n in values)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(_CHUNK), b"")


def _digest(entries: Mapping[str, _Entry], parts: Any) -> str:
    """The SHA-256 checksum of a table and the values behind it."""
    digest = hashlib.sha256(json.dumps(entries).encode())
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _read(file: IO[bytes], table: _Table, name: str, path: FilePath) -> Array:
    entry = table.entries[name]
    array = np.empty(entry.shape, _DTYPES[entry.dtype])
    file.seek(table.start + entry.begin)
    fill(array, file, path, name)
    if entry.dtype == "BF16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32) if entry.dtype == "F16" else array


def _dtype_name(array: Array) -> str:
    return "BOOL" if array.dtype.kind == "b" else f"{_NAMES[array.dtype.kind]}{array.itemsize * 8}"
