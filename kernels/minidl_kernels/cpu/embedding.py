"""Embedding: rows of a table, and on the way back the sum of the gradients of each row that was taken.

Looking up is NumPy's work, which copies as fast as memory goes.

The ids are sorted first. Then all gradients of a row are in one place, a part of the work owns the rows it sums,
and the order of each sum is that of the batch, whatever the number of threads.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.cpu.arrays import floats, gradient_of
from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.memory import empty
from minidl_kernels.cpu.pool import run, shares

__all__ = ["KERNELS"]


class _Cache(NamedTuple):
    ids: Any  # flat
    shape: tuple[int, ...]  # of the output
    dtype: Any


@compiled
def _sums(counter, parts, order, starts, dy, values):
    """values[r] = Σ dy[order[k]] for k = starts[r] ... starts[r + 1] − 1, in float64."""
    width = dy.shape[1]
    total = np.empty(width)
    while True:
        part = take(counter)
        if part >= parts:
            return
        for r in range(part * len(values) // parts, (part + 1) * len(values) // parts):
            total[:] = 0
            for k in range(starts[r], starts[r + 1]):
                for d in range(width):
                    total[d] += dy[order[k], d]
            for d in range(width):
                values[r, d] = total[d]


def embedding_forward(ids: Any, table: Any) -> tuple[Any, _Cache]:
    """ids (...), table (V, D) -> y (..., D)."""
    flat = np.array(ids, np.int64).reshape(-1)
    y = empty((*ids.shape, table.shape[1]), table.dtype)
    np.take(
        table, flat, axis=0, out=y.reshape(-1, table.shape[1]), mode="clip"
    )  # all are within, see _supports
    return y, _Cache(flat, y.shape, y.dtype)


def embedding_backward(dy: Any, cache: _Cache) -> tuple[None, tuple[Any, Any]]:
    """dy (..., D) -> None, and of the table the rows that were taken: (R,) and their gradients (R, D)."""
    ids, shape, dtype = cache
    dy = gradient_of(dy, shape, dtype).reshape(len(ids), shape[-1])
    order = np.argsort(ids, kind="stable")
    in_order = ids[order]
    starts = np.flatnonzero(np.concatenate([[True], in_order[1:] != in_order[:-1], [True]]))
    rows = in_order[starts[:-1]]
    values = empty((len(rows), shape[-1]), dtype)
    run(_sums, shares(dy.size), order, starts, dy, values)
    return None, (rows, values)


def _supports(ids: Any, table: Any) -> bool:
    return (
        floats(table)
        and table.ndim == 2
        and isinstance(ids, np.ndarray)
        and ids.dtype.kind in "iu"
        and ids.size > 0
        and ids.min() >= 0
        and ids.max() < len(table)
    )


KERNELS = {"embedding": Kernel(embedding_forward, embedding_backward, _supports)}
