"""Reading the archive in which the makers of CIFAR-10 publish it for languages other than Python.

It is a gzipped tar file. Six files in it hold 10,000 images each, and every image takes 3,073 bytes, one after
another, without a header:

    label (1 byte, 0 to 9) | red (32·32 bytes, row by row) | green (32·32) | blue (32·32)

The archive made for Python holds the same images as pickles, which are programs that run when they are read; so
it is the other one that is read here. Nothing is unpacked to disk. Of the names in the archive only the six are
looked for, and what it unpacks to is counted before it is believed.
"""

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np

from minidl.backend import Array
from minidl.messages import say

__all__ = ["SIDE", "TEST_FILES", "TRAINING_FILES", "read_archive"]

SIDE = 32  # pixels
TRAINING_FILES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST_FILES = ("test_batch.bin",)

_FOLDER = "cifar-10-batches-bin/"
_IMAGES = 10000  # in each file
_RECORD = 1 + 3 * SIDE * SIDE  # bytes
_BESIDES = 1 << 23  # bytes; notes and file heads take far less, the version for Python 2 MB more


def read_archive(path: Path) -> dict[str, Array]:
    """The arrays in the archive `path`.

    Returns:
        x_train (50000, 32, 32, 3), y_train (50000, 1), x_test (10000, 32, 32, 3), y_test (10000, 1), all uint8.

    Raises:
        ValueError: a file of the archive is missing or has another length, or it is one of the other versions.
        OSError, EOFError, zlib.error, tarfile.TarError: it is no such archive, or damaged.
    """
    names = (*TRAINING_FILES, *TEST_FILES)
    largest = len(names) * _IMAGES * _RECORD + _BESIDES
    with gzip.open(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise ValueError(say(f"it unpacks to more than {largest:,} bytes"))
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        members = {member.name: member for member in archive}
        arrays = {}
        for split, files in (("train", TRAINING_FILES), ("test", TEST_FILES)):
            records = np.concatenate([_records(archive, members, name) for name in files])
            arrays[f"x_{split}"] = _pictures(records)
            arrays[f"y_{split}"] = records[:, :1].copy()
    return arrays


def _records(archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo], name: str) -> Array:
    """The records of one file, (10000, 3073) bytes."""
    member = members.get(_FOLDER + name)
    file = archive.extractfile(member) if member is not None and member.isreg() else None
    if member is None or file is None:
        other = next((m.split("/")[0] for m in members if m.startswith("cifar-10-batches-")), "")
        hint = f": this is the version in {other}" if other and other + "/" != _FOLDER else ""
        raise ValueError(say(f"it has no file {_FOLDER}{name}{hint}"))
    if member.size != _IMAGES * _RECORD:
        raise ValueError(say(f"{name} has {member.size:,} bytes, {_IMAGES * _RECORD:,} are expected"))
    with file:
        return np.frombuffer(file.read(), np.uint8).reshape(_IMAGES, _RECORD)


def _pictures(records: Array) -> Array:
    """Colour planes, as the records have them, to pixels of three colours: (N, 3073) -> (N, 32, 32, 3)."""
    planes = records[:, 1:].reshape(-1, 3, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
