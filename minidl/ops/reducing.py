"""Many numbers into one: along one axis, several (a tuple), or all of them (None)."""

from typing import Any

import numpy as np

from minidl import config
from minidl.backend import Array
from minidl.messages import say
from minidl.ops.inputs import alike, floats, tensor
from minidl.primitives import joining, reductions, shaping
from minidl.tensor import TRACED, Tensor
from minidl.utils.checks import whole_number

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "argsort", "average", "count_nonzero", "cumsum",
    "logsumexp", "max", "mean", "min", "norm", "normalize", "prod", "std", "sum", "top_k", "var",
]  # fmt: skip

Axis = int | tuple[int, ...] | None


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Σ x. float32 is added up in float64."""
    return reductions.sum(tensor(x), axis, keepdims)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Σ x / n.

    >>> mean([[1, 2], [3, 6]], axis=1)
    Tensor([1.5, 4.5], dtype=float32)
    """
    return reductions.mean(floats(x), axis, keepdims)


def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean square distance from the mean."""
    return reductions.var(floats(x), axis, keepdims)


def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """√var; the gradient of numbers that are all equal is 0."""
    return reductions.std(floats(x), axis, keepdims)


def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The product."""
    return reductions.prod(tensor(x), axis, keepdims)


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest; elements that tie share the gradient."""
    return reductions.max(tensor(x), axis, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest; elements that tie share the gradient."""
    return reductions.min(tensor(x), axis, keepdims)


amax, amin = max, min


def average(x: Any, axis: int | None = None, weights: Any = None) -> Tensor:
    """The mean weighted by `weights`: one for each element, or one for each step along `axis`."""
    if weights is None:
        return mean(x, axis)
    x, weights = alike(floats(x), tensor(weights))
    return reductions.average(x, axis, weights)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The length of vectors along `axis`, by default √(Σ x²) over all axes; see `minidl.primitives.reductions`.

    >>> norm([[3.0, 4.0], [0.0, 2.0]], axis=1)
    Tensor([5., 2.], dtype=float32)
    """
    return reductions.norm(floats(x), ord, axis, keepdims)


def normalize(x: Any, axis: int = -1, order: Any = 2, epsilon: float | None = None) -> Tensor:
    """x / max(norm of x along `axis`, epsilon): vectors of length 1 (`config.epsilon()` by default)."""
    x = floats(x)
    smallest = config.epsilon() if epsilon is None else epsilon
    return x / np.maximum(reductions.norm(x, order, axis, keepdims=True), smallest)


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """log Σ eˣ, without overflow: the largest x is taken out of the sum and added to the logarithm.

    >>> logsumexp([1000.0, 1000.0]).item() - 1000 < 0.6932
    True
    """
    x = floats(x)
    axes = tuple(range(x.ndim)) if axis is None else axis
    largest = np.max(x.data, axes, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0).astype(x.dtype)
    with np.errstate(divide="ignore"):  # log 0 = −∞ is right where every x is −∞
        y = TRACED[np.log](reductions.sum(np.exp(x - largest), axes, keepdims=True)) + largest
    return y if keepdims else shaping.squeeze(y, axes)


def cumsum(x: Any, axis: int | None = None) -> Tensor:
    """The running sum."""
    return joining.cumsum(tensor(x), axis)


# --- indices and truths: constants for gradients --------------------------------------------------------


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the largest element, the first of them at a tie."""
    return TRACED[np.argmax](tensor(x), axis=axis, keepdims=keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the smallest element, the first of them at a tie."""
    return TRACED[np.argmin](tensor(x), axis=axis, keepdims=keepdims)


def argsort(x: Any, axis: int | None = -1) -> Tensor:
    """The indices that would sort `x`; equal elements keep their order."""
    return TRACED[np.argsort](tensor(x), axis=axis, kind="stable")


def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether one element is not 0."""
    return TRACED[np.any](tensor(x), axis=axis, keepdims=keepdims)


def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether no element is 0."""
    return TRACED[np.all](tensor(x), axis=axis, keepdims=keepdims)


def count_nonzero(x: Any, axis: Axis = None) -> Tensor:
    """How many elements are not 0."""
    return TRACED[np.count_nonzero](tensor(x), axis=axis)


def top_k(x: Any, k: int) -> tuple[Tensor, Tensor]:
    """The k largest elements along the last axis, largest first, and their indices.

    >>> values, indices = top_k([1.0, 5.0, 3.0], 2)
    >>> values.numpy().tolist(), indices.numpy().tolist()
    ([5.0, 3.0], [1, 2])
    """
    x, k = tensor(x), whole_number("top_k", "k", k)
    if not 0 <= k <= x.shape[-1]:
        raise ValueError(say(f"top_k expects k from 0 to the size of the last axis, {x.shape[-1]}, got {k}."))
    best_first: Array = np.flip(np.argsort(np.flip(x.data, -1), -1, kind="stable"), -1)[..., :k]
    indices = x.shape[-1] - 1 - best_first  # sorted from behind, so that the first of equals comes first
    return shaping.take_along_axis(x, indices, -1), Tensor(indices)
