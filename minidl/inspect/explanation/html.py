"""An explanation as HTML, for notebooks and pages.

It takes its colours from the page around it, so that it stands on light and dark ones alike. Styles stand at each
element, because inside of a page a style sheet would be shared with everything else there. A reader without eyes on it
finds headings that open, tables with headings of their own, and lists.
"""

from collections.abc import Iterator, Sequence

from minidl.inspect.explanation.facts import LayerExplanation, WeightExplanation
from minidl.inspect.explanation.words import counted_weight, heading, sentences_of
from minidl.messages import language, say
from minidl.models.picture.text import escaped
from minidl.models.shapes import shape_text

__all__ = ["page_part"]

_LINE = "1px solid rgba(128, 128, 128, 0.4)"
_CELL = "text-align: left; vertical-align: top; padding: 0.15em 0.8em 0.15em 0"
_CODE = "white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.4em 0 0 1em; font-family: monospace"
_WIDE = "overflow-x: auto; margin: 0.4em 0 0 1em"
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
    parts = [part for layer in layers for part in _layer(layer, optimizer, is_open=len(layers) == 1)]
    return (
        f'<div lang="{language()}" style="max-width: 60em; word-break: keep-all">'
        + "\n".join([*head, *parts])
        + "</div>"
    )


def _layer(layer: LayerExplanation, optimizer: str | None, is_open: bool) -> Iterator[str]:
    yield f'<details{" open" if is_open else ""} style="border-top: {_LINE}; padding: 0.3em 0">'
    yield f'<summary style="cursor: pointer; overflow-wrap: anywhere">{escaped(heading(layer))}</summary>'
    for line in layer.equations:
        yield f'<div style="{_CODE}">{_code(line.text)}</div>'
        if line.words:
            yield f'<div style="margin-left: 3em">{escaped(line.words)}</div>'
    if layer.weights:
        yield from _table(layer.weights)
    yield from (f'<p style="margin: 0.3em 0 0 1em">{escaped(s)}</p>' for s in sentences_of(layer, optimizer))
    if layer.hints:
        points = (f"<li>{escaped(hint.text)}</li>" for hint in layer.hints)
        yield f'<ul style="margin: 0.3em 0 0.3em 1em; padding-left: 1em">{"".join(points)}</ul>'
    if layer.inside:
        yield '<div style="margin-left: 1.5em">'
        for part in layer.inside:
            yield from _layer(part, optimizer, is_open=False)
        yield "</div>"
    yield "</details>"


def _code(text: str) -> str:
    """A line of code with its spaces, which `escaped` would make one each."""
    return "  ".join(escaped(part) for part in text.split("  "))


def _table(weights: Sequence[WeightExplanation]) -> Iterator[str]:
    headings = [say(text).rstrip(":") for text in ("Weights:", "Shape:", "Numbers:", "Meaning:")]
    yield f'<div style="{_WIDE}"><table style="border-collapse: collapse; font-size: inherit"><thead><tr>'
    yield "".join(f'<th scope="col" style="{_CELL}">{escaped(name)}</th>' for name in headings)
    yield "</tr></thead><tbody>"
    for w in weights:
        cells = ((_WHOLE, shape_text(w.shape)), (_WHOLE, counted_weight(w)), (_LONG, w.meaning))
        first = f'<th scope="row" style="{_CELL}; font-weight: normal">{escaped(w.name)}</th>'
        rest = "".join(f'<td style="{_CELL}; {style}">{escaped(cell)}</td>' for style, cell in cells)
        yield f"<tr>{first}{rest}</tr>"
    yield "</tbody></table></div>"
