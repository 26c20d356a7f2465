"""An explanation as HTML, for notebooks and pages: headings that open, tables and lists."""

from collections.abc import Iterator, Sequence

from minidl.inspect.explanation.facts import LayerExplanation, WeightExplanation
from minidl.inspect.explanation.words import counted_weight, heading, sentences_of
from minidl.inspect.markup import part, table
from minidl.messages import say
from minidl.models.picture.text import escaped
from minidl.models.shapes import shape_text

__all__ = ["page_part"]

_LINE = "1px solid rgba(128, 128, 128, 0.4)"
_CODE = "white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.4em 0 0 1em; font-family: monospace"
_WHOLE, _LONG = "white-space: nowrap", "min-width: 14em"


def page_part(
    title: str, sentences: Sequence[str], layers: Sequence[LayerExplanation], optimizer: str | None
) -> str:
    """The part of a page that shows these layers, each closed where there are several.

    Args:
        title: of all; "" for a layer alone.
        sentences: below the title.
    """
    head = [f'<p style="font-weight: bold; margin: 0.3em 0">{escaped(title)}</p>'] if title else []
    head += [f'<p style="margin: 0.2em 0">{escaped(sentence)}</p>' for sentence in sentences]
    parts = [piece for layer in layers for piece in _layer(layer, optimizer, is_open=len(layers) == 1)]
    return part(*head, *parts)


def _layer(layer: LayerExplanation, optimizer: str | None, is_open: bool) -> Iterator[str]:
    yield f'<details{" open" if is_open else ""} style="border-top: {_LINE}; padding: 0.3em 0">'
    yield f'<summary style="cursor: pointer; overflow-wrap: anywhere">{escaped(heading(layer))}</summary>'
    for line in layer.equations:
        yield f'<div style="{_CODE}">{_code(line.text)}</div>'
        if line.words:
            yield f'<div style="margin-left: 3em">{escaped(line.words)}</div>'
    if layer.weights:
        yield _table(layer.weights)
    yield from (f'<p style="margin: 0.3em 0 0 1em">{escaped(s)}</p>' for s in sentences_of(layer, optimizer))
    if layer.hints:
        points = (f"<li>{escaped(hint.text)}</li>" for hint in layer.hints)
        yield f'<ul style="margin: 0.3em 0 0.3em 1em; padding-left: 1em">{"".join(points)}</ul>'
    if layer.inside:
        yield '<div style="margin-left: 1.5em">'
        for inner in layer.inside:
            yield from _layer(inner, optimizer, is_open=False)
        yield "</div>"
    yield "</details>"


def _code(text: str) -> str:
    """A line of code with its spaces, which `escaped` would make one each."""
    return "  ".join(escaped(piece) for piece in text.split("  "))


def _table(weights: Sequence[WeightExplanation]) -> str:
    headings = [say(text).rstrip(":") for text in ("Weights:", "Shape:", "Count:", "Meaning:")]
    rows = [(w.name, shape_text(w.shape), counted_weight(w), w.meaning) for w in weights]
    return table(headings, rows, ("", _WHOLE, _WHOLE, _LONG))
