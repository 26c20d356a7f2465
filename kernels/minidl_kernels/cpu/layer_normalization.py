"""layer_normalization over the last axes: y = γ·x̂ + β with x̂ = (x − μ)/√(σ² + ε), row by row.

A row is what is normalised together. It is read three times forward (Σx, then Σ(x − μ)², then y) and twice
backward (Σg and Σg·x̂ with g = dy·γ, then dx), while it is near; all in float64 up to the rounding of the result.
The cache keeps x, and μ and √(σ² + ε) of each row, from which backward makes x̂ again.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.cpu.arrays import floats, gradient_of, ready
from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.fragment import fragment
from minidl_kernels.cpu.memory import empty
from minidl_kernels.cpu.pool import run, shares

__all__ = ["KERNELS"]

LANES = 8  # sums side by side: a single one would wait for each addition


class _Cache(NamedTuple):
    x: Any
    mean: Any  # (rows,), float64
    deviation: Any  # √(σ² + ε), (rows,), float64
    gamma: Any  # (C,)
    features: tuple[int, ...]  # the sizes of the last axes
    parameters: tuple[bool, bool]  # whether γ and β are there


@fragment
def _total(sums):
    total = 0.0
    for i in range(LANES):
        total += sums[i]
    return total


@compiled
def _normalise(counter, parts, x, gamma, beta, epsilon, mean, deviation, y):
    rows, n = x.shape
    whole, sums = n // LANES * LANES, np.empty(LANES)
    while True:
        part = take(counter)
        if part >= parts:
            return
        for row in range(part * rows // parts, (part + 1) * rows // parts):
            sums[:] = 0
            for c in range(0, whole, LANES):
                for i in range(LANES):
                    sums[i] += x[row, c + i]
            for c in range(whole, n):
                sums[0] += x[row, c]
            middle = _total(sums) / n
            sums[:] = 0
            for c in range(0, whole, LANES):
                for i in range(LANES):
                    sums[i] += (x[row, c + i] - middle) * (x[row, c + i] - middle)
            for c in range(whole, n):
                sums[0] += (x[row, c] - middle) * (x[row, c] - middle)
            mean[row], deviation[row] = middle, math.sqrt(_total(sums) / n + epsilon)
            factor = 1 / deviation[row]
            for c in range(n):
                y[row, c] = (x[row, c] - middle) * factor * gamma[c] + beta[c]


@compiled
def _gradients(counter, parts, dy, x, gamma, mean, deviation, dx, d_gamma, d_beta):
    """A part is a share of the rows, with a line of its own in d_gamma and d_beta (parts, C)."""
    rows, n = x.shape
    whole, sums, products = n // LANES * LANES, np.empty(LANES), np.empty(LANES)
    while True:
        part = take(counter)
        if part >= parts:
            return
        d_gamma[part], d_beta[part] = 0, 0
        for row in range(part * rows // parts, (part + 1) * rows // parts):
            middle, factor = mean[row], 1 / deviation[row]
            sums[:] = 0
            products[:] = 0
            for c in range(0, whole, LANES):
                for i in range(LANES):
                    g = dy[row, c + i] * np.float64(gamma[c + i])
                    sums[i] += g
                    products[i] += g * (x[row, c + i] - middle)
            for c in range(whole, n):
                g = dy[row, c] * np.float64(gamma[c])
                sums[0] += g
                products[0] += g * (x[row, c] - middle)
            constant, along = _total(sums) / n, _total(products) / n * factor * factor
            for c in range(n):
                g = dy[row, c] * np.float64(gamma[c])
                dx[row, c] = (g - constant - (x[row, c] - middle) * along) * factor
            for c in range(n):
                d_gamma[part, c] += dy[row, c] * ((x[row, c] - middle) * factor)
            for c in range(n):
                d_beta[part, c] += dy[row, c]


def layer_norm_forward(
    x: Any, gamma: Any, beta: Any, *, axes: tuple[int, ...], epsilon: float
) -> tuple[Any, _Cache]:
    """x, and gamma and beta of the shape of its last axes or None -> y like x."""
    x, n = ready(x), math.prod(x.shape[axes[0] :])
    lines, y = x.reshape(-1, n), empty(x.shape, x.dtype)
    scale = np.ones(n, x.dtype) if gamma is None else ready(gamma).reshape(n)
    shift = np.zeros(n, x.dtype) if beta is None else ready(beta).reshape(n)
    mean, deviation = np.empty((2, len(lines)))
    run(
        _normalise, min(shares(x.size), len(lines)), lines, scale, shift, epsilon, mean, deviation,
        y.reshape(lines.shape),
    )  # fmt: skip
    return y, _Cache(x, mean, deviation, scale, x.shape[axes[0] :], (gamma is not None, beta is not None))


def layer_norm_backward(dy: Any, cache: _Cache) -> tuple[Any, Any, Any]:
    """dy like x -> dx, dgamma, dbeta."""
    x, mean, deviation, gamma, features, (scaled, shifted) = cache
    lines = x.reshape(len(mean), -1)
    dy, dx = gradient_of(dy, x.shape, x.dtype).reshape(lines.shape), empty(x.shape, x.dtype)
    parts = min(shares(x.size), len(lines))
    d_gamma, d_beta = np.empty((2, parts, lines.shape[1]))
    run(_gradients, parts, dy, lines, gamma, mean, deviation, dx.reshape(lines.shape), d_gamma, d_beta)
    total = [d.sum(axis=0).astype(x.dtype).reshape(features) for d in (d_gamma, d_beta)]
    return dx, total[0] if scaled else None, total[1] if shifted else None


def _supports(x: Any, gamma: Any, beta: Any, *, axes: tuple[int, ...], epsilon: float) -> bool:
    return (
        floats(x, *[w for w in (gamma, beta) if w is not None])
        and 0 < len(axes) < x.ndim
        and tuple(axes) == tuple(range(x.ndim - len(axes), x.ndim))
        and all(w is None or w.shape == x.shape[axes[0] :] for w in (gamma, beta))
    )


KERNELS = {"layer_normalization": Kernel(layer_norm_forward, layer_norm_backward, _supports)}
