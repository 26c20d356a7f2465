"""plot_history: the curves of a training, each number of the logs in a picture of its own.

Two curves tell most of what can be told about a training. While both the loss in training and the loss in validation
fall, the model learns; where the first one goes on falling and the second one rises, it begins to know the training
data by heart.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.inspect.logs import Logs, logs_of
from minidl.inspect.pictures.canvas import (
    COLOURS,
    columns_for,
    cut,
    finished,
    label_sizes,
    new_figure,
    sizes_on,
    tidy,
    words,
)
from minidl.messages import say
from minidl.utils.checks import did_you_mean

__all__ = ["plot_history"]

_TITLES = {
    "loss": "Loss by epoch",
    "accuracy": "Accuracy by epoch",
    "learning_rate": "Learning rate by epoch",
}
_MARKED = 30  # epochs up to which each is marked: the only one of a run would not be seen as a line


class _Run(NamedTuple):
    """One training: its name ("" if it is the only one), and what was measured."""

    name: str
    logs: Logs


def plot_history(history: Any, metrics: Sequence[str] | None = None) -> Any:
    """Draw loss and metrics by epoch: training as a solid line, validation as a dashed one.

    The best epoch of the validation loss is marked. A curve of positive numbers that span a factor of 100 or more is
    drawn on a logarithmic axis. Where validation ran only every few epochs (`validation_freq`), its points are put on
    every second, third ... epoch.

    Args:
        history: what `fit` returned, a model that was trained, or a dict with a list of numbers for each key, as
            `History.history` is. To compare several trainings, a dict of those by name.
        metrics: keys to draw, without "val_"; by default all that there are.

    Returns:
        A `matplotlib.figure.Figure`, with one `Axes` for each key.

    Raises:
        TypeError: `history` is something else.
        ValueError: there is nothing to draw; or `metrics` has a key that is not in the logs.
        ImportError: matplotlib is not there (`pip install matplotlib`).

    >>> figure = plot_history({"loss": [0.9, 0.5, 0.4], "val_loss": [1.0, 0.7, 0.8], "mae": [0.6, 0.5, 0.4]})
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['Loss by epoch', 'mae']
    >>> figure = plot_history({"first": {"loss": [0.9, 0.5]}, "fine-tuning": {"loss": [0.4, 0.3]}})
    """
    runs = _runs(history)
    names = _names(runs, metrics)
    rows, columns = columns_for(len(names), 3)
    figure = new_figure(max(4.2 * columns, 6.0), 3.4 * rows)
    for place, name in enumerate(names):
        _draw(figure.add_subplot(rows, columns, place + 1), runs, name)
    return finished(figure)


# --- what there is ------------------------------------------------------------------------------------------


def _runs(history: Any) -> list[_Run]:
    several = isinstance(history, Mapping) and not any(
        isinstance(v, list | tuple | np.ndarray) for v in history.values()
    )
    named = history.items() if several else [("", history)]
    logs = [(str(name), logs_of("plot_history", one)) for name, one in named]
    return [_Run(name, found) for name, found in logs if found is not None]


def _names(runs: list[_Run], metrics: Sequence[str] | None) -> list[str]:
    there = list(dict.fromkeys(key.removeprefix("val_") for run in runs for key in run.logs.curves))
    if not there:
        raise ValueError(
            say("plot_history has nothing to draw: no epoch has been logged. Train first: fit(x, y).")
        )
    if metrics is None:
        return sorted(there, key=lambda name: (name != "loss", name == "learning_rate"))
    asked = [name.removeprefix("val_") for name in ([metrics] if isinstance(metrics, str) else metrics)]
    for name in asked:
        if name not in there:
            mend = did_you_mean(name, there) or f"There are {', '.join(map(repr, there)):.200}."
            raise ValueError(say(f"plot_history has no {name!r:.60} to draw. {mend}"))
    return asked


# --- drawing ------------------------------------------------------------------------------------------------


def _draw(axes: Any, runs: list[_Run], name: str) -> None:
    shown = []
    for run, colour in zip(runs, COLOURS * len(runs), strict=False):
        for key, own in ((name, colour), (f"val_{name}", colour if len(runs) > 1 else COLOURS[1])):
            if key in run.logs.curves:
                shown.append(_curve(axes, run, key, own))
    axes.set_title(words(_TITLES[name]) if name in _TITLES else cut(name), loc="left")
    axes.set_xlabel(words("Epoch"))
    axes.xaxis.get_major_locator().set_params(integer=True)
    if max(max(run.logs.epochs) for run in runs) == 1:
        axes.set_xlim(0.5, 1.5)
    tidy(axes)
    if sizes_on(np.concatenate(shown)):
        axes.set_yscale("log")
        label_sizes(axes.yaxis)
    axes.legend(fontsize="small", framealpha=0.85, edgecolor="none")


def _curve(axes: Any, run: _Run, key: str, colour: str) -> Array:
    """Draw one curve. Its numbers, those that are infinite as NaN."""
    epochs, curve = _placed(run, key)
    validation = key.startswith("val_")
    look: dict[str, Any] = {"linestyle": "--", "markersize": 5, "markerfacecolor": "none"}
    look = {
        **(look if validation else {"linestyle": "-", "markersize": 3}),
        "color": colour,
        "linewidth": 1.6,
    }
    marker = ("s" if validation else "o") if len(curve) <= _MARKED else ""
    said = f"{words('Validation') if validation else words('Training')} {curve[-1]:.4g}"
    axes.plot(epochs, curve, marker=marker, label=f"{cut(run.name)}: {said}" if run.name else said, **look)
    if key == "val_loss" and np.isfinite(curve).any():
        best = int(np.nanargmin(curve))
        ring = {**look, "linestyle": "", "markersize": 11, "markerfacecolor": "none"}
        axes.plot(
            epochs[best], curve[best], marker="o", label=words(f"Lowest in epoch {epochs[best]}"), **ring
        )
    return curve


def _placed(run: _Run, key: str) -> tuple[Array, Array]:
    """The epochs of a curve and its numbers, those that are infinite as gaps."""
    measured = zip(run.logs.epochs, run.logs.curves[key], strict=True)
    known = np.array([(epoch, value) for epoch, value in measured if value is not None])
    return known[:, 0].astype(int), np.where(np.isfinite(known[:, 1]), known[:, 1], np.nan)
