"""plot_model: the picture of a model as a file."""

import math
import os
import sys
from typing import Any

from minidl.messages import say
from minidl.models.picture.drawing import Drawing, drawn
from minidl.models.picture.graph import graph_of
from minidl.models.picture.labels import Choice
from minidl.models.picture.raster import LARGEST, MOST, POINTS_PER_INCH, raster
from minidl.models.picture.svg import svg
from minidl.utils.atomic import FilePath, atomic_write
from minidl.utils.checks import as_path, flag, number, one_of

__all__ = ["plot_model"]

_FORMATS = ("png", "svg", "pdf")


def plot_model(
    model: Any,
    to_file: FilePath = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: float = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: Any = None,
    *,
    show_params: bool | None = None,
) -> Any:
    """Draw the layers of a model and how they are connected, into a file.

    Blue layers have weights, grey ones have none, and green is where data enters. A layer that is called several
    times has one box with several arrows into it. SVG needs nothing further; PNG and PDF are drawn by Matplotlib
    (`pip install matplotlib`). No Graphviz is needed.

    Args:
        model: a built model. One with its own `call` is a single box.
        to_file: where to, ending in .png, .svg or .pdf; without an ending it becomes a PNG.
        show_shapes: what goes in and what comes out: (None, 8) → (None, 3).
        show_dtype: the type of the output.
        show_layer_names: the names of the layers in front of their classes.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: draw the models inside this one too, in frames.
        dpi: pixels per inch of a PNG, in which text is 12 to 13 points high.
        show_layer_activations: the activation of each layer that has one.
        show_trainable: whether the weights are trained.
        splines: understood for scripts written for Keras; edges always run in curves around the boxes.
        show_params: the number of parameters; by default where `show_shapes` shows shapes.

    Returns:
        In a notebook, the image to be shown; elsewhere None.

    Raises:
        ValueError: the model is not built, an argument is not one of these, or the image would be too large.
        OSError: the file cannot be written.
        ImportError: a PNG or PDF is asked for, and Matplotlib is not installed.

    >>> import pathlib, tempfile
    >>> from minidl import Sequential, layers
    >>> model = Sequential([layers.Input((4,)), layers.Dense(3)])
    >>> with tempfile.TemporaryDirectory() as home:
    ...     plot_model(model, f"{home}/model.svg", show_shapes=True)
    ...     "(None, 4) → (None, 3)" in pathlib.Path(home, "model.svg").read_text(encoding="utf-8")
    True
    """
    path = as_path("plot_model", "to_file", to_file)
    format = _checked(model, path, rankdir, dpi)
    choice = Choice(
        shapes=_switch("show_shapes", show_shapes),
        dtype=_switch("show_dtype", show_dtype),
        names=_switch("show_layer_names", show_layer_names),
        activations=_switch("show_layer_activations", show_layer_activations),
        trainable=_switch("show_trainable", show_trainable),
        params=show_shapes if show_params is None else _switch("show_params", show_params),
    )
    drawing = drawn(graph_of(model, _switch("expand_nested", expand_nested)), choice, rankdir == "LR")
    if format == "svg":
        content = svg(drawing, f"Model {model.name}").encode()
    else:
        _check_size(drawing, format, dpi)
        content = raster(drawing, format, dpi)
    with atomic_write(path) as file:
        file.write(content)
    return _shown(path, format)


def _checked(model: Any, path: str, rankdir: str, dpi: float) -> str:
    """The format of the file, if everything is as it should be."""
    if not hasattr(model, "layers") or isinstance(model, type):
        raise TypeError(say(f"plot_model expects a model, got {model!r:.80}."))
    if not model.built:
        raise ValueError(
            say(
                f"plot_model expects a built model, and {model.name} has not seen the shape of its input yet. Begin it "
                "with an Input, call build(input_shape), or call it on a batch of data."
            )
        )
    format = os.path.splitext(path)[1].removeprefix(".").lower() or "png"
    if format not in _FORMATS:
        raise ValueError(say(f"plot_model expects to_file to end in .png, .svg or .pdf, got {path!r:.120}."))
    one_of("plot_model", "rankdir", rankdir, "TB", "LR")
    number("plot_model", "dpi", dpi, above=0)
    return format


def _switch(argument: str, value: Any) -> bool:
    return flag("plot_model", argument, value)


def _check_size(drawing: Drawing, format: str, dpi: float) -> None:
    inches = drawing.width / POINTS_PER_INCH, drawing.height / POINTS_PER_INCH
    highest = min(LARGEST / max(inches), math.sqrt(MOST / math.prod(inches)))
    if format == "png" and dpi > highest:
        raise ValueError(
            say(
                f"plot_model would draw {inches[0] * dpi:,.0f} × {inches[1] * dpi:,.0f} pixels with dpi={dpi:g}, which is "
                f"too much. Take dpi={math.floor(highest)}, or an .svg file, which scales freely."
            )
        )


def _shown(path: str, format: str) -> Any:
    """The file as an image for the notebook that is running, if one is."""
    notebook = sys.modules.get("IPython")
    if notebook is None or notebook.get_ipython() is None or format == "pdf":
        return None
    kind = notebook.display.SVG if format == "svg" else notebook.display.Image
    return kind(filename=path)
