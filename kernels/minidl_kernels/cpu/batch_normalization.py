"""batch_normalization over all axes but the last: y = γ·x̂ + β with x̂ = (x − μ)/√(σ² + ε).

Three passes forward (Σx, then Σ(x − μ)², then y) and two backward (Σdy and Σdy·x̂, then dx), in float64 up to the
rounding of the result. The variance is never Σx² − μ²: at a mean of 10⁴ that would keep no digit. Instead of x̂
the cache keeps x, μ and √(σ² + ε), from which backward makes x̂ again as it goes.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.cpu.arrays import floats, gradient_of, ready
from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.memory import empty
from minidl_kernels.cpu.pool import run, shares
from minidl_kernels.shapes import normalization_fits

__all__ = ["KERNELS"]


class _Cache(NamedTuple):
    x: Any  # (..., C)
    mean: Any  # (C,), float64
    deviation: Any  # √(σ² + ε), (C,), float64
    scale: Any  # γ, (C,), float64
    parameters: tuple[bool, bool]  # whether γ and β are there


@compiled
def _sums(counter, parts, x, sums):
    """Each part adds its rows into a line of its own: sums (parts, C)."""
    while True:
        part = take(counter)
        if part >= parts:
            return
        sums[part] = 0
        for row in range(part * len(x) // parts, (part + 1) * len(x) // parts):
            for c in range(x.shape[1]):
                sums[part, c] += x[row, c]


@compiled
def _squares(counter, parts, x, mean, sums):
    while True:
        part = take(counter)
        if part >= parts:
            return
        sums[part] = 0
        for row in range(part * len(x) // parts, (part + 1) * len(x) // parts):
            for c in range(x.shape[1]):
                sums[part, c] += (x[row, c] - mean[c]) * (x[row, c] - mean[c])


@compiled
def _normalise(counter, parts, x, mean, factor, shift, y):
    while True:
        part = take(counter)
        if part >= parts:
            return
        for row in range(part * len(x) // parts, (part + 1) * len(x) // parts):
            for c in range(x.shape[1]):
                y[row, c] = (x[row, c] - mean[c]) * factor[c] + shift[c]


@compiled
def _products(counter, parts, dy, x, mean, sums, products):
    while True:
        part = take(counter)
        if part >= parts:
            return
        sums[part] = 0
        products[part] = 0
        for row in range(part * len(x) // parts, (part + 1) * len(x) // parts):
            for c in range(x.shape[1]):
                sums[part, c] += dy[row, c]
                products[part, c] += dy[row, c] * (x[row, c] - mean[c])


@compiled
def _input_gradient(counter, parts, dy, x, mean, a, b, shift, dx):
    """dx = a·dy + b·(x − μ) + shift."""
    while True:
        part = take(counter)
        if part >= parts:
            return
        for row in range(part * len(x) // parts, (part + 1) * len(x) // parts):
            for c in range(x.shape[1]):
                dx[row, c] = a[c] * dy[row, c] + b[c] * (x[row, c] - mean[c]) + shift[c]


def batch_norm_forward(
    x: Any, gamma: Any, beta: Any, *, axis: int, epsilon: float, mask: None = None
) -> tuple[tuple[Any, Any, Any], _Cache]:
    """x (..., C), gamma and beta (C,) or None -> y (..., C), mean (C,), variance (C,)."""
    x = ready(x)
    rows = x.reshape(-1, x.shape[-1])
    n, channels = rows.shape
    parts = shares(x.size)
    sums = np.empty((parts, channels))
    run(_sums, parts, rows, sums)
    mean = sums.sum(axis=0) / n
    run(_squares, parts, rows, mean, sums)
    variance = sums.sum(axis=0) / n
    deviation = np.sqrt(variance + epsilon)
    scale = np.ones(channels) if gamma is None else np.array(gamma, np.float64)
    shift = np.zeros(channels) if beta is None else np.array(beta, np.float64)
    y = empty(x.shape, x.dtype)
    run(_normalise, parts, rows, mean, scale / deviation, shift, y.reshape(rows.shape))
    statistics = mean.astype(x.dtype), variance.astype(x.dtype)
    return (y, *statistics), _Cache(x, mean, deviation, scale, (gamma is not None, beta is not None))


def batch_norm_backward(gradients: tuple[Any, Any, Any], cache: _Cache) -> tuple[Any, Any, Any]:
    """dy (..., C), d_mean (C,), d_variance (C,) -> dx, dgamma, dbeta."""
    x, mean, deviation, scale, (scaled, shifted) = cache
    dy, d_mean, d_variance = gradients
    rows = x.reshape(-1, x.shape[-1])
    n, channels = rows.shape
    dy = gradient_of(dy, x.shape, x.dtype).reshape(rows.shape)
    parts = shares(x.size)
    sums, products = np.empty((2, parts, channels))
    run(_products, parts, dy, rows, mean, sums, products)
    d_beta, d_gamma = sums.sum(axis=0), products.sum(axis=0) / deviation
    a = scale / deviation
    b, shift = (2 * d_variance - a * d_gamma / deviation) / n, (d_mean - a * d_beta) / n
    dx = empty(x.shape, x.dtype)
    run(_input_gradient, parts, dy, rows, mean, a, b, shift, dx.reshape(rows.shape))
    return dx, d_gamma.astype(x.dtype) if scaled else None, d_beta.astype(x.dtype) if shifted else None


def _supports(x: Any, gamma: Any, beta: Any, *, axis: int, epsilon: float, mask: Any = None) -> bool:
    return (
        mask is None
        and floats(x, *[w for w in (gamma, beta) if w is not None])
        and normalization_fits(x, gamma, beta, axis)
    )


KERNELS = {"batch_normalization": Kernel(batch_norm_forward, batch_norm_backward, _supports)}
