"""What SVG pictures hold, whatever layers are called."""

import re

import pytest
from graphs import ensemble, nested, residual
from pictured import EVERY_GRAPH, EVERYTHING, SVG, Page, parsed, texts

import minidl
from minidl.layers import Conv2D, Dense, Flatten, Input
from minidl.models import Sequential
from minidl.models.picture.drawing import drawn
from minidl.models.picture.graph import graph_of
from minidl.models.picture.svg import svg
from minidl.models.picture.text import broken, width
from minidl.utils import plot_model


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
    "<script src=x onload=alert(1)>",
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
