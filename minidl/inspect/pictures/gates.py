"""plot_gates: what the gates of a recurrent layer do while a sequence runs through it.

A gate is a number between 0 (closed) and 1 (open) for each unit and each time step. In an LSTM a unit whose forget gate
stays near 1 keeps what it has stored; where its input gate opens, it writes; where its output gate opens, it shows what
it has. So one can see in the picture when a unit remembers what.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.inspect.pictures.canvas import AMOUNTS, cut, finished, limits, new_figure, titled, words
from minidl.inspect.pictures.recorded import first_samples, recurrent_calls
from minidl.inspect.traced import LayerTrace
from minidl.layers.base import Layer

__all__ = ["plot_gates"]

_TITLES = {
    "i": "input gate i",
    "f": "forget gate f",
    "g": "candidate g",
    "o": "output gate o",
    "z": "update gate z",
    "r": "reset gate r",
    "candidate": "candidate ĥ",
    "c": "cell state c",
    "h": "hidden state h",
}
_GATES = {"i", "f", "o", "z", "r"}


class _Panel(NamedTuple):
    title: str
    values: Array  # (T, U), NaN in masked steps
    is_gate: bool


def plot_gates(target: Any, x: Any = None, layer: str | int | None = None) -> Any:
    """Draw the gates and states of one recurrent layer for one sequence: units from top to bottom, time to the right.

    Gates have one scale, from 0 to 1; candidates and states are blue below 0 and red above. Steps that a mask rules out
    stay empty.

    Args:
        target: a model or a layer with a batch of sequences x; or what `minidl.inspect.trace` returned, or one of its
            layers. The first sample is drawn. It runs as in training, so dropout is seen too.
        x: the batch, or one sequence without its batch axis.
        layer: name of the layer, or its index in a model; by default the first recurrent one.

    Returns:
        A `matplotlib.figure.Figure`, with one `Axes` for the input, each gate, and each state.

    Raises:
        TypeError, ValueError: there is no such layer, no recurrent one, or no data.
        ImportError: matplotlib is not there (`pip install matplotlib`).

    >>> from minidl.layers import LSTM
    >>> figure = plot_gates(LSTM(4), np.ones((1, 10, 3)))
    >>> [axes.get_title() for axes in figure.axes[:7]]
    ['input x', 'input gate i', 'forget gate f', 'candidate g', 'output gate o', 'hidden state h', 'cell state c']
    >>> figure.axes[1].images[0].get_array().shape
    (4, 10)
    """
    if isinstance(target, Layer) and x is not None:
        x = first_samples(target, x)
    call = recurrent_calls("plot_gates", target, x, layer=layer, takes="model, x")[0]
    panels = _panels(call)
    columns = 2 if len(panels) > 2 else 1
    rows = -(-len(panels) // columns)
    figure = new_figure(5.2 * columns, 1.9 * rows + 0.5)
    drawn = [_draw(figure.add_subplot(rows, columns, i + 1), panel) for i, panel in enumerate(panels)]
    for one in drawn:
        figure.colorbar(one, ax=one.axes, aspect=12, pad=0.02)
    titled(figure, words(f"Gates and states of {cut(call.name)} along time"))
    return finished(figure)


def _panels(call: LayerTrace) -> list[_Panel]:
    steps = call.steps
    counts = np.array([step.mask is None or bool(step.mask[0]) for step in steps])
    found = [_Panel("input x", np.stack([step.x[0] for step in steps]), False)]
    for part, names in (("gates", steps[0].gates), ("states", steps[0].states)):
        for name in names:
            values = np.stack([getattr(step, part)[name][0] for step in steps])
            found.append(_Panel(_TITLES.get(name, name), values, name in _GATES))
    return [panel._replace(values=np.where(counts[:, None], panel.values, np.nan)) for panel in found]


def _draw(axes: Any, panel: _Panel) -> Any:
    known = panel.values[np.isfinite(panel.values)]
    within = panel.is_gate and known.min(initial=0) >= 0 and known.max(initial=1) <= 1
    look = {"cmap": AMOUNTS, "vmin": 0.0, "vmax": 1.0} if within else limits(panel.values, -panel.values)
    drawn = axes.imshow(panel.values.T, aspect="auto", interpolation="nearest", **look)
    axes.set_title(words(panel.title))
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_locator().set_params(integer=True)
    axes.set_xlabel(words("Time step"), fontsize="small")
    axes.set_ylabel(words("Unit") if panel.title != "input x" else words("Feature"), fontsize="small")
    return drawn
