"""The sums of a matrix's columns, added in float64 in an order that only the shape decides."""

from typing import Any

import numpy as np

from minidl_kernels.gpu.launch import launch, xp

__all__ = ["column_sums"]

CHUNK = 512  # rows that one block adds up, where there are many
FEW = 1024  # rows that one block adds up alone: a second launch would take longer


def column_sums(rows: Any) -> Any:
    """Σ over the first axis of a C-contiguous float32 matrix."""
    n, columns = rows.shape
    result = xp().empty(columns, np.float32)
    if n <= FEW:
        _sum("sums", rows, result, n)
        return result
    sums = xp().empty((-(-n // CHUNK), columns), np.float64)
    _sum("sums_of_chunks", rows, sums, CHUNK)
    _sum("sums_of_sums", sums, result, len(sums))
    return result


def _sum(kernel: str, x: Any, out: Any, chunk: int) -> None:
    n, columns = x.shape
    launch("sums", kernel, (-(-n // chunk), -(-columns // 32)), (32, 8), x, out, n, columns, chunk)
