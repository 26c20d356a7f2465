"""Columns of text in a frame, as wide as the screen and each as wide as it needs to be."""

import io
import re
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

__all__ = ["table"]

Column = list[list[list[str]]]  # cells of lines of pieces that stay whole


def table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """The rows in a frame of `width` characters; what does not fit on a line goes on below, nothing is cut.

    Args:
        title: stands above it.
        headings: of the columns. The first column holds names, which are broken before (; the others shapes,
            formulas and lists, which are broken behind commas and before + and =.
        rows: the cells of each; a cell may have several lines.
        width: of the screen.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table as Frame
    from rich.text import Text

    columns = [[_pieces(row[i], i) for row in (headings, *rows)] for i in range(len(headings))]
    room = width - 1 - 3 * len(columns)
    margin = int(sum(_longest(column, cell_len) for column in columns) <= room)  # none if space is short
    widths = _column_widths(columns, room + 2 * len(columns) * (1 - margin), cell_len)

    above = Text(title, style="")
    frame = Frame(box=box.HEAVY_HEAD, show_lines=True, padding=(0, margin), title=above, title_justify="left")
    for heading, size in zip(headings, widths, strict=True):
        frame.add_column(heading, width=size, justify=_SIDES.get(heading, "left"), overflow="fold")
    for row in zip(*(column[1:] for column in columns), strict=True):
        cells = (_filled(cell, size, cell_len) for cell, size in zip(row, widths, strict=True))
        frame.add_row(*(Text("\n".join(lines)) for lines in cells))
    written = io.StringIO()
    Console(file=written, width=width, color_system=None, legacy_windows=False).print(frame)
    return written.getvalue().rstrip("\n")


_SIDES: dict[str, Any] = {"Param #": "right", "Trainable": "center"}
_NAME_BREAK = re.compile(r" (?=\()")
_BREAK = re.compile(r"(?<=,) | (?=[+=] )")  # of a shape behind its commas, of a formula before + and =
_NAME_WIDTH = 20  # what names get before formulas are laid out


def _pieces(cell: str, column: int) -> list[list[str]]:
    """The lines of a cell, each in the pieces that stay whole."""
    where = _BREAK if column else _NAME_BREAK
    return [where.split(line) for line in cell.split("\n")]


def _filled(lines: list[list[str]], width: int, length: Callable[[str], int]) -> list[str]:
    """The lines of a cell, broken between pieces where they are longer than `width`."""
    filled = []
    for first, *others in lines:
        filled.append(first)
        for piece in others:
            joined = f"{filled[-1]} {piece}"
            filled[-1:] = [joined] if length(joined) <= width else [filled[-1], piece]
    return filled


def _column_widths(columns: list[Column], room: int, length: Callable[[str], int]) -> list[int]:
    """The widths, `room` in all, with which the fewest lines of shapes and formulas are broken, and then of names.

    Each column is at least as wide as the longest of its pieces, if there is room for that.
    """
    least = [_longest(column, length) for column in columns]
    most = [max(length(" ".join(line)) for cell in column for line in cell) for column in columns]
    least[0] += max(0, min(min(_NAME_WIDTH, most[0]) - least[0], room - sum(least)))
    while sum(least) > room and max(least) > 1:
        least[least.index(max(least))] -= 1  # not even the pieces fit: rich folds the longest ones
    most = [max(ends) for ends in zip(least, most, strict=True)]
    lines = [
        {w: sum(len(_filled(cell, w, length)) for cell in column) for w in range(a, z + 1)}
        for column, a, z in zip(columns, least, most, strict=True)
    ]
    best = least
    for others in product(*map(_worth_trying, lines[1:])):
        if (name := min(most[0], room - sum(others))) >= least[0]:
            best = min(best, [name, *others], key=lambda ws: (_height(lines[1:], ws[1:]), lines[0][ws[0]]))
    left = max(room - sum(best), 0)
    return [w + left // len(best) + (i < left % len(best)) for i, w in enumerate(best)]


def _worth_trying(lines: dict[int, int]) -> list[int]:
    """The widths that save a line over the next smaller one."""
    return [w for w, count in lines.items() if count < lines.get(w - 1, count + 1)]


def _longest(column: Column, length: Callable[[str], int]) -> int:
    return max(length(piece) for cell in column for line in cell for piece in line)


def _height(lines: list[dict[int, int]], widths: list[int]) -> int:
    return sum(column[w] for column, w in zip(lines, widths, strict=True))
