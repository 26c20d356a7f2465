"""dense: y = x·w + b, with dx = dy·wᵀ, dw = xᵀ·dy, db = Σ dy, all by our own matrix product."""

from typing import Any

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.cpu.arrays import floats, gradient_of, ready
from minidl_kernels.cpu.noting import do
from minidl_kernels.cpu.product import product
from minidl_kernels.shapes import dense_fits

__all__ = ["KERNELS"]


def _supports(x: Any, w: Any, b: Any) -> bool:
    return (floats(x, w) if b is None else floats(x, w, b)) and dense_fits(x, w, b)


def dense_forward(x: Any, w: Any, b: Any) -> tuple[Any, Any]:
    """x (..., I), w (I, U), b (U,) or None -> y (..., U)."""
    x, w = ready(x), ready(w)
    y = product(x.reshape(-1, len(w)), w, None if b is None else ready(b))
    return y.reshape(*x.shape[:-1], w.shape[1]), (x, w, b is not None)


def dense_backward(dz: Any, cache: Any, needs: tuple[bool, ...] = (True, True, True)) -> tuple[Any, Any, Any]:
    """dy (..., U) -> dx (..., I), dw (I, U), db (U,)."""
    x, w, biased = cache
    rows = gradient_of(dz, (*x.shape[:-1], w.shape[1]), w.dtype).reshape(-1, w.shape[1])
    dx = product(rows, w.T).reshape(x.shape) if needs[0] else None
    dw = product(x.reshape(-1, len(w)).T, rows) if needs[1] else None
    return dx, dw, _bias_gradient(rows) if biased and needs[2] else None


def _bias_gradient(rows: Any) -> Any:
    """Σ over the rows, in float64."""
    total, db = np.empty(rows.shape[1]), np.empty(rows.shape[1], rows.dtype)
    do(np.add.reduce, rows, 0, np.float64, total)
    do(np.copyto, db, total, "same_kind")
    return db


KERNELS = {"dense": Kernel(dense_forward, dense_backward, _supports, repeats=True)}
