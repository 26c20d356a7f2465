"""The same elements in another arrangement: the gradient travels back along the same way, reversed.

All of these are linear. Where an element was copied (`broadcast_to`, an index given twice) its gradients add
up; where it was dropped (a slice) it gets 0.
"""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minidl.backend import Array
from minidl.devices import beside, kept, on_gpu
from minidl.primitives.scattering import add_at
from minidl.tensor import Function, Tensor, as_array, traces

__all__ = [
    "broadcast_to", "expand_dims", "flip", "getitem", "moveaxis", "ravel", "reshape", "sort", "split",
    "squeeze", "swapaxes", "take", "take_along_axis", "transpose",
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
    def forward(x: Array, *, axes: Any) -> tuple[Array, Any]:
        order = range(x.ndim)[::-1] if axes is None else normalize_axis_tuple(axes, x.ndim)
        return np.transpose(x, order), order

    @staticmethod
    def backward(dy: Array, order: Any) -> tuple[Array]:
        return (np.transpose(dy, np.argsort(order).tolist()),)


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
        if on_gpu(x):
            index = _there(index, x)
        return x[index], (x.shape, index)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array]:
        shape, index = cache
        if _is_basic(index):
            dx = np.zeros(shape, dy.dtype, like=dy)  # picks nothing twice
            dx[index] = dy
            return (dx,)
        dx = np.zeros(shape, np.result_type(dy.dtype, np.float64), like=dy)
        add_at(dx, index, dy)
        return (dx.astype(dy.dtype),)


def _is_basic(index: Any) -> bool:
    """Whether an index has whole numbers, slices, None and ... only: no arrays, lists or masks."""
    entries = index if isinstance(index, tuple) else (index,)
    return all(i is None or i is ... or isinstance(i, int | np.integer | slice) for i in entries)


def _there(index: Any, x: Array) -> Any:
    """An index with its arrays and lists on the device of `x`."""
    if isinstance(index, tuple):
        return tuple(_there(i, x) for i in index)
    return beside(np.asarray(index), x) if isinstance(index, list | np.ndarray) else index


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
    one, other = (normalize_axis_index(axis, len(order)) for axis in (axis1, axis2))
    order[one], order[other] = order[other], order[one]
    return transpose(x, order)


@traces(np.moveaxis)
def moveaxis(x: Any, source: Any, destination: Any) -> Tensor:
    """Axes moved to other places; the rest keep their order."""
    numbered = np.empty(range(np.ndim(x)))  # axis i has size i, so the moved shape is the order
    return transpose(x, np.moveaxis(numbered, source, destination).shape)


@traces(np.expand_dims)
def expand_dims(x: Any, axis: Any) -> Tensor:
    """A new axis of size 1 at each place of `axis`."""
    return reshape(x, np.expand_dims(np.broadcast_to(0, np.shape(x)), axis).shape)


@traces(np.squeeze)
def squeeze(x: Any, axis: Any = None) -> Tensor:
    """`x` without its axes of size 1, or without those named."""
    return reshape(x, np.squeeze(np.broadcast_to(0, np.shape(x)), axis).shape)


@traces(np.broadcast_to)
def broadcast_to(x: Any, shape: Any) -> Tensor:
    """`x` repeated to `shape`."""
    return BroadcastTo.apply(x, shape=shape)


@traces(np.split)
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """`x` cut along `axis`, into equal parts or before each of the given indices."""
    axis = normalize_axis_index(axis, np.ndim(x))
    pieces = np.split(np.arange(np.shape(x)[axis]), indices_or_sections)
    ends = np.cumsum([0, *map(len, pieces)]).tolist()
    around = (slice(None),) * axis
    return [getitem(x, (*around, slice(end - len(p), end))) for p, end in zip(pieces, ends[1:], strict=True)]


@traces(np.flip)
def flip(x: Any, axis: Any = None) -> Tensor:
    """`x` in reverse order along `axis` (all axes by default)."""
    rank = np.ndim(x)
    axes = normalize_axis_tuple(range(rank) if axis is None else axis, rank)
    return getitem(x, tuple(slice(None, None, -1 if a in axes else 1) for a in range(rank)))


@traces(np.take)
def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The elements of `x` at whole-number `indices` along `axis` (of the flattened `x` by default)."""
    if axis is None:
        return getitem(ravel(x), _numbers(indices))
    around = (slice(None),) * normalize_axis_index(axis, np.ndim(x))
    return getitem(x, (*around, _numbers(indices)))


def _numbers(indices: Any) -> Any:
    return as_array(indices) if isinstance(indices, Tensor) else kept(indices)


@traces(np.take_along_axis)
def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Tensor:
    """y[i, j] = x[i, indices[i, j]] for axis 1, and so on; `indices` has the rank of `x`."""
    if axis is None:
        return take(x, np.ravel(as_array(indices)))
    chosen, axis = as_array(indices), normalize_axis_index(axis, np.ndim(x))
    grid = np.ogrid[tuple(slice(n) for n in np.shape(x))]
    return getitem(x, tuple(chosen if a == axis else places for a, places in enumerate(grid)))


@traces(np.sort)
def sort(x: Any, axis: int | None = -1) -> Tensor:
    """`x` from the smallest to the largest along `axis` (flattened where None)."""
    x, axis = (ravel(x), 0) if axis is None else (x, axis)
    return take_along_axis(x, np.argsort(as_array(x), axis, kind="stable"), axis)
