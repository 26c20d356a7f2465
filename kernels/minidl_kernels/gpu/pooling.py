"""max_pool2d and average_pool2d, a thread for each result both ways; `minidl_kernels.cpu.pooling` says what they are."""

from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.gpu.arrays import floats, gradient_of, ready
from minidl_kernels.gpu.launch import LARGEST, each, xp

__all__ = ["KERNELS"]

Padding = tuple[tuple[int, int], tuple[int, int]]
Size = tuple[int, int]


class _Cache(NamedTuple):
    shape: tuple[int, ...]  # of x
    y_shape: tuple[int, ...]
    winner: Any  # in each window, a byte; None for the mean
    windows: tuple[int, ...]  # their size and stride, and how far the first one begins outside of the image


def _supports(x: Any, *, pool: Size, strides: Size, padding: Padding) -> bool:
    """Images; a window of 256 cells at most that fits, and is never wholly in the border."""
    (top, bottom), (left, right) = padding
    if not floats(x) or x.ndim != 4:
        return False
    n, h, w, c = x.shape
    return (
        pool[0] * pool[1] <= 256
        and min(*pool, *strides) >= 1
        and 0 <= min(top, bottom) <= max(top, bottom) < pool[0]
        and 0 <= min(left, right) <= max(left, right) < pool[1]
        and h + top + bottom >= pool[0]
        and w + left + right >= pool[1]
        and n * (h + top + bottom) * (w + left + right) * c <= LARGEST
    )


def _prepare(x: Any, pool: Size, strides: Size, padding: Padding) -> tuple[Any, tuple[int, ...]]:
    """An array for y, and the windows."""
    n, h, w, c = x.shape
    (top, bottom), (left, right) = padding
    oh, ow = (h + top + bottom - pool[0]) // strides[0] + 1, (w + left + right - pool[1]) // strides[1] + 1
    return xp().empty((n, oh, ow, c), np.float32), (*pool, *strides, top, left)


def _each(kernel: str, n: int, *arrays: Any, sizes: _Cache) -> None:
    numbers = *sizes.shape[1:], *sizes.y_shape[1:3], *sizes.windows
    each("pooling", kernel, n, *arrays, *numbers, n)


def max_pool2d_forward(x: Any, *, pool: Size, strides: Size, padding: Padding) -> tuple[Any, _Cache]:
    """x (N, H, W, C) -> y (N, OH, OW, C)."""
    y, windows = _prepare(x, pool, strides, padding)
    cache = _Cache(x.shape, y.shape, xp().empty(y.shape, np.uint8), windows)
    _each("max_pool", y.size, ready(x), y, cache.winner, sizes=cache)
    return y, cache


def max_pool2d_backward(dy: Any, cache: _Cache) -> tuple[Any]:
    """dy (N, OH, OW, C) -> dx."""
    dx, dy = xp().empty(cache.shape, np.float32), gradient_of(dy, cache.y_shape)
    _each("max_pool_gradient", dx.size, dy, cache.winner, dx, sizes=cache)
    return (dx,)


def average_pool2d_forward(x: Any, *, pool: Size, strides: Size, padding: Padding) -> tuple[Any, _Cache]:
    """x (N, H, W, C) -> y (N, OH, OW, C)."""
    y, windows = _prepare(x, pool, strides, padding)
    cache = _Cache(x.shape, y.shape, None, windows)
    _each("average_pool", y.size, ready(x), y, sizes=cache)
    return y, cache


def average_pool2d_backward(dy: Any, cache: _Cache) -> tuple[Any]:
    """dy (N, OH, OW, C) -> dx."""
    dx, dy = xp().empty(cache.shape, np.float32), gradient_of(dy, cache.y_shape)
    _each("average_pool_gradient", dx.size, dy, dx, sizes=cache)
    return (dx,)


KERNELS = {
    "max_pool2d": Kernel(max_pool2d_forward, max_pool2d_backward, _supports),
    "average_pool2d": Kernel(average_pool2d_forward, average_pool2d_backward, _supports),
}
