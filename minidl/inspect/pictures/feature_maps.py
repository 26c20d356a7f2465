"""plot_feature_maps: what the layers of a convolutional network make of one image.

A convolution with F filters makes F images of its input, its feature maps: bright where its filter has found what it
looks for. The maps of one layer are drawn on one scale, so a filter that never answers stays dark.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.devices import to_numpy
from minidl.inspect.pictures.canvas import (
    colour_scale,
    columns_for,
    cut,
    finished,
    image,
    limits,
    new_figure,
    titled,
    words,
)
from minidl.inspect.pictures.chosen import check_built, named_layer
from minidl.inspect.pictures.recorded import first_samples
from minidl.layers.context import CallContext
from minidl.messages import say
from minidl.models.model import Model
from minidl.models.parts import parts
from minidl.models.watching import watched
from minidl.tensor import Tensor, no_grad
from minidl.utils.nested import flatten, mapped

__all__ = ["plot_feature_maps"]

_MAPS, _ROW, _ROWS = 64, 8, 20  # maps of a layer drawn alone; maps in a row of an overview, and its rows


class _Output(NamedTuple):
    """What a layer made of the image: maps (H, W, F), or (T, F) of a series."""

    name: str
    values: Array


def plot_feature_maps(target: Any, x: Any, layer: str | int | None = None) -> Any:
    """Draw what layers make of an image.

    Of a model, each layer whose output is made of maps gets a row with its first maps; of a single layer (or of the
    one named by `layer`) all maps are drawn. Maps are as bright as their numbers are large; where a layer makes
    negative numbers too, they are blue, and positive ones red. A series (N, T, F) is one picture: features from top to
    bottom, time to the right.

    Args:
        target: a model or a layer, built.
        x: a batch, of which the first sample is drawn, or one sample without its batch axis.
        layer: name or index of a layer of the model, to see that one alone.

    Returns:
        A `matplotlib.figure.Figure`; in each `Axes` one map, and one for the scale of colours of each layer.

    Raises:
        TypeError, ValueError: no layer or no weights, no such layer, or no output that is a map.
        ImportError: matplotlib is not there (`pip install matplotlib`).

    >>> from minidl.layers import Conv2D
    >>> edges = Conv2D(2, 3, use_bias=False)
    >>> edges.build((None, 8, 8, 1))
    >>> sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    >>> edges.set_weights([np.stack([sobel, -sobel.T], axis=-1)[:, :, None]])
    >>> picture = np.zeros((8, 8, 1))
    >>> picture[:, 4:] = 1
    >>> figure = plot_feature_maps(edges, picture)
    >>> figure.axes[1].images[0].get_array()[0].tolist()
    [0.0, 0.0, 4.0, 4.0, 0.0, 0.0]
    """
    check_built("plot_feature_maps", target)
    alone = layer is not None or not isinstance(target, Model)
    wanted = target if layer is None else named_layer("plot_feature_maps", target, layer)
    inputs, seen = _seen(target, x, [wanted] if alone else list(parts(target)))
    if not seen:
        raise ValueError(
            say(
                f"plot_feature_maps draws outputs of shape (N, H, W, F) or (N, T, F), and {wanted.name} has none."
            )
        )
    figure = _alone(inputs, seen[0]) if alone else _overview(inputs, seen)
    return finished(figure)


# --- running ------------------------------------------------------------------------------------------------


def _seen(target: Any, x: Any, watch: list[Any]) -> tuple[list[_Output], list[_Output]]:
    """The inputs that are maps, and the outputs of the layers that are, in the order in which they ran."""
    batch = first_samples(target, x)
    seen: list[_Output] = []

    def look(layer: Any, _: Any, outputs: Any) -> None:
        seen.extend(_maps(layer.name, outputs))

    with no_grad(), CallContext(), watched(watch, look):
        target(mapped(Tensor, batch), training=False)
    return _maps("", batch), seen


def _maps(name: str, made: Any) -> list[_Output]:
    arrays = [to_numpy(t.data if isinstance(t, Tensor) else t) for t in flatten(made) if t is not None]
    return [_Output(name, array[0]) for array in arrays if array.ndim in (3, 4) and array.size]


# --- drawing ------------------------------------------------------------------------------------------------


def _alone(inputs: list[_Output], made: _Output) -> Any:
    """The inputs and all maps of one layer."""
    before = [picture for one in inputs for picture in _input_pictures(one.values, _ROW)]
    after = _pictures(made.values, _MAPS)
    series = made.values.ndim == 2
    number = len(before) + len(after)
    rows, columns = columns_for(number, 1 if series else 8 if number <= 24 else 11)
    size = (7.0, 1.8 * rows + 0.6) if series else (max(1.4 * columns + 1.2, 4.0), 1.5 * rows + 0.6)
    figure = new_figure(*size)
    aspect = "auto" if series else "equal"
    for place, (picture, look) in enumerate(before):
        axes = figure.add_subplot(rows, columns, place + 1)
        image(axes, picture, look, aspect=aspect)
        axes.set_title(words("The input"), fontsize="small")
    for place, picture in enumerate(after):
        axes = figure.add_subplot(rows, columns, len(before) + place + 1)
        drawn = image(axes, picture, limits(made.values), aspect=aspect)
        axes.set_title(_axes_words(made.values) if series else str(place), fontsize="small")
    colour_scale(figure, drawn, figure.axes, words("Output of the layer"))
    titled(figure, _title(made, len(after)))
    return figure


def _overview(inputs: list[_Output], seen: list[_Output]) -> Any:
    """A row for each layer, of many layers for some of them."""
    chosen = [seen[i] for i in sorted(set(np.linspace(0, len(seen) - 1, _ROWS).round().astype(int)))]
    rows = len(inputs) + len(chosen)
    columns = min(
        max(one.values.shape[-1] if one.values.ndim == 3 else _ROW for one in [*inputs, *chosen]), _ROW
    )
    figure = new_figure(max(columns + 2.5, 5.0), 1.15 * rows + 0.6)
    grid = figure.add_gridspec(rows, columns)
    for row, one in enumerate([*inputs, *chosen]):
        is_input = row < len(inputs)
        looks = _input_pictures(one.values, _ROW) if is_input else _with_limits(one.values)
        series = one.values.ndim == 2
        sheets = [figure.add_subplot(grid[row, :] if series else grid[row, i]) for i in range(len(looks))]
        for axes, (picture, look) in zip(sheets, looks, strict=True):
            drawn = image(axes, picture, look, aspect="auto" if series else "equal")
        shape = "×".join(map(str, one.values.shape))
        said = words("The input") if is_input else cut(one.name, 22)
        sheets[0].set_ylabel(f"{said}\n{shape}", rotation=0, ha="right", va="center", fontsize="small")
        if not is_input:
            figure.colorbar(drawn, ax=sheets, aspect=10, pad=0.01).ax.tick_params(labelsize="x-small")
    titled(
        figure,
        words("Feature maps")
        if len(chosen) == len(seen)
        else words(f"Feature maps of {len(chosen)} of {len(seen)} layers"),
    )
    return figure


def _with_limits(values: Array) -> list[tuple[Array, dict[str, Any]]]:
    return [(picture, limits(values)) for picture in _pictures(values, _ROW)]


def _pictures(values: Array, most: int) -> list[Array]:
    """Maps (H, W, F) one by one; a series (T, F) is one picture, with time to the right."""
    return [values.T] if values.ndim == 2 else list(np.moveaxis(values, -1, 0)[:most])


def _input_pictures(values: Array, most: int) -> list[tuple[Array, dict[str, Any]]]:
    """An image as people know it, in grey or in colours; other inputs as maps."""
    if values.ndim == 3 and values.shape[-1] == 1:
        return [(values[..., 0], {"cmap": "gray"})]
    if values.ndim == 3 and values.shape[-1] == 3:
        low, high = float(values.min()), float(values.max())
        return [((values - low) / ((high - low) or 1), {})]
    return [(picture, limits(values)) for picture in _pictures(values, most)]


def _title(made: _Output, drawn: int) -> str:
    name, maps = cut(made.name), made.values.shape[-1]
    size = "×".join(map(str, made.values.shape[:-1]))
    if made.values.ndim == 2:
        return words(f"What {name} makes of the series")
    if drawn < maps:
        return words(f"{name}: the first {drawn} of {maps} feature maps of {size}")
    return words(f"{name}: {maps} feature maps of {size}")


def _axes_words(values: Array) -> str:
    return words(f"{values.shape[1]} features from top to bottom, {values.shape[0]} time steps to the right")
