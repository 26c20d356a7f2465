"""The equations of layers that compute nothing: they move, repeat, cut off, surround or pass on numbers."""

from typing import Any

from minidl.inspect.equations.convolutions import INPUT_LETTERS, OUTPUT_LETTERS, PLACES
from minidl.inspect.equations.dense_like import LETTERS
from minidl.inspect.equations.elementwise import unchanged
from minidl.inspect.equations.figures import NOTHING, UNKNOWN, known, product, total, work
from minidl.inspect.equations.kinds import Shapes, tells
from minidl.inspect.equations.lines import Line, Told
from minidl.inspect.equations.writing import array, arrays, indices, named, number, ranges, shifted
from minidl.layers.convolutional.cropping1d import Cropping1D
from minidl.layers.convolutional.cropping2d import Cropping2D
from minidl.layers.convolutional.up_sampling1d import UpSampling1D
from minidl.layers.convolutional.up_sampling2d import UpSampling2D
from minidl.layers.convolutional.zero_padding1d import ZeroPadding1D
from minidl.layers.convolutional.zero_padding2d import ZeroPadding2D
from minidl.layers.core.identity import Identity
from minidl.layers.core.input import InputLayer
from minidl.layers.core.masking import Masking
from minidl.layers.core.repeating import RepeatVector
from minidl.layers.core.shaping import Flatten, Permute, Reshape
from minidl.messages import say
from minidl.symbolic import Shape

__all__ = [
    "bordered", "flatten", "identity", "masking", "permute", "repeat_vector", "reshape", "up_sampling", "up_sampling2d",
]  # fmt: skip


@tells(Identity, InputLayer)
def identity(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """y = x."""
    return Told((Line("y = x", say("The numbers pass as they are.")), unchanged(inputs, outputs)), NOTHING)


@tells(Masking)
def masking(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """Which steps count."""
    *at, last = indices(len(inputs[0]))
    place = ", ".join(at)
    lines = (
        Line(f"m[{place}] = max_{{{last}}} [x[{place}, {last}] ≠ {number(layer.mask_value)}]", say(
            f"A step whose features all equal {number(layer.mask_value)} has m = 0: the layers behind skip it."
        )),
        Line(f"y[{place}, {last}] = x[{place}, {last}] if m[{place}] else 0"),
        Line(ranges(**named([*at[1:], last], inputs[0][1:], LETTERS.get(len(inputs[0]), "N")[1:]))),
    )  # fmt: skip
    return Told((*lines, unchanged(inputs, outputs)), NOTHING)


@tells(RepeatVector)
def repeat_vector(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """The same vector at every step."""
    line = Line("y[n, t, i] = x[n, i]", say(f"The same vector at each of {layer.n} time steps."))
    return Told(
        (line, Line(ranges(t=layer.n, **named("i", inputs[0][1:], "I"))), unchanged(inputs, outputs)), NOTHING
    )


@tells(Permute)
def permute(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """The axes in another order."""
    _, *names = indices(len(outputs[0]))
    come = dict(zip(layer.dims, names, strict=True))
    sources = ", ".join(come[axis] for axis in sorted(come))
    order = ", ".join(map(str, layer.dims))
    letters = ["N", *(LETTERS.get(len(inputs[0]), "N" + "?" * len(inputs[0]))[axis] for axis in layer.dims)]
    words = say(f"The axes of a sample in the order {order}. No number changes.")
    line = Line(f"y[n, {', '.join(names)}] = x[n, {sources}]", words)
    return Told(
        (
            line,
            Line(ranges(**named(names, outputs[0][1:], letters[1:]))),
            unchanged(inputs, outputs, letters),
        ),
        NOTHING,
    )


def _place(names: list[str], sizes: list[int | None]) -> str:
    """Where a number stands in a row: i·14 + j·2 + c."""
    terms = []
    for axis, name in enumerate(names):
        later = 1
        for n in sizes[axis + 1 :]:
            later *= n or 1
        terms.append(f"{name}·{later}" if later != 1 else name)
    return " + ".join(terms)


@tells(Flatten)
def flatten(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """Each sample as one row."""
    x = inputs[0]
    names = indices(len(x))[1:] if len(x) > 1 else []
    words = say("Each sample as one row: the last axis runs fastest. No number changes.")
    known = None not in x[2:]
    place = _place(names, list(x[1:])) if known else ", ".join(names)
    left = f"y[n, {place or '0'}]" if known else "y[n, :]"
    right = f"x[{', '.join(['n', *(names if known else [':' for _ in names])])}]"
    lines = [Line(f"{left} = {right}", words)]
    if names and known:
        lines.append(Line(ranges(**named(names, x[1:], LETTERS.get(len(x), "N?")[1:]))))
    return Told((*lines, unchanged(inputs, outputs, "NI")), NOTHING)


@tells(Reshape)
def reshape(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """The same row of numbers, cut in another way."""
    x, y = inputs[0], outputs[0]
    words = say("The numbers of a sample in their order, cut in another way. No number changes.")
    if None in x[2:] or None in y[2:] or len(x) == 1:
        return Told((Line("y[n] = x[n]", words), unchanged(inputs, outputs, "N")), NOTHING)
    old, new = (
        [f"{letter}{axis}" for axis in range(1, len(shape))] for letter, shape in (("a", x), ("b", y))
    )
    first = ["T", *"?" * max(len(x), len(y))]  # no other size is open here
    same = f"{_place(new, list(y[1:]))} = {_place(old, list(x[1:]))}"
    lines = (
        Line(f"y[{', '.join(['n', *new])}] = x[{', '.join(['n', *old])}]", words),
        Line(same, say("Both places are the same, counted from the first number of the sample.")),
        Line(ranges(**named(old, x[1:], first), **named(new, y[1:], ["OT", *first[1:]]))),
    )
    return Told((*lines, unchanged(inputs, outputs, ("N", "OT"))), NOTHING)


def _moved(layer: Any, inputs: Shapes, outputs: Shapes, edges: Any, words: str) -> Told:
    x, y = inputs[0], outputs[0]
    places = PLACES[len(x)]
    seen = (shifted(place, 1, "", 1, before) for place, (before, _) in zip(places, edges, strict=True))
    line = Line(f"y[n, {', '.join(places)}, c] = x[n, {', '.join(seen)}, c]", words)
    return Told((line, *_sizes(x, y)), NOTHING)


def _sizes(x: Shape, y: Shape) -> tuple[Line, Line]:
    """The lines of the places of the output, and of the sizes of both."""
    letters = OUTPUT_LETTERS[len(y)]
    return (
        Line(ranges(**named([*PLACES[len(y)], "c"], y[1:], letters[1:]))),
        Line(arrays(array("x", x, INPUT_LETTERS[len(x)]), array("y", y, letters))),
    )


@tells(Cropping1D, Cropping2D, ZeroPadding1D, ZeroPadding2D)
def bordered(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """A border cut off, or put around."""
    cuts = isinstance(layer, Cropping1D | Cropping2D)
    given = layer.cropping if cuts else layer.padding
    edges = [given] if len(inputs[0]) == 3 else list(given)
    if cuts:
        words = say("The border is cut off. No other number changes.")
        return _moved(layer, inputs, outputs, [(-a, -b) for a, b in edges], words)
    return _moved(
        layer, inputs, outputs, edges, say("Outside of x there are zeros. No other number changes.")
    )


@tells(UpSampling1D)
def up_sampling(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """Each step several times."""
    x, y = inputs[0], outputs[0]
    line = Line(f"y[n, t, c] = x[n, ⌊t/{layer.size}⌋, c]", say(f"Each time step {layer.size} times over."))
    return Told((line, *_sizes(x, y)), NOTHING)


@tells(UpSampling2D)
def up_sampling2d(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """Each pixel several times, or straight lines between pixels."""
    x, y = inputs[0], outputs[0]
    down, across = layer.size
    places, sizes = _sizes(x, y)
    if layer.interpolation == "nearest":
        words = say(f"Each pixel becomes a block of {down}·{across}.")
        line = Line(f"y[n, i, j, c] = x[n, ⌊i/{down}⌋, ⌊j/{across}⌋, c]", words)
        return Told((line, places, sizes), NOTHING)
    h, w = ("H" if x[1] is None else str(x[1])), ("W" if x[2] is None else str(x[2]))
    lines = (
        Line("r[n, i, l, c] = Σ_{k} A[i, k]·x[n, k, l, c]", say("Straight lines between the pixels of a column.")),
        Line("y[n, i, j, c] = Σ_{l} B[j, l]·r[n, i, l, c]", say("The same along the rows.")),
        Line(_tent("A", "i, k", down, h), say(
            "Each new pixel lies between two old ones; all other entries are 0, and are multiplied all the same."
        )),
        Line(_tent("B", "j, l", across, w)),
        places,
        Line(ranges(**named("kl", x[1:3], "HW"))),
    )  # fmt: skip
    if None in (x[1], x[2]):
        return Told((*lines, sizes), UNKNOWN)
    once = product(*known(y[1], *x[1:])), product(*known(y[1], y[2], *x[2:]))
    return Told((*lines, sizes), work((), total(*once)))


def _tent(name: str, at: str, times: int, size: str) -> str:
    new, old = at.split(", ")
    last = f"{size} − 1" if size in "HW" else str(int(size) - 1)
    return f"{name}[{at}] = max(1 − |min(max(({new} + 1/2)/{times} − 1/2, 0), {last}) − {old}|, 0)"
