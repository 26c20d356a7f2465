"""plot_model as a figure."""

import io

import numpy as np
import pytest
from graphs import nested
from pictured import EVERY_GRAPH

import minidl
from minidl.layers import Dense, Input

pytest.importorskip("matplotlib")

from minidl.inspect.pictures.model import plot_model


def shown(figure):
    return [text.get_text() for text in figure.axes[0].texts]


@EVERY_GRAPH
def test_every_layer_is_in_it(build):
    model = build(minidl)
    found = shown(plot_model(model))
    assert all(
        any(layer.name in text for text in found)
        for layer in model.layers
        if type(layer).__name__ != "InputLayer"
    )


def test_it_can_be_written_as_an_image():
    figure = plot_model(minidl.Sequential([Input((4,)), Dense(3, name="층_이름")]))
    file = io.BytesIO()
    figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")


def test_models_inside():
    assert len(shown(plot_model(nested(minidl), expand_nested=True))) > len(shown(plot_model(nested(minidl))))


def test_a_model_that_is_not_built_has_no_shapes_yet():
    assert "unbuilt" in shown(plot_model(minidl.Sequential([Dense(3)])))


@pytest.mark.parametrize("wrong", [Dense(3), minidl.Sequential, np.ones(3)])
def test_only_models(wrong):
    with pytest.raises(TypeError, match="plot_model expects a model"):
        plot_model(wrong)
