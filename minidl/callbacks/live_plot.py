"""LivePlot: the curves of a run while it runs.

A loss that falls and a validation loss that rises again, a rate that is too large, a metric that has come to rest: a
picture shows them long before the table of numbers does.
"""

import io
import math
import os
import sys
import time
from typing import Any

import numpy as np

from minidl.callbacks.base import Callback
from minidl.messages import say
from minidl.utils.atomic import atomic_write
from minidl.utils.checks import as_path, number, whole_number

__all__ = ["LivePlot"]

_COLOURS = {"": "#2563a8", "val_": "#d9662b"}  # told apart by people who see no red or no green, too
_SHARE = 0.1  # of the time of training that may go into drawing, at most


class LivePlot(Callback):
    """Draws losses and metrics after the epochs: one picture for each, with the curves of training and validation.

    In a notebook the drawing stands below the cell and is replaced by the next one. Elsewhere it goes into the file
    `filepath`; without one nothing is drawn.

    Drawing takes about a tenth of a second. Where epochs are so short that this would be a good part of the time,
    some are passed over; the last one is always drawn.

    Args:
        filepath: file for the picture, .png, .svg or .pdf. It is replaced as a whole, so that a viewer never
            sees half of it.
        every: draw every so many epochs.
        metrics: keys of the logs to draw, without "val_"; all by default.
        width: of the whole drawing, in inches.

    Raises:
        TypeError, ValueError: an argument of the wrong kind; or a key that no epoch has.
        ImportError: matplotlib is not there (`pip install matplotlib`).

    >>> import minidl
    >>> model = minidl.Sequential([minidl.layers.Dense(1)])
    >>> model.compile("sgd", "mse", metrics=["mae"])
    >>> history = model.fit([[1.0], [2.0]], [[2.0], [4.0]], verbose=0, callbacks=[LivePlot()])
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str] | None = None,
        every: int = 1,
        metrics: Any = None,
        width: float = 10.0,
    ):
        self.filepath = (
            None if filepath is None else os.path.abspath(as_path("LivePlot", "filepath", filepath))
        )
        self._kind = "png" if self.filepath is None else os.path.splitext(self.filepath)[1].lower()[1:]
        if self._kind not in ("png", "svg", "pdf"):
            raise ValueError(
                say(f"LivePlot expects filepath to end in .png, .svg or .pdf, got {filepath!r:.120}.")
            )
        self.every = whole_number("LivePlot", "every", every, 1)
        names = [metrics] if isinstance(metrics, str) else metrics
        if names is not None and not (
            isinstance(names, list | tuple) and all(isinstance(name, str) and name for name in names)
        ):
            raise TypeError(
                say(f"LivePlot expects metrics to be a list of keys of the logs, got {metrics!r:.60}.")
            )
        self.metrics = None if names is None else [name.removeprefix("val_") for name in names]
        self.width = number("LivePlot", "width", width, above=0, maximum=100)
        self._begin()

    def _begin(self) -> None:
        self.curves: dict[str, list[tuple[int, float]]] = {}  # key -> (epoch from 1, value)
        self._undrawn = 0
        self._started, self._drawing = time.perf_counter(), 0.0
        self._display: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._begin()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for key, value in (logs or {}).items():
            if np.ndim(value) == 0:
                self.curves.setdefault(key, []).append((epoch + 1, float(value)))
        self._undrawn += 1
        spent = time.perf_counter() - self._started
        if self._undrawn >= self.every and self._drawing <= _SHARE * spent:
            self._show()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._undrawn:
            self._show()

    def get_state(self) -> dict[str, Any]:
        return {"curves": self.curves}

    def set_state(self, state: dict[str, Any]) -> None:
        self.curves = state["curves"]

    # --- where to -------------------------------------------------------------------------------------------

    def _show(self) -> None:
        notebook = _in_notebook()
        if not self.curves or (self.filepath is None and not notebook):
            return
        begin = time.perf_counter()
        figure = self.figure()
        if self.filepath is not None:
            _write(self.filepath, _drawn(figure, self._kind))
        if notebook:
            self._display = _replace(self._display, _drawn(figure, "png"))
        self._undrawn = 0
        self._drawing += time.perf_counter() - begin

    # --- the picture ----------------------------------------------------------------------------------------

    def figure(self) -> Any:
        """The picture so far, a `matplotlib.figure.Figure`.

        Raises:
            ImportError: matplotlib is not there.
            ValueError: a key of `metrics` is in no epoch.
        """
        try:
            from matplotlib.figure import (
                Figure,
            )  # not pyplot: no window, and no figure that others may draw into
        except ImportError as error:
            raise ImportError(
                say("LivePlot draws with matplotlib. Install it: pip install matplotlib.")
            ) from error
        names = self._names()
        columns = min(len(names), 3) or 1
        rows = math.ceil(len(names) / columns) or 1
        wide = self.width / max(columns, 2)  # one picture alone takes half of the width
        figure = Figure(figsize=(columns * wide, rows * wide * 0.75), layout="constrained")
        for i, name in enumerate(names):
            self._draw(figure.add_subplot(rows, columns, i + 1), name)
        return figure

    def _names(self) -> list[str]:
        there = list(dict.fromkeys(key.removeprefix("val_") for key in self.curves))
        if self.metrics is None:
            return sorted(there, key=lambda name: (name != "loss", name == "learning_rate"))
        missing = [name for name in self.metrics if name not in there]
        if missing:
            raise ValueError(
                say(
                    f"LivePlot has no {missing[0]!r:.60} to draw. The logs have {', '.join(map(repr, there)):.200}."
                )
            )
        return self.metrics

    def _draw(self, axes: Any, name: str) -> None:
        for prefix, words in (("", "training"), ("val_", "validation")):
            curve = self.curves.get(prefix + name)
            if not curve:
                continue
            epochs, values = np.array(curve).T
            values = np.where(np.isfinite(values), values, np.nan)  # what is infinite has no place on an axis
            alone = name == "learning_rate"
            axes.plot(
                epochs,
                values,
                color=_COLOURS[prefix],
                linewidth=1.6,
                marker="o" if len(epochs) <= 30 else None,
                markersize=3,
                label=f"{curve[-1][1]:.4g}" if alone else f"{words} {curve[-1][1]:.4g}",
            )
        axes.set_title(name.replace("_", " "), loc="left", fontsize="medium")
        axes.set_xlabel("epoch")
        epochs = [epoch for prefix in ("", "val_") for epoch, _ in self.curves.get(prefix + name, [])]
        first, last = min(epochs), max(*epochs, min(epochs) + 1)
        margin = 0.03 * (last - first)
        axes.set_xlim(first - margin, last + margin)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize="small")


def _drawn(figure: Any, kind: str) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=100)
    return buffer.getvalue()


def _write(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with atomic_write(path, needed=len(content)) as file:
        file.write(content)


def _in_notebook() -> bool:
    """Whether pictures can be shown below a cell."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def _replace(display: Any, content: bytes) -> Any:
    """Show a picture in the place of the last one; returns where it stands."""
    from IPython.display import Image
    from IPython.display import display as show

    image = Image(data=content, format="png")
    if display is None:
        return show(image, display_id=True)
    display.update(image)
    return display
