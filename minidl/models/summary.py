"""The table that `model.summary()` prints, and with explain=True how each of its numbers comes about."""

import io
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any

from minidl.utils.checks import whole_number

__all__ = ["show", "summary_text"]

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
    return f"{_table(model.name, rows, show_trainable, width, explain)}\n{_totals(model)}"


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


def _table(name: str, rows: list[Row], show_trainable: bool, width: int, explain: bool) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.HEAVY_HEAD,
        show_lines=True,
        width=width,
        title=Text(f'Model: "{name}"', style=""),
    )
    table.title_justify = "left"
    formulas_fit = explain and width >= 80
    table.add_column("Layer (type)", overflow="fold")
    table.add_column("Output Shape", overflow="fold", no_wrap=formulas_fit)
    table.add_column("Param #", justify="right", overflow="fold", no_wrap=formulas_fit)
    if show_trainable:
        table.add_column("Trainable", justify="center")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(table)
    return console.file.getvalue().rstrip("\n")  # type: ignore[attr-defined]


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
