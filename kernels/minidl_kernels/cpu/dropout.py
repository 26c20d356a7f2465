"""dropout: the mask is drawn and used in one pass over memory.

    y = x·m        dx = dy·m        m = 1/(1 − rate) where a number u from [0, 1) is at least rate, else 0

u is a multiple of 2⁻²⁴, made of the upper 24 bits of a random number, as NumPy makes it; so u ≥ rate is asked of whole
numbers. One byte a number is kept for the way back.
"""

import math
from typing import Any

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.cpu.arrays import floats, gradient_of, ready
from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.fragment import fragment
from minidl_kernels.cpu.memory import empty
from minidl_kernels.cpu.philox import NUMBERS, block
from minidl_kernels.cpu.pool import run, shares

__all__ = ["KERNELS"]

BITS = 24  # of a float32 between 0 and 1


@fragment
def _keep(kept, at, word, least):
    """Two entries of the mask from one word: its lower half comes first."""
    kept[at] = (word & np.uint64(0xFFFFFFFF)) >> np.uint64(32 - BITS) >= least
    kept[at + 1] = word >> np.uint64(64 - BITS) >= least


@compiled
def _dropout(counter, parts, x, y, kept, words, least, scale):
    """`kept` is longer than x: it holds whole blocks."""
    zero = x.dtype.type(0)
    blocks = len(kept) // NUMBERS
    while True:
        part = take(counter)
        if part >= parts:
            return
        first, last = part * blocks // parts, (part + 1) * blocks // parts
        for i in range(first, last):
            a, b, c, d = block(words[0], words[1], np.uint64(i + 1), words[2], words[3], np.uint64(0))
            _keep(kept, NUMBERS * i, a, least)
            _keep(kept, NUMBERS * i + 2, b, least)
            _keep(kept, NUMBERS * i + 4, c, least)
            _keep(kept, NUMBERS * i + 6, d, least)
        x_, y_, kept_ = x[NUMBERS * first : NUMBERS * last], y[NUMBERS * first :], kept[NUMBERS * first :]
        for i in range(len(x_)):
            y_[i] = x_[i] * (scale if kept_[i] else zero)


@compiled
def _dropout_backward(counter, parts, dy, kept, dx, scale):
    zero = dy.dtype.type(0)
    while True:
        part = take(counter)
        if part >= parts:
            return
        begin, end = part * len(dy) // parts, (part + 1) * len(dy) // parts
        dy_, kept_, dx_ = dy[begin:end], kept[begin:end], dx[begin:end]
        for i in range(len(dy_)):
            dx_[i] = dy_[i] * (scale if kept_[i] else zero)


def dropout_forward(x: Any, coordinates: Any, *, rate: float, shared: tuple[int, ...]) -> tuple[Any, Any]:
    """x of any shape, coordinates (4,) of the draw -> y like x; no entry of the mask is shared."""
    x, coordinates = ready(x), ready(coordinates)
    y = empty(x.shape, x.dtype)
    kept = empty((-(-x.size // NUMBERS) * NUMBERS,), np.bool_)
    least = np.uint64(math.ceil(float(np.float32(rate)) * 2**BITS))
    scale = x.dtype.type(1 / (1 - rate) if rate < 1 else 0)
    run(_dropout, shares(x.size), x.reshape(-1), y.reshape(-1), kept, coordinates, least, scale)
    return y, (kept, scale, x.shape)


def dropout_backward(dy: Any, cache: tuple[Any, Any, Any]) -> tuple[Any, None]:
    """dy like y -> dx, and nothing for the coordinates."""
    kept, scale, shape = cache
    dy = gradient_of(dy, shape, scale.dtype)
    dx = empty(shape, dy.dtype)
    run(_dropout_backward, shares(dy.size), dy.reshape(-1), kept[: dy.size], dx.reshape(-1), scale)
    return dx, None


def _supports(x: Any, coordinates: Any, *, rate: float, shared: tuple[int, ...]) -> bool:
    """An entry of the mask for each number, and coordinates that are four words."""
    return (
        floats(x)
        and not shared
        and isinstance(coordinates, np.ndarray)
        and coordinates.shape == (4,)
        and coordinates.dtype == np.uint64
    )


KERNELS = {"dropout": Kernel(dropout_forward, dropout_backward, _supports, repeats=True)}
