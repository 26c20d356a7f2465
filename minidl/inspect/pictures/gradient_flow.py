"""plot_gradient_flow: how large the gradient is at each layer, on its way from the loss back to the input.

Each layer multiplies the gradient by some factor. Thirty layers with a factor of 0.7 leave 0.00002 of it: the first
layers do not learn, the gradient has vanished. With a factor of 1.4 it is 24,000 times as large: it explodes. On a
logarithmic axis both are straight lines, and what should be seen is a line that neither falls nor rises much.

X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.
"""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.inspect.pictures.canvas import (
    COLOURS,
    cut,
    finished,
    label_sizes,
    legend_below,
    new_figure,
    tidy,
    titled,
    words,
)
from minidl.inspect.pictures.recorded import step_of
from minidl.inspect.traced import LayerTrace
from minidl.messages import say

__all__ = ["plot_gradient_flow"]

_NAMED = 55  # layers up to which each has its name at the side


def plot_gradient_flow(target: Any, x: Any = None, y: Any = None) -> Any:
    """Draw the size of the gradient layer by layer, the first layer on top.

    Circles are dL/d output of a layer, diamonds dL/d all its trainable weights; both are the root of the mean square,
    so that layers of different sizes can be compared. Crosses at the left edge: the gradient is 0, or none came (of an
    output ×, of weights +). Triangles at the right edge: it is infinite or NaN.

    Args:
        target: a compiled model, with a batch of data; a layer with x alone (then L is the sum of its outputs); or what
            `minidl.inspect.trace` returned. The model stays as it is.
        x, y: the batch, as for `fit`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        TypeError, ValueError: there is no model, no data, or no loss.
        ImportError: matplotlib is not there (`pip install matplotlib`).

    >>> from minidl.layers import Dense
    >>> from minidl.models import Sequential
    >>> model = Sequential([Dense(8, activation="sigmoid") for _ in range(10)] + [Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> figure = plot_gradient_flow(model, np.ones((4, 3)), np.ones((4, 1)))
    >>> of_outputs = figure.axes[0].lines[0].get_xdata()
    >>> bool(of_outputs[0] < 1e-4 * of_outputs[-1])
    True
    """
    step = step_of("plot_gradient_flow", target, x, y)
    if step.loss is None:
        raise ValueError(
            say(
                "plot_gradient_flow needs a loss, whose gradient it draws: pass y too, plot_gradient_flow(model, x, y)."
            )
        )
    layers = step.layers
    outputs = np.array([_size([layer.gradient]) for layer in layers])
    weights = np.array([_of_weights(layer) for layer in layers])
    figure = new_figure(7.5, float(np.clip(0.3 * len(layers) + 2.0, 3.0, 18.0)))
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.set_xlim(*_ends(np.concatenate([outputs, weights])))
    _draw(axes, outputs, "dL/d output", {"marker": "o", "linestyle": "-", "color": COLOURS[0]}, "x")
    _draw(axes, weights, "dL/d weights", {"marker": "D", "linestyle": "", "color": COLOURS[1]}, "+")
    rows = np.arange(len(layers))
    every = -(-len(layers) // _NAMED)
    axes.set_yticks(rows[::every], [cut(layer.name) for layer in layers[::every]])
    axes.set_ylim(len(layers) - 0.5, -0.5)
    axes.set_xlabel(words("Size of the gradient (root of the mean square)"))
    titled(figure, _title(step.name, outputs))
    tidy(axes)
    label_sizes(axes.xaxis)
    legend_below(figure)
    return finished(figure)


@np.errstate(all="ignore")
def _size(gradients: list[Any]) -> float:
    """The root of the mean square of some arrays together; 0 if there is none."""
    known = [np.asarray(g, np.float64).ravel() for g in gradients if g is not None]
    numbers = np.concatenate(known) if known else np.zeros(0)
    return float(np.sqrt(np.mean(numbers**2))) if numbers.size else 0.0


def _of_weights(layer: LayerTrace) -> float:
    """The same of a layer's trainable weights; -1 if it has none."""
    own = [w.gradient for w in layer.weights if w.trainable]
    return _size(own) if own else -1.0


def _draw(axes: Any, sizes: Array, what: str, look: dict[str, Any], cross: str) -> None:
    """One kind of gradient: where it is known, and at the edges where it is nothing or endless."""
    rows = np.arange(len(sizes))
    drawn = np.where(np.isfinite(sizes) & (sizes > 0), sizes, np.nan)
    axes.plot(drawn, rows, markersize=6, linewidth=1, label=words(what), **look)
    low, high = axes.get_xlim()
    for where, x, marker, said in (
        (sizes == 0, low, cross, words(f"{what}: 0 or none")),
        (~np.isfinite(sizes), high, ">", words(f"{what}: infinite or NaN")),
    ):
        if where.any():
            mark = {
                "marker": marker,
                "linestyle": "",
                "markersize": 9,
                "markeredgewidth": 2,
                "clip_on": False,
            }
            axes.plot(np.full(where.sum(), x), rows[where], color=look["color"], label=said, **mark)


def _ends(sizes: Array) -> Array:
    """The axis: whole powers of ten, with some room."""
    known = sizes[np.isfinite(sizes) & (sizes > 0)]
    low, high = (known.min(), known.max()) if known.size else (0.1, 1.0)
    return 10.0 ** np.array([np.floor(np.log10(low) - 0.2), np.ceil(np.log10(high) + 0.2)])


def _title(name: str, outputs: Array) -> str:
    known = outputs[np.isfinite(outputs) & (outputs > 0)]
    if len(known) < 2:
        return words(f"Gradients in {cut(name)}")
    return words(f"Gradients in {cut(name)}: ×{known[0] / known[-1]:.2g} from the last layer to the first")
