"""The section on training: the curves of loss and metrics, and the same numbers as a table.

Where they come from: the History that `fit` returned, the one that a `.keras` file keeps, a dict of lists, or the file
of a CSVLogger.
"""

import csv
import io
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.inspect.page.charts import curves
from minidl.inspect.page.document import table
from minidl.inspect.wording import word
from minidl.messages import say
from minidl.models.picture.text import escaped
from minidl.saving.files import open_regular
from minidl.utils.atomic import FilePath
from minidl.utils.checks import shown

__all__ = ["Recorded", "history_section", "read_log", "recorded"]

_LARGEST = 64 << 20  # bytes of the file of a CSVLogger
_MOST_ROWS = 100  # of the table

Values = list[float | None]  # None where nothing was measured: validation may run every few epochs only


class Recorded(NamedTuple):
    """The numbers of the epochs, counted from 1 as `fit` shows them, and as many values for each name."""

    epochs: list[int]
    curves: dict[str, Values]


def recorded(history: Any) -> Recorded | None:
    """What there is in a History or in a dict of lists, None if that is nothing.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(history, Recorded | None):
        return history
    known = getattr(history, "history", history)
    if not isinstance(known, Mapping):
        raise TypeError(
            say(
                f"write_report expects history to be what fit returned, or a dict of lists, got {shown(history)}."
            )
        )
    found: dict[str, list[float]] = {}
    for name, values in known.items():
        columns = _columns(name, values)
        several = columns.shape[1] > 1  # a metric that gives several numbers
        for i, column in enumerate(columns.T):
            found[f"{name}[{i}]" if several else str(name)] = column.tolist()
    longest = max(map(len, found.values()), default=0)
    if not longest:
        return None
    placed = {name: _placed(values, longest) for name, values in found.items() if values}
    return Recorded(_counted(getattr(history, "epoch", ()), longest), placed)


def _counted(epochs: Sequence[int], length: int) -> list[int]:
    """The numbers of the epochs from 1; where they begin anew, as in the log of two runs, they go on counting."""
    if len(epochs) == length and all(a < b for a, b in itertools.pairwise(epochs)):
        return [int(epoch) + 1 for epoch in epochs]
    return list(range(1, length + 1))


def _columns(name: Any, values: Any) -> Array:
    """The values (epochs, numbers in each)."""
    try:
        columns = np.asarray(values, dtype=np.float64)
        return columns.reshape(len(columns), -1 if columns.size else 1)
    except (TypeError, ValueError):
        raise TypeError(
            say(
                f"write_report expects history to have a list of numbers for {shown(name)}, got {shown(values)}."
            )
        ) from None


def _placed(values: list[float], epochs: int) -> Values:
    """Each value at its epoch: of fewer than there are epochs, each at the end of as many."""
    every = epochs // len(values)
    placed: Values = [None] * epochs
    for i, value in enumerate(values):
        placed[(i + 1) * every - 1] = value
    return placed


def read_log(path: FilePath) -> Recorded | None:
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
    return Recorded(_counted(epochs, len(epochs)), kept) if kept else None


def _number(cell: str) -> float | None:
    """A cell; "NA" and several numbers in brackets are no single number."""
    return None if cell == "NA" or cell.lstrip('"').startswith("[") else float(cell)


def history_section(history: Recorded | None) -> str:
    """The HTML of it."""
    if history is None:
        text = say(
            "The file has no history. It is kept when a model is saved after fit, and a CSVLogger writes one too."
        )
        return f"<p>{escaped(text)}</p>"
    pictures = "\n".join(_figure(name, history) for name in _names(history.curves))
    numbers = f"<details><summary>{escaped(word('The numbers'))}</summary>{_table(history)}</details>"
    return f'<div class="curves">{pictures}</div>\n{numbers}'


def _names(found: Mapping[str, Values]) -> list[str]:
    """The keys without those of validation, unless they stand alone; the loss first."""
    names = [key for key in found if key.removeprefix("val_") == key or key.removeprefix("val_") not in found]
    return sorted(names, key=lambda name: name != "loss")


def _figure(name: str, history: Recorded) -> str:
    """One chart with its caption; a screen reader says where the curves begin and end."""
    keys = [key for key in (name, f"val_{name}") if key in history.curves]
    lines = [
        [(e, v) for e, v in zip(history.epochs, history.curves[key], strict=True) if v is not None]
        for key in keys
    ]
    told = " ".join(_told(key, line) for key, line in zip(keys, lines, strict=True))
    signs = " ".join(
        f'<span class="{look}" aria-hidden="true">{sign}</span> {escaped(key)}'
        for (look, sign), key in zip((("first", "──"), ("second", "╌╌")), keys, strict=False)
    )
    return f"<figure><figcaption>{signs}</figcaption>{curves(told, lines)}</figure>"


def _told(key: str, line: Sequence[tuple[int, float]]) -> str:
    known = [value for _, value in line if math.isfinite(value)]
    if not known:
        return say(f"{key}: no finite value.")
    return say(
        f"{key}: from {known[0]:.4g} to {known[-1]:.4g}, smallest {min(known):.4g}, largest {max(known):.4g}."
    )


def _table(history: Recorded) -> str:
    step = math.ceil(len(history.epochs) / _MOST_ROWS)
    rows = []
    for i, epoch in enumerate(history.epochs):
        if (i + 1) % step == 0 or i == len(history.epochs) - 1:
            cells = [values[i] for values in history.curves.values()]
            rows.append([str(epoch), *("-" if cell is None else f"{cell:.5g}" for cell in cells)])
    caption = say("Loss and metrics by epoch.")
    if step > 1:
        caption += " " + say(f"One epoch in {step} is listed, and the last one.")
    return table(caption, [word("Epoch"), *history.curves], rows)
