"""What a picture of a model shows: a box for each layer, an edge wherever one reads what another has made.

A layer that is called several times has one box with several edges into it, except where this would close a circle, as
in dense(dense(x)): the later call then gets a box of its own.
"""

from typing import Any, NamedTuple

from minidl.models.shapes import calls_of, is_chain
from minidl.symbolic import Call

__all__ = ["Box", "End", "Graph", "graph_of"]


class End(NamedTuple):
    """Where an edge begins or ends: a box, and if a model is drawn inside it, which of its inputs or outputs."""

    box: int
    port: int = 0


class Box:
    """A layer, and those of its calls that the box stands for."""

    def __init__(self, layer: Any, inner: "Graph | None"):
        self.layer, self.inner = layer, inner
        self.calls: list[Call] = []
        self.repeat = ""  # what there is to say of a layer that is called several times


class Graph(NamedTuple):
    """Boxes, edges between them, and where data enters and leaves."""

    boxes: list[Box]
    edges: list[tuple[End, End]]
    entries: list[End]
    exits: list[End]


def graph_of(model: Any, expand_nested: bool = False) -> Graph:
    """The boxes and edges of `model`; a model whose connections nobody knows is one box.

    Args:
        expand_nested: show the models among its layers with a graph of their own inside.
    """
    if is_chain(model) and model.layers:
        return _chain(model, expand_nested)
    if calls_of(model):
        return _connected(model, expand_nested)
    return Graph([Box(model, None)], [], [], [])


def _box(layer: Any, expand_nested: bool) -> Box:
    shown = expand_nested and bool(calls_of(layer) or (is_chain(layer) and layer.layers))
    return Box(layer, graph_of(layer, True) if shown else None)


def _chain(model: Any, expand_nested: bool) -> Graph:
    """The layers of a Sequential, also before it is built."""
    boxes = [_box(layer, expand_nested) for layer in model.layers]
    for box, call in zip(boxes, calls_of(model)[1:], strict=False):  # the first is that of the Input
        box.calls.append(call)
    edges = [(End(i), End(i + 1)) for i in range(len(boxes) - 1)]
    return Graph(boxes, edges, [End(0)], [End(len(boxes) - 1)])


def _connected(model: Any, expand_nested: bool) -> Graph:
    graph = Graph([], [], [], [])
    boxes_of: dict[int, list[int]] = {}  # of a layer
    box_of: dict[int, int] = {}  # of a call
    for call in [*(x.call for x in model.inputs), *model.calls]:
        if id(call) in box_of:
            continue
        sources = [(box_of[id(x.call)], x.index) for x in call.inputs]
        own = boxes_of.setdefault(id(call.layer), [])
        before = {box for box, _ in sources}
        place = next((i for i in own if not _leads_to(graph.edges, i, before)), len(graph.boxes))
        if place == len(graph.boxes):
            graph.boxes.append(_box(call.layer, expand_nested))
            own.append(place)
        graph.boxes[place].calls.append(call)
        box_of[id(call)] = place
        for port, (box, index) in enumerate(sources):
            ends = _end(graph.boxes, box, index), _end(graph.boxes, place, port)
            if ends not in graph.edges:
                graph.edges.append(ends)
    for own in boxes_of.values():
        _note_repeats([graph.boxes[i] for i in own])
    graph.entries.extend(End(box_of[id(x.call)]) for x in model.inputs)
    graph.exits.extend(_end(graph.boxes, box_of[id(y.call)], y.index) for y in model.outputs)
    return graph


def _note_repeats(boxes: list[Box]) -> None:
    count = sum(len(box.calls) for box in boxes)
    for i, box in enumerate(boxes):
        if len(boxes) > 1:
            box.repeat = f"place {i + 1} of {len(boxes)} with the same weights"
        elif count > 1:
            box.repeat = f"shared: called {count} times"


def _end(boxes: list[Box], box: int, port: int) -> End:
    return End(box, port if boxes[box].inner is not None else 0)


def _leads_to(edges: list[tuple[End, End]], start: int, ends: set[int]) -> bool:
    """Whether a path leads from the box `start` to one of `ends`."""
    waiting, seen = [start], {start}
    while waiting:
        box = waiting.pop()
        if box in ends:
            return True
        fresh = {head.box for tail, head in edges if tail.box == box} - seen
        seen |= fresh
        waiting += fresh
    return False
