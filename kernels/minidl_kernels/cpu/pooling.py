"""max_pool2d and average_pool2d.

    max      y[n, i, j, c] = the largest of the window      dx: all of dy to the first cell that holds it
    average  y[n, i, j, c] = the mean of the window         dx: dy / cells to each of them

The channels are neighbours in memory, so the innermost loop runs over them and works on whole vectors.
Forward notes the winner of a window in one byte; backward adds dy where that byte names the cell. The border
of "same" padding is not built: cells outside the image are skipped. A NaN wins over any number.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.cpu.arrays import floats, gradient_of, ready
from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.fragment import fragment
from minidl_kernels.cpu.memory import empty
from minidl_kernels.cpu.pieces import less
from minidl_kernels.cpu.pool import run, shares

__all__ = ["KERNELS"]

Padding = tuple[tuple[int, int], tuple[int, int]]
Size = tuple[int, int]


class _Windows(NamedTuple):
    """Size and stride of the window, and how far the first one begins outside the image."""

    kh: int
    kw: int
    sh: int
    sw: int
    top: int
    left: int


class _Cache(NamedTuple):
    shape: tuple[int, ...]  # of x
    y_shape: tuple[int, ...]
    dtype: Any
    winner: Any  # None for the mean
    windows: _Windows


@fragment
def _inside(first, size, n):
    """Of a window of `size` cells that begins at `first`, the cells that lie within 0 ... n - 1."""
    return -first if first < 0 else 0, less(size, n - first)


@fragment
def _clear(dx, image):
    """dx[image] = 0"""
    for i in range(dx.shape[1]):
        for j in range(dx.shape[2]):
            for c in range(dx.shape[3]):
                dx[image, i, j, c] = 0


@compiled
def _max(counter, parts, x, y, winner, lowest, g):
    """A part is a share of the lines of y, of all images together."""
    n, oh, ow, channels = y.shape
    while True:
        part = take(counter)
        if part >= parts:
            return
        for row in range(part * n * oh // parts, (part + 1) * n * oh // parts):
            image, i = row // oh, row % oh
            k_begin, k_end = _inside(i * g.sh - g.top, g.kh, x.shape[1])
            for j in range(ow):
                l_begin, l_end = _inside(j * g.sw - g.left, g.kw, x.shape[2])
                for c in range(channels):
                    y[image, i, j, c], winner[image, i, j, c] = lowest, 0
                for k in range(k_begin, k_end):
                    for l in range(l_begin, l_end):  # noqa: E741
                        cell = np.uint8(k * g.kw + l)
                        for c in range(channels):
                            best, v = (
                                y[image, i, j, c],
                                x[image, i * g.sh + k - g.top, j * g.sw + l - g.left, c],
                            )
                            wins = (not v <= best) & (best == best)
                            y[image, i, j, c] = v if wins else best
                            winner[image, i, j, c] = cell if wins else winner[image, i, j, c]


@compiled
def _max_of_four(counter, parts, x, y, winner):
    """The same for windows of 2 x 2 that do not overlap, five times as fast: the best stays in a register."""
    n, oh, ow, channels = y.shape
    first, second, third, fourth = np.uint8(0), np.uint8(1), np.uint8(2), np.uint8(3)
    while True:
        part = take(counter)
        if part >= parts:
            return
        for row in range(part * n * oh // parts, (part + 1) * n * oh // parts):
            image, i = row // oh, row % oh
            for j in range(ow):
                for c in range(channels):
                    best, cell = x[image, 2 * i, 2 * j, c], first
                    v = x[image, 2 * i, 2 * j + 1, c]
                    wins = (not v <= best) & (best == best)
                    best, cell = v if wins else best, second if wins else cell
                    v = x[image, 2 * i + 1, 2 * j, c]
                    wins = (not v <= best) & (best == best)
                    best, cell = v if wins else best, third if wins else cell
                    v = x[image, 2 * i + 1, 2 * j + 1, c]
                    wins = (not v <= best) & (best == best)
                    best, cell = v if wins else best, fourth if wins else cell
                    y[image, i, j, c], winner[image, i, j, c] = best, cell


@compiled
def _max_backward(counter, parts, dy, winner, dx, g):
    """A part is a share of the images. Where windows do not overlap, each pixel is written once at most."""
    n, oh, ow, channels = dy.shape
    zero = dy.dtype.type(0)
    apart = g.sh >= g.kh and g.sw >= g.kw
    side_by_side = g.sh == g.kh and g.sw == g.kw and g.top == 0 and g.left == 0
    covered = side_by_side and oh * g.kh == dx.shape[1] and ow * g.kw == dx.shape[2]
    while True:
        part = take(counter)
        if part >= parts:
            return
        for image in range(part * n // parts, (part + 1) * n // parts):
            if not covered:
                _clear(dx, image)
            for i in range(oh):
                k_begin, k_end = _inside(i * g.sh - g.top, g.kh, dx.shape[1])
                for j in range(ow):
                    l_begin, l_end = _inside(j * g.sw - g.left, g.kw, dx.shape[2])
                    for k in range(k_begin, k_end):
                        for l in range(l_begin, l_end):  # noqa: E741
                            cell = np.uint8(k * g.kw + l)
                            line, place = i * g.sh + k - g.top, j * g.sw + l - g.left
                            if apart:
                                for c in range(channels):
                                    won = winner[image, i, j, c] == cell
                                    dx[image, line, place, c] = dy[image, i, j, c] if won else zero
                            else:
                                for c in range(channels):
                                    won = winner[image, i, j, c] == cell
                                    dx[image, line, place, c] += dy[image, i, j, c] if won else zero


@compiled
def _mean(counter, parts, x, y, g):
    """A part is a share of the lines of y, of all images together."""
    n, oh, ow, channels = y.shape
    while True:
        part = take(counter)
        if part >= parts:
            return
        for row in range(part * n * oh // parts, (part + 1) * n * oh // parts):
            image, i = row // oh, row % oh
            k_begin, k_end = _inside(i * g.sh - g.top, g.kh, x.shape[1])
            for j in range(ow):
                l_begin, l_end = _inside(j * g.sw - g.left, g.kw, x.shape[2])
                for c in range(channels):
                    y[image, i, j, c] = 0
                for k in range(k_begin, k_end):
                    for l in range(l_begin, l_end):  # noqa: E741
                        line, place = i * g.sh + k - g.top, j * g.sw + l - g.left
                        for c in range(channels):
                            y[image, i, j, c] += x[image, line, place, c]
                cells = y.dtype.type((k_end - k_begin) * (l_end - l_begin))
                for c in range(channels):
                    y[image, i, j, c] /= cells


@compiled
def _mean_backward(counter, parts, dy, dx, g):
    """A part is a share of the images."""
    n, oh, ow, channels = dy.shape
    while True:
        part = take(counter)
        if part >= parts:
            return
        for image in range(part * n // parts, (part + 1) * n // parts):
            _clear(dx, image)
            for i in range(oh):
                k_begin, k_end = _inside(i * g.sh - g.top, g.kh, dx.shape[1])
                for j in range(ow):
                    l_begin, l_end = _inside(j * g.sw - g.left, g.kw, dx.shape[2])
                    cells = dy.dtype.type((k_end - k_begin) * (l_end - l_begin))
                    for k in range(k_begin, k_end):
                        for l in range(l_begin, l_end):  # noqa: E741
                            line, place = i * g.sh + k - g.top, j * g.sw + l - g.left
                            for c in range(channels):
                                dx[image, line, place, c] += dy[image, i, j, c] / cells


def _supports(x: Any, *, pool: Size, strides: Size, padding: Padding) -> bool:
    """Images of floats; a window of 256 cells at most that fits, and is never wholly in the border."""
    (top, bottom), (left, right) = padding
    return (
        floats(x)
        and x.ndim == 4
        and pool[0] * pool[1] <= 256
        and min(*pool, *strides) >= 1
        and 0 <= min(top, bottom) <= max(top, bottom) < pool[0]
        and 0 <= min(left, right) <= max(left, right) < pool[1]
        and x.shape[1] + top + bottom >= pool[0]
        and x.shape[2] + left + right >= pool[1]
    )


def _prepare(x: Any, pool: Size, strides: Size, padding: Padding) -> tuple[Any, Any, _Windows]:
    """x in order, an array for y, the windows."""
    n, h, w, c = x.shape
    (top, bottom), (left, right) = padding
    oh, ow = (h + top + bottom - pool[0]) // strides[0] + 1, (w + left + right - pool[1]) // strides[1] + 1
    return ready(x), empty((n, oh, ow, c), x.dtype), _Windows(*pool, *strides, top, left)


def max_pool2d_forward(x: Any, *, pool: Size, strides: Size, padding: Padding) -> tuple[Any, _Cache]:
    """x (N, H, W, C) -> y (N, OH, OW, C)."""
    x, y, g = _prepare(x, pool, strides, padding)
    winner = empty(y.shape, np.uint8)
    if g[:4] == (2, 2, 2, 2) and not any(before or after for before, after in padding):
        run(_max_of_four, shares(x.size), x, y, winner)
    else:
        run(_max, shares(x.size), x, y, winner, x.dtype.type(-np.inf), g)
    return y, _Cache(x.shape, y.shape, y.dtype, winner, g)


def max_pool2d_backward(dy: Any, cache: _Cache) -> tuple[Any]:
    """dy (N, OH, OW, C) -> dx."""
    dx, dy = empty(cache.shape, cache.dtype), gradient_of(dy, cache.y_shape, cache.dtype)
    run(_max_backward, shares(dx.size), dy, cache.winner, dx, cache.windows)
    return (dx,)


def average_pool2d_forward(x: Any, *, pool: Size, strides: Size, padding: Padding) -> tuple[Any, _Cache]:
    """x (N, H, W, C) -> y (N, OH, OW, C)."""
    x, y, g = _prepare(x, pool, strides, padding)
    run(_mean, shares(x.size), x, y, g)
    return y, _Cache(x.shape, y.shape, y.dtype, None, g)


def average_pool2d_backward(dy: Any, cache: _Cache) -> tuple[Any]:
    """dy (N, OH, OW, C) -> dx."""
    dx, dy = empty(cache.shape, cache.dtype), gradient_of(dy, cache.y_shape, cache.dtype)
    run(_mean_backward, shares(dx.size), dy, dx, cache.windows)
    return (dx,)


KERNELS = {
    "max_pool2d": Kernel(max_pool2d_forward, max_pool2d_backward, _supports),
    "average_pool2d": Kernel(average_pool2d_forward, average_pool2d_backward, _supports),
}
