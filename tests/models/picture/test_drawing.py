"""What of a model is drawn: its boxes, their connections, frames around models inside."""

import pytest
from graphs import chain, nested, shared, square, states
from pictured import EVERY_GRAPH, EVERYTHING, NAMES, overlaps

import minidl
from minidl.layers import Add, Dense, Input
from minidl.models import Model
from minidl.models.picture.drawing import drawn
from minidl.models.picture.graph import graph_of
from minidl.models.picture.svg import svg


@EVERY_GRAPH
@pytest.mark.parametrize("sideways", [False, True])
@pytest.mark.parametrize("expand", [False, True])
def test_drawings_of_models(build, sideways, expand):
    model = build(minidl)
    picture = drawn(graph_of(model, expand), EVERYTHING, sideways)
    boxes = [(s.x, s.y, s.x + s.width, s.y + s.height) for s in picture.shapes]
    assert all(b[0] >= 0 and b[1] >= 0 and b[2] <= picture.width and b[3] <= picture.height for b in boxes)
    for i, (shape, box) in enumerate(zip(picture.shapes, boxes, strict=True)):
        for other, further in zip(picture.shapes[:i], boxes[:i], strict=True):
            inside = (
                other.is_frame
                and further[0] <= box[0]
                and further[1] + other.label.height <= box[1]
                and box[2] <= further[2]
                and box[3] <= further[3]
            )
            assert inside or not overlaps(box, further), (shape.label.hint, other.label.hint)
    ends = [line.arrow[0] if line.arrow else line.steps[-1][-1] for line in picture.lines]
    flow = 0 if sideways else 1
    assert all(line.start[flow] < end[flow] for line, end in zip(picture.lines, ends, strict=True))
    for line, tip in zip(picture.lines, ends, strict=True):
        if line.arrow:  # it touches a box, in the middle of the side where data comes in
            touched = [
                s for s, b in zip(picture.shapes, boxes, strict=True) if abs(tip[flow] - b[flow]) < 1e-6
            ]
            middles = [
                s.y + s.height / 2 if sideways else s.x + s.width / 2 for s in touched if not s.is_frame
            ]
            assert any(abs(tip[1 - flow] - at) < 1e-6 for at in middles)


def hints(graph):
    """The layers of the boxes, and those they are connected to."""
    names = [box.layer.name for box in graph.boxes]
    return names, [(names[a.box], names[b.box]) for a, b in graph.edges]


def test_boxes_and_edges():
    names, edges = hints(graph_of(square(minidl)))
    assert (names, edges) == (["x", "square"], [("x", "square")])
    names, edges = hints(graph_of(chain(minidl)))
    assert names == ["image", "conv", "rows", "out"]
    assert edges == [("image", "conv"), ("conv", "rows"), ("rows", "out")]
    names, edges = hints(graph_of(states(minidl)))
    assert edges == [
        ("steps", "encoder"), ("encoder", "head"), ("encoder", "states"), ("states", "product"), ("encoder", "product"),
    ]  # fmt: skip


@EVERY_GRAPH
def test_every_call_has_its_place_once(build):
    model = build(minidl)
    graph = graph_of(model)
    calls = [id(call) for box in graph.boxes for call in box.calls]
    assert sorted(calls) == sorted(map(id, model.calls))
    assert all(call.layer is box.layer for box in graph.boxes for call in box.calls)
    assert len(graph.entries) == len(model.inputs)
    assert len(graph.exits) == len(model.outputs)


def test_a_shared_layer_has_one_box_unless_that_makes_a_circle():
    graph = graph_of(shared(minidl))
    names, edges = hints(graph)
    assert sorted(names) == ["both", "both", "difference", "left", "mean", "right"]
    first, second = (box for box in graph.boxes if box.layer.name == "both")
    assert [len(first.calls), len(second.calls)] == [2, 1]
    assert {("left", "both"), ("right", "both"), ("both", "both")} <= set(edges)
    assert "place 2 of 2 with the same weights" in svg(drawn(graph, NAMES), "")

    a, b = Input((3,), name="a"), Input((3,), name="b")
    dense = Dense(2, name="dense")
    picture = svg(drawn(graph_of(Model([a, b], Add()([dense(a), dense(b)]))), NAMES), "")
    assert picture.count(">dense (Dense)</text>") == 1
    assert "shared: called 2 times" in picture


def test_models_inside_are_framed():
    plain, expanded = (graph_of(nested(minidl), expand) for expand in (False, True))
    assert hints(plain) == hints(expanded)
    assert all(box.inner is None for box in plain.boxes)
    inner = {box.layer.name: box.inner for box in expanded.boxes if box.inner}
    assert list(inner) == ["inner", "deep"]
    assert hints(inner["deep"]) == (["d1", "deepest"], [("d1", "deepest")])
    assert hints(inner["deep"].boxes[1].inner)[0] == ["d2", "d3"]
    ports = {(a.port, b.port) for a, b in expanded.edges if expanded.boxes[b.box].layer.name == "inner"}
    assert ports == {(0, 0), (0, 1)}
    picture = drawn(expanded, NAMES)
    frames = {s.label.hint: s for s in picture.shapes if s.is_frame}
    assert list(frames) == ["inner (Functional)", "deep (Sequential)", "deepest (Sequential)"]
