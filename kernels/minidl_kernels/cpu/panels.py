"""Weights in panels: the columns of a matrix, a tile's width at a time, in the order in which `tile` reads them.

    panel p, row k:      M[k, p·width], M[k, p·width + 1], ...       zeros behind the last column

Every kernel that multiplies by weights, forward or backward, brings them into this form first. So M is any flat array
with a step from row to row and one from column to column: w, its transpose, or a part of it. `blocks` of them
that lie equally far apart in w and in the panels are done in one call.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.noting import do
from minidl_kernels.cpu.pieces import less
from minidl_kernels.cpu.tile import columns

__all__ = ["Blocks", "pack"]


class Blocks(NamedTuple):
    """Where the matrices are, in `source` and in the panels. All steps in numbers, not in bytes."""

    blocks: int
    rows: int
    columns: int
    at: int  # of the first number
    block_step: int
    row_step: int
    column_step: int
    to: int  # of the first panel
    to_block_step: int
    to_panel_step: int


@compiled
def _pack(source, panels, width, m):
    zero = panels.dtype.type(0)
    for block in range(m.blocks):
        for left in range(0, m.columns, width):
            wide = less(width, m.columns - left)
            at = m.at + block * m.block_step + left * m.column_step
            to = m.to + block * m.to_block_step + left // width * m.to_panel_step
            for _ in range(m.rows):
                for j in range(wide):
                    panels[np.uint64(to + j)] = source[np.uint64(at + j * m.column_step)]
                for j in range(wide, width):
                    panels[np.uint64(to + j)] = zero
                at += m.row_step
                to += width


def pack(source: Any, panels: Any, m: Blocks) -> None:
    """Bring the matrices `m` in `source` into `panels`."""
    do(_pack, source.reshape(-1), panels, columns(source.itemsize), m)
