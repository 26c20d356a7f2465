"""Pictures in files: formats, sizes, directions, refusals."""

import struct
import sys
import types

import numpy as np
import pytest
from graphs import chain, ensemble, fork
from pictured import NAMES, parsed

import minidl
from minidl.layers import Dense
from minidl.models import Sequential
from minidl.models.picture.drawing import drawn
from minidl.models.picture.graph import graph_of
from minidl.models.picture.labels import Choice
from minidl.utils import plot_model


def png_size(file):
    return struct.unpack(">II", file.read_bytes()[16:24])


@pytest.mark.parametrize("dpi", [50, 96.5, 200])
def test_png_has_the_size_that_dpi_says(dpi, tmp_path):
    model = fork(minidl)
    picture = drawn(graph_of(model), Choice(shapes=True, params=True))
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
        ("rankdir to be 'TB' or 'LR', got 'up'", {"rankdir": "up"}),
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
    with pytest.raises(ImportError, match="pip install matplotlib"):
        plot_model(chain(minidl), tmp_path / "m.png")
    plot_model(chain(minidl), tmp_path / "m.svg")
    assert [p.name for p in tmp_path.iterdir()] == ["m.svg"]
