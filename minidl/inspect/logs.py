"""What a training has measured, epoch by epoch, wherever it is kept.

That is: in the History that `fit` returned, in the model (a `.keras` file keeps it too), in a dict of lists, or in the
file of a CSVLogger.
"""

import csv
import io
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.saving.files import open_regular
from minidl.utils.atomic import FilePath
from minidl.utils.checks import shown

__all__ = ["Logs", "Values", "logs_of", "read_log"]

_LARGEST = 64 << 20  # bytes of the file of a CSVLogger

Values: TypeAlias = list[
    float | None
]  # None where nothing was measured: validation may run every few epochs only


class Logs(NamedTuple):
    """The numbers of the epochs, counted from 1 as `fit` shows them, and as many values for each name."""

    epochs: list[int]
    curves: dict[str, Values]


def logs_of(owner: str, history: Any) -> Logs | None:
    """What there is in a History, in a trained model or in a dict of lists; None if that is nothing.

    Args:
        owner: the function that was given it, for messages.
        history: that, or what this module has read before.

    Raises:
        TypeError: it is something else.

    >>> logs_of("plot_history", {"loss": [0.9, 0.5, 0.4, 0.3], "val_loss": [0.8, 0.6]}).curves["val_loss"]
    [None, 0.8, None, 0.6]
    """
    if isinstance(history, Logs):
        return history
    if hasattr(getattr(history, "history", None), "history"):  # a model that was trained
        history = history.history
    known = getattr(history, "history", history)
    if not isinstance(known, Mapping):
        raise TypeError(
            say(
                f"{owner} expects history to be what fit returned, a trained model, or a dict such as "
                f"{{'loss': [0.9, 0.5]}}, got {shown(history)}."
            )
        )
    found: dict[str, list[float]] = {}
    for name, values in known.items():
        columns = _columns(owner, name, values)
        several = columns.shape[1] > 1  # a metric that gives several numbers
        for i, column in enumerate(columns.T):
            found[f"{name}[{i}]" if several else str(name)] = column.tolist()
    longest = max(map(len, found.values()), default=0)
    if not longest:
        return None
    placed = {name: _placed(values, longest) for name, values in found.items() if values}
    return Logs(_counted(getattr(history, "epoch", ()), longest), placed)


def _counted(epochs: Sequence[int], length: int) -> list[int]:
    """The numbers of the epochs from 1; where they begin anew, as in the log of two runs, they go on counting."""
    if len(epochs) == length and all(a < b for a, b in itertools.pairwise(epochs)):
        return [int(epoch) + 1 for epoch in epochs]
    return list(range(1, length + 1))


def _columns(owner: str, name: Any, values: Any) -> Array:
    """The values (epochs, numbers in each)."""
    try:
        columns = np.asarray(values, dtype=np.float64)
        return columns.reshape(len(columns), -1 if columns.size else 1)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(
            say(f"{owner} expects history to have a list of numbers for {shown(name)}, got {shown(values)}.")
        ) from None


def _placed(values: list[float], epochs: int) -> Values:
    """Each value at its epoch: of fewer than there are epochs, each at the end of as many."""
    every = epochs // len(values)
    placed: Values = [None] * epochs
    for i, value in enumerate(values):
        placed[(i + 1) * every - 1] = value
    return placed


def read_log(path: FilePath) -> Logs | None:
    """The rows of the file of a CSVLogger, whatever separator it has.

    Raises:
        OSError: there is no such file.
        ValueError: it is something else.
    """
    with open_regular(path, _LARGEST) as file:
        raw = file.read()
    try:
        text = raw.decode("utf-8-sig")
        begin = text[: len("epoch") + 1]
        rows = list(
            csv.reader(io.StringIO(text, newline=""), delimiter=begin[5:] if begin[5:].strip("\r\n") else ",")
        )
        head, *body = [row for row in rows if row]
        numbers = [[_number(cell) for cell in row] for row in body]
        if not begin.startswith("epoch") or any(len(row) != len(head) for row in numbers):
            raise ValueError
        epochs = [int(row[0]) for row in body]
    except (ValueError, OverflowError, csv.Error):
        raise ValueError(
            say(
                f"{str(path)[-120:]} is no file of a CSVLogger: it begins with 'epoch', and every row has as many cells."
            )
        ) from None
    found = {name: [row[i] for row in numbers] for i, name in enumerate(head) if i}
    kept = {name: values for name, values in found.items() if any(value is not None for value in values)}
    return Logs(_counted(epochs, len(epochs)), kept) if kept else None


def _number(cell: str) -> float | None:
    """A cell; "NA" and several numbers in brackets are no single number."""
    return None if cell == "NA" or cell.lstrip('"').startswith("[") else float(cell)
