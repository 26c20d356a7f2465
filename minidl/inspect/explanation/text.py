"""An explanation as text for a terminal, in lines of as many columns as it has."""

from collections.abc import Iterator, Sequence

from minidl.inspect.explanation.facts import LayerExplanation, WeightExplanation
from minidl.inspect.explanation.words import counted_weight, heading, sentences_of
from minidl.messages import say
from minidl.models.shapes import shape_text
from minidl.utils.columns import columns, padded, wrapped

__all__ = ["layer_lines"]

_STEP = "  "


def layer_lines(layer: LayerExplanation, width: int, optimizer: str | None, depth: int = 0) -> Iterator[str]:
    """The lines about a layer, and those about the layers inside it."""
    indent = _STEP * (depth + 1)
    yield from wrapped(heading(layer), width, _STEP * depth, indent + _STEP)
    for line in layer.equations:
        yield from wrapped(line.text, width, indent + _STEP, indent + _STEP * 3)
        if line.words:
            yield from wrapped(line.words, width, indent + _STEP * 2)
    if layer.weights:
        yield from wrapped(say("Weights:"), width, indent)
        yield from _weights(layer.weights, width, indent + _STEP)
    for sentence in sentences_of(layer, optimizer):
        yield from wrapped(sentence, width, indent, indent + _STEP)
    for hint in layer.hints:
        yield from wrapped(f"- {hint.text}", width, indent, indent + _STEP)
    for part in layer.inside:
        yield ""
        yield from layer_lines(part, width, optimizer, depth + 1)


def _weights(weights: Sequence[WeightExplanation], width: int, indent: str) -> Iterator[str]:
    """A line for each array, in columns, and what it means below."""
    rows = [(w.name, shape_text(w.shape)) for w in weights]
    sizes = [max(columns(row[i]) for row in rows) for i in range(2)]
    for row, weight in zip(rows, weights, strict=True):
        cells = [padded(cell, size) for cell, size in zip(row, sizes, strict=True)]
        yield from wrapped("  ".join([*cells, counted_weight(weight)]), width, indent, indent + _STEP)
        if weight.meaning:
            yield from wrapped(weight.meaning, width, indent + _STEP)
