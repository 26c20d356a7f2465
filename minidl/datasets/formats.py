"""Reading image data sets from `.npz` and IDX files, with every size checked before it is believed.

MNIST and Fashion-MNIST hold 60,000 training and 10,000 test images of 28 x 28 grey pixels (0 black to 255 white)
and a label from 0 to 9 for each. A file that says anything else is refused.
"""

import gzip
import math
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.saving.archive import open_archive, open_member
from minidl.saving.files import open_regular
from minidl.saving.npy import ArrayHeader, read_header, read_member_array

__all__ = ["SHAPES", "Layout", "Split", "read_arrays", "read_idx", "read_npz", "stored_shapes"]

Split: TypeAlias = tuple[tuple[Array, Array], tuple[Array, Array]]
Layout: TypeAlias = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]
_Members: TypeAlias = dict[str, zipfile.ZipInfo]

SHAPES: dict[str, tuple[int, ...]] = {
    "x_train": (60000, 28, 28),
    "y_train": (60000,),
    "x_test": (10000, 28, 28),
    "y_test": (10000,),
}


def read_npz(path: Path) -> Split:
    """The data set in a NumPy archive with the arrays x_train, y_train, x_test and y_test, all uint8.

    Returns:
        (x_train, y_train), (x_test, y_test).

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds something else.
    """
    arrays = read_arrays(
        path, {key: (shape, np.dtype(np.uint8)) for key, shape in SHAPES.items()}, _wrong_label
    )
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def read_arrays(
    path: Path,
    layout: Layout,
    problem_with: Callable[[dict[str, Array]], str | None],
    downloaded: bool = True,
) -> dict[str, Array]:
    """The arrays of a NumPy archive, by name.

    Args:
        path: the `.npz` file.
        layout: the arrays that must be in it, each with its shape and dtype. Others are not looked at.
        problem_with: says what is wrong with the values of the arrays, None where nothing is.
        downloaded: whether a file that is deleted will be downloaded, for the advice in an error.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds something else.
    """
    try:
        with _opened(path) as (archive, members):
            problem = _difference(path, archive, members, layout)
            if problem is None:
                arrays = {
                    key: read_member_array(archive, members[f"{key}.npy"], path.name, texts=True)
                    for key in layout
                }
                arrays = {key: array.astype(layout[key][1], "C", copy=False) for key, array in arrays.items()}
                problem = problem_with(arrays)
    except Exception as error:  # whatever zipfile, zlib or NumPy make of a damaged file
        raise _unreadable(path, error, downloaded) from error
    if problem is not None:
        otherwise = "or delete the file to have it downloaded" if downloaded else "or name another file"
        raise ValueError(
            say(
                f"{path} is not the data set: {problem}. Store what its documentation says with np.savez, "
                f"{otherwise}."
            )
        )
    return arrays


def stored_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays that a NumPy archive announces, by name.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        with _opened(path) as (archive, members):
            return {
                name.removesuffix(".npy"): _header(path, archive, info).shape
                for name, info in members.items()
                if name.endswith(".npy")
            }
    except Exception as error:  # whatever zipfile, zlib or NumPy make of a damaged file
        raise _unreadable(path, error, downloaded=False) from error


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, _Members]]:
    """A NumPy archive and its members, open for reading."""
    with open_regular(path) as file:
        yield open_archive(file, path.name)


def _header(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> ArrayHeader:
    """The header of an array in an archive. No more is read: a small file can announce arrays that no memory holds."""
    with open_member(archive, info, path.name) as member:
        return read_header(member, path.name, info.filename, texts=True)


def _difference(path: Path, archive: zipfile.ZipFile, members: _Members, layout: Layout) -> str | None:
    """How the arrays announced in an archive differ from those of the data set, None where they do not."""
    for key, (shape, dtype) in layout.items():
        if f"{key}.npy" not in members:
            return f"it has no array {key}"
        header = _header(path, archive, members[f"{key}.npy"])
        if header.shape != shape or header.dtype.newbyteorder("=") != dtype:
            return f"{key} should be {dtype} of shape {shape}, it is {header.dtype} of shape {header.shape}"
    return None


def _wrong_label(arrays: dict[str, Array]) -> str | None:
    """The first label that is none, None where all are from 0 to 9."""
    for key in ("y_train", "y_test"):
        wrong = np.flatnonzero(arrays[key] > 9)
        if wrong.size:
            return f"{key} should hold labels from 0 to 9, it has {arrays[key][wrong[0]]} at index {wrong[0]}"
    return None


def read_idx(path: Path, shape: tuple[int, ...]) -> Array:
    """The array of a gzipped IDX file, the format of the original MNIST.

    IDX is a header and the values in row order. For bytes the header is 0, 0, 8 (unsigned byte), the number
    of axes, then the length of each axis as a big-endian 32-bit integer.

    Args:
        path: the `.gz` file.
        shape: the shape that must be in it.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds something else.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home:
    ...     path = Path(home) / "labels.gz"
    ...     _ = path.write_bytes(gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4])))
    ...     read_idx(path, (3,))
    array([5, 0, 4], dtype=uint8)
    """
    header = struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)
    expected = len(header) + math.prod(shape)
    try:
        with open_regular(path) as stored, gzip.open(stored) as file:
            content = file.read(expected + 1)
    except Exception as error:  # whatever gzip and zlib make of a damaged file
        raise _unreadable(path, error) from error
    if len(content) != expected or not content.startswith(header):
        raise ValueError(
            say(f"{path} should hold unsigned bytes of shape {shape} in IDX format, and does not.")
        )
    return np.frombuffer(bytearray(content), np.uint8, offset=len(header)).reshape(shape)


def _unreadable(path: Path, error: Exception, downloaded: bool = True) -> OSError:
    reason = f"{type(error).__name__}: {error}"[:200]
    advice = " If it is damaged, delete it to have it downloaded anew." if downloaded else ""
    return OSError(say(f"{path} cannot be read ({reason}).{advice}"))
