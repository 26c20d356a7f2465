"""Many elements into one: sums, means, products and extremes along axes, with their gradients.

The forward loses the axes it reduces; the backward puts them back as axes of size 1 and lets broadcasting
repeat the gradient along them (`_spread`).
"""

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from minidl.backend import Array
from minidl.messages import say
from minidl.primitives.elementwise import Root, astype
from minidl.tensor import Function, Tensor, traces

__all__ = ["average", "max", "mean", "min", "norm", "prod", "std", "sum", "var"]

Axis = int | tuple[int, ...] | None


def _axes(x: Array, axis: Axis) -> tuple[int, ...]:
    """The reduced axes, counted from the front."""
    return tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)


def _count(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """How many numbers go into one."""
    return math.prod(shape[a] for a in axes)


def _spread(y: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """`y`, which has lost `axes` of `shape` or kept them as ones, with each of them as an axis of size 1."""
    return np.reshape(y, [1 if i in axes else n for i, n in enumerate(shape)])


def _wide(x: Array) -> Any:
    """The type to add up in: float64 for float16 and float32, else the array's own."""
    return np.float64 if x.dtype in (np.float16, np.float32) else None


def _add_up(x: Array, axis: Any, keepdims: bool) -> Array:
    return _in_type_of(x, x.sum(axis=axis, keepdims=keepdims, dtype=_wide(x)))


def _in_type_of(x: Array, result: Any) -> Any:
    """A reduction of x in the type of x, unless that is whole numbers."""
    return result if x.dtype.kind in "biu" else result.astype(x.dtype, copy=False)


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
        y = x.mean(axis=axis, keepdims=keepdims, dtype=_wide(x))
        return _in_type_of(x, y), (x.shape, _axes(x, axis))

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array]:
        shape, axes = cache
        n = _count(shape, axes) or 1  # a mean of nothing has no inputs to send dy to
        return (np.broadcast_to(_spread(dy, shape, axes) / n, shape),)


class Variance(Function):
    """y = Σ (x − mean)² / (n − ddof).  dx = dy · 2 (x − mean) / (n − ddof).

    (The mean moves with x too, but that part is −2·Σ (x − mean)·dmean / (n − ddof), and Σ (x − mean) = 0.)
    """

    @staticmethod
    def forward(x: Array, *, axis: Axis, keepdims: bool, ddof: int) -> tuple[Array, Any]:
        axes = _axes(x, axis)
        mean = np.mean(x, axis=axes, keepdims=True, dtype=_wide(x))
        centred = x - mean.astype(np.result_type(x, np.float16))
        n = _count(x.shape, axes) - ddof
        return _add_up(centred * centred, axes, keepdims) / n, (centred, axes, n)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array]:
        centred, axes, n = cache
        return (_spread(dy, centred.shape, axes) * 2 * centred / n,)


class Product(Function):
    """y = Π x.  dx_i = dy · Π of the others: products from both ends, right where factors are 0 too."""

    @staticmethod
    def forward(x: Array, *, axis: Axis, keepdims: bool) -> tuple[Array, Any]:
        return np.prod(x, axis=axis, keepdims=keepdims), (x, _axes(x, axis))

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array]:
        x, axes = cache
        kept = [a for a in range(x.ndim) if a not in axes]
        order = [*kept, *axes]
        rows = np.transpose(x, order).reshape([x.shape[a] for a in kept] + [_count(x.shape, axes)])
        before, after = np.ones_like(rows), np.ones_like(rows)
        before[..., 1:] = np.cumprod(rows[..., :-1], axis=-1)
        after[..., :-1] = np.cumprod(rows[..., :0:-1], axis=-1)[..., ::-1]
        others = (before * after).reshape([x.shape[a] for a in order]).transpose(np.argsort(order).tolist())
        return (_spread(dy, x.shape, axes) * others,)


class Extreme(Function):
    """y = max x, or min x.  Elements that tie for it share dy equally."""

    @staticmethod
    def forward(x: Array, *, axis: Axis, keepdims: bool, largest: bool) -> tuple[Array, Any]:
        y = (np.max if largest else np.min)(x, axis=axis, keepdims=keepdims)
        axes = _axes(x, axis)
        winners = x == _spread(y, x.shape, axes)
        if x.dtype.kind == "f":
            winners |= np.isnan(x)  # NaN wins against everything, only not against itself
        return y, (winners, axes)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array]:
        winners, axes = cache
        share = _spread(dy, winners.shape, axes) / np.sum(winners, axis=axes, keepdims=True)
        return ((winners * share).astype(dy.dtype),)


@traces(np.sum)
def sum(x: Any, axis: Any = None, keepdims: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum along `axis` (all axes by default), of `x` as `dtype`. float32 is added up in float64."""
    x = x if dtype is None else astype(x, dtype)
    return Sum.apply(x, axis=axis, keepdims=keepdims)


@traces(np.mean)
def mean(x: Any, axis: Any = None, keepdims: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean along `axis` (all axes by default), of `x` as `dtype`. float32 is added up in float64."""
    x = x if dtype is None else astype(x, dtype)
    return Mean.apply(x, axis=axis, keepdims=keepdims)


@traces(np.average)
def average(x: Any, axis: Any = None, weights: Any = None) -> Tensor:
    """The mean along `axis`, weighted by `weights`: one for each element, or for each step along `axis`."""
    if weights is None:
        return mean(x, axis)
    if np.ndim(weights) == 1 != np.ndim(x):
        rank = np.ndim(x)
        column = np.reshape(weights, [-1 if a == axis % rank else 1 for a in range(rank)])
        weights = np.broadcast_to(column, np.shape(x))
    return sum(np.multiply(x, weights), axis) / sum(weights, axis)


@traces(np.var)
def var(x: Any, axis: Any = None, keepdims: bool = False, ddof: int = 0) -> Tensor:
    """The population variance along `axis`; ddof=1 divides by n − 1."""
    return Variance.apply(x, axis=axis, keepdims=keepdims, ddof=ddof)


@traces(np.std)
def std(x: Any, axis: Any = None, keepdims: bool = False, ddof: int = 0) -> Tensor:
    """The square root of `var`; numbers that are all equal get the gradient 0."""
    return Root.apply(var(x, axis, keepdims, ddof))


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


@traces(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The length of vectors: (Σ |x|^ord)^(1/ord), by default √(Σ x²), over `axis` (all axes by default).

    Args:
        ord: None or 2 (Euclid), 1 (sum of |x|), ±inf (largest and smallest |x|), or any number > 0.

    Raises:
        ValueError: a norm of matrices, which is another thing and not offered.
    """
    if ord is not None and np.ndim(x) != 1 and (axis is None or np.ndim(axis) > 0) and ord != "fro":
        raise ValueError(say(f"norm with ord={ord!r} takes vectors: name one axis of shape {np.shape(x)}."))
    if ord in (None, 2, "fro"):
        return Root.apply(sum(np.square(x), axis, keepdims))
    if ord in (np.inf, -np.inf):
        return (max if ord > 0 else min)(np.abs(x), axis, keepdims)
    if not isinstance(ord, int | float) or not ord > 0:
        raise ValueError(say(f"norm expects ord to be a positive number, inf, -inf or None, got {ord!r}."))
    return sum(np.power(np.abs(x), ord), axis, keepdims) ** (1 / ord)
