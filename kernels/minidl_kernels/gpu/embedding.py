"""Embedding: rows of a table, and on the way back the sum of the gradients of each row that was taken.

The ids are sorted, so that all gradients of a row are in one place and one block adds them in the order of the batch.
How many rows were taken decides a shape, so backward waits for the GPU once; it cannot be part of a captured step.
"""

from typing import Any

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.gpu.arrays import floats, gradient_of, ready
from minidl_kernels.gpu.launch import LARGEST, each, launch, xp

__all__ = ["KERNELS"]


def embedding_forward(ids: Any, table: Any) -> tuple[Any, Any]:
    """ids (...), table (V, D) -> y (..., D). An id that is not in the table, as a negative one, gives NaN."""
    ids, table = ready(ids.astype(np.int64, copy=False)), ready(table)
    words, width = table.shape
    y = xp().empty((*ids.shape, width), np.float32)
    each("embedding", "look_up", y.size, ids, table, y, words, width, y.size)
    return y, (ids.reshape(-1), y.shape)


def embedding_backward(dy: Any, cache: Any) -> tuple[None, tuple[Any, Any]]:
    """dy (..., D) -> None, and of the table the rows that were taken: (R,) and their gradients (R, D)."""
    ids, shape = cache
    dy, width = gradient_of(dy, shape), shape[-1]
    order = xp().argsort(ids)  # CuPy's only way is a stable one
    in_order = ids[order]
    begins = xp().ones(len(ids) + 1, bool)  # and the end of the last
    begins[1:-1] = in_order[1:] != in_order[:-1]
    starts = xp().flatnonzero(begins)
    rows = in_order[starts[:-1]]
    values = xp().empty((len(rows), width), np.float32)
    grid = (len(rows) * -(-width // 32),)
    launch("embedding", "sums_of_segments", grid, (32, 8), order, starts, dy, values, width)
    return None, (rows, values)


def _supports(ids: Any, table: Any) -> bool:
    """Whether the ids are in the table is not asked: to look would make the host wait."""
    return (
        floats(table)
        and table.ndim == 2
        and isinstance(ids, xp().ndarray)
        and ids.device == table.device
        and ids.dtype.kind in "iu"
        and 0 < ids.size * table.shape[1] <= LARGEST
    )


KERNELS = {"embedding": Kernel(embedding_forward, embedding_backward, _supports)}
