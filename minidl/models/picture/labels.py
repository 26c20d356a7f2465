"""What stands in the box of a layer: its name and class, and below what was asked for, such as shapes and counts."""

from itertools import groupby
from typing import Any, NamedTuple

from minidl.layers.core.input import InputLayer
from minidl.models.picture.graph import Box
from minidl.models.picture.text import broken, clean, filled, width
from minidl.models.shapes import kind_of, output_shapes, shape_text
from minidl.symbolic import is_shape
from minidl.utils.nested import flatten

__all__ = ["LINE", "PADDING", "SIZE", "TITLE_SIZE", "Choice", "Label", "boxed", "label"]

TITLE_SIZE = 13.0  # of the font, in points
SIZE = 12.0
LINE = 16.0  # from one line to the next
PADDING = 10.0
_LONGEST = 30.0  # of a line, in font sizes


class Choice(NamedTuple):
    """What the boxes say."""

    shapes: bool = False
    dtype: bool = False
    names: bool = False
    activations: bool = False
    trainable: bool = False
    params: bool = False


class Label(NamedTuple):
    """The text of a box, and how large that is."""

    title: list[str]
    lines: list[str]
    kind: str  # "input", "weights" or "plain": the colour
    hint: str  # shown where the mouse rests
    width: float
    title_height: float
    height: float


def label(box: Box, choice: Choice) -> Label:
    """The label of `box`, with what was chosen."""
    layer = box.layer
    name, kind = clean(layer.name), clean(kind_of(layer))
    title = broken(f"{name} ({kind})" if choice.names else kind, _LONGEST)
    lines = [box.repeat] if box.repeat else []
    if choice.activations and (activation := _activation(layer)):
        lines += broken(f"activation: {activation}", _LONGEST)
    if choice.shapes:
        lines += filled(_shape_pieces(box), _LONGEST)
    if facts := _facts(box, choice):
        lines += filled(_joined(facts, " · "), _LONGEST)
    look = "input" if isinstance(layer, InputLayer) else "weights" if layer.weights else "plain"
    return boxed(title, lines, look, f"{name} ({kind})")


def boxed(title: list[str], lines: list[str], kind: str, hint: str) -> Label:
    """These lines of text in a box that is as large as they are."""
    sizes = [width(line, TITLE_SIZE, bold=True) for line in title] + [width(line, SIZE) for line in lines]
    title_height = LINE * len(title) + PADDING
    return Label(
        title,
        lines,
        kind,
        hint,
        max(sizes) + 2 * PADDING,
        title_height,
        title_height + (LINE * len(lines) + PADDING if lines else 0.0),
    )


def _activation(layer: Any) -> str:
    activation = getattr(layer, "activation", None)
    if activation is None:
        return ""
    return clean(str(getattr(activation, "__name__", None) or type(activation).__name__))


def _shape_pieces(box: Box) -> list[str]:
    """The shapes that go in and come out, each a piece: "(None, 3), ", "(None, 4) → ", "(None, 7)"."""
    if isinstance(box.layer, InputLayer):
        before = []
    elif box.calls:
        before = [str(x.shape) for x in box.calls[-1].inputs]
    else:
        before = _each(box.layer._built_for)
    after = _each(output_shapes(box.layer, box.calls))
    pieces = _joined(_counted(before), ", ")
    return [*pieces[:-1], *(f"{piece} → " for piece in pieces[-1:]), *_joined(_counted(after), ", ")]


def _counted(shapes: list[str]) -> list[str]:
    """The shapes, with "2 × " before one that comes twice in a row."""
    runs = [(shape, len(list(run))) for shape, run in groupby(shapes)]
    return [f"{count} × {shape}" if count > 1 else shape for shape, count in runs]


def _each(shapes: Any) -> list[str]:
    """The shapes of a structure one by one; "?" if they are not known."""
    return [shape_text(shape) for shape in flatten(shapes, is_shape)]


def _facts(box: Box, choice: Choice) -> list[str]:
    layer = box.layer
    facts = []
    if choice.params and (layer.weights or not layer.built):
        facts.append(f"{layer.count_params():,} params" if layer.built else "unbuilt")
    if choice.trainable and layer.weights:
        facts.append("trainable" if layer.trainable else "not trainable")
    if choice.dtype:
        facts += (
            dict.fromkeys(str(y.dtype) for y in box.calls[-1].outputs) if box.calls else [str(layer.dtype)]
        )
    return facts


def _joined(pieces: list[str], sign: str) -> list[str]:
    return [f"{piece}{sign}" for piece in pieces[:-1]] + pieces[-1:]
