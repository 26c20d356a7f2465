"""What all pictures share, and the curves of a training."""

import ast
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import linear, rows

from minidl import gradcheck, layers
from minidl.inspect import pictures
from minidl.inspect.pictures import (
    canvas,
    plot_confusion_matrix,
    plot_filters,
    plot_gates,
    plot_gradient_flow,
    plot_history,
    plot_loss_landscape,
)
from minidl.messages.catalogue import entries
from minidl.models import Sequential
from minidl.models.picture.raster import fonts

matplotlib = pytest.importorskip("matplotlib")


def curves(axes):
    """The lines of an Axes by the first word of their label, as (x, y)."""
    return {
        line.get_label().rsplit(" ", 1)[0]: (list(line.get_xdata()), list(line.get_ydata()))
        for line in axes.lines
    }


def one_of_each():
    model = Sequential([layers.Input((6, 3)), layers.LSTM(4), layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = np.random.default_rng(0).normal(size=(5, 6, 3)), np.array([0, 1, 1, 0, 1])
    convolution = layers.Conv2D(3, 3)
    convolution.build((None, 8, 8, 1))
    return {
        "plot_history": plot_history({"loss": [3.0, 2.0], "val_loss": [3.0, 2.5]}),
        "plot_gradient_flow": plot_gradient_flow(model, x, y),
        "plot_time_gradients": pictures.plot_time_gradients(model, x, y),
        "plot_filters": plot_filters(convolution),
        "plot_feature_maps": pictures.plot_feature_maps(convolution, np.ones((1, 8, 8, 1))),
        "plot_gates": plot_gates(model, x),
        "plot_confusion_matrix": plot_confusion_matrix(y, model.predict(x, verbose=0)),
        "plot_loss_landscape": plot_loss_landscape(model, x, y, points=3),
        "plot_gradcheck": pictures.plot_gradcheck(gradcheck(layers.Dense(2), [[1.0, 2.0, 3.0]])),
        "plot_model": pictures.plot_model(model),
    }


def long_ones():
    """Names that are too long, many layers, many classes, many lines."""
    long = "a_name_that_is_longer_than_any_picture_is_wide_and_has_numbers_behind_it"
    names = (f"{long}_{i}" for i in range(99))
    deep = Sequential(
        [layers.Input((4,)), *[layers.Dense(3, name=next(names)) for _ in range(30)]], name=long
    )
    deep.compile("sgd", "mse")
    x, y = np.ones((2, 4)), np.ones((2, 3))
    recurrent = [layers.LSTM(2, return_sequences=True, name=next(names)) for _ in range(4)]
    through_time = Sequential([layers.Input((6, 3)), *recurrent, layers.Dense(3)])
    through_time.compile("sgd", "mse")
    convolution = layers.Conv2D(2, 3, name=long)
    convolution.build((None, 8, 8, 1))
    return {
        "plot_history": plot_history({long: {long: [1.0, 2.0]}, f"{long}_2": {long: [3.0]}}),
        "plot_gradient_flow": plot_gradient_flow(deep, x, y),
        "plot_time_gradients": pictures.plot_time_gradients(
            through_time, np.ones((2, 6, 3)), np.ones((2, 6, 3))
        ),
        "plot_filters": plot_filters(convolution),
        "plot_feature_maps": pictures.plot_feature_maps(
            Sequential([layers.Input((8, 8, 1)), convolution]), np.ones((1, 8, 8, 1))
        ),
        "plot_gates": plot_gates(through_time, np.ones((1, 6, 3))),
        "plot_confusion_matrix": plot_confusion_matrix(
            range(30), range(30), [next(names) for _ in range(30)]
        ),
        "plot_loss_landscape": plot_loss_landscape(deep, x, y, points=3),
        "plot_gradcheck": pictures.plot_gradcheck(gradcheck(layers.Dense(2, name=long), [[1.0, 2.0, 3.0]])),
        "plot_model": pictures.plot_model(deep),
    }


@pytest.mark.parametrize("made", [one_of_each, long_ones])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_picture_can_be_drawn_and_nothing_is_cut_off(monkeypatch, language, made):
    """Warnings are errors here: letters that no font has, lines without room for what is around them."""
    monkeypatch.setenv("MINIDL_LANG", language)
    figures = made()
    assert sorted(figures) == sorted(pictures.__all__)
    for name, figure in figures.items():
        assert isinstance(figure, matplotlib.figure.Figure), name
        assert figure._repr_png_().startswith(b"\x89PNG"), name
        used, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        room = min(used.x0, used.y0, width - used.x1, height - used.y1)  # inches
        assert room > (-0.001 if name == "plot_model" else 0.02), name  # the axes of plot_model are the sheet
        if language == "ko" and len(fonts()) > 1 and name != "plot_model":  # which says names and sizes
            said = [text.get_text() for text in figure.findobj(matplotlib.text.Text)]
            assert any(re.search("[가-힣]{2}", text) for text in said), name
            assert [text for text in said if re.search(r"[a-z]{3,} [a-z]{2,}", text)] == [], name


def test_pyplot_is_left_alone():
    assert isinstance(plot_history({"loss": [1.0]}), matplotlib.figure.Figure)
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        plot_history({"loss": [1.0]})


def words_in_source():
    """The labels that are said in the reader's language, as the catalogue writes them."""
    for file in sorted(Path(pictures.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "words":
                text = node.args[0]
                if isinstance(text, ast.Constant):
                    yield text.value
                if isinstance(text, ast.JoinedStr):
                    yield "".join(v.value if isinstance(v, ast.Constant) else "{}" for v in text.values)


def test_every_label_is_in_the_catalogue():
    known = {"{}".join(entry.pieces) for entry in entries()}
    found = list(words_in_source())
    assert len(found) > 30
    assert [text for text in found if text not in known] == []


def test_labels_stay_english_without_a_font(monkeypatch):
    monkeypatch.setenv("MINIDL_LANG", "ko")
    monkeypatch.setattr(canvas, "fonts", lambda: ["DejaVu Sans"])
    figure = plot_history({"loss": [1.0, 2.0]})
    assert figure.axes[0].get_xlabel() == "Epoch"
    assert figure._repr_png_()


def test_names_are_shown_as_they_are():
    """A dollar sign begins no formula, and a name in letters that no font has is no warning in a notebook."""
    figure = plot_history({"cost in $ and $^{": [1.0, 2.0], "\U0001f98a": [1.0, 2.0]})
    assert figure._repr_png_()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["cost in $ and $^{", "\U0001f98a"]


def test_lines_differ_without_colours():
    """Those of one kind can be told apart by their style or marker too."""
    axes = plot_history({"loss": [3.0, 2.0], "val_loss": [3.0, 2.5]}).axes[0]
    looks = [(line.get_linestyle(), line.get_marker()) for line in axes.lines]
    assert len(set(looks)) == len(looks) == 3


# --- plot_history -------------------------------------------------------------------------------------------


def test_history_of_fit_and_of_a_model():
    x, y = rows()
    model = linear(metrics=["mae"])
    history = model.fit(x, y, epochs=3, validation_split=0.25, verbose=0)
    logs = history.history
    for given_as in (history, model, logs):
        figure = plot_history(given_as)
        assert [axes.get_title(loc="left") for axes in figure.axes] == ["Loss by epoch", "mae"]
        assert curves(figure.axes[1]) == {
            "Training": ([1, 2, 3], logs["mae"]),
            "Validation": ([1, 2, 3], logs["val_mae"]),
        }
    resumed = model.fit(x, y, epochs=5, initial_epoch=3, verbose=0)
    assert curves(plot_history(resumed).axes[0])["Training"] == ([4, 5], resumed.history["loss"])


def test_the_best_epoch_is_marked():
    figure = plot_history({"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, np.nan, 2.5]})
    marked = curves(figure.axes[0])["Lowest in epoch"]
    assert marked == ([3], [2.5])


def test_validation_every_few_epochs():
    figure = plot_history({"loss": [6.0, 5.0, 4.0, 3.0, 2.0, 1.0], "val_loss": [5.0, 3.0, 1.0]})
    assert curves(figure.axes[0])["Validation"] == ([2, 4, 6], [5.0, 3.0, 1.0])


def test_infinite_losses_are_gaps_and_wide_ones_logarithmic():
    axes = plot_history({"loss": [np.inf, 5.0, np.nan, 4.0]}).axes[0]
    np.testing.assert_array_equal(curves(axes)["Training"][1], [np.nan, 5, np.nan, 4])
    assert axes.get_yscale() == "linear"
    assert plot_history({"loss": [1000.0, 1.0]}).axes[0].get_yscale() == "log"
    assert plot_history({"r2": [-1000.0, 1.0]}).axes[0].get_yscale() == "linear"
    assert plot_history({"loss": [np.nan, np.nan], "val_loss": [np.nan, np.nan]})._repr_png_()


def test_several_trainings():
    figure = plot_history({"first": {"loss": [3.0, 2.0]}, "fine-tuning": {"loss": [1.0], "val_loss": [2.0]}})
    found = curves(figure.axes[0])
    assert found["first: Training"] == ([1, 2], [3.0, 2.0])
    assert found["fine-tuning: Training"] == ([1], [1.0])
    colours = {line.get_label().split(":")[0]: line.get_color() for line in figure.axes[0].lines[:3]}
    assert len(set(colours.values())) == 2


@settings(deadline=None, max_examples=8)
@given(st.integers(1, 200), st.integers(1, 12))
def test_any_number_of_epochs_and_metrics(epochs, metrics):
    logs = {f"a_metric_with_a_long_name_{i}": list(np.arange(epochs) - 5.0 * i) for i in range(metrics)}
    figure = plot_history(logs)
    assert [len(axes.lines[0].get_xdata()) for axes in figure.axes] == [epochs] * metrics


def test_only_some_metrics():
    logs = {"loss": [1.0], "mae": [1.0], "accuracy": [1.0]}
    figure = plot_history(logs, metrics=["val_accuracy", "mae"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Accuracy by epoch", "mae"]
    with pytest.raises(ValueError, match=r"has no 'acuracy' to draw. Did you mean 'accuracy'\?"):
        plot_history(logs, metrics="acuracy")
    with pytest.raises(ValueError, match=r"has no 'zzz' to draw\. There are 'loss', 'mae', 'accuracy'"):
        plot_history(logs, metrics="zzz")


@pytest.mark.parametrize(
    "wrong", [None, 3, [1.0, 2.0], {"loss": 3.0}, linear, {"a": {"loss": [1.0]}, "b": 2}]
)
def test_no_history(wrong):
    with pytest.raises(TypeError, match="plot_history expects history to be what fit returned"):
        plot_history(wrong)


def test_values_that_are_no_numbers():
    with pytest.raises(TypeError, match="plot_history expects history to have a list of numbers for 'loss'"):
        plot_history({"loss": ["high"]})


@pytest.mark.parametrize("empty", [{"loss": []}, {"first": {"loss": []}}])
def test_nothing_logged(empty):
    with pytest.raises(ValueError, match="Train first"):
        plot_history(empty)


def test_a_model_that_was_not_trained():
    with pytest.raises((TypeError, ValueError), match="plot_history"):
        plot_history(linear())


def test_no_warning_is_swallowed_outside():
    """Pictures silence letters without a font only while they draw."""
    filters = list(warnings.filters)
    plot_history({"\U0001f98a": [1.0]})._repr_png_()
    assert warnings.filters == filters
