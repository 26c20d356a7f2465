"""The report of a gradient check as heat maps: one for each input and weight, one cell for each element.

A table names the worst element. The picture shows the pattern, and the pattern often names the fault: one wrong column
is one unit, a wrong border is the padding, everything wrong by the same amount is a factor that was forgotten.
"""

import math
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.gradcheck import GradcheckReport, GradcheckRow
from minidl.inspect.numbers import shape
from minidl.inspect.pictures.canvas import AMOUNTS, COLOURS, cut, finished, new_figure, titled, words
from minidl.messages import say
from minidl.models.picture.text import clean
from minidl.utils.checks import shown

__all__ = ["plot_gradcheck"]

_SMALLEST, _LARGEST = 1e-16, 1.0  # relative errors at the ends of the colour scale
_TICKS = (1e-16, 1e-12, 1e-8, 1e-4, 1.0)
_WIDEST = 64  # columns of a map; longer rows go on in the next line
_MOST_MARKS = 200  # crosses on one map
_COLUMNS = 3  # maps beside each other
_WRONG = COLOURS[1]  # vermilion stands out from the blues and yellows of the maps


def plot_gradcheck(report: Any) -> Any:
    r"""Draw the relative error of every element that `minidl.gradcheck` has checked.

    Dark is good: 1e-16 is the last digit of float64. Bright is bad, and a cross marks what is beyond the tolerance.
    Elements that were not checked by themselves (at a kink, or not in the sample) are white. The last axis goes to the
    right, all others go down; what has one axis only is a row, broken after 64 elements.

    Args:
        report: what `minidl.gradcheck(..., raise_on_failure=False)` returned.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        TypeError: `report` is something else.
        ValueError: it has no element that was checked by itself.
        ImportError: matplotlib is not there (`pip install matplotlib`).

    >>> import minidl
    >>> report = minidl.gradcheck(minidl.layers.Dense(2, name="dense"), [[1.0, 2.0, 3.0]])
    >>> [axes.get_title().split("\n")[0] for axes in plot_gradcheck(report).axes]
    ['dense/kernel is right', 'dense/bias is right', 'inputs[0] is right', '']
    """
    if not isinstance(report, GradcheckReport):
        raise TypeError(
            say(
                f"plot_gradcheck expects the report of minidl.gradcheck(..., raise_on_failure=False), got {shown(report)}."
            )
        )
    rows = [row for row in report.rows if row.errors is not None and row.errors.size]
    if not rows:
        raise ValueError(say("plot_gradcheck found no element in the report that was checked by itself."))
    return _figure(report, rows)


def _figure(report: GradcheckReport, rows: list[GradcheckRow]) -> Any:
    across = min(len(rows), _COLUMNS)
    down = math.ceil(len(rows) / across)
    figure = new_figure(3.4 * across + 1.6, 2.7 * down + 0.9)
    grid = figure.subplots(down, across, squeeze=False)
    for axes, row in zip(grid.flat, rows, strict=False):
        image = _draw(axes, row, report.tolerance)
    for axes in grid.flat[len(rows) :]:
        axes.remove()
    bar = figure.colorbar(image, ax=list(grid.flat[: len(rows)]), extend="both")
    bar.set_label(words("relative error; the line is the tolerance"))
    bar.ax.axhline(report.tolerance, color=_WRONG, linewidth=2)
    bar.ax.set_yticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
    right = sum(row.ok for row in report.rows)
    titled(
        figure,
        words(
            f"{right} of {len(report.rows)} gradients agree with differences; tolerance {report.tolerance:g}."
        ),
    )
    return finished(figure)


def _draw(axes: Any, row: GradcheckRow, tolerance: float) -> Any:
    """One map, with crosses where the row is wrong."""
    table = _table(row.errors)
    image = axes.imshow(
        np.clip(table, _SMALLEST, _LARGEST),
        norm="log",
        vmin=_SMALLEST,
        vmax=_LARGEST,
        cmap=AMOUNTS,
        aspect="auto",
        interpolation="nearest",
    )
    if not row.ok:
        wrong = np.argwhere(table > tolerance)[:_MOST_MARKS]
        axes.plot(wrong[:, 1], wrong[:, 0], "x", color=_WRONG, markersize=5, markeredgewidth=1.6)
    verdict = (
        words("is right") if row.ok else words("is at a kink") if math.isnan(row.error) else words("is WRONG")
    )
    sizes = shape(row.shape) if row.shape else words("one number")
    colour = "black" if row.ok else _WRONG
    axes.set_title(f"{cut(clean(row.name))} {verdict}\n{sizes}", size=9, color=colour)
    axes.tick_params(labelsize=8)
    for axis, size in ((axes.xaxis, table.shape[1]), (axes.yaxis, table.shape[0])):
        axis.set_ticks(sorted({0, (size - 1) // 2, size - 1}))
    if len(row.shape) < 2:  # the lines of one axis, by their first elements
        axes.set_yticks(range(len(table)), [str(i * table.shape[1]) for i in range(len(table))])
    return image


def _table(errors: Array | None) -> Array:
    """The errors in two axes: the last to the right, all others down; a single axis in lines."""
    flat = np.asarray(errors, dtype=np.float64)
    if flat.ndim >= 2:
        return flat.reshape(-1, flat.shape[-1])
    width = min(max(flat.size, 1), _WIDEST)
    full = np.full(math.ceil(flat.size / width) * width, np.nan)
    full[: flat.size] = flat.ravel()
    return full.reshape(-1, width)
