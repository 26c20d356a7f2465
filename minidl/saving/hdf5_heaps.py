"""A look at the texts in an HDF5 file before the HDF5 library sees them.

HDF5 keeps texts of any length in collections, each of which begins with "GCOL" and is a row of objects:

    GCOL 1 0 0 0, bytes of all (8)  |  number (2), uses (2), 0 (4), bytes (8), the text  |  ...  |  0, 0, 0, bytes left

The library goes from one object to the next by their sizes. Where the rest of a collection is said to have no bytes, it
goes on from the same place for ever: eight bytes of zeros in a file hang a program. So the sizes are looked at here.
"""

import struct
from typing import IO

from minidl.saving.archive import ANEW
from minidl.saving.files import FilePath, refusal

__all__ = ["check_heaps"]

_MARK = b"GCOL\1\0\0\0"
_HEAD = 16  # bytes, of a collection and of an object
_CHUNK = 1 << 20  # bytes
_LARGEST = 1 << 26  # bytes of one collection


def check_heaps(file: IO[bytes], path: FilePath) -> None:
    """See that every collection of texts has an end. The place in the file is that of its beginning, before and after.

    Raises:
        ValueError: one has none.
    """
    file.seek(0)
    begin, chunk = 0, file.read(_CHUNK)
    while chunk:
        at = chunk.find(_MARK)
        while at >= 0:
            file.seek(begin + at)
            _check_collection(file, path)
            at = chunk.find(_MARK, at + 1)
        begin += max(1, len(chunk) - len(_MARK) + 1) if len(chunk) == _CHUNK else len(chunk)
        file.seek(begin)
        chunk = file.read(_CHUNK)
    file.seek(0)


def _check_collection(file: IO[bytes], path: FilePath) -> None:
    head = file.read(_HEAD)
    size = struct.unpack("<Q", head[8:])[0] if len(head) == _HEAD else 0
    content = file.read(min(size, _LARGEST) - _HEAD) if size > _HEAD else b""
    at = 0
    while at + _HEAD <= len(content):
        number, length = struct.unpack_from("<HxxxxxxQ", content, at)
        step = length if number == 0 else _HEAD + length + -length % 8
        if step == 0:
            raise refusal(
                path, "texts that come to an end", "a collection of texts that goes in circles", ANEW
            )
        at += step
