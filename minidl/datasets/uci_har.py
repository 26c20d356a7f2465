"""UCI HAR: what a phone at the waist feels while 30 people walk, climb stairs, sit, stand and lie.

D. Anguita, A. Ghio, L. Oneto, X. Parra, J. L. Reyes-Ortiz, "A public domain dataset for human activity
recognition using smartphones", ESANN 2013. Licence: the data set's own notes forbid commercial use.

The phone measured 50 times a second. The recordings are cut into windows of 128 steps (2.56 s), each
overlapping the one before by half, with nine channels:

| channels | what | unit |
| --- | --- | --- |
| 0, 1, 2 `body_acc` | acceleration x, y, z without gravity | g = 9.81 m/s² |
| 3, 4, 5 `body_gyro` | angular velocity about x, y, z | rad/s |
| 6, 7, 8 `total_acc` | acceleration as the sensor feels it, with gravity | g |

21 people are in the training set and 9 others in the test set, so the test score says how well the network
does with somebody it has never met. Windows of one person resemble each other: a validation set that is to
tell the same must be cut by person too (`load_subjects` says who wore the phone).
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.datasets import files
from minidl.datasets.formats import Layout, Split, read_arrays
from minidl.datasets.uci_har_archive import read_archive
from minidl.messages import say

__all__ = ["CHANNEL_NAMES", "CLASS_NAMES", "load_data", "load_subjects"]

CLASS_NAMES = ("WALKING", "WALKING_UPSTAIRS", "WALKING_DOWNSTAIRS", "SITTING", "STANDING", "LAYING")
CHANNEL_NAMES = (
    "body_acc_x", "body_acc_y", "body_acc_z", "body_gyro_x", "body_gyro_y", "body_gyro_z",
    "total_acc_x", "total_acc_y", "total_acc_z",
)  # fmt: skip

_SITE = "https://archive.ics.uci.edu/static/public/240/"
_ARCHIVE = "human+activity+recognition+using+smartphones.zip"
_LARGEST = 1 << 27  # bytes; the archive has about 60 MB
_STEPS, _PEOPLE = 128, 30
_STRONGEST = 100  # g or rad/s: no phone measures that
_COUNTS = {"train": (1226, 1073, 986, 1286, 1374, 1407), "test": (496, 471, 420, 491, 532, 537)}  # per class


def load_data(path: str | os.PathLike[str] = "uci_har.npz") -> Split:
    """The windows and their activities: `(x_train, y_train), (x_test, y_test)`.

    Taken from `uci_har.npz` in `$MINIDL_HOME/datasets` (`~/.minidl/datasets`). Where there is no such file, it
    is made from the archive of the UCI repository, which is downloaded (about 60 MB) unless it lies in the
    same folder under its own name, `human+activity+recognition+using+smartphones.zip`.

    No checksum of that archive is at hand, so it is judged by its content: every table must have the official
    number of rows, every activity its official number of windows, every number a size that people reach, and
    `total_acc - body_acc` must have the length of gravity, 1 g.

    Args:
        path: name of the `.npz` file in that folder, or an absolute path. It holds x_train, y_train,
            subject_train, the same for test, class_names and channel_names.

    Returns:
        x_train (7352, 128, 9) and x_test (2947, 128, 9), float32, accelerations in g and angular velocities in
        rad/s; y_train (7352,) and y_test (2947,), int64, from 0 to 5. The names are in `CLASS_NAMES` and
        `CHANNEL_NAMES`.

    Raises:
        OSError: the file is missing and cannot be downloaded, or cannot be read.
        ValueError: it holds something else.
    """
    arrays = _load(path)
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def load_subjects(path: str | os.PathLike[str] = "uci_har.npz") -> tuple[Array, Array]:
    """Who wore the phone in each window: `subject_train` (7352,) and `subject_test` (2947,), int64.

    People are numbered from 1 to 30, and nobody is in both. Arguments and errors are those of `load_data`.
    """
    arrays = _load(path)
    return arrays["subject_train"], arrays["subject_test"]


def _load(path: str | os.PathLike[str]) -> dict[str, Array]:
    file = files.locate(path)
    if not file.exists():
        _make(file)
    return read_arrays(file, _layout(), _problem)


def _layout() -> Layout:
    """The arrays of the `.npz` file, each with its shape and dtype."""
    layout: dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]] = {}
    for split, counts in _COUNTS.items():
        rows = sum(counts)
        layout[f"x_{split}"] = ((rows, _STEPS, len(CHANNEL_NAMES)), np.dtype(np.float32))
        layout[f"y_{split}"] = layout[f"subject_{split}"] = ((rows,), np.dtype(np.int64))
    for key, names in (("class_names", CLASS_NAMES), ("channel_names", CHANNEL_NAMES)):
        layout[key] = ((len(names),), np.array(names).dtype)
    return layout


def _problem(arrays: dict[str, Array]) -> str | None:
    """What tells the values from those of the data set, None where nothing does."""
    for key, names in (("class_names", CLASS_NAMES), ("channel_names", CHANNEL_NAMES)):
        if tuple(arrays[key].tolist()) != names:
            return f"{key} should be {', '.join(names)[:60]}..., in this order"
    for split, counts in _COUNTS.items():
        x, y, subject = (arrays[f"{key}_{split}"] for key in ("x", "y", "subject"))
        for key, values, low, high in (("y", y, 0, len(counts) - 1), ("subject", subject, 1, _PEOPLE)):
            wrong = np.flatnonzero((values < low) | (values > high))
            if wrong.size:
                at = wrong[0]
                return f"{key}_{split} should be from {low} to {high}, it has {values[at]} at index {at}"
        found = np.bincount(y, minlength=len(counts)).tolist()
        if found != list(counts):
            return f"y_{split} should have {list(counts)} windows of the six activities, it has {found}"
        far = ~(np.abs(x) <= _STRONGEST)  # NaN is not below anything
        if far.any():
            at = np.argwhere(far)[0].tolist()
            return f"x_{split} should be from -{_STRONGEST} to {_STRONGEST}, it has {x[tuple(at)]} at {at}"
        gravity = np.linalg.norm((x[..., 6:] - x[..., :3]).mean(axis=1, dtype=np.float64), axis=-1)
        wrong = np.flatnonzero(np.abs(gravity - 1) > 0.2)
        if wrong.size:
            return (
                f"total_acc - body_acc should have the length of gravity, 1 g; in x_{split}[{wrong[0]}] it "
                f"has {gravity[wrong[0]]:.2f} g"
            )
    if np.intersect1d(arrays["subject_train"], arrays["subject_test"]).size:
        return "somebody is in the training set and in the test set"
    return None


def _make(file: Path) -> None:
    """Write the `.npz` file, from the archive in the folder or from the one of the UCI repository."""
    by_hand = files.locate(_ARCHIVE)
    if by_hand.exists():
        arrays = _from_archive(by_hand, f"{by_hand} (delete it to have it downloaded)")
    else:
        url = _SITE + _ARCHIVE
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=file.parent, prefix=".uci_har.") as folder:
                archive = Path(folder) / "archive.zip"
                files.receive(url, archive, _LARGEST)
                arrays = _from_archive(archive, "the archive sent")
        except OSError as error:
            raise OSError(
                say(
                    f"{file.name} is not in {file.parent}, and no copy could be had ({files.reason(error)}). "
                    f"Put it there by hand, or get {url} with a browser and put that into {files.folder()}."
                )
            ) from error
    with files.replacing(file) as output:
        np.savez_compressed(output, **arrays)


def _from_archive(path: Path, called: str) -> dict[str, Any]:
    """The checked arrays of a UCI archive."""
    rows = {split: sum(counts) for split, counts in _COUNTS.items()}
    try:
        arrays: dict[str, Any] = read_archive(path, rows, CHANNEL_NAMES, _STEPS)
        arrays |= {"class_names": np.array(CLASS_NAMES), "channel_names": np.array(CHANNEL_NAMES)}
        problem = _problem(arrays)
    except Exception as error:  # whatever zipfile, zlib or NumPy make of a damaged file
        raise OSError(say(f"{called} cannot be read: {error!s:.150}")) from error
    if problem is not None:
        raise OSError(say(f"{called} is not the data set: {problem}"))
    return arrays
