"""Gradients of pooling: the largest cell of a window gets all of dy, in a mean every cell its share."""

import numpy as np

from minidl.inspect.traced.elements.backward.calls import Back, goes_back
from minidl.inspect.traced.elements.convolutions import meetings
from minidl.inspect.traced.elements.expressions import Expression, Known
from minidl.inspect.traced.elements.gathering import total
from minidl.inspect.traced.elements.picking import label, run, taken
from minidl.inspect.traced.elements.result import Calculation
from minidl.layers.pooling.base import average_pool_forward, max_pool_forward
from minidl.layers.pooling.pooling1d import AveragePool1DFunction, MaxPool1DFunction
from minidl.layers.pooling.pooling2d import AveragePool2DFunction, MaxPool2DFunction
from minidl.messages import say

__all__ = ["average_pool", "max_pool"]


def _windows(back: Back) -> list[list[tuple[int, int]]]:
    """For each axis the windows that the cell is in, each with its place in there."""
    options = back.options
    return [
        meetings(at + before, n, k, s, 1)
        for at, (before, _), n, k, s in zip(
            back.index[1:-1],
            options["padding"],
            back.dy.shape[1:-1],
            options["pool"],
            options["strides"],
            strict=True,
        )
    ]


@goes_back(MaxPool1DFunction, MaxPool2DFunction)
def max_pool(back: Back) -> Calculation:
    """dx = Σ dy over the windows whose first largest cell it is."""
    sample, *_, c = back.index
    met = _windows(back)
    winner = max_pool_forward(back.arrays[0], **back.options)[1].winner
    formula: Expression | None = None
    lost = []
    for pairs in np.ndindex(*map(len, met)):
        chosen = [axis[i] for axis, i in zip(met, pairs, strict=True)]
        place = (sample, *(window for window, _ in chosen), c)
        if winner[place] == np.ravel_multi_index([cell for _, cell in chosen], back.options["pool"]):
            formula = back.dy_at(*place) if formula is None else formula + back.dy_at(*place)
        else:
            lost.append(label("out", place))
    note = (
        say(f"It is not the first largest number of the windows of {', '.join(sorted(lost))}.")
        if lost
        else ""
    )
    return back.told(Known(0.0) if formula is None else formula, *([note] if note else []))


@goes_back(AveragePool1DFunction, AveragePool2DFunction)
def average_pool(back: Back) -> Calculation:
    """dx = Σ dy / n over the windows that it is in, n their cells."""
    sample, *_, c = back.index
    met = _windows(back)
    if not all(met):
        return back.told(Known(0.0), say("No window sees this cell."))
    windows = [run(sorted(window for window, _ in axis)) for axis in met]
    cells = average_pool_forward(back.arrays[0][:1], **back.options)[1].cells
    shared = cells[0][*windows, 0]
    dy = back.dy_at(sample, *windows, c)
    if (shared == shared.flat[0]).all():
        return back.told(total(dy) / float(shared.flat[0]))
    note = say("cells are how many cells of each window exist.")
    return back.told(total(dy / taken("cells", cells, (0, *windows, 0))), note)
