"""The equations of pooling, over windows and over all there is."""

from typing import Any

from minidl.inspect.equations.convolutions import (
    CELLS,
    INPUT_LETTERS,
    OUTPUT_LETTERS,
    PLACES,
    borders_of,
    is_bordered,
)
from minidl.inspect.equations.figures import NOTHING
from minidl.inspect.equations.kinds import Shapes, tells
from minidl.inspect.equations.lines import Line, Told
from minidl.inspect.equations.writing import array, arrays, named, ranges, shifted
from minidl.layers.pooling.global_pooling1d import GlobalAveragePooling1D, GlobalMaxPooling1D
from minidl.layers.pooling.global_pooling2d import GlobalAveragePooling2D, GlobalMaxPooling2D
from minidl.layers.pooling.pooling1d import AveragePooling1D, MaxPooling1D
from minidl.layers.pooling.pooling2d import AveragePooling2D, MaxPooling2D
from minidl.messages import say

__all__ = ["global_average", "global_max", "pooling"]


@tells(AveragePooling1D, AveragePooling2D, MaxPooling1D, MaxPooling2D)
def pooling(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """The largest number of each window, or its mean."""
    x, y = inputs[0], outputs[0]
    places, cells = PLACES[len(x)], CELLS[len(x)]
    place, cell = ", ".join(places), ", ".join(cells)
    edges = borders_of(x[1:-1], *layer._windows)
    axes = zip(places, layer.strides, cells, edges, strict=True)
    seen = ", ".join(["n", *(shifted(i, s, k, 1, edge.before) for i, s, k, edge in axes), "c"])
    border = [
        Line(
            arrays(*(edge.text for edge in edges)),
            say("Cells around x that do not exist: they do not count."),
        )
    ]
    size = "·".join(map(str, layer.pool_size))
    lines = []
    if isinstance(layer, MaxPooling1D | MaxPooling2D):
        words = say(
            "Each channel by itself: the largest number of each window goes on, the others are dropped."
        )
        lines.append(Line(f"y[n, {place}, c] = max_{{{cell}}} x[{seen}]", words))
    else:
        count = f"m[{place}]" if is_bordered(edges) else f"({size})" if len(places) > 1 else size
        words = say("Each channel by itself: the mean of each window goes on.")
        lines.append(Line(f"y[n, {place}, c] = (Σ_{{{cell}}} x[{seen}])/{count}", words))
        if is_bordered(edges):
            border.append(Line(f"1 ≤ m[{place}] ≤ {size}", say("m is how many cells of a window exist.")))
    if is_bordered(edges):
        lines += border
    lines += [
        Line(
            ranges(
                **named([*places, "c"], y[1:], OUTPUT_LETTERS[len(y)][1:]),
                **named(cells, layer.pool_size, cells),
            )
        ),
        Line(arrays(array("x", x, INPUT_LETTERS[len(x)]), array("y", y, OUTPUT_LETTERS[len(y)]))),
    ]
    return Told(tuple(lines), NOTHING)


def _all(layer: Any, inputs: Shapes, outputs: Shapes, what: str, divisor: str, words: str) -> Told:
    x, y = inputs[0], outputs[0]
    places = PLACES[len(x)]
    kept = ", ".join(["n", *("0" for _ in places if layer.keepdims), "c"])
    text = f"{what}_{{{', '.join(places)}}} x[n, {', '.join(places)}, c]"
    letters = INPUT_LETTERS[len(x)]
    return Told(
        (
            Line(f"y[{kept}] = {f'({text})/{divisor}' if divisor else text}", words),
            Line(ranges(**named([*places, "c"], x[1:], letters[1:]))),
            Line(arrays(array("x", x, letters), array("y", y, [*letters[: len(y) - 1], "C"]))),
        ),
        NOTHING,
    )


@tells(GlobalAveragePooling1D, GlobalAveragePooling2D)
def global_average(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """The mean of each channel."""
    letters = INPUT_LETTERS[len(inputs[0])][1:]
    sizes = [letter if n is None else str(n) for n, letter in zip(inputs[0][1:-1], letters, strict=False)]
    divisor = f"({'·'.join(sizes)})" if len(sizes) > 1 else sizes[0]
    return _all(layer, inputs, outputs, "Σ", divisor, say("Each channel becomes one number: its mean."))


@tells(GlobalMaxPooling1D, GlobalMaxPooling2D)
def global_max(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """The largest number of each channel."""
    return _all(layer, inputs, outputs, "max", "", say("Each channel becomes one number: its largest."))
