"""A drawing as an image of pixels, or as PDF, by Matplotlib: the same boxes and lines as in SVG."""

import io
import warnings
from typing import Any

from minidl.messages import say
from minidl.models.picture.drawing import Drawing, Shape
from minidl.models.picture.labels import LINE, PADDING, SIZE, TITLE_SIZE
from minidl.models.picture.svg import BORDER, COLOURS, LINES, PAPER, TEXT

__all__ = ["LARGEST", "MOST", "POINTS_PER_INCH", "figure_of", "fonts", "raster"]

LARGEST = 65_000  # pixels of height or width: more is beyond Matplotlib's drawing and most viewers
MOST = 200_000_000  # pixels in all, of 4 bytes each
POINTS_PER_INCH = 72
# For names in other scripts than Latin, Greek and Cyrillic, the first of these that is installed.
_FURTHER_FONTS = (
    "Noto Sans CJK KR", "Noto Sans CJK JP", "Apple SD Gothic Neo", "Malgun Gothic", "NanumGothic", "Microsoft YaHei",
    "Arial Unicode MS",
)  # fmt: skip


def raster(drawing: Drawing, format: str, dpi: float) -> bytes:
    """The contents of a file.

    Args:
        format: "png" or "pdf".
        dpi: pixels in an inch, which is 72 units of the drawing.
    """
    figure = figure_of(drawing, format.upper(), dpi)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # drawn as an empty box
        figure.savefig(file, format=format, dpi=dpi, facecolor=PAPER)
    return file.getvalue()


def figure_of(drawing: Drawing, what: str, dpi: float) -> Any:
    """The drawing as a figure of Matplotlib.

    Args:
        what: it is to become, for the error where Matplotlib is not installed.
        dpi: pixels in an inch, which is 72 units of the drawing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            say(f"A {what} is drawn by Matplotlib: pip install matplotlib. An .svg file needs nothing.")
        ) from None
    size = drawing.width / POINTS_PER_INCH, drawing.height / POINTS_PER_INCH
    figure = Figure(figsize=size, dpi=dpi, facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, drawing.width), ylim=(drawing.height, 0))
    axes.set_axis_off()
    families = fonts()
    _draw_lines(axes, drawing)
    for shape in drawing.shapes:
        _draw_box(axes, shape, families)
    return figure


def _draw_lines(axes: Any, drawing: Drawing) -> None:
    from matplotlib.patches import PathPatch, Polygon, Rectangle
    from matplotlib.path import Path

    for shape in drawing.shapes:
        if shape.is_frame:
            place = (shape.x, shape.y), shape.width, shape.height
            axes.add_patch(Rectangle(*place, facecolor="#f3f4f6", edgecolor=BORDER, linewidth=1))
    for line in drawing.lines:
        points, codes = [line.start], [Path.MOVETO]
        for step in line.steps:
            points += step
            codes += [Path.LINETO] if len(step) == 1 else [Path.CURVE4] * 3
        axes.add_patch(PathPatch(Path(points, codes), fill=False, edgecolor=LINES, linewidth=1.6))
        if line.arrow:
            axes.add_patch(Polygon(line.arrow, facecolor=LINES, linewidth=0))


def _draw_box(axes: Any, shape: Shape, families: list[str]) -> None:
    from matplotlib.patches import Rectangle

    text = shape.label
    back, front = COLOURS[text.kind]
    corner = shape.x, shape.y
    axes.add_patch(
        Rectangle(corner, shape.width, text.height, facecolor=PAPER, edgecolor=BORDER, linewidth=1)
    )
    axes.add_patch(
        Rectangle(corner, shape.width, text.title_height, facecolor=back, edgecolor=BORDER, linewidth=1)
    )
    x, y = shape.x + shape.width / 2, shape.y + PADDING / 2 + LINE - 4
    look: dict[str, Any] = {"ha": "center", "va": "baseline", "parse_math": False, "family": families}
    for i, line in enumerate(text.title):
        axes.text(x, y + i * LINE, line, color=front, size=TITLE_SIZE, weight="bold", **look)
    for i, line in enumerate(text.lines):
        axes.text(x, y + text.title_height + i * LINE, line, color=TEXT, size=SIZE, **look)


def fonts() -> list[str]:
    """The fonts to draw text with: one that is always there, and one with Korean letters, if any is installed."""
    from matplotlib.font_manager import get_font_names

    installed = set(get_font_names())
    return ["DejaVu Sans", *[name for name in _FURTHER_FONTS if name in installed][:1]]
