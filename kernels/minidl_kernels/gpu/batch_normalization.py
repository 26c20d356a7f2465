"""batch_normalization over all axes but the last; the sums in float64, in an order that only the shape decides.

Instead of x̂ the cache keeps x, μ and √(σ² + ε), from which backward makes x̂ again as it goes.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.gpu.arrays import floats, gradient_of, ready
from minidl_kernels.gpu.launch import each, launch, xp
from minidl_kernels.shapes import normalization_fits

__all__ = ["KERNELS"]

BUSY = 2 * 132  # blocks that keep the largest GPU of today at work
LEAST_CHUNK = 64  # rows that a block adds up


class _Cache(NamedTuple):
    x: Any  # (..., C)
    moments: Any  # (2, C), float64: μ and √(σ² + ε)
    gamma: Any
    shifted: bool  # whether β is there


def _chunks(rows: int, features: int) -> tuple[int, int]:
    """How many, and how many rows each has."""
    wanted = max(1, BUSY // -(-features // 32))
    chunk = max(LEAST_CHUNK, -(-rows // wanted))
    return -(-rows // chunk), chunk


def _sums(kernel: str, rows: int, features: int, *arrays: Any) -> tuple[Any, int]:
    """Two sums of each feature over each chunk of rows: (2, chunks, C)."""
    chunks, chunk = _chunks(rows, features)
    sums = xp().empty((2, chunks, features), np.float64)
    _by_feature(kernel, chunks, features, *arrays, sums, rows, features, chunk)
    return sums, chunks


def _by_feature(kernel: str, chunks: int, features: int, *args: Any) -> None:
    """Blocks of 32 features."""
    launch("batch_normalization", kernel, (chunks, -(-features // 32)), (32, 8), *args)


def _each(kernel: str, n: int, *args: Any) -> None:
    each("batch_normalization", kernel, n, *args)


def batch_norm_forward(
    x: Any, gamma: Any, beta: Any, *, axis: int, epsilon: float, mask: None = None
) -> tuple[tuple[Any, Any, Any], _Cache]:
    """x (..., C), gamma and beta (C,) or None -> y (..., C), mean (C,), variance (C,)."""
    x, gamma, beta = (None if a is None else ready(a) for a in (x, gamma, beta))
    features, empty = x.shape[-1], xp().empty
    rows = x.size // features
    sums, chunks = _sums("deviations", rows, features, x)
    moments = empty((2, features), np.float64)
    mean, variance = empty(features, np.float32), empty(features, np.float32)
    numbers = np.float64(epsilon), chunks, rows, features
    _by_feature("statistics", 1, features, sums, x, moments, mean, variance, *numbers)
    y = xp().empty(x.shape, np.float32)
    _each("normalise", x.size, x, moments, gamma, beta, y, features, x.size)
    return (y, mean, variance), _Cache(x, moments, gamma, beta is not None)


def batch_norm_backward(gradients: tuple[Any, Any, Any], cache: _Cache) -> tuple[Any, Any, Any]:
    """dy (..., C), d_mean (C,), d_variance (C,) -> dx, dgamma, dbeta."""
    x, moments, gamma, shifted = cache
    features, empty = x.shape[-1], xp().empty
    rows, shape = x.size // features, (features,)
    shapes = (x.shape, shape, shape)
    dy, d_mean, d_variance = (gradient_of(d, s) for d, s in zip(gradients, shapes, strict=True))
    sums, chunks = _sums("products", rows, features, dy, x, moments)
    coefficients = empty((3, features), np.float32)
    d_gamma, d_beta = empty(shape, np.float32), empty(shape, np.float32)
    given = (sums, moments, gamma, d_mean, d_variance)
    results = (coefficients, d_gamma, d_beta)
    _by_feature("gradients", 1, features, *given, *results, chunks, rows, features)
    dx = empty(x.shape, np.float32)
    _each("input_gradient", x.size, dy, x, moments, coefficients, dx, features, x.size)
    return dx, d_gamma if gamma is not None else None, d_beta if shifted else None


def _supports(x: Any, gamma: Any, beta: Any, *, axis: int, epsilon: float, mask: Any = None) -> bool:
    return (
        mask is None
        and floats(x, *[w for w in (gamma, beta) if w is not None])
        and normalization_fits(x, gamma, beta, axis)
        and x.shape[-1] <= 32 * 65535
    )


KERNELS = {"batch_normalization": Kernel(batch_norm_forward, batch_norm_backward, _supports)}
