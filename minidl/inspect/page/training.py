"""The section on training: the curves of loss and metrics, and the same numbers as a table."""

import math
from collections.abc import Mapping, Sequence

from minidl.inspect.logs import Logs, Values
from minidl.inspect.page.charts import curves
from minidl.inspect.page.document import table
from minidl.messages import say, word
from minidl.models.picture.text import escaped

__all__ = ["history_section"]

_MOST_ROWS = 100  # of the table


def history_section(history: Logs | None) -> str:
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


def _figure(name: str, history: Logs) -> str:
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


def _table(history: Logs) -> str:
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
