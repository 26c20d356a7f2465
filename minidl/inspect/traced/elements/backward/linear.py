"""Gradients of dense layers, products and convolutions: dx is what all outputs send back, dw all places together."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.inspect.traced.elements.backward.calls import Back, goes_back
from minidl.inspect.traced.elements.convolutions import meetings
from minidl.inspect.traced.elements.expressions import Expression, Known, Operand
from minidl.inspect.traced.elements.gathering import total
from minidl.inspect.traced.elements.picking import run, taken
from minidl.inspect.traced.elements.result import Calculation
from minidl.layers.convolutional.conv1d import Conv1DFunction, Conv1DReLU
from minidl.layers.convolutional.conv2d import Conv2DFunction, Conv2DReLU
from minidl.layers.convolutional.conv2d_transpose import Conv2DTransposeFunction
from minidl.layers.convolutional.depthwise_conv2d import DepthwiseFunction
from minidl.layers.convolutional.windows import pad
from minidl.layers.core.dense import DenseFunction
from minidl.layers.core.embedding import EmbeddingFunction
from minidl.layers.pooling.base import max_pool_backward
from minidl.layers.pooling.pooled_convolution import Conv2DMaxPool
from minidl.messages import say
from minidl.primitives.linear_algebra import MatMul

__all__ = ["convolution", "dense", "depthwise", "embedding", "matmul", "transposed"]

ALONG = slice(None)


@goes_back(DenseFunction)
def dense(back: Back) -> Calculation:
    """dx = Σ_u dy·w,  dw = Σ_n x·dy,  db = Σ_n dy."""
    if back.number == 0:
        *row, i = back.index
        return back.told(total(back.dy_at(*row, ALONG) * back.at(1, i, ALONG)))
    if back.number == 1:
        i, u = back.index
        return back.told(total(back.at(0, ..., i) * back.dy_at(..., u)))
    return back.told(total(back.dy_at(..., *back.index)))


@goes_back(MatMul)
def matmul(back: Back) -> Calculation | None:
    """da = Σ_j dy·b,  db = Σ_i a·dy; None where a stack of matrices was broadcast."""
    a, b = back.arrays
    *stack, i, j = back.index
    if back.number == 0 and b.shape[:-2] in ((), a.shape[:-2]):
        return back.told(total(back.dy_at(*stack, i, ALONG) * back.at(1, *stack[: b.ndim - 2], j, ALONG)))
    if back.number == 1 and b.ndim == 2:
        return back.told(total(back.at(0, ..., i) * back.dy_at(..., j)))
    if back.number == 1 and a.shape[:-2] == b.shape[:-2]:
        return back.told(total(back.at(0, *stack, ALONG, i) * back.dy_at(*stack, ALONG, j)))
    return None


@goes_back(EmbeddingFunction)
def embedding(back: Back) -> Calculation:
    """dE = Σ dy over all places that have this id."""
    row, d = back.index
    ids, table = back.arrays
    found = back.dy[np.broadcast_to(ids % len(table) == row, ids.shape), d]
    return back.told(total(Operand(f"dy[{back.call.names[0]}=={row},{d}]", found)))


class _Sum:
    """dz, the gradient of the sums in front of what a convolution has been fused with, and a note about that."""

    def __init__(self, back: Back):
        self.name, self.values, self.notes = "dy", back.dy, list[str]()
        called = back.call.function
        if called is not None and issubclass(called, Conv1DReLU | Conv2DReLU):
            self.name, self.values = "dz", np.where(back.made > 0, back.dy, 0)
            self.notes = [say("dz is dy where the output is above 0, else 0.")]
        elif called is not None and issubclass(called, Conv2DMaxPool):
            self.name, self.values = "dz", _through_pool(back)
            self.notes = [
                say("dz is dy at the largest number of each pool (if that is above 0, with ReLU), else 0.")
            ]

    def at(self, *index: Any) -> Expression:
        return taken(self.name, self.values, index)


def _through_pool(back: Back) -> Array:
    """dz of a convolution behind which max pooling stands, perhaps with ReLU in between."""
    x, w, b = back.arrays
    cache = Conv2DMaxPool.forward(x, w, b, **back.options)[1]
    (dz,) = max_pool_backward(back.dy, cache.pooled)
    return np.where(cache.convolved[1] > 0, dz, 0) if back.options["rectify"] else dz


def _windows(
    back: Back, place: Sequence[int], out: Sequence[int], sizes: Sequence[int]
) -> tuple[Any, Any] | None:
    """For a cell of x the windows that see it, and with which of their cells; None if none does."""
    options = back.options
    met = [
        meetings(at + before, n, k, s, r)
        for at, (before, _), n, k, s, r in zip(
            place, options["padding"], out, sizes, options["strides"], options["dilation"], strict=True
        )
    ]
    if not all(met):
        return None
    windows, cells = ([run([pair[i] for pair in axis]) for axis in met] for i in (0, 1))
    return windows, cells


def _seen(
    back: Back, out: Sequence[int], cell: Sequence[int], channel: Any, dy: Array | None = None
) -> tuple[Expression, list[str]]:
    """What one cell of the kernel meets at all places: of x, or of dy where that is given; and a note about padding."""
    x, name = (back.arrays[0], back.call.names[0]) if dy is None else (dy, "dy")
    padding = back.options["padding"]
    met = [
        [o * s + k * r for o in range(n)]
        for n, k, s, r in zip(out, cell, back.options["strides"], back.options["dilation"], strict=True)
    ]
    inside = [[at - before for at in axis] for axis, (before, _) in zip(met, padding, strict=True)]
    if all(axis[0] >= 0 and axis[-1] < n for axis, n in zip(inside, x.shape[1:-1], strict=True)):
        return taken(name, x, (ALONG, *map(run, inside), channel)), []
    note = say(f"pad({name}) is {name} with a border of zeros: {padding} cells before and behind each axis.")
    return taken(f"pad({name})", pad(x, padding), (ALONG, *map(run, met), channel)), [note]


@goes_back(Conv1DFunction, Conv1DReLU, Conv2DFunction, Conv2DReLU, Conv2DMaxPool)
def convolution(back: Back) -> Calculation:
    """dx = Σ dy·w over the windows that see x,  dw = Σ x·dy over all places,  db = Σ dy."""
    dz, w, groups = _Sum(back), back.arrays[1], back.options["groups"]
    out, sizes, (channels, filters) = (
        dz.values.shape[1:-1],
        w.shape[:-2],
        (w.shape[-2], w.shape[-1] // groups),
    )
    if back.number == 2:
        return back.told(total(dz.at(..., *back.index)), *dz.notes)
    if back.number == 0:
        sample, *place, c = back.index
        met = _windows(back, place, out, sizes)
        if met is None:
            return back.told(Known(0.0), say("No window sees this cell."))
        group, local = divmod(c, channels)
        of_group = ALONG if groups == 1 else slice(group * filters, (group + 1) * filters)
        sent = dz.at(sample, *met[0], of_group) * back.at(1, *met[1], local, of_group)
        return back.told(total(sent), *dz.notes)
    *cell, local, f = back.index
    if not dz.values[..., f].size:
        return back.told(Known(0.0))
    seen, notes = _seen(back, out, cell, f // filters * channels + local)
    return back.told(total(seen * dz.at(..., f)), *dz.notes, *notes)


@goes_back(DepthwiseFunction)
def depthwise(back: Back) -> Calculation:
    """As for a convolution, channel by channel."""
    w, out = back.arrays[1], back.dy.shape[1:-1]
    times = w.shape[-1]
    if back.number == 2:
        return back.told(total(back.dy_at(..., *back.index)))
    if back.number == 0:
        sample, *place, c = back.index
        met = _windows(back, place, out, w.shape[:-2])
        if met is None:
            return back.told(Known(0.0), say("No window sees this cell."))
        of_channel = slice(c * times, (c + 1) * times)
        return back.told(total(back.dy_at(sample, *met[0], of_channel) * back.at(1, *met[1], c, ALONG)))
    *cell, c, m = back.index
    seen, notes = _seen(back, out, cell, c)
    return back.told(total(seen * back.dy_at(..., c * times + m)), *notes)


@goes_back(Conv2DTransposeFunction)
def transposed(back: Back) -> Calculation:
    """dx is a convolution of dy,  dw = Σ x·dy over all pixels,  db = Σ dy."""
    x, w = back.arrays[:2]
    if back.number == 2:
        return back.told(total(back.dy_at(..., *back.index)))
    if back.number == 1:
        *cell, f, c = back.index
        seen, notes = _seen(back, x.shape[1:3], cell, f, back.dy)
        return back.told(total(back.at(0, ..., c) * seen), *notes)
    sample, *place, c = back.index
    movements = zip(place, w.shape[:2], back.options["strides"], back.options["dilation"], strict=True)
    met = [run([o * s + k * r for k in range(n)]) for o, n, s, r in movements]
    padding = back.options["padding"]
    note = say(f"pad(dy) is dy with a border of zeros: {padding} cells before and behind each axis.")
    padded = any(map(any, padding))
    laid = taken("pad(dy)" if padded else "dy", pad(back.dy, padding), (sample, *met, ALONG))
    return back.told(total(laid * back.at(1, ..., c)), *([note] if padded else []))
