"""Elements of convolutions: what a filter makes of the cells in its window.

A window that stands over the border of its input has cells of padding. Its operand is then that of the padded input,
`pad(x)[0,0:3,4:7,:]`, counted from the first cell of the border; cells of padding are 0.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.inspect.traced.elements.calls import Call
from minidl.inspect.traced.elements.expressions import Expression, Known
from minidl.inspect.traced.elements.gathering import Step, total
from minidl.inspect.traced.elements.gathering import call as function
from minidl.inspect.traced.elements.picking import label, run, taken
from minidl.inspect.traced.elements.result import Calculation
from minidl.inspect.traced.elements.telling import tells
from minidl.layers.convolutional.conv1d import Conv1DFunction, Conv1DReLU
from minidl.layers.convolutional.conv2d import Conv2DFunction, Conv2DReLU
from minidl.layers.convolutional.conv2d_transpose import Conv2DTransposeFunction
from minidl.layers.convolutional.depthwise_conv2d import DepthwiseFunction
from minidl.layers.convolutional.up_sampling2d import Bilinear, lines_between
from minidl.layers.convolutional.windows import pad
from minidl.layers.pooling.pooled_convolution import Conv2DMaxPool
from minidl.messages import say

__all__ = [
    "bilinear",
    "convolution",
    "convolved",
    "depthwise",
    "meetings",
    "pooled",
    "rectified",
    "transposed",
]

ALONG = slice(None)


def _window(
    call: Call, sample: int, place: Sequence[int], sizes: Sequence[int], channels: Any
) -> tuple[Expression, list[str]]:
    """The cells of x that the window of these `sizes` meets at `place` of the output, and a note about padding."""
    x, padding = call.arrays[0], call.options["padding"]
    movements = zip(place, sizes, call.options["strides"], call.options["dilation"], strict=True)
    cells = [[o * s + k * r for k in range(n)] for o, n, s, r in movements]
    inside = [[c - before for c in axis] for axis, (before, _) in zip(cells, padding, strict=True)]
    if all(axis[0] >= 0 and axis[-1] < n for axis, n in zip(inside, x.shape[1:-1], strict=True)):
        return call.at(0, sample, *map(run, inside), channels), []
    name = call.names[0]
    note = say(f"pad({name}) is {name} with a border of zeros: {padding} cells before and behind each axis.")
    place_in_x = (*map(run, cells), channels)
    return taken(f"pad({name})", pad(x[[sample]], padding), (0, *place_in_x), (sample, *place_in_x)), [note]


def convolved(call: Call, index: Sequence[int]) -> tuple[Expression, list[str]]:
    """Σ x·w + b at one place of the output, and a note about padding."""
    sample, *place, f = index
    w, groups = call.arrays[1], call.options["groups"]
    channels = ALONG
    if groups > 1:
        first = f // (w.shape[-1] // groups) * w.shape[-2]
        channels = slice(first, first + w.shape[-2])
    x, notes = _window(call, sample, place, w.shape[:-2], channels)
    z = total(x * call.at(1, ..., f))
    return (z + call.at(2, f) if call.has(2) else z), notes


@tells(Conv1DFunction, Conv2DFunction)
def convolution(call: Call) -> Calculation:
    """y = Σ x·w + b over the window."""
    z, notes = convolved(call, call.index)
    return call.told(z, *notes)


@tells(Conv1DReLU, Conv2DReLU)
def rectified(call: Call) -> Calculation:
    """y = max(Σ x·w + b, 0)."""
    z, notes = convolved(call, call.index)
    return call.told(function("max", z, 0), *notes)


@tells(Conv2DMaxPool)
def pooled(call: Call) -> Calculation:
    """y = the largest of the convolution at the places of its pool."""
    sample, *place, f = call.index
    pool, found, notes = call.options["pool"], [], []
    for cell in np.ndindex(*pool):
        at = (sample, *(o * n + k for o, n, k in zip(place, pool, cell, strict=True)), f)
        z, notes_here = convolved(call, at)
        found.append(Step(label("z", at), z))
        notes += notes_here
    return call.told(
        function("max", *found, *([Known(0.0)] if call.options["rectify"] else [])), *dict.fromkeys(notes)
    )


@tells(DepthwiseFunction)
def depthwise(call: Call) -> Calculation:
    """y = Σ x·w + b over the window, in one channel."""
    sample, *place, q = call.index
    w = call.arrays[1]
    c, m = divmod(q, w.shape[-1])
    x, notes = _window(call, sample, place, w.shape[:-2], c)
    z = total(x * call.at(1, ..., c, m))
    return call.told(z + call.at(2, q) if call.has(2) else z, *notes)


@tells(Conv2DTransposeFunction)
def transposed(call: Call) -> Calculation:
    """y = Σ x·w + b over all pixels whose window was laid over this cell."""
    sample, *place, f = call.index
    x, w = call.arrays[:2]
    met = [
        meetings(o + before, n, k, s, r)
        for o, (before, _), n, k, s, r in zip(
            place, call.options["padding"], x.shape[1:3], w.shape[:2], call.options["strides"], call.options["dilation"],
            strict=True,
        )
    ]  # fmt: skip
    b = call.at(2, f) if call.has(2) else Known(0.0)
    if not all(met):
        return call.told(b, say("No window reaches this cell."))
    pixels, cells = ([run([pair[i] for pair in axis]) for axis in met] for i in (0, 1))
    z = total(call.at(0, sample, *pixels, ALONG) * call.at(1, *cells, f, ALONG))
    return call.told(z + b if call.has(2) else z)


def meetings(u: int, n: int, window: int, stride: int, dilation: int) -> list[tuple[int, int]]:
    """Along one axis, the windows i of n and their cells k that meet cell u: i·stride + k·dilation = u.

    >>> meetings(4, 3, 3, 2, 1), meetings(5, 3, 3, 2, 1)
    ([(2, 0), (1, 2)], [(2, 1)])
    """
    places = ((u - k * dilation, k) for k in range(window))
    return [(at // stride, k) for at, k in places if at % stride == 0 and 0 <= at // stride < n]


@tells(Bilinear)
def bilinear(call: Call) -> Calculation:
    """y = the sum of up to four pixels, weighted by how near they are."""
    sample, i, j, c = call.index
    shape, size = call.arrays[0].shape, call.options["size"]
    down, across = (lines_between(shape[a + 1], size[a])[o] for a, o in ((0, i), (1, j)))
    rows, columns = np.flatnonzero(down), np.flatnonzero(across)
    terms = [
        float(down[k]) * float(across[n]) * call.at(0, sample, int(k), int(n), c)
        for k in rows
        for n in columns
    ]
    formula = terms[0]
    for term in terms[1:]:
        formula = formula + term
    return call.told(formula)
