"""Drawing: boxes, frames and lines with their coordinates, which SVG and Matplotlib then only write down.

A model inside a model is laid out first, as a drawing of its own; in the drawing around it, it is one large box. Edges
end at its frame, where those inside go on.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from minidl.models.picture.graph import Box, Graph
from minidl.models.picture.labels import Choice, Label, label
from minidl.models.picture.layout import Edge, Layout, layout
from minidl.models.picture.straight import Node

__all__ = ["Drawing", "Line", "Shape", "drawn", "drawn_with"]

_PORT = Node(4.0, 4.0)
_MARGIN = 8.0  # around the whole picture
_INSIDE = 12.0  # between a frame and what it holds
_ARROW = 7.0  # length and width of an arrowhead
_STRAIGHT = 0.1  # what bends less is drawn straight

Point = tuple[float, float]
Tell = Callable[[Box], Label]


class Shape(NamedTuple):
    """A box, or the frame around a model, with its label."""

    x: float  # of the left upper corner
    y: float
    width: float
    height: float
    label: Label
    is_frame: bool


class Line(NamedTuple):
    """An edge: where it starts, its steps, and the corners of its arrowhead, if it has one.

    A step of one point is straight, one of three is a cubic Bézier curve (two control points and the end).
    """

    start: Point
    steps: list[list[Point]]
    arrow: list[Point]


class Drawing(NamedTuple):
    """What is drawn; a frame comes before what is inside it. Points at the ends are where data enters and leaves."""

    width: float
    height: float
    shapes: list[Shape]
    lines: list[Line]
    entries: list[Point]
    exits: list[Point]


def drawn(graph: Graph, choice: Choice, sideways: bool = False) -> Drawing:
    """The drawing of `graph`, from top to bottom, or from left to right if it goes `sideways`."""
    return drawn_with(graph, partial(label, choice=choice), sideways)


def drawn_with(graph: Graph, tell: Tell, sideways: bool = False) -> Drawing:
    """The drawing of a graph whose boxes say what `tell(box)` gives."""
    inner = _moved(_placed(graph, tell, sideways, ports=False), _MARGIN, _MARGIN)
    return inner._replace(width=inner.width + 2 * _MARGIN, height=inner.height + 2 * _MARGIN)


def _placed(graph: Graph, tell: Tell, sideways: bool, ports: bool) -> Drawing:
    """The drawing of a graph without a margin; with `ports`, edges lead from its border to it, and back."""
    labels = [tell(box) for box in graph.boxes]
    parts = [
        _framed(_placed(box.inner, tell, sideways, ports=True), text, sideways)
        if box.inner
        else _single(text, sideways)
        for box, text in zip(graph.boxes, labels, strict=True)
    ]
    nodes = [_node(part, sideways) for part in parts]
    across = 1 if sideways else 0  # the coordinate that counts across the flow
    edges = [
        Edge(
            tail.box,
            head.box,
            parts[tail.box].exits[tail.port][across] - nodes[tail.box].left,
            parts[head.box].entries[head.port][across] - nodes[head.box].left,
        )
        for tail, head in graph.edges
    ]
    count = len(nodes)
    first = range(count, count + len(graph.entries) * ports)
    last = range(first.stop, first.stop + len(graph.exits) * ports)
    for port, end in zip(first, graph.entries, strict=False):
        at = parts[end.box].entries[end.port][across] - nodes[end.box].left
        edges.append(Edge(port, end.box, 0.0, at))
    for port, end in zip(last, graph.exits, strict=False):
        at = parts[end.box].exits[end.port][across] - nodes[end.box].left
        edges.append(Edge(end.box, port, at, 0.0))
    found = layout([*nodes, *[_PORT] * (len(first) + len(last))], edges, first, last)
    return _composed(graph, parts, nodes, edges, found, sideways, first, last)


def _composed(
    graph: Graph,
    parts: list[Drawing],
    nodes: list[Node],
    edges: list[Edge],
    found: Layout,
    sideways: bool,
    first: range,
    last: range,
) -> Drawing:
    """The parts at their places, and the edges between them."""

    def turned(point: Point) -> Point:
        return (point[1], point[0]) if sideways else point

    shapes, lines = [], []
    for part, node, (x, y) in zip(parts, nodes, found.places, strict=False):
        moved = _moved(part, *turned((x - node.left, y)))
        shapes += moved.shapes
        lines += moved.lines
    for edge, route in zip(edges, found.routes, strict=True):
        ends_in_box = edge.head < len(parts) and graph.boxes[edge.head].inner is None
        lines.append(_line(route, ends_in_box, turned))
    size = turned((found.breadth, found.length))
    ends = [[turned(found.places[port]) for port in group] for group in (first, last)]
    return Drawing(*size, shapes, lines, *ends)


def _line(route: list[Point], arrow: bool, turned: Callable[[Point], Point]) -> Line:
    """The steps along the points of a route: straight to the second, a curve to the third, and so on."""
    points, corners = list(route), []
    if arrow:
        x, tip = points[-1]
        back = tip - _ARROW
        points[-2:] = [(x, min(points[-2][1], back)), (x, back)]
        corners = [(x, tip), (x - _ARROW / 2, back), (x + _ARROW / 2, back)]
    steps: list[list[Point]] = []
    at = points[0]
    for x, y in points[1:]:
        if abs(x - at[0]) < _STRAIGHT:
            if steps and len(steps[-1]) == 1:
                steps.pop()
            steps.append([(x, y)])
        else:
            middle = (at[1] + y) / 2
            steps.append([(at[0], middle), (x, middle), (x, y)])
        at = x, y
    return Line(
        turned(points[0]), [[turned(point) for point in step] for step in steps], [turned(c) for c in corners]
    )


def _single(text: Label, sideways: bool) -> Drawing:
    """The box of a layer."""
    middle = [(0.0, text.height / 2), (text.width, text.height / 2)]
    if not sideways:
        middle = [(text.width / 2, 0.0), (text.width / 2, text.height)]
    shape = Shape(0.0, 0.0, text.width, text.height, text, False)
    return Drawing(text.width, text.height, [shape], [], middle[:1], middle[1:])


def _framed(inner: Drawing, text: Label, sideways: bool) -> Drawing:
    """A frame around the drawing of a model, below the label of that model."""
    if sideways:
        width, height = max(inner.width, text.width), text.height + inner.height + 2 * _INSIDE
        inside = _moved(inner, 0.0, text.height + _INSIDE)
        entries, exits = inside.entries, [(width, y) for _, y in inside.exits]
    else:
        width, height = max(inner.width + 2 * _INSIDE, text.width), text.height + inner.height
        inside = _moved(inner, (width - inner.width) / 2, text.height)
        entries, exits = [(x, 0.0) for x, _ in inside.entries], inside.exits
    onwards = [Line(a, [[b]], []) for a, b in zip(inside.exits, exits, strict=True) if a != b]
    frame = Shape(0.0, 0.0, width, height, text, True)
    return Drawing(width, height, [frame, *inside.shapes], inside.lines + onwards, entries, exits)


def _node(part: Drawing, sideways: bool) -> Node:
    """The room that a part takes; its line goes through the middle, or through the one way in to a frame."""
    breadth, depth = (part.height, part.width) if sideways else (part.width, part.height)
    left = part.entries[0][1 if sideways else 0] if len(part.entries) == 1 else breadth / 2
    return Node(left, breadth - left, depth)


def _moved(part: Drawing, x: float, y: float) -> Drawing:
    """The same further right and down."""

    def moved(points: list[Point]) -> list[Point]:
        return [(a + x, b + y) for a, b in points]

    shapes = [shape._replace(x=shape.x + x, y=shape.y + y) for shape in part.shapes]
    lines = [
        Line(moved([line.start])[0], [moved(step) for step in line.steps], moved(line.arrow))
        for line in part.lines
    ]
    return part._replace(shapes=shapes, lines=lines, entries=moved(part.entries), exits=moved(part.exits))
