"""Elements of pooling: one number of each window. Cells of padding do not exist, so only those of the input are listed."""

import numpy as np

from minidl.inspect.traced.elements.calls import Call
from minidl.inspect.traced.elements.expressions import Expression
from minidl.inspect.traced.elements.gathering import largest, total
from minidl.inspect.traced.elements.result import Calculation
from minidl.inspect.traced.elements.telling import tells
from minidl.layers.pooling.pooling1d import AveragePool1DFunction, MaxPool1DFunction
from minidl.layers.pooling.pooling2d import AveragePool2DFunction, MaxPool2DFunction

__all__ = ["largest_of_window", "mean_of_window"]


def _window(call: Call) -> tuple[Expression, int]:
    """The cells of the window that exist, and how many they are."""
    sample, *place, c = call.index
    options = call.options
    inside = []
    for o, k, s, (before, _), n in zip(
        place,
        options["pool"],
        options["strides"],
        options["padding"],
        call.arrays[0].shape[1:-1],
        strict=True,
    ):
        first = o * s - before
        inside.append(slice(max(first, 0), min(first + k, n)))
    return call.at(0, sample, *inside, c), int(np.prod([axis.stop - axis.start for axis in inside]))


@tells(MaxPool1DFunction, MaxPool2DFunction)
def largest_of_window(call: Call) -> Calculation:
    """y = the largest cell."""
    return call.told(largest(_window(call)[0]))


@tells(AveragePool1DFunction, AveragePool2DFunction)
def mean_of_window(call: Call) -> Calculation:
    """y = Σ x / n over the n cells."""
    cells, count = _window(call)
    return call.told(total(cells) / count)
