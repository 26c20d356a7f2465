"""Weights as `.npz`: a zip archive of `.npy` arrays, which `numpy.load` reads as well.

Each weight is the member `<path>.npy`, such as `dense/kernel.npy`, stored as it is in memory. The last member,
`manifest.json`, lists them with dtype, shape and the SHA-256 checksum of their bytes; so a flipped bit is noticed.

>>> import os, tempfile
>>> home = tempfile.TemporaryDirectory()
>>> place = os.path.join(home.name, "weights.npz")
>>> save(place, {"dense/bias": np.array([0.5, 1.0], np.float32)})
>>> load(place, {"dense/bias": ((2,), "float32")})
{'dense/bias': array([0.5, 1. ], dtype=float32)}
>>> home.cleanup()
"""

import json
import re
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.saving.archive import ANEW, open_archive, open_member, read_member
from minidl.saving.files import MAX_CONFIG, MAX_FILE, FilePath, checksum, open_regular, refusal
from minidl.saving.json_text import read_json
from minidl.saving.npy import ArrayHeader, plain_array, read_header, read_member_array, write_member_array
from minidl.saving.pairing import Expected, convert, pair
from minidl.utils.atomic import atomic_write

__all__ = ["load", "save"]

_MANIFEST = "manifest.json"
_FORMAT = "minidl weights"
_OVERHEAD = 512  # bytes per member, besides its values
_NUMBERED = re.compile(r"arr_\d+")  # how numpy.savez calls arrays that were given no names


def save(
    path: FilePath,
    named: Mapping[str, Any],
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = True,
) -> None:
    """Write arrays to a `.npz` file, which is there completely or not at all. Same arrays, same bytes.

    Args:
        path: the file.
        named: the arrays, in the order of the model's weights.
        metadata: texts to keep in the manifest.
        overwrite: False refuses to replace a file that is there.

    Raises:
        OSError: the file cannot be written. What was at `path` is unchanged.
        ValueError: a name is no relative path.
        TypeError: an array holds something else than real numbers.
    """
    arrays = {name: plain_array(name, value) for name, value in named.items()}
    manifest = {
        "format": _FORMAT,
        "version": 1,
        "metadata": dict(metadata or {}),
        "arrays": {name: _entry(array) for name, array in arrays.items()},
    }
    needed = sum(array.nbytes + _OVERHEAD for array in arrays.values())
    with atomic_write(path, overwrite, needed) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            write_member_array(archive, name, array)
        archive.writestr(zipfile.ZipInfo(_MANIFEST), json.dumps(manifest))


def load(path: FilePath, expected: Expected, skip_mismatch: bool = False) -> dict[str, Array]:
    """Read the arrays of a `.npz` file, also of one that `numpy.savez` wrote.

    Args:
        path: the file.
        expected: name, shape and dtype of the model's weights, in their order. Arrays of other names are taken
            in their order, if all shapes fit.
        skip_mismatch: leave out what is missing or has another shape, instead of refusing.

    Returns:
        New arrays, by the names in `expected`.

    Raises:
        OSError: there is no such file, or it may not be read.
        ValueError: it is damaged, or does not fit. No more memory is taken than the weights need.
    """
    with open_regular(path, MAX_FILE) as file:
        archive, members = open_archive(file, path)
        manifest = _read_manifest(archive, members.pop(_MANIFEST, None), path)
        arrays = {name.removesuffix(".npy"): info for name, info in members.items()}
        headers = {name: _header(archive, info, path) for name, info in arrays.items()}
        if manifest is not None:
            _compare(path, headers, manifest)
        if all(map(_NUMBERED.fullmatch, headers)):
            headers = dict(sorted(headers.items(), key=lambda item: int(item[0][4:])))
        shapes = {name: header.shape for name, header in headers.items()}
        pairs = pair(path, expected, shapes, ordered=True, skip_mismatch=skip_mismatch)
        loaded = {}
        for name, other in pairs.items():
            array = read_member_array(archive, arrays[other], path)
            if manifest is not None and _sha256(array) != manifest[other]["sha256"]:
                raise refusal(path, f"{other:.60} as it was saved", "other values (wrong SHA-256)", ANEW)
            loaded[name] = convert(array, expected[name][1], path, other)
    return loaded


def _sha256(array: Array) -> str:
    """The checksum of an array's values in row order."""
    return checksum(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _entry(array: Array) -> dict[str, Any]:
    return {"dtype": array.dtype.str, "shape": list(array.shape), "sha256": _sha256(array)}


def _read_manifest(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo | None, path: FilePath
) -> dict[str, Any] | None:
    """What the manifest says of each array; None where there is none of ours."""
    if info is None:
        return None
    found = read_json(read_member(archive, info, path, MAX_CONFIG), path, _MANIFEST)
    arrays = found.get("arrays")
    if found.get("format") != _FORMAT or found.get("version") != 1:
        raise refusal(path, f"{_MANIFEST} of {_FORMAT!r}, version 1", f"{found.get('format')!r}")
    if not isinstance(arrays, dict):
        raise refusal(path, f"{_MANIFEST} to list the arrays", repr(arrays))
    return arrays


def _compare(path: FilePath, headers: Mapping[str, ArrayHeader], manifest: Mapping[str, Any]) -> None:
    if list(headers) != list(manifest):
        raise refusal(
            path, f"{len(manifest)} arrays, as its manifest lists them", f"{len(headers)} others", ANEW
        )
    for name, header in headers.items():
        entry = manifest[name]
        told = {"dtype": header.dtype.str, "shape": list(header.shape)}
        if (
            not isinstance(entry, dict)
            or {key: entry.get(key) for key in told} != told
            or "sha256" not in entry
        ):
            raise refusal(path, f"{name:.60} as its manifest says", f"{told}", ANEW)


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: FilePath) -> ArrayHeader:
    name = info.filename
    with open_member(archive, info, path) as member:
        header = read_header(member, path, name)
    if header.size != info.file_size:
        raise refusal(
            path, f"{header.size:,} bytes in {name:.60}, as its header says", f"{info.file_size:,}", ANEW
        )
    return header
