"""A drawing as SVG: text, for files, notebooks and browsers.

It stands on light and dark pages alike: the background is left out, boxes bring their own, and lines are of a grey
that differs from white and from black. No style sheet and no identifiers are used, because inside of a page both
would be shared with everything else there.
"""

from collections.abc import Iterator

from minidl.models.picture.drawing import Drawing, Shape
from minidl.models.picture.labels import LINE, PADDING, SIZE, TITLE_SIZE
from minidl.models.picture.text import escaped

__all__ = ["BORDER", "COLOURS", "LINES", "PAPER", "TEXT", "svg"]

COLOURS = {
    "input": ("#2f7d5b", "#ffffff"),
    "weights": ("#2d64a8", "#ffffff"),
    "plain": ("#e3e7ee", "#1d2633"),
}
PAPER, TEXT, BORDER, LINES = "#ffffff", "#1d2633", "#8a94a3", "#7a8494"
_FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"


def svg(drawing: Drawing, title: str) -> str:
    """The text of an SVG file; `title` is what a screen reader says of it."""
    width, height = f"{drawing.width:.0f}", f"{drawing.height:.0f}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{escaped(title)}" font-family="{_FONT}">'
    )
    return "\n".join([head, f"<title>{escaped(title)}</title>", *_body(drawing), "</svg>\n"])


def _body(drawing: Drawing) -> Iterator[str]:
    for shape in drawing.shapes:
        if shape.is_frame:
            yield _rectangle(shape, shape.height, BORDER, 0.08)
    yield f'<g fill="none" stroke="{LINES}" stroke-width="1.6">'
    for line in drawing.lines:
        steps = ("CL"[len(step) == 1] + _points(step) for step in line.steps)
        yield f'<path d="M{_points([line.start])}{"".join(steps)}"/>'
    yield f'</g>\n<g fill="{LINES}">'
    for line in drawing.lines:
        if line.arrow:
            yield f'<polygon points="{_points(line.arrow)}"/>'
    yield "</g>"
    for shape in drawing.shapes:
        yield from _box(shape)


def _points(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _box(shape: Shape) -> Iterator[str]:
    """The label of a layer: a coloured title, and the lines below it on white."""
    text = shape.label
    back, front = COLOURS[text.kind]
    middle = shape.x + shape.width / 2
    yield f"<g><title>{escaped(text.hint)}</title>"
    yield _rectangle(shape, text.height, PAPER)
    yield _rectangle(shape, text.title_height, back)
    y = shape.y + PADDING / 2 + LINE - 4
    yield f'<g text-anchor="middle" font-size="{TITLE_SIZE:g}" font-weight="bold" fill="{front}">'
    yield from _lines(text.title, middle, y)
    yield "</g>"
    if text.lines:
        yield f'<g text-anchor="middle" font-size="{SIZE:g}" fill="{TEXT}">'
        yield from _lines(text.lines, middle, y + text.title_height)
        yield "</g>"
    yield "</g>"


def _lines(lines: list[str], x: float, y: float) -> Iterator[str]:
    for i, line in enumerate(lines):
        yield f'<text x="{x:.1f}" y="{y + i * LINE:.1f}">{escaped(line)}</text>'


def _rectangle(shape: Shape, height: float, fill: str, opacity: float = 1.0) -> str:
    place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" width="{shape.width:.1f}" height="{height:.1f}"'
    return f'<rect {place} rx="2" fill="{fill}" fill-opacity="{opacity:g}" stroke="{BORDER}"/>'
