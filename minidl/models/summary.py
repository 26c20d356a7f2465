"""The table that `model.summary()` prints, and with explain=True how each of its numbers comes about."""

import io
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

from minidl.utils.checks import whole_number

__all__ = ["show", "summary_text"]

Column = list[list[list[str]]]  # cells of lines of pieces that stay whole
Row = tuple[str, ...]  # name, output shape, number of parameters, and where it is asked for, trainable


def summary_text(
    model: Any,
    line_length: int | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
    explain: bool = False,
) -> str:
    """The table of `model`'s layers and its totals; the arguments are those of `Model.summary`."""
    if line_length is None:
        width = min(shutil.get_terminal_size().columns, 110)
    else:
        width = whole_number("summary", "line_length", line_length, 20)
    layers = model.layers if layer_range is None else _between(model, layer_range)
    rows = [row for layer in layers for row in _rows(layer, explain, expand_nested)]
    if not show_trainable:
        rows = [row[:3] for row in rows]
    parts = [_table(model.name, rows, width), *(_key(layers, width) if explain else []), _totals(model)]
    return "\n".join(parts)


def _between(model: Any, layer_range: Sequence[str]) -> list[Any]:
    """The layers from the first name to the last, both included."""
    names = [layer.name for layer in model.layers]
    ends = [] if isinstance(layer_range, str) else list(layer_range)
    if len(ends) != 2 or any(end not in names for end in ends):
        raise ValueError(
            "summary expects layer_range to be the names of the first and the last layer, got "
            f"{layer_range!r:.80}. The layers: {', '.join(names):.200}."
        )
    first, last = (names.index(end) for end in ends)
    if first > last:
        raise ValueError(
            f"summary expects the first layer of layer_range before the last, got {layer_range!r:.80}."
        )
    return list(model.layers[first : last + 1])


def show(text: str, print_fn: Callable[[str], Any] | None = None) -> None:
    """Print `text`, in characters that the output has, or give it to `print_fn`."""
    if print_fn is None:
        print(_writable(text, getattr(sys.stdout, "encoding", None) or "utf-8"))
    else:
        print_fn(text)


_PLAIN = str.maketrans("┏┳┓┡╇┩├┼┤└┴┘━─┃│·−⌈⌉⌊⌋›", "++++++++++++--||*-[][]>")


def _writable(text: str, encoding: str) -> str:
    """`text`, in plain characters where the screen or file has no others."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text


def _table(name: str, rows: list[Row], width: int) -> str:
    """The rows in a frame of `width` characters; what does not fit on a line goes on below, nothing is cut."""
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    headings = _HEADINGS[: len(rows[0])] if rows else _HEADINGS[:3]
    columns = [[_pieces(row[i], i) for row in (headings, *rows)] for i in range(len(headings))]
    room = width - 1 - 3 * len(columns)
    margin = int(sum(_longest(column, cell_len) for column in columns) <= room)  # none if space is short
    widths = _column_widths(columns, room + 2 * len(columns) * (1 - margin), cell_len)

    title = Text(f'Model: "{name}"', style="")
    table = Table(box=box.HEAVY_HEAD, show_lines=True, padding=(0, margin), title=title, title_justify="left")
    for heading, size in zip(headings, widths, strict=True):
        table.add_column(heading, width=size, justify=_SIDES.get(heading, "left"), overflow="fold")
    for row in zip(*(column[1:] for column in columns), strict=True):
        cells = (_filled(cell, size, cell_len) for cell, size in zip(row, widths, strict=True))
        table.add_row(*(Text("\n".join(lines)) for lines in cells))
    written = io.StringIO()
    Console(file=written, width=width, color_system=None, legacy_windows=False).print(table)
    return written.getvalue().rstrip("\n")


_HEADINGS = ("Layer (type)", "Output Shape", "Param #", "Trainable")
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
    least[0] = max(least[0], min(_NAME_WIDTH, most[0]))
    while sum(least) > room and max(least) > 1:
        least[least.index(max(least))] -= 1  # not even the pieces fit: rich folds the longest ones
    most = [max(ends) for ends in zip(least, most, strict=True)]
    lines = [
        {w: sum(len(_filled(cell, w, length)) for cell in column) for w in range(a, z + 1)}
        for column, a, z in zip(columns, least, most, strict=True)
    ]
    best = least
    for others in product(*lines[1:]):
        if (name := min(most[0], room - sum(others))) >= least[0]:
            best = min(best, [name, *others], key=lambda ws: (_height(lines[1:], ws[1:]), lines[0][ws[0]]))
    left = max(room - sum(best), 0)
    return [w + left // len(best) + (i < left % len(best)) for i, w in enumerate(best)]


def _longest(column: Column, length: Callable[[str], int]) -> int:
    return max(length(piece) for cell in column for line in cell for piece in line)


def _height(lines: list[dict[int, int]], widths: list[int]) -> int:
    return sum(column[w] for column, w in zip(lines, widths, strict=True))


def _rows(layer: Any, explain: bool, expand_nested: bool, depth: int = 0) -> list[Row]:
    """The row of a layer; with `expand_nested`, those of the layers of a model below it, marked by ›."""
    name, *rest = _row(layer, explain)
    rows: list[Row] = [(f"{'› ' * depth}{name}", *rest, "Y" if layer.trainable else "N")]
    if expand_nested:
        for inner in getattr(layer, "layers", ()):
            rows += _rows(inner, explain, expand_nested, depth + 1)
    return rows


def _row(layer: Any, explain: bool) -> tuple[str, str, str]:
    name = f"{layer.name} ({type(layer).__name__})"
    shape = _output_shape(layer)
    if not layer.built:
        return name, shape, "0 (unbuilt)"
    count = f"{layer.count_params():,}"
    if not explain:
        return name, shape, count
    reasons = layer.shape_formulas() if shape != "?" else []
    formula = f"{layer.parameter_formula()} = {count}" if layer.count_params() else count
    return name, "\n".join([shape, *reasons]), formula


def _key(layers: Sequence[Any], width: int) -> list[str]:
    """What the numbers in the formulas stand for, a line for each kind of layer that has weights."""
    kinds: dict[str, dict[str, None]] = {}
    for kind, words in (pair for layer in layers for pair in _words(layer)):
        kinds.setdefault(kind, {})[words] = None
    lines = (f"{kind}: {' or '.join(words)}" for kind, words in kinds.items())
    indents = {"initial_indent": " ", "subsequent_indent": "   "}
    return [part for line in lines for part in textwrap.wrap(line, width, **indents)]  # type: ignore[arg-type]


def _words(layer: Any) -> Iterator[tuple[str, str]]:
    """The kind of a layer and its formula in words, if it has any, and those of the layers inside it."""
    if layer.built and layer.weights and (words := getattr(layer, "parameter_words", "")):
        yield type(layer).__name__.removesuffix("Cell"), words  # an LSTM's weights are its LSTMCell's
    for inner in layer._layers:
        yield from _words(inner)


def _output_shape(layer: Any) -> str:
    """Of a layer that was laid out, or that has run inside a model with its own `call`; "?" if nobody knows."""
    if layer.output is not None:
        return str(tuple(layer.output.shape))
    if not layer.built or layer._built_for is None:
        return "?"
    try:
        return str(tuple(layer.compute_output_shape(layer._built_for)))
    except (TypeError, ValueError):
        return "?"


def _totals(model: Any) -> str:
    kinds = (
        ("Total", model.weights),
        ("Trainable", model.trainable_weights),
        ("Non-trainable", model.non_trainable_weights),
    )
    return "\n".join(
        f" {kind} params: {sum(v.size for v in weights):,} ({_readable(sum(v.data.nbytes for v in weights))})"
        for kind, weights in kinds
    )


def _readable(n: float) -> str:
    """Bytes in the largest unit that leaves at least 1: 900100 -> 879.00 KB."""
    for unit in ("B", "KB", "MB"):
        if n < 1024:
            return f"{n:.2f} {unit}"
        n /= 1024
    return f"{n:.2f} GB"
