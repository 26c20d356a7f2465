"""The `.npy` format, one array in a file, read without believing it.

    \\x93NUMPY  1 0  length  {'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }  bytes of the values

The header looks like Python, and NumPy evaluates it as such (literals only). Here it has to match one pattern,
which leaves no room for anything but a plain array of numbers.
"""

import math
import re
import struct
import zipfile
from typing import IO, Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.saving.archive import open_member, unsafe_name
from minidl.saving.files import MAX_ARRAY, MAX_HEADER, FilePath, refusal

__all__ = [
    "ArrayHeader", "check_size", "fill", "plain_array", "read_array", "read_header", "read_member_array",
    "write_member_array",
]  # fmt: skip

_MAGIC = b"\x93NUMPY"
_HEADER = re.compile(
    r"\{ ?'descr': ?'(?P<dtype>[<>|=]?(?:f[248]|[iu][1248]|b1|U[1-9]\d{0,2}))', ?"
    r"'fortran_order': ?(?P<fortran>True|False), ?"
    r"'shape': ?\((?P<shape>|\d{1,19},|\d{1,19}(?:, ?\d{1,19})+),?\),? ?\} *\n?"
)
_MAX_AXES = 32
_CHUNK = 1 << 20  # bytes


class ArrayHeader(NamedTuple):
    """What the header of a `.npy` array says, and how many bytes it has itself."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    length: int

    @property
    def size(self) -> int:
        """The bytes of header and values."""
        return self.length + math.prod(self.shape) * self.dtype.itemsize


def read_header(file: IO[bytes], path: FilePath, name: str, texts: bool = False) -> ArrayHeader:
    """The header at the beginning of `file`; reads no further.

    Args:
        file: at the first byte of the array.
        path: the file it is part of, for errors.
        name: the array's name, for errors.
        texts: whether an array of short texts will do as well.

    Raises:
        ValueError: it is not the header of an array of numbers, or the array is too large.
    """
    start = file.read(8)
    if start[:6] != _MAGIC:
        raise refusal(path, f"{name:.60} to be a .npy array", f"bytes that begin with {start!r}")
    form = {(1, 0): "<H", (2, 0): "<I", (3, 0): "<I"}.get((*start[6:],))
    if form is None:
        raise refusal(path, f"{name:.60} in version 1 to 3 of the .npy format", f"{[*start[6:]]}")
    packed = file.read(struct.calcsize(form))
    length = struct.unpack(form, packed)[0] if len(packed) == struct.calcsize(form) else 0
    if not 0 < length <= MAX_HEADER:
        raise refusal(path, f"a header of at most {MAX_HEADER} bytes in {name:.60}", f"{length:,}")
    text = file.read(length).decode("latin-1")
    match = _HEADER.fullmatch(text)
    if match is None or ("U" in match["dtype"] and not texts):
        raise refusal(path, f"{name:.60} to be a plain array of numbers", repr(text.strip()))
    shape = tuple(map(int, match["shape"].rstrip(",").split(","))) if match["shape"] else ()
    dtype = np.dtype(match["dtype"])
    check_size(shape, dtype, path, name)
    return ArrayHeader(dtype, shape, match["fortran"] == "True", 8 + len(packed) + length)


def check_size(shape: tuple[int, ...], dtype: np.dtype[Any], path: FilePath, name: str) -> None:
    """See that an array of this shape may be made.

    Raises:
        ValueError: it would be too large.
    """
    if len(shape) > _MAX_AXES or math.prod(n or 1 for n in shape) * dtype.itemsize > MAX_ARRAY:
        raise refusal(path, f"{name:.60} of at most {MAX_ARRAY:,} bytes", f"{dtype} of shape {shape}")


def read_array(file: IO[bytes], header: ArrayHeader, path: FilePath, name: str) -> Array:
    """The array behind a header that was read, in a new array of its own; to the end of `file`.

    Raises:
        ValueError: there are fewer or more bytes.
    """
    order = header.shape[::-1] if header.fortran else header.shape
    array = np.empty(order, header.dtype)
    fill(array, file, path, name)
    if file.read(1):
        raise refusal(path, f"{header.size:,} bytes in {name:.60}", "more")
    return array.T if header.fortran else array


def fill(array: Array, file: IO[bytes], path: FilePath, name: str) -> None:
    """Read all bytes of a contiguous array from `file`.

    Raises:
        ValueError: there are fewer bytes.
    """
    flat = array.reshape(-1).view(np.uint8).data
    for begin in range(0, flat.nbytes, _CHUNK):
        part = flat[begin : begin + _CHUNK]
        chunk = file.read(part.nbytes)
        if len(chunk) != part.nbytes:
            raise refusal(path, f"{flat.nbytes:,} bytes for {name:.60}", "fewer", "The file is incomplete.")
        part[:] = chunk
    if array.dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
        raise refusal(path, f"{name:.60} to hold True and False, bytes 1 and 0", "other bytes")


def write_member_array(archive: zipfile.ZipFile, name: str, array: Array) -> None:
    """Add an array to an archive, as the member `<name>.npy`. It has no date: same arrays, same bytes."""
    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def read_member_array(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: FilePath, texts: bool = False
) -> Array:
    """The array that a member of an archive holds.

    Raises:
        ValueError: it holds something else, or is damaged.
    """
    with open_member(archive, info, path) as member:
        header = read_header(member, path, info.filename, texts)
        return read_array(member, header, path, info.filename)


def plain_array(name: str, value: Any) -> Array:
    """`value` as an array of real numbers, in row order and with the low byte first.

    Raises:
        ValueError: the name is no relative path.
        TypeError: it holds something else.
    """
    if not isinstance(name, str) or unsafe_name(name):
        raise ValueError(
            say(f"Weights are saved under names like 'dense/kernel', got {name!r:.60}. Rename the layer.")
        )
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(
            say(f"Weights are real numbers of at most 64 bits, {name!r:.60} has dtype {array.dtype}.")
        )
    return np.asarray(array, array.dtype.newbyteorder("<"), order="C")
