"""Many elements into one: sums, means, products and extremes along axes, with their gradients.

The forward loses the axes it reduces; the backward puts them back as axes of size 1 and lets broadcasting
repeat the gradient along them (`_spread`).
"""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.tensor import Function, Tensor, traces

__all__ = ["average", "max", "mean", "min", "prod", "std", "sum", "var"]

Axis = int | tuple[int, ...] | None


def _axes(x: Array, axis: Axis) -> tuple[int, ...]:
    """The reduced axes, counted from the front."""
    if axis is None:
        return tuple(range(x.ndim))
    return tuple(a % x.ndim for a in (axis if isinstance(axis, tuple | list) else (axis,)))


def _spread(y: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """`y`, which has lost `axes` of `shape` or kept them as ones, with each of them as an axis of size 1."""
    return np.reshape(y, [1 if i in axes else n for i, n in enumerate(shape)])


def _wide(x: Array) -> Any:
    """The type to add up in: float64 for float16 and float32, else the array's own."""
    return np.float64 if x.dtype in (np.float16, np.float32) else None


def _add_up(x: Array, axis: Any, keepdims: bool) -> Array:
    return np.asarray(
        np.sum(x, axis=axis, keepdims=keepdims, dtype=_wide(x)),
        dtype=None if x.dtype.kind in "biu" else x.dtype,
    )


class Sum(Function):
    """y = Σ x.  dx = dy, repeated along the summed axes."""

    @staticmethod
    def forward(x: Array, *, axis: Axis, keepdims: bool) -> tuple[Array, Any]:
        return _add_up(x, axis, keepdims), (x.shape, _axes(x, axis))

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array]:
        shape, axes = cache
        return (np.broadcast_to(_spread(dy, shape, axes), shape),)


class Mean(Function):
    """y = Σ x / n.  dx = dy / n, repeated along the averaged axes."""

    @staticmethod
    def forward(x: Array, *, axis: Axis, keepdims: bool) -> tuple[Array, Any]:
        y = np.mean(x, axis=axis, keepdims=keepdims, dtype=_wide(x))
        return np.asarray(y, dtype=None if x.dtype.kind in "biu" else x.dtype), (x.shape, _axes(x, axis))

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array]:
        shape, axes = cache
        n = int(np.prod([shape[a] for a in axes]))
        return (np.broadcast_to(_spread(dy, shape, axes) / n, shape),)


class Variance(Function):
    """y = Σ (x − mean)² / (n − ddof).  dx = dy · 2 (x − mean) / (n − ddof)."""

    @staticmethod
    def forward(x: Array, *, axis: Axis, keepdims: bool, ddof: int) -> tuple[Array, Any]:
        axes = _axes(x, axis)
        n = int(np.prod([x.shape[a] for a in axes])) - ddof
        centred = x - np.mean(x, axis=axes, keepdims=True, dtype=_wide(x)).astype(
            np.result_type(x, np.float16)
        )
        return _add_up(centred * centred, axes, keepdims) / n, (centred, axes, n)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array]:
        centred, axes, n = cache
        return (_spread(dy, centred.shape, axes) * 2 * centred / n,)


class Product(Function):
    """y = Π x.  dx_i = dy · Π of the others, as the products from both ends, which are right with zeros too."""

    @staticmethod
    def forward(x: Array, *, axis: Axis, keepdims: bool) -> tuple[Array, Any]:
        return np.prod(x, axis=axis, keepdims=keepdims), (x, _axes(x, axis))

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array]:
        x, axes = cache
        kept = [a for a in range(x.ndim) if a not in axes]
        order = [*kept, *axes]
        rows = np.transpose(x, order).reshape(
            *[x.shape[a] for a in kept], -1
        )  # the factors along the last axis
        before, after = np.ones_like(rows), np.ones_like(rows)
        before[..., 1:] = np.cumprod(rows[..., :-1], axis=-1)
        after[..., :-1] = np.cumprod(rows[..., :0:-1], axis=-1)[..., ::-1]
        others = (before * after).reshape([x.shape[a] for a in order]).transpose(np.argsort(order))
        return (_spread(dy, x.shape, axes) * others,)


class Extreme(Function):
    """y = max x, or min x.  Elements that tie for it share dy equally."""

    @staticmethod
    def forward(x: Array, *, axis: Axis, keepdims: bool, largest: bool) -> tuple[Array, Any]:
        y = (np.max if largest else np.min)(x, axis=axis, keepdims=keepdims)
        axes = _axes(x, axis)
        return y, (x == _spread(y, x.shape, axes), axes)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array]:
        winners, axes = cache
        share = _spread(dy, winners.shape, axes) / np.sum(winners, axis=axes, keepdims=True)
        return ((winners * share).astype(dy.dtype),)


@traces(np.sum)
def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The sum along `axis` (all axes by default). float32 is added up in float64."""
    return Sum.apply(x, axis=axis, keepdims=keepdims)


@traces(np.mean)
def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean along `axis` (all axes by default). float32 is added up in float64."""
    return Mean.apply(x, axis=axis, keepdims=keepdims)


@traces(np.average)
def average(x: Any, axis: Any = None, weights: Any = None) -> Tensor:
    """The mean along `axis`, weighted by `weights` of the same shape where given."""
    return mean(x, axis) if weights is None else sum(x * weights, axis) / sum(weights, axis)


@traces(np.var)
def var(x: Any, axis: Any = None, keepdims: bool = False, ddof: int = 0) -> Tensor:
    """The population variance along `axis`; ddof=1 divides by n − 1."""
    return Variance.apply(x, axis=axis, keepdims=keepdims, ddof=ddof)


@traces(np.std)
def std(x: Any, axis: Any = None, keepdims: bool = False, ddof: int = 0) -> Tensor:
    """The square root of `var`."""
    return var(x, axis, keepdims, ddof) ** 0.5


@traces(np.prod)
def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The product along `axis` (all axes by default)."""
    return Product.apply(x, axis=axis, keepdims=keepdims)


@traces(np.max)
def max(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest element along `axis`."""
    return Extreme.apply(x, axis=axis, keepdims=keepdims, largest=True)


@traces(np.min)
def min(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The smallest element along `axis`."""
    return Extreme.apply(x, axis=axis, keepdims=keepdims, largest=False)
