"""The table that `model.summary()` prints, and with explain=True how each of its numbers comes about."""

import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from minidl.layers.holder import all_layers
from minidl.messages import say
from minidl.models.shapes import calls_of, is_chain, kind_of, output_shapes, shape_text
from minidl.models.table import table
from minidl.symbolic import Call, SymbolicTensor
from minidl.utils.checks import flag, whole_number

__all__ = ["Columns", "columns_of", "rows_of", "show", "shown_layers", "summary_text", "totals"]


class Columns(NamedTuple):
    """What a table of layers shows."""

    connected: bool  # where the inputs of each layer come from: for graphs that are no plain chain
    trainable: bool = False
    explain: bool = False

    @property
    def headings(self) -> list[str]:
        more = ["Connected to"] * self.connected + ["Trainable"] * self.trainable
        return ["Layer (type)", "Output Shape", "Param #", *more]


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
    show_trainable = flag("summary", "show_trainable", show_trainable)
    explain = flag("summary", "explain", explain)
    expand_nested = flag("summary", "expand_nested", expand_nested)
    layers = shown_layers(model) if layer_range is None else _between(model, layer_range)
    columns = columns_of(model)._replace(trainable=show_trainable, explain=explain)
    rows = rows_of(model, layers, columns, expand_nested)
    frame = table(f'Model: "{model.name}"', columns.headings, rows, width)
    return "\n".join([frame, *(_key(layers, width) if explain else []), *totals(model)])


def shown_layers(model: Any) -> list[Any]:
    """The layers of a model, and the operations among them."""
    return list(getattr(model, "operations", model.layers))


def columns_of(model: Any) -> Columns:
    """The columns for this model. As in Keras, connections are told where a layer does not just read the one above."""
    calls = calls_of(model)
    one_by_one = all(
        [x.call for x in call.inputs] == ([before] if before else [])
        for before, call in zip([None, *calls], calls, strict=False)
    )
    used_once = len({id(call.layer) for call in calls}) == len(calls)
    return Columns(connected=not (is_chain(model) or (one_by_one and used_once)))


def _between(model: Any, layer_range: Sequence[str]) -> list[Any]:
    """The layers from the first that `layer_range` names to the last, both included."""
    layers = shown_layers(model)
    names = [layer.name for layer in layers]
    ends = list(layer_range) if isinstance(layer_range, list | tuple) else []
    found = [_named(end, names) for end in ends]
    if len(found) != 2 or not all(found):
        raise ValueError(
            say(
                "summary expects layer_range to be the names of the first and the last layer, or patterns of them, got "
                f"{layer_range!r:.80}. The layers: {', '.join(names):.200}."
            )
        )
    first, last = found[0][0], found[1][-1]
    if first > last:
        raise ValueError(
            say(f"summary expects the first layer of layer_range before the last, got {layer_range!r:.80}.")
        )
    return layers[first : last + 1]


def _named(end: Any, names: Sequence[str]) -> list[int]:
    """The places of the layers with this name; if there is none, of those that match it as a pattern."""
    if not isinstance(end, str):
        return []
    try:
        pattern = re.compile(end)
    except re.error:
        return []
    return [i for i, name in enumerate(names) if name == end] or [
        i for i, name in enumerate(names) if pattern.match(name)
    ]


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


def rows_of(
    model: Any, layers: Sequence[Any], columns: Columns, expand_nested: bool, depth: int = 0
) -> list[list[str]]:
    """A row for each layer; with `expand_nested`, those of the layers of a model below it, marked by ›."""
    calls: dict[int, list[Call]] = {}
    for call in calls_of(model):
        calls.setdefault(id(call.layer), []).append(call)
    known = {id(layer) for layer in shown_layers(model)}  # the Input of a Sequential is not among them
    rows = []
    for layer in layers:
        name, *cells = _row(layer, calls.get(id(layer), []), columns)
        if columns.connected:
            sources = [x for call in calls.get(id(layer), []) for x in call.inputs if id(x.maker) in known]
            cells.insert(2, ", ".join(map(_source, sources)) or "-")
        rows.append([f"{'› ' * depth}{name}", *cells])
        if expand_nested and hasattr(layer, "layers"):
            rows += rows_of(layer, shown_layers(layer), columns, expand_nested, depth + 1)
    return rows


def _row(layer: Any, calls: list[Call], columns: Columns) -> list[str]:
    """The cells of a layer, of which a model makes these calls, without the connections."""
    shape = shape_text(output_shapes(layer, calls or layer._calls))
    count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
    if columns.explain and layer.built:
        reasons = layer.shape_formulas() if shape != "?" else []
        shape = "\n".join([shape, *reasons])
        count = f"{layer.parameter_formula()} = {count}" if layer.count_params() else count
    cells = [f"{layer.name} ({kind_of(layer)})", shape, count]
    if columns.trainable:
        cells.append(("Y" if layer.trainable else "N") if layer.weights else "-")
    return cells


def _source(x: SymbolicTensor) -> str:
    """Which output of which call of which layer: "lstm[0][0]"."""
    return f"{x.maker.name}[{x.call.number if x.call else 0}][{x.index}]"


def _key(layers: Sequence[Any], width: int) -> list[str]:
    """What the numbers in the formulas stand for, a line for each kind of layer that has weights."""
    kinds: dict[str, dict[str, None]] = {}
    for layer in (part for shown in layers for part in all_layers(shown)):
        if layer.built and layer.weights and (words := getattr(layer, "parameter_words", "")):
            kind = type(layer).__name__.removesuffix("Cell")  # an LSTM's weights are its LSTMCell's
            kinds.setdefault(kind, {})[words] = None
    lines = (f"{kind}: {' or '.join(words)}" for kind, words in kinds.items())
    indents = {"initial_indent": " ", "subsequent_indent": "   "}
    return [part for line in lines for part in textwrap.wrap(line, width, **indents)]  # type: ignore[arg-type]


def totals(model: Any) -> list[str]:
    """The lines below the table: numbers of weights, and the room they take."""
    kinds = (
        ("Total", model.weights),
        ("Trainable", model.trainable_weights),
        ("Non-trainable", model.non_trainable_weights),
    )
    return [
        f" {kind} params: {sum(v.size for v in weights):,} ({_readable(sum(v.data.nbytes for v in weights))})"
        for kind, weights in kinds
    ]


def _readable(n: float) -> str:
    """Bytes in the largest unit that leaves at least 1: 900100 -> 879.00 KB."""
    for unit in ("B", "KB", "MB"):
        if n < 1024:
            return f"{n:.2f} {unit}"
        n /= 1024
    return f"{n:.2f} GB"
