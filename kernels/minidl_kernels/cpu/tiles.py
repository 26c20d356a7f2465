"""Tile by tile: the matrix product that convolutions, dense and recurrent layers have in common.

It is the only place where compiled loops use `tile`, so a process compiles it once for all of its kernels.
"""

from minidl_kernels.cpu.fragment import fragment
from minidl_kernels.cpu.pieces import less
from minidl_kernels.cpu.tile import ROWS, VECTOR_BYTES, tile

__all__ = ["tiles"]


@fragment
def tiles(
    out, out_rows, out_at, begin, end, n, a, a_rows, a_at, segments, n_segments, n_k, a_step, b, b_at, b_move, b_step,
    plus, plus_rows, plus_at, plus_move, floor,
):  # fmt: skip
    """All tiles of the rows begin ... end − 1 and the columns 0 ... n − 1. From a column to the next, b begins
    `b_move` later, and plus `plus_move`."""
    width = 2 * VECTOR_BYTES // a.itemsize
    for left in range(0, n, width):
        for at in range(begin, end, ROWS):
            tile(
                out, out_rows, out_at + left, less(ROWS, end - at), less(width, n - left),
                a, a_rows, a_at, at, segments, n_segments, n_k, a_step,
                b, b_at + left * b_move, b_step,
                plus, plus_rows, plus_at + left * plus_move, floor,
            )  # fmt: skip
