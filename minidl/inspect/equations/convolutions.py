"""The equations of convolutions: over series and images, grouped, depthwise, separable, transposed.

The index of x says all of a window: i·2 + k·3 − 1 is stride 2, dilation 3 and a border of 1. Where it points outside
of x there is a 0, and the product with it counts as any other, since it is computed as any other.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from minidl.inspect.equations.curves import applied, definition
from minidl.inspect.equations.figures import product, total, work
from minidl.inspect.equations.kinds import Shapes, tells
from minidl.inspect.equations.lines import Line, Told
from minidl.inspect.equations.writing import array, arrays, named, ranges, shifted
from minidl.layers.convolutional.conv1d import Conv1D
from minidl.layers.convolutional.conv2d import Conv2D
from minidl.layers.convolutional.conv2d_transpose import Conv2DTranspose, transposed_border
from minidl.layers.convolutional.depthwise_conv2d import DepthwiseConv2D
from minidl.layers.convolutional.separable_conv1d import SeparableConv1D
from minidl.layers.convolutional.separable_conv2d import SeparableConv2D
from minidl.layers.convolutional.windows import border
from minidl.messages import say
from minidl.symbolic import Shape

__all__ = [
    "INPUT_LETTERS", "OUTPUT_LETTERS", "Border", "borders_of", "convolution", "depthwise", "is_bordered", "separable",
    "transposed",
]  # fmt: skip

INPUT_LETTERS = {3: ("N", "T", "C"), 4: ("N", "H", "W", "C")}
OUTPUT_LETTERS = {3: ("N", "OT", "C"), 4: ("N", "OH", "OW", "C")}
PLACES, CELLS = {3: ("t",), 4: ("i", "j")}, {3: ("k",), 4: ("k", "l")}


class Border(NamedTuple):
    """The cells that are added before and after an axis; a letter where that depends on a size that is not known."""

    before: int | str
    after: int | str
    text: str


def borders_of(
    sizes: Sequence[int | None],
    windows: Sequence[int],
    strides: Sequence[int],
    padding: str,
    rates: Sequence[int],
) -> list[Border]:
    """The border of each axis.

    >>> borders_of((28, None), (3, 5), (2, 2), "same", (1, 1))[1].text
    'q = ⌊max((⌈W/2⌉ − 1)·2 + 5 − W, 0)/2⌋'
    """
    found = []
    letters = "T" if len(sizes) == 1 else "HW"
    for axis, letter, n, k, s, r in zip("pq", letters, sizes, windows, strides, rates, strict=False):
        if n is None and padding == "same" and s > 1:
            total_border = f"max((⌈{letter}/{s}⌉ − 1)·{s} + {(k - 1) * r + 1} − {letter}, 0)"
            found.append(Border(axis, axis, f"{axis} = ⌊{total_border}/2⌋"))
        else:  # with a stride of 1 the size makes no difference
            before, after = border(k * r if n is None else n, k, s, padding, r)
            found.append(Border(before, after, f"{letter}: {before} + {after}"))
    return found


def is_bordered(borders: Sequence[Border]) -> bool:
    """Whether there is a border anywhere."""
    return any((edge.before, edge.after) != (0, 0) for edge in borders)


def _places(y: Shape) -> dict[str, int | str]:
    """The indices of the output's places with their sizes."""
    return named(PLACES[len(y)], y[1:-1], OUTPUT_LETTERS[len(y)][1:])


def _seen(layer: Any, x: Shape) -> str:
    """The place of x that a cell of the window meets: "n, i·2 + k, j·2 + l"."""
    edges = borders_of(x[1:-1], layer.kernel_size, layer.strides, layer.padding, layer.dilation_rate)
    axes = zip(PLACES[len(x)], layer.strides, CELLS[len(x)], layer.dilation_rate, edges, strict=True)
    return ", ".join(["n", *(shifted(place, s, k, r, edge.before) for place, s, k, r, edge in axes)])


def _padding(layer: Any, x: Shape) -> tuple[Line, ...]:
    """A line on the border, if there is one."""
    edges = borders_of(x[1:-1], layer.kernel_size, layer.strides, layer.padding, layer.dilation_rate)
    words = say(
        "How many zeros stand around x, before and after it. They are multiplied like all other numbers."
    )
    return (Line(arrays(*(edge.text for edge in edges)), words),) if is_bordered(edges) else ()


def _result(layer: Any, place: str, last: str, value: str) -> list[Line]:
    """The line of y; with z before the activation, if there is one."""
    if applied(layer.activation, "z") == "z":
        return [Line(f"y[n, {place}, {last}] = {value}")]
    return [Line(f"z[n, {place}, {last}] = {value}"), Line(f"y = {applied(layer.activation, 'z')}")]


@tells(Conv1D, Conv2D)
def convolution(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """Σ over the window and the channels, for each place and filter."""
    x, y = inputs[0], outputs[0]
    places, cells, kernel = PLACES[len(x)], CELLS[len(x)], layer.kernel.shape
    *window, channels, filters = kernel
    first = f"⌊f/{filters // layer.groups}⌋·{channels} + " if layer.groups > 1 else ""
    place, cell = ", ".join(places), ", ".join(cells)
    bias = "b[f] + " if layer.bias is not None else ""
    value = f"{bias}Σ_{{{cell}, c}} x[{_seen(layer, x)}, {first}c]·w[{cell}, c, f]"
    lines = _result(layer, place, "f", value)
    words = say(
        f"Each filter ({filters}) lies on a window of the input, multiplies {'·'.join(map(str, (*window, channels)))}"
        " numbers by its weights, and moves on."
    )
    lines[0] = Line(lines[0].text, words)
    if layer.groups > 1:
        lines.append(Line(f"G = {layer.groups}", say(
            f"In {layer.groups} groups: each filter sees {channels} of the {x[-1]} channels."
        )))  # fmt: skip
    lines += [
        Line(ranges(**_places(y), **named(cells, window, cells), c=channels, f=filters)),
        *_padding(layer, x),
        _sizes(x, y, array("w", kernel), array("b", (filters,)) if bias else ""),
        *definition(layer.activation),
    ]
    return Told(tuple(lines), work(y[1:-1], product(*window, channels, filters), len(x)))


def _sizes(x: Shape, y: Shape, *weights: str) -> Line:
    return Line(arrays(array("x", x, INPUT_LETTERS[len(x)]), *weights, array("y", y, OUTPUT_LETTERS[len(y)])))


def _apart(layer: Any, x: Shape, kernel: str, bias: str) -> str:
    """What a filter of one channel gives."""
    cell = ", ".join(CELLS[len(x)])
    return f"{bias}Σ_{{{cell}}} x[{_seen(layer, x)}, c]·{kernel}[{cell}, c, m]"


@tells(DepthwiseConv2D)
def depthwise(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """Each channel with filters of its own."""
    x, y = inputs[0], outputs[0]
    *window, channels, multiplier = kernel = layer.kernel.shape
    last = _last(multiplier)
    bias = f"b[{last}] + " if layer.bias is not None else ""
    lines = _result(layer, ", ".join(PLACES[len(x)]), last, _apart(layer, x, "w", bias))
    words = say(
        f"Each of the {channels} channels is seen by {multiplier} filters of its own, and by no other."
    )
    return Told(
        (
            Line(lines[0].text, words), *lines[1:],
            Line(ranges(**_places(y), **named(CELLS[len(x)], window, CELLS[len(x)]), c=channels, m=multiplier)),
            *_padding(layer, x),
            _sizes(x, y, array("w", kernel), array("b", (channels * multiplier,)) if bias else ""),
            *definition(layer.activation),
        ),
        work(y[1:-1], product(*window, channels, multiplier), len(x)),
    )  # fmt: skip


def _last(multiplier: int) -> str:
    return f"c·{multiplier} + m" if multiplier > 1 else "c + m"


@tells(SeparableConv1D, SeparableConv2D)
def separable(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """Each channel by itself, then mixtures of the channels at each place by itself."""
    x, y = inputs[0], outputs[0]
    place = ", ".join(PLACES[len(x)])
    *window, channels, multiplier = apart = layer.depthwise_kernel.shape
    mixing = layer.pointwise_kernel.shape
    bias = "b[f] + " if layer.bias is not None else ""
    one = ", ".join("0" for _ in window)
    mixed = f"{bias}Σ_{{q}} a[n, {place}, q]·w[{one}, q, f]"
    lines = _result(layer, place, "f", mixed)
    return Told(
        (
            Line(f"a[n, {place}, {_last(multiplier)}] = {_apart(layer, x, 'd', '')}", say(
                f"First each of the {channels} channels by itself, with {multiplier} filters of its own."
            )),
            Line(lines[0].text, say(f"Then {layer.filters} mixtures of all {mixing[-2]} at each place.")), *lines[1:],
            Line(ranges(
                **_places(y), **named(CELLS[len(x)], window, CELLS[len(x)]), c=channels, m=multiplier, q=mixing[-2],
                f=layer.filters,
            )),
            *_padding(layer, x),
            _sizes(x, y, array("d", apart), array("w", mixing), array("b", (layer.filters,)) if bias else ""),
            *definition(layer.activation),
        ),
        work(y[1:-1], total(product(*apart), product(*mixing[-2:])), len(x)),
    )  # fmt: skip


@tells(Conv2DTranspose)
def transposed(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """Each pixel lays down a window of numbers; where windows overlap they add up."""
    x, y = inputs[0], outputs[0]
    kh, kw, filters, channels = kernel = layer.kernel.shape
    bias = "b[f] + " if layer.bias is not None else ""
    down, across = (
        f"{shifted(at, s, cell, r, 0)} = {out}{cut}"
        for at, s, cell, r, out, cut in zip(
            "ij", layer.strides, "kl", layer.dilation_rate, "uv", _cut(layer, x, y), strict=True
        )
    )
    value = f"{bias}Σ_{{i, k: {down}}} Σ_{{j, l: {across}}} Σ_{{c}} x[n, i, j, c]·w[k, l, f, c]"
    lines = _result(layer, "u, v", "f", value)
    words = say(
        f"Each pixel lays down a window of {kh}·{kw} numbers for each of the {filters} filters; where windows overlap "
        "they add up."
    )
    spans = ranges(
        **named("uv", y[1:-1], ("OH", "OW")), **named("ij", x[1:-1], "HW"), k=kh, l=kw, c=channels, f=filters
    )
    return Told(
        (
            Line(lines[0].text, words), *lines[1:], Line(spans),
            _sizes(x, y, array("w", kernel), array("b", (filters,)) if bias else ""), *definition(layer.activation),
        ),
        work(x[1:-1], product(kh, kw, filters, channels), 4),
    )  # fmt: skip


def _cut(layer: Any, x: Shape, y: Shape) -> list[str]:
    """What is cut off before the output along each axis: " + 1"; it depends on no size."""
    cuts: list[str] = []
    for n, length, k, s, r in zip(
        x[1:3], y[1:3], layer.kernel_size, layer.strides, layer.dilation_rate, strict=True
    ):
        if n is None or length is None:
            n, length = 8, layer.compute_output_shape((1, 8, 8, x[-1]))[1 + len(cuts)]
        before = transposed_border(n, length, k, s, r)[0]
        cuts.append(f" + {before}" if before else "")
    return cuts
