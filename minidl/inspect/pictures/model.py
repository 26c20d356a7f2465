"""The picture of a model as a figure: the same boxes and arrows that `minidl.utils.plot_model` writes into a file."""

from typing import Any

from minidl.inspect.pictures.canvas import finished
from minidl.messages import say
from minidl.models.picture.drawing import drawn
from minidl.models.picture.graph import graph_of
from minidl.models.picture.labels import Choice
from minidl.models.picture.raster import figure_of
from minidl.utils.checks import flag, shown

__all__ = ["plot_model"]

_DPI = 100


def plot_model(model: Any, expand_nested: bool = False) -> Any:
    """Draw the layers of a model and how they are connected: names, shapes and numbers of parameters.

    Blue layers have weights, grey ones have none, and green is where data enters. A layer that is called several times
    has one box with several arrows into it. `minidl.utils.plot_model` writes the same into a file, SVG included, with a
    choice of what the boxes say.

    Args:
        model: a model. One that is not built shows no shapes yet; one with its own `call` is a single box.
        expand_nested: draw the models inside this one too, in frames.

    Returns:
        A `matplotlib.figure.Figure`, which a notebook shows, and `figure.savefig("model.png")` writes.

    Raises:
        TypeError: `model` is no model.
        ImportError: Matplotlib is not installed.

    >>> from minidl import Sequential, layers
    >>> figure = plot_model(Sequential([layers.Input((4,)), layers.Dense(3, name="out")]))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['out (Dense)', '(None, 4) → (None, 3)', '15 params']
    """
    if not hasattr(model, "layers") or isinstance(model, type):
        raise TypeError(say(f"plot_model expects a model, got {shown(model)}."))
    graph = graph_of(model, flag("plot_model", "expand_nested", expand_nested))
    return finished(figure_of(drawn(graph, Choice(shapes=True, names=True, params=True)), "Figure", _DPI))
