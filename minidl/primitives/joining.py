"""Arrays put together, laid side by side, surrounded and shifted; all of them linear.

The gradient is cut where the forward joined. An element that was laid down several times (`repeat`, `tile`)
gets the sum of what arrives at its copies.
"""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minidl.backend import Array
from minidl.messages import say
from minidl.primitives.shaping import broadcast_to, expand_dims, ravel, reshape, split, take
from minidl.tensor import Function, Tensor, traces

__all__ = ["concatenate", "cumsum", "pad", "repeat", "roll", "stack", "tile", "unstack"]


class Concatenate(Function):
    """The inputs one after the other along `axis`; dy is cut at the same places."""

    @staticmethod
    def forward(*xs: Array, axis: int) -> tuple[Array, Any]:
        return np.concatenate(xs, axis=axis), (np.cumsum([np.shape(x)[axis] for x in xs])[:-1].tolist(), axis)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array, ...]:
        ends, axis = cache
        return tuple(np.split(dy, ends, axis=axis))


class Unstack(Function):
    """The slices of x along `axis`, each a tensor of its own; their gradients are stacked again."""

    @staticmethod
    def forward(x: Array, *, axis: int) -> tuple[tuple[Array, ...], int]:
        return tuple(np.moveaxis(x, axis, 0)), axis

    @staticmethod
    def backward(dys: tuple[Array, ...], axis: int) -> tuple[Array]:
        return (np.stack(dys, axis),)


class Pad(Function):
    """A border of a constant around x; dy loses that border."""

    @staticmethod
    def forward(x: Array, *, widths: Any, value: float) -> tuple[Array, Any]:
        inside = tuple(slice(before, before + n) for (before, _), n in zip(widths, x.shape, strict=True))
        return np.pad(x, widths or 0, constant_values=value), inside

    @staticmethod
    def backward(dy: Array, inside: Any) -> tuple[Array]:
        return (dy[inside],)


class CumulativeSum(Function):
    """y_i = Σ_{j ≤ i} x_j along `axis`.  dx_j = Σ_{i ≥ j} dy_i, the same sum from the other end."""

    @staticmethod
    def forward(x: Array, *, axis: int) -> tuple[Array, int]:
        return _running_sum(x, axis), axis

    @staticmethod
    def backward(dy: Array, axis: int) -> tuple[Array]:
        return (np.flip(_running_sum(np.flip(dy, axis), axis), axis),)


def _running_sum(x: Array, axis: int) -> Array:
    """float16 and float32 are added up in float64: a running sum adds one number after the other."""
    if x.dtype in (np.float16, np.float32):
        return np.cumsum(x, axis=axis, dtype=np.float64).astype(x.dtype)
    return np.cumsum(x, axis=axis)


@traces(np.concatenate)
def concatenate(xs: Sequence[Any], axis: int | None = 0) -> Tensor:
    """The tensors of `xs` one after the other along an axis they have, or all flattened where it is None."""
    if axis is None:
        return Concatenate.apply(*map(ravel, xs), axis=0)
    return Concatenate.apply(*xs, axis=axis)


@traces(np.stack)
def stack(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """The tensors of `xs` side by side along a new axis."""
    return concatenate([expand_dims(x, axis) for x in xs], axis)


@traces(np.unstack)
def unstack(x: Any, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices of `x` along `axis`: the steps of a sequence, one gradient for all of them together."""
    return Unstack.apply(x, axis=axis)


@traces(np.pad)
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: float = 0) -> Tensor:
    """`x` with a border of `constant_values`, or of its own elements (mode edge, reflect, symmetric, wrap).

    Args:
        pad_width: cells (before, after) for each axis, or one such pair or number for all.
    """
    widths = np.broadcast_to(pad_width, (np.ndim(x), 2)).tolist()
    if mode == "constant":
        return Pad.apply(x, widths=widths, value=constant_values)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise ValueError(say(f"pad expects mode constant, edge, reflect, symmetric or wrap, got {mode!r}."))
    for axis, (n, width) in enumerate(zip(np.shape(x), widths, strict=True)):
        if any(width):
            x = take(x, np.pad(np.arange(n), width, mode=mode), axis)  # type: ignore[call-overload]
    return x


@traces(np.roll)
def roll(x: Any, shift: Any, axis: Any = None) -> Tensor:
    """`x` shifted along `axis` (as one row by default); what leaves at one end enters at the other."""
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), np.shape(x))
    for step, a in np.broadcast(shift, axis):
        n = np.shape(x)[a]
        front, back = split(x, [n - step % n if n else 0], a)
        x = concatenate([back, front], int(a))
    return x


@traces(np.repeat)
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Every element repeated along `axis` (of the flattened `x` by default)."""
    x, axis = (ravel(x), 0) if axis is None else (x, normalize_axis_index(axis, np.ndim(x)))
    shape = list(np.shape(x))
    if np.ndim(repeats):
        return take(x, np.repeat(np.arange(shape[axis]), repeats), axis)
    repeats = operator.index(repeats)
    copies = broadcast_to(expand_dims(x, axis + 1), [*shape[: axis + 1], repeats, *shape[axis + 1 :]])
    return reshape(copies, [*shape[:axis], shape[axis] * repeats, *shape[axis + 1 :]])


@traces(np.tile)
def tile(x: Any, reps: Any) -> Tensor:
    """`x` laid side by side, `reps` times along each axis."""
    times = list(np.atleast_1d(reps))
    rank = max(len(times), np.ndim(x))
    times = [1] * (rank - len(times)) + times
    shape = [1] * (rank - np.ndim(x)) + list(np.shape(x))
    copies = broadcast_to(
        reshape(x, [size for n in shape for size in (1, n)]),
        [size for t, n in zip(times, shape, strict=True) for size in (t, n)],
    )
    return reshape(copies, [t * n for t, n in zip(times, shape, strict=True)])


@traces(np.cumsum)
def cumsum(x: Any, axis: int | None = None) -> Tensor:
    """The running sum along `axis` (of the flattened `x` by default)."""
    return CumulativeSum.apply(ravel(x), axis=0) if axis is None else CumulativeSum.apply(x, axis=axis)
