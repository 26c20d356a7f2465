"""dense: y = x·w + b, with dx = dy·wᵀ, dw = xᵀ·dy, db = Σ dy; the products by cuBLAS."""

from typing import Any

from minidl_kernels.contract import Kernel
from minidl_kernels.gpu.arrays import floats, gradient_of, ready
from minidl_kernels.gpu.launch import LARGEST, each
from minidl_kernels.gpu.product import product
from minidl_kernels.gpu.sums import column_sums
from minidl_kernels.shapes import dense_fits

__all__ = ["KERNELS"]


def _supports(x: Any, w: Any, b: Any) -> bool:
    known = (floats(x, w) if b is None else floats(x, w, b)) and dense_fits(x, w, b)
    return known and x.size // len(w) * w.shape[1] <= LARGEST


def dense_forward(x: Any, w: Any, b: Any) -> tuple[Any, Any]:
    """x (..., I), w (I, U), b (U,) or None -> y (..., U)."""
    x, w = ready(x), ready(w)
    inputs, units = w.shape
    y = product(x.reshape(-1, inputs), w)
    if b is not None:
        each("dense", "add_bias", y.size, ready(b), y, units, y.size)
    return y.reshape(*x.shape[:-1], units), (x, w, b is not None)


def dense_backward(dz: Any, cache: Any, needs: tuple[bool, ...] = (True, True, True)) -> tuple[Any, Any, Any]:
    """dy (..., U) -> dx (..., I), dw (I, U), db (U,)."""
    x, w, biased = cache
    inputs, units = w.shape
    rows = gradient_of(dz, (*x.shape[:-1], units)).reshape(-1, units)
    dx = product(rows, w, transpose_b=True).reshape(x.shape) if needs[0] else None
    dw = product(x.reshape(-1, inputs), rows, transpose_a=True) if needs[1] else None
    return dx, dw, column_sums(rows) if biased and needs[2] else None


KERNELS = {"dense": Kernel(dense_forward, dense_backward, _supports)}
