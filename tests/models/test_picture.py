"""Pictures of models: where boxes and edges go, what SVG and images hold, and what notebooks are shown."""

import re
import struct
import sys
import types
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from graphs import CHAINS, GRAPHS, chain, ensemble, fork, nested, residual, shared, square, states
from hypothesis import given, settings
from hypothesis import strategies as st

import minidl
from minidl.layers import Activation, Add, Conv2D, Dense, Dropout, Flatten, Input
from minidl.models import Model, Sequential
from minidl.models.picture.drawing import drawn
from minidl.models.picture.graph import graph_of
from minidl.models.picture.labels import Wanted
from minidl.models.picture.layout import Edge, layout
from minidl.models.picture.ranks import crossings, ranks, rows_of
from minidl.models.picture.straight import Node
from minidl.models.picture.svg import svg
from minidl.models.picture.text import broken, width
from minidl.utils import plot_model

EVERYTHING = Wanted(shapes=True, dtype=True, names=True, activations=True, trainable=True, params=True)
NAMES = Wanted(names=True)
EVERY_GRAPH = pytest.mark.parametrize("build", GRAPHS + CHAINS, ids=lambda f: f.__name__)


# --- layout -------------------------------------------------------------------------------------------------


@st.composite
def dags(draw):
    """Nodes of many sizes, and edges that lead from lower to higher numbers, shuffled."""
    count = draw(st.integers(1, 14))
    pairs = [(a, b) for b in range(count) for a in range(b)]
    links = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=30)) if pairs else []
    names = draw(st.permutations(range(count)))
    sizes = st.floats(1, 120)
    nodes = [Node(draw(sizes), draw(sizes), draw(sizes)) for _ in range(count)]
    return nodes, [Edge(names[a], names[b]) for a, b in links]


def overlaps(a, b, slack=1e-6):
    return all(low < high - slack for low, high in ((a[0], b[2]), (b[0], a[2]), (a[1], b[3]), (b[1], a[3])))


def along(points):
    """Points of a route, whose pieces are straight and curved in turn."""
    for i, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
        t = np.linspace(0, 1, 21)
        bend = 3 * t**2 - 2 * t**3 if i % 2 else t  # of a cubic Bézier curve that starts and ends upright
        yield from zip(
            x0 + (x1 - x0) * bend, y0 + (y1 - y0) * (1.5 * t * (1 - t) + t**3 if i % 2 else t), strict=True
        )


@settings(deadline=None, max_examples=150)
@given(dags())
def test_layout_keeps_boxes_apart_and_edges_out_of_them(dag):
    nodes, edges = dag
    found = layout(nodes, edges)
    boxes = [(x - n.left, y, x + n.right, y + n.depth) for n, (x, y) in zip(nodes, found.places, strict=True)]
    assert not any(overlaps(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert min(box[0] for box in boxes) > -1e-6
    assert max(box[2] for box in boxes) < found.breadth + 1e-6
    assert max(box[3] for box in boxes) < found.length + 1e-6
    for edge, route in zip(edges, found.routes, strict=True):
        assert route[0] == (found.places[edge.tail][0], boxes[edge.tail][3])
        assert route[-1] == (found.places[edge.head][0], boxes[edge.head][1])
        downs = [y for _, y in route]
        assert min(np.diff(downs)) > -1e-6
        assert downs[0] < downs[-1]
        for x, y in along(route):
            assert not any(overlaps((x, y, x, y), box) for box in boxes)
            assert -1e-6 < x < found.breadth + 1e-6


@settings(deadline=None, max_examples=80)
@given(dags())
def test_ranks_and_order(dag):
    nodes, edges = dag
    links = [(e.tail, e.head) for e in edges]
    found = ranks(len(nodes), links)
    assert all(found[a] < found[b] for a, b in links)
    ordered = rows_of(len(nodes), links)
    placed = [v for row in ordered.rows for v in row]
    assert sorted(placed) == list(range(len(placed)))  # every node and every dummy once
    row_of = {v: i for i, row in enumerate(ordered.rows) for v in row}
    for chained, (a, b) in zip(ordered.chains, links, strict=True):
        assert (chained[0], chained[-1]) == (a, b)
        assert [row_of[v] for v in chained] == list(range(found[a], found[b] + 1))
    below = [[w for u, w in ordered.links if u == v] for v in range(len(placed))]
    by_pairs = sum(  # the definition
        (row.index(a) - row.index(c)) * (under.index(b) - under.index(d)) < 0
        for row, under in pairwise(ordered.rows)
        for i, (a, b) in enumerate(ordered.links)
        for c, d in ordered.links[:i]
        if a in row and c in row
    )
    assert crossings(ordered.rows, below) == by_pairs


def test_sweeps_untangle_what_can_be_untangled():
    links = [(0, 5), (1, 4), (2, 3), (3, 6), (4, 7), (5, 8)]
    ordered = rows_of(9, links)
    assert crossings(ordered.rows, [[w for u, w in links if u == v] for v in range(9)]) == 0


def test_long_paths_are_straight_and_equal_branches_symmetrical():
    box = Node(30, 30, 20)
    found = layout([box] * 5, [Edge(0, 1), Edge(1, 2), Edge(2, 3), Edge(0, 3), Edge(3, 4)])
    assert len({round(x, 6) for x, _ in found.places}) == 1  # and the shortcut goes round
    bends = {round(x, 6) for x, _ in found.routes[3]}
    assert len(bends) == 2
    found = layout([box] * 4, [Edge(0, 1), Edge(0, 2), Edge(1, 3), Edge(2, 3)])
    (top, _), (left, _), (right, _), (bottom, _) = found.places
    assert top == bottom == pytest.approx((left + right) / 2)


def test_a_long_chain_is_laid_out():
    count = 400  # deeper than Python likes to recurse, with shortcuts
    edges = [Edge(i, i + 1) for i in range(count - 1)] + [Edge(i, i + 9) for i in range(0, count - 9, 9)]
    found = layout([Node(40, 40, 30)] * count, edges)
    assert len({round(x, 3) for x, _ in found.places}) == 1


# --- what is drawn ------------------------------------------------------------------------------------------


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


# --- SVG ----------------------------------------------------------------------------------------------------

SVG = "{http://www.w3.org/2000/svg}"


def parsed(picture):
    return ET.fromstring(picture)  # noqa: S314


def texts(picture):
    return [element.text for element in parsed(picture).iter(f"{SVG}text")]


@EVERY_GRAPH
def test_svg_holds_every_name_shape_and_count(build, tmp_path):
    model = build(minidl)
    file = tmp_path / "model.svg"
    assert plot_model(model, file, show_shapes=True, show_layer_names=True) is None
    picture = file.read_text(encoding="utf-8")
    assert parsed(picture).tag == f"{SVG}svg"
    written = texts(picture)
    for layer in model.operations:
        assert f"{layer.name} ({type(layer).__name__})" in written
        assert any(str(tuple(x.shape)) in line for x in layer._calls[-1].outputs for line in written)
        if layer.weights:
            assert f"{layer.count_params():,} params" in written


def test_what_is_asked_for_is_shown(tmp_path):
    model = Sequential(
        [Input((6, 6, 1)), Conv2D(2, 3, activation="relu", name="c"), Flatten(), Dense(3, trainable=False)]
    )

    def lines(**options):
        plot_model(model, tmp_path / "m.svg", **options)
        return texts((tmp_path / "m.svg").read_text(encoding="utf-8"))

    assert lines() == ["Conv2D", "Flatten", "Dense"]
    assert lines(show_layer_names=True)[0] == "c (Conv2D)"
    assert lines(show_shapes=True)[:3] == ["Conv2D", "(None, 6, 6, 1) → (None, 4, 4, 2)", "20 params"]
    assert lines(show_shapes=True, show_params=False)[:3] == [
        "Conv2D",
        "(None, 6, 6, 1) → (None, 4, 4, 2)",
        "Flatten",
    ]
    assert lines(show_params=True) == ["Conv2D", "20 params", "Flatten", "Dense", "99 params"]
    assert lines(show_dtype=True)[:2] == ["Conv2D", "float32"]
    assert lines(show_trainable=True) == ["Conv2D", "trainable", "Flatten", "Dense", "not trainable"]
    assert lines(show_layer_activations=True)[:3] == ["Conv2D", "activation: relu", "Flatten"]
    everything = lines(show_params=True, show_trainable=True, show_dtype=True)
    assert everything[1] == "20 params · trainable · float32"


def test_equal_shapes_are_counted(tmp_path):
    picture = svg(drawn(graph_of(residual(minidl)), EVERYTHING), "")
    assert "2 × (None, 8, 8, 4) → (None, 8, 8, 4)" in picture
    picture = svg(drawn(graph_of(ensemble(minidl)), EVERYTHING), "")
    assert "(None, 2), (None, 4) → (None, 6)" in picture


HOSTILE = [
    "<script>alert(1)</script>",
    "\"'&quot;&",
    "]]><!--",
    "출력층",
    "🙂" * 5,
    "$x^2$ \\frac{",
    "a\x00\x1b\ud800\uffffb\nc",
    "long_name_of_a_layer_" * 10,
    "x" * 200,
    "{% raw %}",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_are_only_text(name, tmp_path):
    model = Sequential([Input((4,)), Dense(3, name=name), Dense(2)], name=name)
    plot_model(model, tmp_path / "m.svg", show_layer_names=True)
    picture = (tmp_path / "m.svg").read_text(encoding="utf-8")
    root = parsed(picture)
    allowed = {f"{SVG}{tag}" for tag in ("svg", "title", "g", "path", "polygon", "rect", "text")}
    assert {element.tag for element in root.iter()} == allowed
    shown = re.sub("[\x00\x1b\ud800\uffff]", "�", name)
    joined = "".join("".join(texts(picture)).split())
    assert "".join(shown.split()) in joined
    right = max(float(e.get("x")) + width(e.text, 12.0) / 2 for e in root.iter(f"{SVG}text"))
    assert right < float(root.get("width"))
    page = Page(model._repr_html_())
    assert "script" not in page.tags
    assert " ".join(shown.split()) in page.data
    plot_model(model, tmp_path / "m.png", show_layer_names=True, dpi=40)
    assert (tmp_path / "m.png").read_bytes()[:4] == b"\x89PNG"


def test_text_is_never_wider_than_thought():
    pytest.importorskip("matplotlib")
    from matplotlib import font_manager

    texts = [
        "conv5_block3_out (Activation)",
        "(None, 7, 7, 2048) → (None, 1000)",
        "activation: relu",
        "WWW@%×·−",
    ]
    for weight in ("normal", "bold"):
        looks = font_manager.FontProperties(family=["DejaVu Sans"], weight=weight)
        font = font_manager.get_font(font_manager.findfont(looks))
        font.set_size(100, 72)
        for text in texts:
            true = sum(font.load_char(ord(c)).linearHoriAdvance for c in text) / 65536
            assert true <= width(text, 100, bold=weight == "bold") <= 1.25 * true


def test_long_text_is_broken_where_it_can_be():
    assert broken("conv_block_one (Conv2D)", 7) == ["conv_block_", "one", "(Conv2D)"]
    for name in HOSTILE:
        lines = broken(name, 20)
        assert "".join("".join(lines).split()) == "".join(name.split())
        assert all(width(line, 1) <= 20 for line in lines)


def test_svg_asks_for_nothing_from_outside():
    picture = svg(drawn(graph_of(nested(minidl), True), EVERYTHING), "Model nested")
    assert re.findall(r"https?://[^\"' ]+", picture) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<style|<script|\bid=|\bhref|url\(", picture)
    root = parsed(picture)
    assert root.get("role") == "img"
    assert root.get("aria-label") == root[0].text == "Model nested"


# --- files --------------------------------------------------------------------------------------------------


def png_size(file):
    return struct.unpack(">II", file.read_bytes()[16:24])


@pytest.mark.parametrize("dpi", [50, 96.5, 200])
def test_png_has_the_size_that_dpi_says(dpi, tmp_path):
    model = fork(minidl)
    picture = drawn(graph_of(model), Wanted(shapes=True, params=True))
    file = tmp_path / "model.png"
    plot_model(model, file, show_shapes=True, dpi=dpi)
    wanted = picture.width * dpi / 72, picture.height * dpi / 72
    assert np.allclose(png_size(file), wanted, atol=1)


def test_png_shows_boxes_where_svg_has_them(tmp_path):
    from matplotlib.image import imread

    model = ensemble(minidl)
    file = tmp_path / "model.png"
    plot_model(model, file, show_layer_names=True, dpi=72)
    image = imread(file)
    for shape in drawn(graph_of(model), NAMES).shapes:
        pixel = image[int(shape.y + 3), int(shape.x + 4), :3]
        back = {"input": "2f7d5b", "weights": "2d64a8", "plain": "e3e7ee"}[shape.label.kind]
        assert np.allclose(pixel * 255, list(bytes.fromhex(back)), atol=2)
    assert np.all(image[2, 2, :3] == 1)  # the margin is white


def test_other_formats_and_names(tmp_path, monkeypatch):
    model = chain(minidl)
    plot_model(model, tmp_path / "model.PDF")
    assert (tmp_path / "model.PDF").read_bytes()[:5] == b"%PDF-"
    plot_model(model, str(tmp_path / "picture"))
    assert (tmp_path / "picture").read_bytes()[:4] == b"\x89PNG"
    monkeypatch.chdir(tmp_path)
    minidl.utils.plot_model(model)
    assert (tmp_path / "model.png").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.PDF", "model.png", "picture"]


def test_from_left_to_right(tmp_path):
    model = chain(minidl)
    sizes = []
    for direction in ("TB", "LR"):
        plot_model(model, tmp_path / "m.svg", rankdir=direction)
        root = parsed((tmp_path / "m.svg").read_text(encoding="utf-8"))
        sizes.append((float(root.get("width")), float(root.get("height"))))
    assert sizes[0][0] < sizes[0][1]
    assert sizes[1][0] > sizes[1][1]


def test_what_cannot_be_drawn_is_told(tmp_path):
    model, file = chain(minidl), tmp_path / "m.svg"
    for message, options in (
        (r"to_file to end in \.png, \.svg or \.pdf, got .*m\.bmp", {"to_file": tmp_path / "m.bmp"}),
        ("rankdir 'TB' .downwards. or 'LR'", {"rankdir": "up"}),
        ("dpi to be a number > 0, got 0", {"dpi": 0}),
        ("dpi to be a number > 0, got nan", {"dpi": float("nan")}),
        (r"too much\. Take dpi=\d+, or an \.svg", {"dpi": 1e6, "to_file": tmp_path / "m.png"}),
    ):
        with pytest.raises(ValueError, match=message):
            plot_model(model, **({"to_file": file} | options))
    for wrong in ({"show_shapes": "no"}, {"show_params": 3}, {"expand_nested": None}):
        with pytest.raises(TypeError, match="True or False"):
            plot_model(model, file, **wrong)
    with pytest.raises(TypeError, match="expects a model, got"):
        plot_model(Dense(3), file)
    with pytest.raises(ValueError, match="expects a built model"):
        plot_model(Sequential([Dense(3)]), file)
    with pytest.raises(OSError, match="nowhere"):
        plot_model(model, tmp_path / "nowhere" / "m.svg")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(AttributeError, match="no attribute 'plot_models'"):
        _ = minidl.utils.plot_models


def test_a_notebook_gets_the_image(tmp_path, monkeypatch):
    made = {"Image": lambda filename: ("image", filename), "SVG": lambda filename: ("svg", filename)}
    fake = types.SimpleNamespace(get_ipython=object, display=types.SimpleNamespace(**made))
    monkeypatch.setitem(sys.modules, "IPython", fake)
    paths = [str(tmp_path / f"m.{kind}") for kind in ("png", "svg", "pdf")]
    assert [plot_model(chain(minidl), path, dpi=50) for path in paths] == [
        ("image", paths[0]),
        ("svg", paths[1]),
        None,
    ]
    fake.get_ipython = lambda: None  # imported, but no notebook
    assert plot_model(chain(minidl), paths[1]) is None


def test_without_matplotlib_svg_is_still_there(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "minidl\[plot\]"'):
        plot_model(chain(minidl), tmp_path / "m.png")
    plot_model(chain(minidl), tmp_path / "m.svg")
    assert [p.name for p in tmp_path.iterdir()] == ["m.svg"]


# --- notebooks ----------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """HTML whose tags are closed in the order in which they were opened."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.data, self.cells = [], set(), "", []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag not in ("br",):
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.data += data
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data


class Plain(Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.drop, self.out = (
            Dense(4, name="hidden"),
            Dropout(0.5, name="drop"),
            Dense(2, name="out"),
        )

    def call(self, x):
        return self.out(self.drop(self.hidden(x)))


def test_a_notebook_shows_table_and_picture():
    model = Sequential([Input((4,)), Dense(3, name="a"), Activation("relu", name="b")], name="small")
    page = Page(model._repr_html_())
    assert page.cells[:9] == [
        "Layer (type)", "Output Shape", "Param #", "a (Dense)", "(None, 3)", "15", "b (Activation)", "(None, 3)", "0",
    ]  # fmt: skip
    assert "Model: small" in page.data
    assert "Total params: 15 (60.00 B)" in page.data
    assert {"table", "caption", "thead", "tbody", "tfoot", "svg"} <= page.tags
    assert "<details>" in model._repr_html_()  # a chain is seen from its table
    assert model._repr_svg_() in model._repr_html_()


def test_a_notebook_shows_models_that_are_not_built():
    for model, layers in (
        (Sequential(name="empty"), []),
        (Sequential([Dense(3, name="a"), Dense(2, name="b")]), ["a (Dense)", "b (Dense)"]),
        (Plain(), ["hidden (Dense)", "drop (Dropout)", "out (Dense)"]),
    ):
        page = Page(model._repr_html_())
        assert page.cells[3:-1:3] == layers
        assert "Total params: 0" in page.data
        assert parsed(model._repr_svg_()).tag == f"{SVG}svg"
    assert "unbuilt" in Page(model._repr_html_()).data
    model(np.zeros((2, 3)))
    page = Page(model._repr_html_())
    assert page.cells[3:6] == ["hidden (Dense)", "(None, 4)", "16"]
    assert "26 params" in model._repr_svg_()  # one box, for nobody knows what it does inside


def test_a_notebook_shows_the_picture_of_a_graph_at_once():
    html = shared(minidl)._repr_html_()
    assert "<details open>" in html
    assert Page(html).cells[:4] == ["Layer (type)", "Output Shape", "Param #", "Connected to"]
    assert Page(html).cells[-2] == "difference[0][0], both[2][0]"
