"""The table that `model.summary()` prints, and with explain=True how each of its numbers comes about."""

import io
import shutil
import sys
from collections.abc import Callable
from typing import Any

from minidl.utils.checks import whole_number

__all__ = ["print_summary"]


def print_summary(
    model: Any,
    line_length: int | None = None,
    print_fn: Callable[[str], Any] | None = None,
    explain: bool = False,
) -> None:
    """Print the table of `model`'s layers, or give its text to `print_fn`."""
    if line_length is None:
        width = min(shutil.get_terminal_size().columns, 110)
    else:
        width = whole_number("summary", "line_length", line_length, 20)
    text = f"{_table(model, width, explain)}\n{_totals(model)}"
    if print_fn is None:
        print(_writable(text, getattr(sys.stdout, "encoding", None) or "utf-8"))
    else:
        print_fn(text)


_PLAIN = str.maketrans("┏┳┓┡╇┩├┼┤└┴┘━─┃│·−⌈⌉⌊⌋", "++++++++++++--||*-[][]")


def _writable(text: str, encoding: str) -> str:
    """`text`, in plain characters where the screen or file has no others."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text


def _table(model: Any, width: int, explain: bool) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.HEAVY_HEAD,
        show_lines=True,
        width=width,
        title=Text(f'Model: "{model.name}"', style=""),
    )
    table.title_justify = "left"
    formulas_fit = explain and width >= 80
    table.add_column("Layer (type)", overflow="fold")
    table.add_column("Output Shape", overflow="fold", no_wrap=formulas_fit)
    table.add_column("Param #", justify="right", overflow="fold", no_wrap=formulas_fit)
    for layer in model.layers:
        table.add_row(*(Text(cell) for cell in _row(layer, explain)))
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(table)
    return console.file.getvalue().rstrip("\n")  # type: ignore[attr-defined]


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
