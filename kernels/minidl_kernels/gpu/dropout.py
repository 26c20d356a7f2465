"""dropout: the mask is drawn and used in one pass; the same coordinates give the masks of the CPU, bit for bit.

    y = x·m        dx = dy·m        m = 1/(1 − rate) where a number u from [0, 1) is at least rate, else 0

u is a multiple of 2⁻²⁴, so u ≥ rate is asked of whole numbers. One bit a number is kept for the way back.
"""

import math
from typing import Any

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.gpu.arrays import floats, gradient_of, ready
from minidl_kernels.gpu.launch import each, xp

__all__ = ["KERNELS"]

NUMBERS = 8  # of 32 bits, in what one lane draws
BITS = 24  # of a float32 between 0 and 1


def dropout_forward(x: Any, coordinates: Any, *, rate: float, shared: tuple[int, ...]) -> tuple[Any, Any]:
    """x of any shape, coordinates (4,) of the draw -> y like x; no entry of the mask is shared.

    The coordinates are on the host, or on the device, from where a captured step reads them anew each time.
    """
    x, y = ready(x), xp().empty(x.shape, np.float32)
    kept = xp().empty(-(-x.size // NUMBERS), np.uint8)
    least = math.ceil(float(np.float32(rate)) * 2**BITS)
    scale = np.float32(1 / (1 - rate) if rate < 1 else 0)
    now, words = None, list(np.zeros(4, np.uint64))
    if isinstance(coordinates, xp().ndarray):
        now = ready(coordinates)
    else:
        words = list(coordinates)
    each("dropout", "dropout", kept.size, x, y, kept, now, *words, scale, least, x.size)
    return y, (kept, scale, x.shape)


def dropout_backward(dy: Any, cache: tuple[Any, Any, Any]) -> tuple[Any, None]:
    """dy like y -> dx, and nothing for the coordinates."""
    kept, scale, shape = cache
    dy, dx = gradient_of(dy, shape), xp().empty(shape, np.float32)
    each("dropout", "dropout_backward", dy.size, dy, kept, dx, scale, dy.size)
    return dx, None


def _supports(x: Any, coordinates: Any, *, rate: float, shared: tuple[int, ...]) -> bool:
    """An entry of the mask for each number, and coordinates that are four words."""
    return (
        floats(x)
        and not shared
        and isinstance(coordinates, np.ndarray | xp().ndarray)
        and coordinates.shape == (4,)
        and coordinates.dtype == np.uint64
    )


KERNELS = {"dropout": Kernel(dropout_forward, dropout_backward, _supports)}
