"""A look at the texts in an HDF5 file before the HDF5 library sees them.

HDF5 keeps texts of any length in collections, each of which begins with "GCOL" and is a row of objects:

    GCOL 1 0 0 0, bytes of all (8)  |  number (2), uses (2), 0 (4), bytes (8), the text  |  ...  |  0, 0, 0, bytes left

The library goes from one object to the next by their sizes. Where the rest of a collection is said to have no bytes, it
goes on from the same place for ever: eight bytes of zeros in a file hang a program. So the sizes are looked at here.
In a sound file every object lies in one collection. Where collections lie in one another, the same bytes would be
looked at again and again; so no more objects are looked at than the file has room for.
"""

import struct
from collections.abc import Iterator
from typing import IO

from minidl.saving.archive import ANEW
from minidl.saving.files import FilePath, refusal

__all__ = ["check_heaps"]

_MARK = b"GCOL\1\0\0\0"
_HEAD = 16  # bytes, of a collection and of an object
_CHUNK = 1 << 20  # bytes


def check_heaps(file: IO[bytes], path: FilePath) -> None:
    """See that every collection of texts has an end. The place in the file is that of its beginning, before and after.

    Raises:
        ValueError: one has none, or they lie in one another.
    """
    size = file.seek(0, 2)
    room = size // _HEAD
    wanted = "texts that come to an end"
    for begin in _collections(file):
        for step in _steps(file, begin, size):
            room -= 1
            if step == 0:
                raise refusal(path, wanted, "a collection of texts that goes in circles", ANEW)
            if room < 0:
                raise refusal(path, wanted, "collections of texts that lie in one another", ANEW)
    file.seek(0)


def _collections(file: IO[bytes]) -> Iterator[int]:
    """Where in the file a collection begins, or what looks like one."""
    begin = 0
    while True:
        file.seek(begin)
        chunk = file.read(_CHUNK)
        at = chunk.find(_MARK)
        while at >= 0:
            yield begin + at
            at = chunk.find(_MARK, at + 1)
        if len(chunk) < _CHUNK:
            return
        begin += _CHUNK - len(_MARK) + 1  # a mark may lie across the end of this one


def _steps(file: IO[bytes], begin: int, size: int) -> Iterator[int]:
    """From each object of a collection to the next, in bytes, as far as a file of `size` bytes goes."""
    file.seek(begin)
    head = file.read(_HEAD)
    end = min(begin + int.from_bytes(head[8:], "little"), size)
    at = begin + _HEAD
    while at + _HEAD <= end:
        file.seek(at)
        head = file.read(_HEAD)
        number, length = struct.unpack("<HxxxxxxQ", head)
        step = length if number == 0 else _HEAD + length + -length % 8
        yield step
        at += step
