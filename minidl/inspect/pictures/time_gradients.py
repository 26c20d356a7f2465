"""plot_time_gradients: what becomes of the gradient on its way back through time.

The loss at the last step reaches the first one through every step between them. At each it meets a factor: in a
SimpleRNN the recurrent matrix and the slope of tanh, in an LSTM, on the way through c, the forget gate alone. A factor
of 0.9 leaves 0.5 % after 50 steps, so that what happened 50 steps ago is not learnt; one of 1.1 makes it 117 times as
large. On a logarithmic axis that is a straight line, and its slope is the factor.

S. Hochreiter, Untersuchungen zu dynamischen neuronalen Netzen, diploma thesis, 1991; Y. Bengio, P. Simard, P. Frasconi,
Learning long-term dependencies with gradient descent is difficult, 1994.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

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
from minidl.inspect.pictures.recorded import recurrent_calls
from minidl.inspect.traced import LayerTrace
from minidl.messages import say

__all__ = ["plot_time_gradients"]

_MARKED = 40  # steps up to which each is marked
_STYLES = ("-", "--", "-.")  # dotted is for the memory of an LSTM


def plot_time_gradients(target: Any, x: Any = None, y: Any = None) -> Any:
    """Draw |dL/dh_t| at each time step t, for each recurrent layer; of an LSTM |dL/dc_t| too, as a dotted line.

    Where a gradient is infinite or NaN stands a triangle at the upper edge; where there is none, or 0, nothing.

    Args:
        target: a compiled model, with a batch of data; what `minidl.inspect.trace` returned, or one of its layers,
            `trace(model, x, y)["lstm"]`; or a dict of those by name, to compare models.
        x, y: the batch, as for `fit`.

    Returns:
        A `matplotlib.figure.Figure`. The legend tells by what the gradient is multiplied at each step, on average.

    Raises:
        TypeError, ValueError: there is no recurrent layer, no data, or no loss.
        ImportError: matplotlib is not there (`pip install matplotlib`).

    >>> from minidl.layers import LSTM, Dense
    >>> from minidl.models import Sequential
    >>> model = Sequential([LSTM(4, name="lstm"), Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> figure = plot_time_gradients(model, np.ones((2, 10, 3)), np.ones((2, 1)))
    >>> [len(line.get_xdata()) for line in figure.axes[0].lines]
    [10, 10]
    """
    curves = _curves(target, x, y)
    sizes = np.concatenate([curve.norms for curve in curves])
    sizes = sizes[np.isfinite(sizes)]
    if not sizes.size and not any(curve.endless.any() for curve in curves):
        raise ValueError(
            say(
                "plot_time_gradients found no gradient. Pass y too, plot_time_gradients(model, x, y), and see that the "
                "layers are trainable."
            )
        )
    figure = new_figure(8.0, 4.2 + 0.12 * len(curves))
    axes = figure.add_subplot()
    axes.set_yscale("log")
    low, high = (np.log10(sizes.min()), np.log10(sizes.max())) if sizes.size else (0.0, 0.0)
    axes.set_ylim(10 ** np.floor(low - 0.1), 10 ** np.ceil(high + 0.1))
    for curve in curves:
        _draw(axes, curve)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel(words("Time step"))
    axes.set_ylabel(words("Size of the gradient"))
    titled(figure, words("Gradient through time, from the loss back to each step"))
    tidy(axes)
    label_sizes(axes.yaxis)
    legend_below(figure)
    return finished(figure)


class _Curve(NamedTuple):
    """|dL/dstate| of one layer at each step, NaN where there is none."""

    name: str
    layer: int
    state: str
    norms: Array
    endless: Array  # where it is infinite or NaN
    go_backwards: bool

    @property
    def style(self) -> str:
        """Of the line."""
        return ":" if self.state == "c" else _STYLES[self.layer % len(_STYLES)]

    @property
    def called(self) -> str:
        """What the legend calls it."""
        return f"{self.name} (d{self.state})"

    @property
    def said(self) -> str:
        """The same, with what a step does on average."""
        way = self.norms if self.go_backwards else self.norms[::-1]
        known = way[np.isfinite(way)]
        if len(known) < 2:
            return self.called
        factor = (known[-1] / known[0]) ** (1 / (len(known) - 1))
        return words(f"{self.called}: ×{factor:.3g} at each step")


def _curves(target: Any, x: Any, y: Any) -> list[_Curve]:
    several = target.items() if isinstance(target, Mapping) else [("", target)]
    if not several:
        raise ValueError(
            say("plot_time_gradients expects models, traces or layers of traces by name, got an empty dict.")
        )
    found: list[_Curve] = []
    layers = 0
    for name, one in several:
        calls = recurrent_calls("plot_time_gradients", one, x, y)
        for call in calls:
            told = cut(str(name) if len(calls) == 1 and name else f"{name} {call.name}".strip())
            found += _of_layer(call, told, layers)
            layers += 1
    return found


def _of_layer(call: LayerTrace, name: str, number: int) -> Iterator[_Curve]:
    steps = call.steps
    states = list(steps[0].gradients) if len(steps) else []
    for state in [one for one in states if one in (states[0], "c")]:
        norms = steps.norms(f"d{state}")
        there = np.array([step.gradients[state] is not None for step in steps])
        known = np.where(np.isfinite(norms) & (norms > 0), norms, np.nan)
        yield _Curve(name, number, state, known, there & ~np.isfinite(norms), steps.go_backwards)


def _draw(axes: Any, curve: _Curve) -> None:
    """The line, and triangles at the upper edge."""
    look = {"color": COLOURS[curve.layer % len(COLOURS)], "linestyle": curve.style, "linewidth": 1.6}
    marker = "o" if len(curve.norms) <= _MARKED else ""
    axes.plot(np.arange(len(curve.norms)), curve.norms, label=curve.said, marker=marker, markersize=3, **look)
    (where,) = np.nonzero(curve.endless)
    if len(where):
        mark = {**look, "linestyle": "", "marker": "^", "markersize": 7, "clip_on": False}
        said = words(f"{curve.called}: infinite or NaN")
        axes.plot(where, np.full(len(where), axes.get_ylim()[1]), label=said, **mark)
