"""The same elements in another arrangement: the gradient travels back along the same way, reversed.

All of these are linear. Where an element was copied (`broadcast_to`, `repeat`, an index given twice) its
gradients add up; where it was dropped (a slice) it gets 0.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.tensor import Function, Tensor, traces

__all__ = [
    "broadcast_to", "concatenate", "cumsum", "expand_dims", "flip", "getitem", "moveaxis", "pad", "ravel",
    "repeat", "reshape", "roll", "split", "squeeze", "stack", "swapaxes", "take", "tile", "transpose",
]  # fmt: skip


class Reshape(Function):
    """The elements in row-major order under another shape."""

    @staticmethod
    def forward(x: Array, *, shape: Any) -> tuple[Array, tuple[int, ...]]:
        return np.reshape(x, shape), x.shape

    @staticmethod
    def backward(dy: Array, shape: tuple[int, ...]) -> tuple[Array]:
        return (np.reshape(dy, shape),)


class Transpose(Function):
    """y's axis i is x's axis axes[i]."""

    @staticmethod
    def forward(x: Array, *, axes: Any) -> tuple[Array, list[int]]:
        order = [a % x.ndim for a in (range(x.ndim)[::-1] if axes is None else axes)]
        return np.transpose(x, order), order

    @staticmethod
    def backward(dy: Array, order: list[int]) -> tuple[Array]:
        return (np.transpose(dy, np.argsort(order)),)


class BroadcastTo(Function):
    """Axes of size 1 and missing leading axes repeated; `unbroadcast` sums them on the way back."""

    @staticmethod
    def forward(x: Array, *, shape: Any) -> tuple[Array, None]:
        return np.broadcast_to(x, shape), None

    @staticmethod
    def backward(dy: Array, cache: None) -> tuple[Array]:
        return (dy,)


class GetItem(Function):
    """y = x[index].  dx is 0 but dx[index] += dy; an element picked twice gets both gradients, in float64."""

    @staticmethod
    def forward(x: Array, *, index: Any) -> tuple[Array, Any]:
        return x[index], (x.shape, index)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array]:
        shape, index = cache
        if all(isinstance(i, int | np.integer | slice) or i in (None, ...) for i in _parts(index)):
            dx = np.zeros(shape, dy.dtype)  # basic indexing picks nothing twice
            dx[index] = dy
            return (dx,)
        dx = np.zeros(shape, np.result_type(dy.dtype, np.float64))
        np.add.at(dx, index, dy)
        return (dx.astype(dy.dtype),)


class Concatenate(Function):
    """The inputs one after the other along `axis`; dy is cut at the same places."""

    @staticmethod
    def forward(*xs: Array, axis: int) -> tuple[Array, Any]:
        return np.concatenate(xs, axis=axis), (np.cumsum([np.shape(x)[axis] for x in xs])[:-1], axis)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array, ...]:
        ends, axis = cache
        return tuple(np.split(dy, ends, axis=axis))


class Pad(Function):
    """A border of a constant around x; dy loses that border."""

    @staticmethod
    def forward(x: Array, *, widths: Any, value: float) -> tuple[Array, Any]:
        widths = np.broadcast_to(widths, (x.ndim, 2)).tolist()
        inside = tuple(slice(before, before + n) for (before, _), n in zip(widths, x.shape, strict=True))
        return np.pad(x, widths, constant_values=value), inside

    @staticmethod
    def backward(dy: Array, inside: Any) -> tuple[Array]:
        return (dy[inside],)


class CumulativeSum(Function):
    """y_i = Σ_{j ≤ i} x_j along `axis`.  dx_j = Σ_{i ≥ j} dy_i, the same sum from the other end."""

    @staticmethod
    def forward(x: Array, *, axis: int) -> tuple[Array, int]:
        return np.cumsum(x, axis=axis), axis

    @staticmethod
    def backward(dy: Array, axis: int) -> tuple[Array]:
        return (np.flip(np.cumsum(np.flip(dy, axis), axis=axis), axis),)


def _parts(index: Any) -> tuple[Any, ...]:
    """The entries of an index, arrays among them replaced by a word, so that they compare."""
    entries = index if isinstance(index, tuple) else (index,)
    return tuple("array" if isinstance(i, list | np.ndarray | bool) else i for i in entries)


def _plain(index: Any) -> Any:
    """An index without tensors in it."""
    if isinstance(index, tuple):
        return tuple(_plain(i) for i in index)
    return index.data if isinstance(index, Tensor) else index


@traces("getitem")
def getitem(x: Any, index: Any) -> Tensor:
    """`x[index]` with slices, whole numbers, None, ..., masks, or arrays of whole numbers."""
    return GetItem.apply(x, index=_plain(index))


@traces(np.reshape)
def reshape(x: Any, shape: Any) -> Tensor:
    """The elements of `x`, in row-major order, under another shape; one entry may be -1."""
    return Reshape.apply(x, shape=shape)


@traces(np.ravel)
def ravel(x: Any) -> Tensor:
    """The elements of `x` in one row."""
    return reshape(x, -1)


@traces(np.transpose)
def transpose(x: Any, axes: Any = None) -> Tensor:
    """The axes of `x` in the given order (reversed by default)."""
    return Transpose.apply(x, axes=axes)


@traces(np.swapaxes)
def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    order = list(range(np.ndim(x)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, order)


@traces(np.moveaxis)
def moveaxis(x: Any, source: Any, destination: Any) -> Tensor:
    """Axes moved to other places; the rest keep their order."""
    numbered = np.empty(range(np.ndim(x)))  # axis i has size i, so the moved shape is the order
    return transpose(x, np.moveaxis(numbered, source, destination).shape)


@traces(np.expand_dims)
def expand_dims(x: Any, axis: Any) -> Tensor:
    """A new axis of size 1 at each place of `axis`."""
    return reshape(x, np.expand_dims(np.empty(np.shape(x)), axis).shape)


@traces(np.squeeze)
def squeeze(x: Any, axis: Any = None) -> Tensor:
    """`x` without its axes of size 1, or without those named."""
    return reshape(x, np.squeeze(np.empty(np.shape(x)), axis).shape)


@traces(np.broadcast_to)
def broadcast_to(x: Any, shape: Any) -> Tensor:
    """`x` repeated to `shape`."""
    return BroadcastTo.apply(x, shape=shape)


@traces(np.concatenate)
def concatenate(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """The tensors of `xs` one after the other along an axis they have."""
    return Concatenate.apply(*xs, axis=axis)


@traces(np.stack)
def stack(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """The tensors of `xs` side by side along a new axis."""
    return concatenate([expand_dims(x, axis) for x in xs], axis)


@traces(np.split)
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """`x` cut along `axis`, into equal parts or at the given indices."""
    pieces = np.split(np.arange(np.shape(x)[axis]), indices_or_sections)
    around = (slice(None),) * (axis % np.ndim(x))
    return [
        getitem(x, (*around, slice(int(p[0]), int(p[-1]) + 1) if len(p) else slice(0, 0))) for p in pieces
    ]


@traces(np.pad)
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: float = 0) -> Tensor:
    """`x` with a border of `constant_values`."""
    if mode != "constant":
        raise ValueError(f"pad of a Tensor knows mode='constant', got {mode!r}.")
    return Pad.apply(x, widths=pad_width, value=constant_values)


@traces(np.flip)
def flip(x: Any, axis: Any = None) -> Tensor:
    """`x` in reverse order along `axis` (all axes by default)."""
    axes = range(np.ndim(x)) if axis is None else np.atleast_1d(axis) % np.ndim(x)
    return getitem(x, tuple(slice(None, None, -1 if a in axes else 1) for a in range(np.ndim(x))))


@traces(np.take)
def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The elements of `x` at whole-number `indices` along `axis` (of the flattened `x` by default)."""
    if axis is None:
        return getitem(ravel(x), np.asarray(indices))
    return getitem(x, (*(slice(None),) * (axis % np.ndim(x)), np.asarray(indices)))


@traces(np.roll)
def roll(x: Any, shift: int, axis: int) -> Tensor:
    """`x` shifted along `axis`; what leaves at one end enters at the other."""
    return take(x, np.roll(np.arange(np.shape(x)[axis]), shift), axis)


@traces(np.repeat)
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Every element repeated along `axis` (of the flattened `x` by default)."""
    x = ravel(x) if axis is None else x
    axis = axis or 0
    return take(x, np.repeat(np.arange(np.shape(x)[axis]), repeats), axis)


@traces(np.tile)
def tile(x: Any, reps: Any) -> Tensor:
    """`x` laid side by side, `reps` times along each axis."""
    reps = (reps,) if isinstance(reps, int) else tuple(reps)
    x = reshape(x, (1,) * (len(reps) - np.ndim(x)) + np.shape(x))
    reps = (1,) * (np.ndim(x) - len(reps)) + reps
    for axis, times in enumerate(reps):
        x = concatenate([x] * times, axis) if times != 1 else x
    return x


@traces(np.cumsum)
def cumsum(x: Any, axis: int | None = None) -> Tensor:
    """The running sum along `axis` (of the flattened `x` by default)."""
    return CumulativeSum.apply(ravel(x), axis=0) if axis is None else CumulativeSum.apply(x, axis=axis)
