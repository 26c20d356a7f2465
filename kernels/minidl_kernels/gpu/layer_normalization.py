"""layer_normalization over the last axes: y = γ·x̂ + β with x̂ = (x − μ)/√(σ² + ε), row by row.

A row is what is normalised together. The cache keeps x, and μ and 1/√(σ² + ε) of each row in float64.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.gpu.arrays import floats, gradient_of, ready
from minidl_kernels.gpu.launch import launch, xp
from minidl_kernels.gpu.rows import each_row
from minidl_kernels.gpu.sums import chunk_of, sum_of_sums

__all__ = ["KERNELS"]

MOST_COLUMNS = 2**20  # of a row: a grid has at most 2¹⁶ − 1 blocks in y, of 32 columns each


class _Cache(NamedTuple):
    x: Any
    mean: Any  # (rows,), float64
    factor: Any  # 1/√(σ² + ε), (rows,), float64
    gamma: Any  # of the sizes of the last axes, or None
    features: tuple[int, ...]  # these sizes
    shifted: bool  # whether β is there


def layer_norm_forward(
    x: Any, gamma: Any, beta: Any, *, axes: tuple[int, ...], epsilon: float
) -> tuple[Any, _Cache]:
    """x, and gamma and beta of the shape of its last axes or None -> y like x."""
    x, features = ready(x), x.shape[axes[0] :]
    n = math.prod(features)
    rows = x.size // n
    scale, shift = (None if w is None else ready(w) for w in (gamma, beta))
    y = xp().empty(x.shape, np.float32)
    mean, factor = xp().empty(rows, np.float64), xp().empty(rows, np.float64)
    arrays = (x, scale, shift, y, mean, factor)
    each_row("layer_normalization", "layer_norm", rows, n, *arrays, np.float64(epsilon))
    return y, _Cache(x, mean, factor, scale, features, beta is not None)


def layer_norm_backward(dy: Any, cache: _Cache) -> tuple[Any, Any, Any]:
    """dy like x -> dx, dgamma, dbeta."""
    x, mean, factor, gamma, features, shifted = cache
    rows, n = len(mean), math.prod(features)
    dy, dx = gradient_of(dy, x.shape), xp().empty(x.shape, np.float32)
    each_row("layer_normalization", "layer_norm_backward", rows, n, dy, x, gamma, mean, factor, dx)
    if gamma is None and not shifted:
        return dx, None, None
    chunk = chunk_of(rows)
    chunks = -(-rows // chunk)
    parts, sums = xp().empty((chunks, 2 * n), np.float64), xp().empty(2 * n, np.float32)
    columns = (dy, x, mean, factor, parts, rows, n, chunk)
    launch("layer_normalization", "layer_norm_parameters", (chunks, -(-n // 32)), (32, 8), *columns)
    sum_of_sums(parts, sums)
    d_gamma, d_beta = sums[:n].reshape(features), sums[n:].reshape(features)
    return dx, d_gamma if gamma is not None else None, d_beta if shifted else None


def _supports(x: Any, gamma: Any, beta: Any, *, axes: tuple[int, ...], epsilon: float) -> bool:
    return (
        floats(x, *[w for w in (gamma, beta) if w is not None])
        and 0 < len(axes) < x.ndim
        and tuple(axes) == tuple(range(x.ndim - len(axes), x.ndim))
        and all(w is None or w.shape == x.shape[axes[0] :] for w in (gamma, beta))
        and math.prod(x.shape[axes[0] :]) <= MOST_COLUMNS
    )


KERNELS = {"layer_normalization": Kernel(layer_norm_forward, layer_norm_backward, _supports)}
