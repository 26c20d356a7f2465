"""plot_loss_landscape: the loss around the weights, on a plane through them.

A model with W weights has a loss on a space of W dimensions. Of these a picture can show two: directions d and e are
drawn at random, and the loss is computed at

    L(w + a·d + b·e)        for a and b from -extent to extent

A random direction says little as it is, since a layer with small weights is moved far by what a layer with large ones
hardly notices (and networks with ReLU can exchange one for the other and compute the same). So each filter of d gets
the length of the same filter of w:

    d_f  ←  d_f · |w_f| / |d_f|

A filter is what leads to one unit: all of a weight that has the same last index. Weights with a single axis (biases,
the scales of normalisations) stay as they are. Then 1 on the axes means: each filter was moved by its own length.

H. Li, Z. Xu, G. Taylor, C. Studer, T. Goldstein, Visualizing the loss landscape of neural nets, 2018, arXiv:1712.09913.
"""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import device
from minidl.inspect.pictures.canvas import AMOUNTS, cut, finished, new_figure, sizes_on, titled, words
from minidl.layers.context import CallContext
from minidl.messages import say
from minidl.models.aside import copied, undisturbed
from minidl.models.data import Batch, rows_of
from minidl.models.model import Model
from minidl.models.placing import batch_at_home
from minidl.tensor import no_grad
from minidl.utils.checks import number, shown, whole_number

__all__ = ["filter_normalised", "plot_loss_landscape"]

_ROWS = 256  # samples in one pass
_LEVELS = 16


def plot_loss_landscape(
    model: Any, x: Any, y: Any, extent: float = 1.0, points: int = 21, seed: int = 0
) -> Any:
    """Draw the loss on a plane through the weights, as heights of a map; a cross marks where the model is.

    The loss is computed points² times on all of the data, in inference: some hundred samples are enough. The model is
    copied, and stays as it is.

    Args:
        model: a model that was compiled.
        x, y: data, as for `evaluate`.
        extent: how far to go, in lengths of the filters.
        points: along each direction, an odd number, so that the model itself is one of them.
        seed: of the two directions.

    Returns:
        A `matplotlib.figure.Figure`. Losses that are not finite stay white.

    Raises:
        TypeError, ValueError: no model, no loss, no weights, or arguments out of range.
        ImportError: matplotlib is not there (`pip install matplotlib`).

    >>> from minidl.layers import Dense
    >>> from minidl.models import Sequential
    >>> model = Sequential([Dense(4, activation="tanh"), Dense(1)], name="small")
    >>> model.compile("sgd", "mse")
    >>> x = np.random.default_rng(0).normal(size=(16, 3))
    >>> figure = plot_loss_landscape(model, x, x[:, :1], points=5)
    >>> figure.get_suptitle()
    'Loss around the weights of small'
    """
    if not isinstance(model, Model):
        raise TypeError(say(f"plot_loss_landscape expects a model, got {shown(model)}."))
    extent = number("plot_loss_landscape", "extent", extent, above=0)
    points = whole_number("plot_loss_landscape", "points", points, minimum=3)
    if points % 2 == 0:
        raise ValueError(
            say(
                f"plot_loss_landscape expects points to be odd, so that the model is in the middle, got {points}."
            )
        )
    steps = np.linspace(-extent, extent, points)
    losses = _losses(model, x, y, steps, whole_number("plot_loss_landscape", "seed", seed, minimum=0))
    return _drawn(model.name, steps, losses)


def _losses(model: Model, x: Any, y: Any, steps: Array, seed: int) -> Array:
    """The losses (B, A) at b·e and a·d from the weights."""
    with undisturbed(), device("cpu"):
        twin = copied(model)
        data = batch_at_home(twin._arrangement()(x, y))
        twin._prepare(lambda: data, training=False)
        weights = [v for v in twin.trainable_weights if v.ndim > 1]
        if not weights:
            raise ValueError(
                say(f"plot_loss_landscape: {model.name} has no trainable weights with two axes or more.")
            )
        begin = [v.numpy().copy() for v in weights]
        rng = np.random.default_rng(seed)
        first, second = ([filter_normalised(w, rng) for w in begin] for _ in range(2))
        losses = np.empty((len(steps), len(steps)))
        for row, b in enumerate(steps):
            for column, a in enumerate(steps):
                for v, w, d, e in zip(weights, begin, first, second, strict=True):
                    v.assign(w + a * d + b * e)
                losses[row, column] = _loss(twin, data)
    return losses


def filter_normalised(weight: Array, rng: np.random.Generator) -> Array:
    """A random direction, each filter of which (all with the same last index) is as long as that of `weight`.

    >>> w = np.array([[3.0, 0.0], [4.0, 1.0]])
    >>> d = filter_normalised(w, np.random.default_rng(0))
    >>> np.linalg.norm(d, axis=0).round(12).tolist()
    [5.0, 1.0]
    """
    direction = rng.standard_normal(weight.shape)
    axes = tuple(range(weight.ndim - 1))
    lengths = [np.sqrt(np.sum(np.square(a, dtype=np.float64), axes)) for a in (weight, direction)]
    scaled: Array = direction * (lengths[0] / lengths[1])
    return scaled


def _loss(model: Any, data: Batch) -> float:
    """The mean loss of the data, with its penalties."""
    total = 0.0
    for start in range(0, data.samples, _ROWS):
        batch = rows_of(data, slice(start, start + _ROWS))
        with no_grad(), CallContext():
            y_pred = model(batch.x, training=False)
            loss = model.compute_loss(batch.x, batch.y, y_pred, None, training=False)
        total += float(loss) * batch.samples
    return total / data.samples


def _drawn(name: str, steps: Array, losses: Array) -> Any:
    figure = new_figure(6.8, 5.2)
    axes = figure.add_subplot()
    known = np.ma.masked_invalid(losses)
    if known.count() == 0:
        raise ValueError(say(f"plot_loss_landscape: no loss around the weights of {name} is finite."))
    low, high = float(known.min()), float(known.max())
    spread = np.geomspace if sizes_on(known.compressed(), 30) else np.linspace
    levels = spread(low, high if high > low else low + 1, _LEVELS)
    filled = axes.contourf(
        steps, steps, known, levels=levels, cmap=AMOUNTS, norm="log" if spread is np.geomspace else None
    )
    marked = levels[1::3]
    seen = ["white" if level < levels[_LEVELS // 2] else "black" for level in marked]
    lines = axes.contour(steps, steps, known, levels=marked, colors=seen, linewidths=0.7)
    axes.clabel(lines, fontsize="small", fmt=lambda level: f"{level:.3g}")
    centre = losses[len(steps) // 2, len(steps) // 2]
    axes.plot(
        0,
        0,
        "x",
        color="#D55E00",
        markersize=10,
        markeredgewidth=2.5,
        label=words(f"The model: {centre:.4g}"),
    )
    titled(figure, words(f"Loss around the weights of {cut(name)}"))
    axes.set_xlabel(words("Direction 1, in lengths of the filters"))
    axes.set_ylabel(words("Direction 2, in lengths of the filters"))
    axes.set_aspect("equal")
    axes.legend(loc="upper right", fontsize="small")
    bar = figure.colorbar(filled, ax=axes, ticks=levels[::3], format=lambda level, place: f"{level:.3g}")
    bar.set_label(words("Value of the loss"))
    return finished(figure)
