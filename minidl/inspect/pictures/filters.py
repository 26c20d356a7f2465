"""plot_filters: the weights of a convolution, each filter as the small picture that it looks for.

A filter gives a large number where the image under it looks like the filter itself. So the weights can be read: a row
of negative numbers above a row of positive ones finds places where it gets brighter from top to bottom.
"""

from typing import Any

import numpy as np

from minidl.backend import Array
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
from minidl.layers.base import Layer
from minidl.layers.convolutional.base import Sliding
from minidl.layers.convolutional.conv1d import Conv1D
from minidl.layers.convolutional.conv2d_transpose import Conv2DTranspose
from minidl.messages import say
from minidl.models.model import Model
from minidl.models.parts import parts

__all__ = ["plot_filters"]

_FILTERS = 64  # at most, where there is one channel
_COLUMNS, _CHANNELS = 12, 8  # filters and channels at most, where there are several
_WRITTEN = 160  # cells in all up to which the numbers are written in them


def plot_filters(target: Any, layer: str | int | None = None) -> Any:
    """Draw the kernel of a convolution: blue for negative weights, white for 0, red for positive ones.

    Of an image with one channel each filter is one picture. With several channels a filter is a column of pictures,
    one for each channel; of a series (Conv1D) it is one picture, with the channels from top to bottom and time to the
    right. Of many filters the first ones are drawn, and the title says so.

    Args:
        target: a convolutional layer that is built, or a model.
        layer: name or index of the layer in the model; by default its first convolution.

    Returns:
        A `matplotlib.figure.Figure`, with one `Axes` for each picture, and one for the scale of colours.

    Raises:
        TypeError, ValueError: no such layer, no convolution, or no weights yet.
        ImportError: matplotlib is not there (`pip install matplotlib`).

    >>> from minidl.layers import Conv2D
    >>> sobel = Conv2D(1, 3, use_bias=False)
    >>> sobel.build((None, 8, 8, 1))
    >>> sobel.set_weights([np.reshape([-1, 0, 1, -2, 0, 2, -1, 0, 1], (3, 3, 1, 1))])
    >>> plot_filters(sobel).axes[0].images[0].get_array().tolist()
    [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]
    """
    found = _convolution(target, layer)
    filters = _filters(getattr(found, "layer", found))
    drawn = filters[:_FILTERS] if filters.shape[1] == 1 else filters[:_COLUMNS, :_CHANNELS]
    figure = _drawn(drawn)
    if isinstance(getattr(found, "layer", found), Conv1D):  # rows of a picture are channels here
        figure.axes[0].set_xlabel(words("Time step"), fontsize="small")
        figure.axes[0].set_ylabel(words("Channel"), fontsize="small")
    titled(figure, _title(found, filters, drawn.shape))
    return finished(figure)


def _convolution(target: Any, layer: str | int | None) -> Any:
    """The layer that was asked for, or the first convolution."""
    check_built("plot_filters", target)
    asked = target if layer is None else named_layer("plot_filters", target, layer)
    for one in parts(asked) if isinstance(asked, Model) else [asked]:
        if isinstance(getattr(one, "layer", one), Sliding):  # in TimeDistributed too
            return one
    raise ValueError(say(f"plot_filters draws convolutions, and {asked.name} has none."))


def _filters(layer: Any) -> Array:
    """The weights as (F, C, KH, KW): for each filter a picture for each channel that it looks at."""
    apart = hasattr(layer, "depth_multiplier")  # each channel has filters of its own
    weight = layer.depthwise_kernel if hasattr(layer, "depthwise_kernel") else layer.kernel
    kernel: Array = weight.numpy()
    if apart:
        kernel = _by_channel(kernel)
        return kernel[:, None] if kernel.ndim == 3 else kernel[:, None, None]
    if kernel.ndim == 3:  # of a series, (K, C, F): channels are the rows of one picture
        return np.transpose(kernel, (2, 1, 0))[:, None]
    order = (2, 3, 0, 1) if isinstance(layer, Conv2DTranspose) else (3, 2, 0, 1)
    return np.transpose(kernel, order)


def _by_channel(kernel: Array) -> Array:
    """Filters for each channel, (..., C, M), as (C·M, ...), in the order of the channels that they make."""
    return np.moveaxis(kernel.reshape(*kernel.shape[:-2], -1), -1, 0)


def _title(layer: Layer, filters: Array, shown: tuple[int, ...]) -> str:
    number, channels, height, width = filters.shape
    name, size = cut(layer.name), f"{height}×{width}"
    if shown[1] < channels:
        return words(f"{name}: {shown[0]} of {number} filters of {size}, {shown[1]} of {channels} channels")
    if shown[0] < number:
        return words(f"{name}: the first {shown[0]} of {number} filters of {size}")
    return words(f"{name}: {number} filters of {size}")


def _drawn(weights: Array) -> Any:
    number, channels, height, width = weights.shape
    rows, columns = columns_for(number) if channels == 1 else (channels, number)
    look = limits(weights, -weights)
    written = weights.size <= _WRITTEN and width <= 5
    cells = 0.55 if written else 0.0  # inches that a number takes
    panel = max(1.1, cells * width), max(1.25, cells * height * 0.7 + 0.3)
    figure = new_figure(max(panel[0] * columns + 1.2, 4.0), max(panel[1] * rows + 0.6, 2.2))
    for place, (c, f) in enumerate(np.ndindex(channels, number)):
        axes = figure.add_subplot(rows, columns, place + 1)
        drawn = image(axes, weights[f, c], look, written)
        if c == 0:
            axes.set_title(str(f) if channels == 1 else words(f"Filter {f}"), fontsize="small")
        if channels > 1 and f == 0:
            axes.set_ylabel(words(f"Channel {c}"), fontsize="small")
    colour_scale(figure, drawn, figure.axes, words("Value of the weight"))
    return figure
