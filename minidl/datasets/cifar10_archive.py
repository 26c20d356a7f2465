"""Reading the archive in which the makers of CIFAR-10 publish it for languages other than Python.

It is a gzipped tar file. Six files in it hold 10,000 images each, and every image takes 3,073 bytes, one after
another, without a header:

    label (1 byte, 0 to 9) | red (32·32 bytes, row by row) | green (32·32) | blue (32·32)

The archive made for Python holds the same images as pickles, which are programs that run when they are read; so
it is the other one that is read here. Nothing is unpacked to disk. A tar file is blocks of 512 bytes: one that says
the name, kind and size of a file, then the content of that file, and so on. They are read one by one, only the six
files are kept, and whatever is larger or more than it could be ends the reading.
"""

import gzip
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.saving.files import open_regular

__all__ = ["SIDE", "TEST_FILES", "TRAINING_FILES", "read_archive"]

SIDE = 32  # pixels
TRAINING_FILES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST_FILES = ("test_batch.bin",)

_FOLDER = "cifar-10-batches-bin/"
_WANTED = {_FOLDER + name for name in (*TRAINING_FILES, *TEST_FILES)}
_IMAGES = 10000  # in each file
_RECORD = 1 + 3 * SIDE * SIDE  # bytes
_BESIDES = 1 << 18  # bytes of a file that is not wanted; the notes take far less
_MOST = 100  # files and folders; there are 9


def read_archive(path: Path) -> dict[str, Array]:
    """The arrays in the archive `path`.

    Returns:
        x_train (50000, 32, 32, 3), y_train (50000, 1), x_test (10000, 32, 32, 3), y_test (10000, 1), all uint8.

    Raises:
        ValueError: a file of the archive is missing or has another length, or it is one of the other versions.
        OSError, EOFError, zlib.error, tarfile.TarError: it is no such archive, or damaged.
    """
    with open_regular(path) as stored, gzip.open(stored) as file:
        found = _wanted_files(file)
        while file.read(1 << 20):  # to the end, where gzip compares its checksum
            if file.tell() > (len(_WANTED) + 1) * _IMAGES * _RECORD + _MOST * _BESIDES:
                raise ValueError(say("it goes on long after its last file"))
    arrays = {}
    for split, files in (("train", TRAINING_FILES), ("test", TEST_FILES)):
        records = np.concatenate([_records(found, name) for name in files])
        arrays[f"x_{split}"] = _pictures(records)
        arrays[f"y_{split}"] = records[:, :1].copy()
    return arrays


def _wanted_files(file: gzip.GzipFile) -> dict[str, bytes]:
    """The six files by name; of all others the name alone."""
    found: dict[str, bytes] = {}
    for number, member in enumerate(_members(file)):
        if number == _MOST:
            raise ValueError(say(f"it has more than {_MOST} files"))
        wanted = member.isreg() and member.name in _WANTED
        largest = _IMAGES * _RECORD if wanted else _BESIDES
        if not 0 <= member.size <= largest:
            other = _other_version(member.name)
            raise ValueError(
                say(f"{member.name!r:.60} has {member.size:,} bytes, {largest:,} are expected{other}")
            )
        content = file.read(member.size + -member.size % tarfile.BLOCKSIZE)[: member.size]
        if len(content) != member.size:
            raise ValueError(say(f"{member.name!r:.60} is cut off"))
        found[member.name] = content if wanted else b""
    return found


def _members(file: gzip.GzipFile) -> Iterator[tarfile.TarInfo]:
    """The heads of the files in a tar file; before the next one, the content must be read."""
    while any(block := file.read(tarfile.BLOCKSIZE)):  # a block of zeros ends it
        yield tarfile.TarInfo.frombuf(block, "utf-8", "replace")


def _records(found: dict[str, bytes], name: str) -> Array:
    """The records of one file, (10000, 3073) bytes."""
    content = found.get(_FOLDER + name, b"")
    if not content:
        other = next(filter(None, map(_other_version, found)), "")
        raise ValueError(say(f"it has no file {_FOLDER}{name}{other}"))
    if len(content) != _IMAGES * _RECORD:
        raise ValueError(say(f"{name} has {len(content):,} bytes, {_IMAGES * _RECORD:,} are expected"))
    return np.frombuffer(content, np.uint8).reshape(_IMAGES, _RECORD)


def _other_version(name: str) -> str:
    """A hint, if a file of this name is in an archive made for another language; "" if not."""
    folder = name.split("/")[0]
    ours = f"{folder}/" == _FOLDER or not folder.startswith("cifar-10-batches-")
    return "" if ours else f": this is the version in {folder:.40}"


def _pictures(records: Array) -> Array:
    """Colour planes, as the records have them, to pixels of three colours: (N, 3073) -> (N, 32, 32, 3)."""
    planes = records[:, 1:].reshape(-1, 3, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
