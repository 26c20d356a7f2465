"""A matrix product on the kernels' own threads: c = a·b (+ a row added to each), any strides of a and b.

    c[i, j] = plus[j] + Σ_k  a[i·a_i + k·a_k] · b[k·b_k + j·b_j]

NumPy's own product is as good alone. But it brings a second pool of threads, which go on turning for a while
after each product in case another one follows, and take the cores from ours.

b is cut into panels as wide as a tile, and each panel into blocks of DEPTH rows, which are copied side by side:
small enough to stay next to the processor while all rows of a pass by. The sum over k is cut at the same places,
so its rounding errors grow with DEPTH and not with the whole length.
"""

from typing import Any

import numpy as np

from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.memory import empty
from minidl_kernels.cpu.pieces import fill, less, room
from minidl_kernels.cpu.pool import run
from minidl_kernels.cpu.tile import ROWS, VECTOR_BYTES, columns
from minidl_kernels.cpu.tiles import tiles

__all__ = ["product"]

DEPTH, HEIGHT = 256, 256  # of a block of b, of a share of the rows of a
PLACES = HEIGHT + ROWS
BLOCK = DEPTH * columns(4)  # float32, or half of it float64
_ONE = np.zeros(1, np.int64)  # where the only segment of a row begins


@compiled
def _product(counter, parts, a, a_i, a_k, b, b_k, b_j, plus, c, no_floor, segments, m, depth, n):
    """A part is a panel of columns for a share of the rows. c (m, n)."""
    width = 2 * VECTOR_BYTES // a.itemsize
    panels = (n + width - 1) // width
    block = room(BLOCK, a)
    a_rows, c_rows, plus_rows = room(PLACES, segments), room(PLACES, segments), room(PLACES, segments)
    fill(plus_rows, 0, PLACES, 0)
    while True:
        part = take(counter)
        if part >= parts:
            return
        top, left = part // panels * HEIGHT, part % panels * width
        height, wide = less(HEIGHT, m - top), less(width, n - left)
        if wide < width:
            fill(block, 0, DEPTH * width, 0)
        for i in range(height + ROWS):
            row = less(top + i, m - 1)
            a_rows[i], c_rows[i] = row * a_i, row * n
        for first in range(0, depth, DEPTH):
            n_k = less(DEPTH, depth - first)
            for k in range(n_k):
                at = (first + k) * b_k + left * b_j
                for j in range(wide):  # an index without a sign need not be checked
                    block[np.uint64(k * width + j)] = b[np.uint64(at + j * b_j)]
            tiles(
                c, c_rows, left, 0, height, wide,
                a, a_rows, first * a_k, segments, 1, n_k, a_k,
                block, 0, 0, width,
                c if first else plus, c_rows if first else plus_rows, left, 0, no_floor,
            )  # fmt: skip


def product(a: Any, b: Any, plus: Any = None) -> Any:
    """a (M, K) · b (K, N) + plus (N,) -> (M, N), for a and b that are in order or transposed."""
    (m, depth), n = a.shape, b.shape[1]
    c = empty((m, n), a.dtype)
    parts = -(-n // columns(a.itemsize)) * -(-m // HEIGHT)
    a_strides, b_strides = ([stride // x.itemsize for stride in x.strides] for x in (a, b))
    run(
        _product, parts, _flat(a), *a_strides, _flat(b), *b_strides, np.zeros(n, a.dtype) if plus is None else plus,
        c.reshape(-1), a.dtype.type(-np.inf), _ONE, m, depth, n,
    )  # fmt: skip
    return c


def _flat(x: Any) -> Any:
    """The numbers of a matrix in the order of memory."""
    return (x if x.flags.c_contiguous else x.T).reshape(-1)
