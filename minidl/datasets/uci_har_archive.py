"""Reading the archive in which the UCI repository publishes the HAR data set.

The archive is a zip file that holds another, `UCI HAR Dataset.zip`. In that, each channel of each split is a
text file with one window of 128 numbers a line, and labels and people are text files with one whole number a
line:

    UCI HAR Dataset/train/Inertial Signals/body_acc_x_train.txt
    UCI HAR Dataset/train/y_train.txt               1 to 6
    UCI HAR Dataset/train/subject_train.txt         1 to 30

A zip file says how large each file in it becomes, and may lie or say terabytes. Nothing is unpacked to disk,
only files asked for by name are opened, and a size that no such table can have is refused before it is read.
"""

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from minidl.backend import Array
from minidl.messages import say

__all__ = ["read_archive"]

_INNER = "UCI HAR Dataset.zip"
_LARGEST_INNER = 1 << 27  # bytes; the real one has about 60 MB
_LONGEST = 32  # bytes a number may take; the real ones take 16
_ROOT = "UCI HAR Dataset"


def read_archive(
    path: Path, rows: Mapping[str, int], channels: Sequence[str], steps: int
) -> dict[str, Array]:
    """The arrays in the archive `path`, with labels counted from 0.

    Args:
        path: the zip file. The one inside it is taken too, on its own.
        rows: number of windows of each split, by its name.
        channels: names of the channels, in the order of the last axis.
        steps: number of time steps T of a window.

    Returns:
        For each split: x_<split> (N, T, C) float32, y_<split> (N,) int64, subject_<split> (N,) int64.

    Raises:
        ValueError: a table is missing, too large, or holds something else.
        zipfile.BadZipFile, zlib.error, EOFError: it is no zip file, or damaged.
    """
    with zipfile.ZipFile(path) as archive:
        if _INNER not in archive.namelist():
            return _arrays(archive, rows, channels, steps)
        inner = io.BytesIO(_content(archive, _INNER, _LARGEST_INNER))
    with zipfile.ZipFile(inner) as archive:
        return _arrays(archive, rows, channels, steps)


def _arrays(
    archive: zipfile.ZipFile, rows: Mapping[str, int], channels: Sequence[str], steps: int
) -> dict[str, Array]:
    arrays = {}
    for split, count in rows.items():
        folder = f"{_ROOT}/{split}"
        signals = (f"{folder}/Inertial Signals/{channel}_{split}.txt" for channel in channels)
        arrays[f"x_{split}"] = _stack(archive, signals, (count, steps, len(channels)))
        for key, first in (("y", 1), ("subject", 0)):
            numbers = _table(archive, f"{folder}/{key}_{split}.txt", (count, 1), np.dtype(np.int64))
            arrays[f"{key}_{split}"] = numbers[:, 0] - first
    return arrays


def _stack(archive: zipfile.ZipFile, names: Iterable[str], shape: tuple[int, int, int]) -> Array:
    """The tables `names` side by side along a last axis, as float32."""
    x = np.empty(shape, np.float32)
    for c, name in enumerate(names):
        table = _table(archive, name, shape[:2], np.dtype(np.float64))
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is found then
            x[..., c] = table
    return x


def _table(archive: zipfile.ZipFile, name: str, shape: tuple[int, int], dtype: np.dtype[np.generic]) -> Array:
    """The numbers in a text file: one row a line, blanks between the columns."""
    content = _content(archive, name, shape[0] * (shape[1] * _LONGEST + 2))
    if not content.strip():
        raise ValueError(say(f"{name} is empty"))
    try:
        table = np.loadtxt(io.BytesIO(content), dtype, comments=None, encoding="ascii", ndmin=2)
    except ValueError as error:
        raise ValueError(f"{name}: {error}"[:200]) from error
    if table.shape != shape:
        raise ValueError(say(f"{name} should have {shape[0]} rows of {shape[1]}, it has {table.shape}"))
    return table


def _content(archive: zipfile.ZipFile, name: str, largest: int) -> bytes:
    """A file of the archive, unless it is missing or says that it is larger than `largest` bytes.

    `zipfile` reads no more than the size that is said, whatever follows.
    """
    if name not in archive.namelist():
        raise ValueError(say(f"it has no file {name}"))
    size = archive.getinfo(name).file_size
    if size > largest:
        raise ValueError(say(f"{name} unpacks to {size:,} bytes, at most {largest:,} are expected"))
    with archive.open(name) as file:
        return file.read(size)
