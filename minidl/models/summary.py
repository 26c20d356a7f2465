"""The table that `model.summary()` prints, and with explain=True how each of its numbers comes about."""

import io
import shutil
from collections.abc import Callable
from typing import Any

__all__ = ["print_summary"]


def print_summary(
    model: Any,
    line_length: int | None = None,
    print_fn: Callable[[str], Any] | None = None,
    explain: bool = False,
) -> None:
    """Print the table of `model`'s layers, or give its text to `print_fn`."""
    text = _table(model, line_length or min(shutil.get_terminal_size().columns, 110), explain)
    text += "\n" + _totals(model)
    (print_fn or print)(text)


def _table(model: Any, width: int, explain: bool) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.HEAVY_HEAD, show_lines=True, width=width, title=Text(f'Model: "{model.name}"', style="")
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
    shape = str(tuple(layer.output.shape)) if layer.output is not None else "?"
    if not layer.built:
        return name, shape, "0 (unbuilt)"
    count = f"{layer.count_params():,}"
    if not explain:
        return name, shape, count
    reasons = layer.shape_formulas() if layer.output is not None else []
    formula = f"{layer.parameter_formula()} = {count}" if layer.count_params() else count
    return name, "\n".join([shape, *reasons]), formula


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
