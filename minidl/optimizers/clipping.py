"""Clipping: a limit on the gradient, so that one bad batch cannot throw the weights far away.

Gradients through many layers or time steps can grow by many orders of magnitude from one batch to the next.
Cutting their length keeps the direction and bounds the step (Pascanu, Mikolov & Bengio 2012,
arXiv:1211.5063):

    g <- g · min(1, c / ||g||)

over one variable (`clipnorm`) or over all of them together (`global_clipnorm`). `clipvalue` cuts each element
to [−c, c], which changes the direction too.

A sum of squares overflows long before the gradient does: in float32, (2e19)² is infinite. So a norm is kept
here in two factors, the largest magnitude and the norm of the gradient divided by it, added up in float64.
"""

import math
from collections.abc import Sequence

import numpy as np

from minidl.backend import Array
from minidl.devices import on_gpu

__all__ = ["clip_by_global_norm", "clip_by_norm", "largest", "scaled_norm"]


def largest(x: Array) -> float:
    """max |x|, without a copy of `x`: 0 for an empty array, NaN if there is a NaN.

    >>> largest(np.array([1.0, -3.0]))
    3.0
    """
    if on_gpu(x):  # whose max has no initial
        return float(np.absolute(x).max()) if x.size else 0.0
    return float(np.maximum(x.max(initial=0), -x.min(initial=0)))


def scaled_norm(x: Array) -> tuple[float, float]:
    """The Euclidean norm of `x` in two factors: the largest magnitude, and the norm of x divided by it.

    Both are finite where their product would not be. For a magnitude of 0, inf or NaN the second is 1.

    >>> scaled_norm(np.array([3e300, -4e300]))
    (4e+300, 1.25)
    """
    top = largest(x)
    if not 0 < top < math.inf:
        return top, 1.0
    relative = np.divide(x, top, dtype=np.float64)
    return top, math.sqrt(np.sum(np.square(relative, out=relative)))


def _shrunk(x: Array, norm: tuple[float, float], limit: float) -> Array:
    """`x` with `norm` brought down to `limit`; `x` itself where it is shorter, and where inf or NaN is in it."""
    top, rest = norm
    return x / top * (limit / rest) if top < math.inf and top * rest > limit else x


def clip_by_norm(gradients: Array, slices: Sequence[slice], limit: float) -> Array:
    """The gradients of several variables, end to end, each cut to the norm `limit`.

    >>> clip_by_norm(np.array([3.0, 4.0, 0.1]), [slice(0, 2), slice(2, 3)], 1.0)
    array([0.6, 0.8, 0.1])
    """
    clipped = gradients.copy()
    for part in slices:
        clipped[part] = _shrunk(gradients[part], scaled_norm(gradients[part]), limit)
    return clipped


def clip_by_global_norm(gradients: Sequence[Array], limit: float) -> list[Array]:
    """All arrays shortened by one factor, so that together they have at most the norm `limit`.

    >>> clip_by_global_norm([np.array([3.0]), np.array([4.0])], 1.0)
    [array([0.6]), array([0.8])]
    """
    norms = [scaled_norm(g) for g in gradients]
    top = max((t for t, _ in norms), default=0.0)
    if top == 0:
        return list(gradients)
    rest = math.sqrt(sum((t / top * r) ** 2 for t, r in norms))
    return [_shrunk(g, (top, rest), limit) for g in gradients]
