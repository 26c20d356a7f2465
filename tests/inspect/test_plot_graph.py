"""The graph behind a tensor: which boxes and arrows its picture has."""

import re

import numpy as np
import pytest
from pictured import parsed, texts

from minidl import Sequential, Tensor, layers
from minidl.inspect.graph import plot_graph
from minidl.inspect.graph.walked import walked
from minidl.losses import MeanSquaredError


def leaf(shape=()):
    return Tensor(np.ones(shape), requires_grad=True)


def drawn_edges(tensor, most=100):
    """(from, to) by the names of operations, "leaf", "output" and "cut"."""
    found = walked(tensor, most).graph

    def name(box):
        thing = box.layer
        kind = type(thing).__name__
        return thing.name if kind == "Node" else {"Output": "output", "Cut": "cut"}.get(kind, "leaf")

    return sorted((name(found.boxes[a.box]), name(found.boxes[b.box])) for a, b in found.edges)


def test_operations_and_leaves():
    a, b = leaf(), leaf()
    assert drawn_edges(a * b + a) == [
        ("add", "output"), ("leaf", "add"), ("leaf", "multiply"), ("leaf", "multiply"), ("multiply", "add"),
    ]  # fmt: skip
    picture = plot_graph(a * b + a)
    assert (picture.operations, picture.leaves, picture.hidden) == (2, 2, 0)


def test_one_tensor_read_twice_is_one_arrow():
    x = leaf((3,))
    assert drawn_edges(x * x) == [("leaf", "multiply"), ("multiply", "output")]
    assert "(3,), (3,) → (3,)" in texts(plot_graph(x * x).svg)


def test_constants_are_told_apart():
    assert "(3,), a constant → (3,)" in texts(plot_graph(leaf((3,)) * 2).svg)


def test_numbers_are_shown():
    shown = texts(plot_graph(Tensor(2.5, requires_grad=True) * 2).svg)
    assert "= 2.5" in shown
    assert "= 5" in shown


def test_a_leaf_alone():
    picture = plot_graph(leaf((4,)))
    assert (picture.operations, picture.leaves) == (0, 1)
    assert texts(picture.svg) == ["Tensor", "(4,)"]


def test_a_model_with_its_loss():
    model = Sequential([layers.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(1)])
    loss = MeanSquaredError()(np.ones((2, 1)), model(np.ones((2, 4)), training=True))
    shown = texts(plot_graph(loss).svg)
    assert {w.path for w in model.weights} <= set(shown)
    assert plot_graph(loss).leaves == 4


def test_several_outputs():
    x = leaf((4, 2))
    y = layers.LSTM(3, return_sequences=True)(np.ones((2, 5, 3)))
    assert plot_graph(y).leaves == 3
    halves = np.split(x, 2)
    assert plot_graph(halves[0] + halves[1]).leaves == 1


@pytest.mark.parametrize("most", [1, 2, 7, 40])
def test_large_graphs_are_cut_at_the_old_end(most):
    x = leaf((2,))
    h = x
    for _ in range(20):
        h = np.tanh(h * x)
    found = walked(h, most)
    assert found.operations == 40
    assert found.hidden == 40 - min(most, 40)
    kinds = [type(box.layer).__name__ for box in found.graph.boxes]
    assert kinds.count("Node") == min(most, 40)
    assert kinds.count("Cut") == (found.hidden > 0)
    assert kinds.count("Output") == 1
    assert {a.box for a, _ in found.graph.edges} >= {kinds.index("Cut")} if found.hidden else True


def test_a_chain_of_thousands_says_what_is_not_drawn():
    h = leaf()
    for _ in range(3000):
        h = h * 1.0
    picture = plot_graph(h)
    assert (picture.operations, picture.hidden) == (3000, 2850)
    assert "2,850 are not" in repr(picture)
    assert picture.title in picture.svg
    assert any("2,850" in text for text in texts(picture.svg))


def test_the_picture_is_svg_of_its_own(tmp_path):
    x = leaf((2,))
    picture = plot_graph((x * 2).sum())
    assert picture._repr_svg_() == picture.svg
    assert parsed(picture.svg).get("role") == "img"
    picture.save(tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == picture.svg
    with pytest.raises(ValueError, match=r"\.svg file, got '.*graph\.png'"):
        picture.save(tmp_path / "graph.png")


def test_it_leaves_the_graph_as_it_was():
    x = leaf((3,))
    y = (x * x).sum()
    plot_graph(y)
    y.backward()
    np.testing.assert_array_equal(x.grad, [2, 2, 2])
    plot_graph(y)  # also behind backward, when what the nodes had saved is gone


@pytest.mark.parametrize(
    ("wrong", "error"),
    [(np.ones(3), TypeError), (Tensor([1.0]), ValueError), (None, TypeError), (3.0, TypeError)],
)
def test_what_has_no_graph(wrong, error):
    with pytest.raises(error, match="plot_graph"):
        plot_graph(wrong)


def test_korean(monkeypatch):
    monkeypatch.setenv("MINIDL_LANG", "ko")
    picture = plot_graph(leaf() * 2)
    assert "연산 1개, 잎 1개" in repr(picture)
    assert re.search("상수", picture.svg)
