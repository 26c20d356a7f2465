"""What notebooks show of a model: its table and its picture."""

import numpy as np
from graphs import shared
from pictured import SVG, Page, parsed

import minidl
from minidl.layers import Activation, Dense, Dropout, Input
from minidl.models import Model, Sequential


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
