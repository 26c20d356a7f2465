"""CIFAR-10: 60,000 small colour photographs of ten kinds of things, the step after MNIST.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", technical report, University of Toronto,
2009. Its makers state no licence.

Labels: 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship, 9 truck. There are
equally many of each, 5,000 to train on and 1,000 to test.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.datasets import files
from minidl.datasets.cifar10_archive import SIDE, read_archive
from minidl.datasets.formats import Split, read_arrays, stored_shapes
from minidl.messages import say

__all__ = ["CLASS_NAMES", "load_data"]

CLASS_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip

_PUBLISHED = files.Published(
    "cifar-10-binary.tar.gz", 170052171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
)
_SITES = ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/")  # old address and new
_COUNTS = {"train": 50000, "test": 10000}


def load_data(path: str | os.PathLike[str] | None = None) -> Split:
    """The photographs and what they show: `(x_train, y_train), (x_test, y_test)`.

    Taken from `cifar10.npz` in `$MINIDL_HOME/datasets` (`~/.minidl/datasets`). Where there is no such file, it
    is made from the archive that the makers publish for C programs, which holds plain bytes. That is downloaded
    (170 MB), unless it lies in the same folder under its own name, `cifar-10-binary.tar.gz`.

    Args:
        path: another `.npz` file to take instead, by its name in that folder or by its absolute path. It holds
            x_train, y_train, x_test and y_test and may have fewer images; it is never downloaded.

    Returns:
        x_train (50000, 32, 32, 3) and x_test (10000, 32, 32, 3): red, green and blue from 0 to 255; y_train
        (50000, 1) and y_test (10000, 1): labels from 0 to 9, whose names are in `CLASS_NAMES`. All are uint8.

    Raises:
        OSError: the file is missing and cannot be downloaded, or cannot be read.
        ValueError: it holds something else.
    """
    if path is not None:
        arrays = _part(files.locate(path))
    else:
        file = files.locate("cifar10.npz")
        if not file.exists():
            _make(file)
        layout = {
            f"{letter}_{split}": ((count, *rest), np.dtype(np.uint8))
            for split, count in _COUNTS.items()
            for letter, rest in (("x", (SIDE, SIDE, 3)), ("y", (1,)))
        }
        arrays = read_arrays(file, layout, _problem)
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def _part(file: Path) -> dict[str, Array]:
    """The arrays of a file with any number of images, up to those there are, and labels (N,) or (N, 1)."""
    if not file.exists():
        raise OSError(say(f"There is no file {file}. load_data() without a path finds CIFAR-10 by itself."))
    stored = stored_shapes(file)
    layout: dict[str, tuple[tuple[int, ...], np.dtype[np.uint8]]] = {}
    for split, largest in _COUNTS.items():
        found = stored.get(f"x_{split}", ())
        count = min(max(1, found[0]), largest) if found else largest
        flat = stored.get(f"y_{split}") == (count,)
        layout[f"x_{split}"] = ((count, SIDE, SIDE, 3), np.dtype(np.uint8))
        layout[f"y_{split}"] = ((count,) if flat else (count, 1), np.dtype(np.uint8))
    arrays = read_arrays(file, layout, _wrong_label, downloaded=False)
    return {key: a.reshape(-1, 1) if key.startswith("y") else a for key, a in arrays.items()}


def _wrong_label(arrays: dict[str, Array]) -> str | None:
    """The first label that is none, None where all are from 0 to 9."""
    for key in ("y_train", "y_test"):
        labels = arrays[key].ravel()
        wrong = np.flatnonzero(labels >= len(CLASS_NAMES))
        if wrong.size:
            return f"{key} should hold labels from 0 to 9, it has {labels[wrong[0]]} at index {wrong[0]}"
    return None


def _problem(arrays: dict[str, Array]) -> str | None:
    """What is wrong with arrays of the right shapes, None where they can be CIFAR-10."""
    problem, classes = _wrong_label(arrays), len(CLASS_NAMES)
    for split, count in _COUNTS.items():
        each = np.bincount(arrays[f"y_{split}"].ravel(), minlength=classes).tolist()
        if problem is None and each != [count // classes] * classes:
            problem = f"y_{split} should have {count // classes} of each label from 0 to 9, it has {each}"
    return problem


def _make(file: Path) -> None:
    """Write the `.npz` file, from the archive in the folder or from the one of the makers."""
    by_hand = files.locate(_PUBLISHED.name)
    if by_hand.exists():
        arrays = _from_archive(by_hand, f"{by_hand} (delete it to have it downloaded)")
    else:
        arrays = _from_site(file)
    with files.replacing(file) as output:
        # Not compressed: photographs would become 10 % smaller, and loading them ten times slower.
        np.savez(output, **arrays)


def _from_site(file: Path) -> dict[str, Any]:
    """The arrays of the makers' archive, downloaded to where `file` will be."""
    refused = []
    for site in _SITES:
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=file.parent, prefix=".cifar10.") as folder:
                archive = Path(folder) / "archive.tar.gz"
                files.receive(site + _PUBLISHED.name, archive, _PUBLISHED.size)
                return _from_archive(archive, "the archive sent")
        except OSError as error:
            refused.append(error)
    raise OSError(
        say(
            f"{file.name} is not in {file.parent}, and no copy could be had ({files.reason(refused[-1])}). "
            f"Put it there by hand, or get {_SITES[-1]}{_PUBLISHED.name} with a browser and put that into "
            f"{files.folder()}."
        )
    ) from refused[-1]


def _from_archive(path: Path, called: str) -> dict[str, Any]:
    """The checked arrays of the makers' archive."""
    try:
        arrays: dict[str, Any] = read_archive(path)
        problem = _problem(arrays)
    except Exception as error:  # whatever gzip, zlib, tarfile or NumPy make of a damaged file
        raise OSError(say(f"{called} cannot be read: {error!s:.150}")) from error
    if problem is None and files.checksum(path) != _PUBLISHED.sha256:
        problem = "its checksum is not that of the published file"
    if problem is not None:
        raise OSError(say(f"{called} is not the data set: {problem}"))
    return arrays
