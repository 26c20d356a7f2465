"""The sums of a matrix's columns, added in float64 in an order that only the shape decides."""

from typing import Any

import numpy as np

from minidl_kernels.gpu.launch import launch, xp

__all__ = ["chunk_of", "column_sums", "sum_of_sums"]

CHUNK = 512  # rows that one block adds up, where there are many
MOST_CHUNKS = 1024  # more blocks than a GPU runs at once; then their sums would take long to add
FEW = 1024  # rows that one block adds up alone: a second launch would take longer


def chunk_of(rows: int) -> int:
    """How many of many rows a block adds up."""
    return max(CHUNK, -(-rows // MOST_CHUNKS))


def column_sums(rows: Any) -> Any:
    """Σ over the first axis of a C-contiguous float32 matrix."""
    n, columns = rows.shape
    result = xp().empty(columns, np.float32)
    if n <= FEW:
        _sum("sums", rows, result, n)
        return result
    chunk = chunk_of(n)
    sums = xp().empty((-(-n // chunk), columns), np.float64)
    _sum("sums_of_chunks", rows, sums, chunk)
    sum_of_sums(sums, result)
    return result


def sum_of_sums(sums: Any, result: Any) -> None:
    """`result` becomes the sum over the first axis of a C-contiguous float64 matrix."""
    _sum("sums_of_sums", sums, result, len(sums))


def _sum(kernel: str, x: Any, out: Any, chunk: int) -> None:
    n, columns = x.shape
    launch("sums", kernel, (-(-columns // 32), -(-n // chunk)), (32, 8), x, out, n, columns, chunk)
