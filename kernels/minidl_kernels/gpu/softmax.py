"""softmax along the last axis: y_c = e^(x_c − max x)/Σ, with dx = y·(dy − Σ dy·y)."""

import math
from typing import Any

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.gpu.arrays import floats, gradient_of, ready
from minidl_kernels.gpu.launch import xp
from minidl_kernels.gpu.rows import each_row

__all__ = ["KERNELS"]


def softmax_forward(x: Any, *, axis: int) -> tuple[Any, Any]:
    """x (..., C) -> y (..., C)."""
    x, y = ready(x), xp().empty(x.shape, np.float32)
    each_row("softmax", "softmax", math.prod(x.shape[:-1]), x.shape[-1], x, y)
    return y, y


def softmax_backward(dy: Any, y: Any) -> tuple[Any]:
    """dy (..., C) -> dx (..., C)."""
    dy, dx = gradient_of(dy, y.shape), xp().empty(y.shape, np.float32)
    each_row("softmax", "softmax_backward", math.prod(y.shape[:-1]), y.shape[-1], dy, y, dx)
    return (dx,)


def _supports(x: Any, *, axis: int) -> bool:
    return floats(x) and x.ndim > 0 and axis in (-1, x.ndim - 1)


KERNELS = {"softmax": Kernel(softmax_forward, softmax_backward, _supports)}
