"""Kernels that work on a matrix row by row: how many threads a row gets, and how many rows a block."""

from typing import Any

from minidl_kernels.gpu.launch import launch

__all__ = ["each_row"]

WARP = 32
MOST_WARPS = 8  # of a row: ROW_WARPS in the prelude
ROWS = 8  # of a block, where a warp is enough for a row


def each_row(file: str, kernel: str, rows: int, columns: int, *args: Any) -> None:
    """Start a kernel that goes by ROW and FOR_COLUMNS, on a matrix (rows, columns).

    Up to 32 columns a row has a warp: its threads exchange numbers without a barrier, and eight such rows make a block.
    A longer row has a block for itself, up to eight warps, whose threads take several columns each.
    """
    if columns <= WARP:
        launch(file, kernel, (-(-rows // ROWS),), (WARP, ROWS), *args, rows, columns)
    else:
        warps = min(-(-columns // WARP), MOST_WARPS)
        launch(file, kernel, (rows,), (WARP * warps,), *args, rows, columns)
