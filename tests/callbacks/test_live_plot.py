"""LivePlot: when it draws, where to, and what is in the picture."""

import sys
import types

import numpy as np
import pytest
from small_models import linear, rows

from minidl.callbacks import LivePlot

pytest.importorskip("matplotlib")
X, Y = rows(10)


def fit(plot, epochs=3, **options):
    model = linear(metrics=["mae"])
    model.fit(X, Y, epochs=epochs, verbose=0, callbacks=[plot], **options)
    return plot


def curves(plot):
    """Title -> label's first word -> the numbers drawn."""
    return {
        axes.get_title(loc="left"): {
            line.get_label().split()[0]: np.array(line.get_data()).tolist() for line in axes.get_lines()
        }
        for axes in plot.figure().axes
    }


def test_one_picture_for_each_metric_with_both_curves():
    plot = LivePlot()
    plot.on_train_begin()
    plot.on_epoch_end(0, {"accuracy": 0.25, "loss": 2.0, "val_loss": 3.0, "learning_rate": 0.5})
    plot.on_epoch_end(1, {"accuracy": 0.5, "loss": 1.0, "learning_rate": 0.25})
    plot.on_epoch_end(
        2, {"accuracy": 0.75, "loss": np.inf, "val_loss": 1.0, "learning_rate": 0.25, "f1": [1, 2]}
    )
    drawn = curves(plot)
    assert list(drawn) == ["loss", "accuracy", "learning rate"]
    assert drawn["loss"]["validation"] == [[1, 3], [3.0, 1.0]]
    assert drawn["accuracy"] == {"training": [[1, 2, 3], [0.25, 0.5, 0.75]]}
    assert np.isnan(drawn["loss"]["training"][1][2])
    assert drawn["learning rate"] == {"0.25": [[1, 2, 3], [0.5, 0.25, 0.25]]}


def test_only_some_metrics(tmp_path):
    plot = fit(LivePlot(metrics=["val_mae"]), validation_split=0.5)
    assert {title: sorted(lines) for title, lines in curves(plot).items()} == {
        "mae": ["training", "validation"]
    }
    with pytest.raises(ValueError, match=r"no 'map' to draw. The logs have 'loss', 'mae'"):
        fit(LivePlot(tmp_path / "a.png", metrics="map"))


def test_after_an_interruption_the_curves_are_whole():
    first, second = LivePlot(), LivePlot()
    first.on_epoch_end(0, {"loss": 2.0})
    second.on_train_begin()
    second.set_state(first.get_state())
    second.on_epoch_end(1, {"loss": 1.0})
    assert curves(second) == {"loss": {"training": [[1, 2], [2.0, 1.0]]}}


@pytest.mark.parametrize(
    ("name", "start"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("new/a.pdf", b"%PDF")]
)
def test_the_file(tmp_path, name, start):
    fit(LivePlot(tmp_path / name))
    assert (tmp_path / name).read_bytes().startswith(start)
    assert [p.name for p in (tmp_path / name).parent.iterdir()] == [name.split("/")[-1]]


def count_drawings(monkeypatch, plot):
    drawn = []
    figure = plot.figure
    monkeypatch.setattr(plot, "figure", lambda: drawn.append(len(plot.curves["loss"])) or figure())
    return drawn


def test_every_so_many_epochs_and_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("minidl.callbacks.live_plot._SHARE", 1e9)
    plot = LivePlot(tmp_path / "a.png", every=2)
    drawn = count_drawings(monkeypatch, plot)
    fit(plot, epochs=5)
    assert drawn == [2, 4, 5]


def test_short_epochs_are_passed_over_but_not_the_last(tmp_path, monkeypatch):
    plot = LivePlot(tmp_path / "a.png")
    drawn = count_drawings(monkeypatch, plot)
    fit(plot, epochs=200)
    assert drawn[0] == 1
    assert drawn[-1] == 200
    assert len(drawn) < 100


def test_without_a_place_to_show_it_nothing_is_drawn(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # importing it would fail
    fit(LivePlot())


def test_without_matplotlib_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        fit(LivePlot(tmp_path / "a.png"))


def test_in_a_notebook_the_picture_is_replaced(monkeypatch):
    shown = []

    class Handle:
        def update(self, image):
            shown.append(("update", image.data[:4]))

    def display(image, display_id):
        shown.append(("display", image.data[:4]))
        return Handle()

    class Image:
        def __init__(self, data, format):
            self.data = data

    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    ipython.display = types.ModuleType("IPython.display")
    ipython.display.Image, ipython.display.display = Image, display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    monkeypatch.setattr("minidl.callbacks.live_plot._SHARE", 1e9)
    plot = LivePlot()
    fit(plot, epochs=3)
    assert shown == [("display", b"\x89PNG"), ("update", b"\x89PNG"), ("update", b"\x89PNG")]
    shown.clear()
    fit(plot, epochs=1)  # the next run gets a picture of its own
    assert shown == [("display", b"\x89PNG")]
    ipython.get_ipython = lambda: None  # IPython is loaded, but this is a script
    shown.clear()
    fit(plot)
    assert shown == []


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"filepath": "a.bmp"}, ValueError, "end in .png, .svg or .pdf, got 'a.bmp'"),
        ({"filepath": 5}, TypeError, "filepath"),
        ({"every": 0}, ValueError, "every"),
        ({"width": 0}, ValueError, "width"),
        ({"metrics": 5}, TypeError, "metrics to be a list"),
    ],
)
def test_what_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        LivePlot(**options)
