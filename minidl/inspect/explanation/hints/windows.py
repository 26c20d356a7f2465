"""Hints for convolutions and pooling: what a window sees, how often it fits, what is left over."""

import math
from collections.abc import Iterator
from typing import Any

from minidl.inspect.explanation.facts import Hint
from minidl.inspect.explanation.hints.kinds import biased, by, centred_by, hints_for, is_linear
from minidl.inspect.explanation.places import Place
from minidl.layers.convolutional.base import Convolution, Sliding
from minidl.layers.convolutional.conv2d_transpose import Conv2DTranspose
from minidl.layers.convolutional.depthwise_conv2d import DepthwiseConv2D
from minidl.layers.convolutional.separable import SeparableConvolution
from minidl.layers.convolutional.windows import output_length
from minidl.layers.pooling.base import GlobalPooling, Pooling
from minidl.messages import say
from minidl.symbolic import Shape

__all__ = ["convolution", "global_pooling", "pooling"]


@hints_for(Sliding)
def convolution(place: Place) -> Iterator[Hint]:
    """On all convolutions."""
    layer, x, y = place.layer, place.inputs[0], place.outputs[0]
    yield from _axes(x)
    yield _count(layer, x)
    yield from _shape(layer, x, y)
    if max(layer.kernel_size) == 1 and isinstance(layer, Convolution):
        yield Hint(
            "one cell",
            say(
                "A window of one cell sees no neighbours: this is a Dense layer over the channels, at each place by itself."
            ),
        )
    elif isinstance(layer, Convolution):
        yield Hint(
            "flip",
            say(
                "The window is not turned round: what is called a convolution here is a cross-correlation in mathematics."
            ),
        )
        yield from _stacked(place)
    norm = centred_by(place)
    if norm is not None and layer.bias is not None and is_linear(layer):
        n = layer.bias.size
        text = say(
            f"{norm.name} behind it takes every constant away again: use_bias=False saves the biases ({n})."
        )
        yield Hint("bias", text, {"biases": n})


def _axes(x: Shape) -> Iterator[Hint]:
    *sizes, channels = x[1:]
    figures: dict[str, Any] = {"sizes": tuple(sizes), "channels": channels}
    if None in sizes:
        text = say(f"The last axis holds the channels ({channels}); the others may have any size.")
        yield Hint("axes", text, {"channels": channels})
    elif len(sizes) == 1:
        text = say(f"The input is read as places in a row ({sizes[0]}) with channels ({channels}).")
        yield Hint("axes", text, figures)
    else:
        text = say(f"The input is read as rows ({sizes[0]}), columns ({sizes[1]}) and channels ({channels}).")
        yield Hint("axes", text, figures)
        if (sizes[0] or 0) <= 4 < min(sizes[1] or 0, channels or 0):
            text = say(
                f"Channels come last here. If {sizes[0]} is the number of channels, move that axis to the end with np.moveaxis."
            )
            yield Hint("channels first", text, {"rows": sizes[0]})


def _count(layer: Any, x: Shape) -> Hint:
    cells, channels = math.prod(layer.kernel_size), x[-1] or 0
    figures: dict[str, Any] = {"cells": cells, "channels": channels}
    if isinstance(layer, SeparableConvolution):
        figures |= {"multiplier": layer.depth_multiplier, "filters": layer.filters}
        figures["otherwise"] = (cells * channels + (layer.bias is not None)) * layer.filters
        text = say(
            f"First each channel ({channels}) is read by itself with patterns ({layer.depth_multiplier}) of the window's cells "
            f"({cells}), then each filter ({layer.filters}) mixes the results. A usual convolution would have "
            f"{figures['otherwise']:,} parameters."
        )
        return Hint("parameters", text, figures)
    if isinstance(layer, DepthwiseConv2D):
        figures["multiplier"] = layer.depth_multiplier
        text = say(
            f"Each channel ({channels}) is read by itself with patterns ({layer.depth_multiplier}) of the window's cells "
            f"({cells}); channels are not mixed."
        )
        return Hint("parameters", text, figures)
    figures |= {"filters": layer.filters, "channels": channels // getattr(layer, "groups", 1)}
    if getattr(layer, "groups", 1) > 1:
        figures["groups"] = layer.groups
        text = say(
            f"groups={layer.groups}: each filter ({layer.filters}) has a weight for each cell of its window ({cells}) in the "
            f"channels of its own group only ({figures['channels']})."
        )
    else:
        text = say(
            f"Each filter ({layer.filters}) has a weight for each cell of its window ({cells}) in each channel of the input "
            f"({channels})."
        )
    return Hint("parameters", f"{text} {biased(layer.bias is not None)}", figures)


def _shape(layer: Any, x: Shape, y: Shape) -> Iterator[Hint]:
    if None in x[1:] or None in y[1:]:
        return
    figures: dict[str, Any] = {"before": x, "after": y}
    spans = tuple((k - 1) * r + 1 for k, r in zip(layer.kernel_size, layer.dilation_rate, strict=True))
    if isinstance(layer, Conv2DTranspose):
        text = say(f"{x} became {y}: each cell of the input is spread over a window of the output.")
        yield Hint("shape", text, figures)
        return
    if layer.padding == "valid":
        figures |= {"window": spans, "places": y[1:-1], "channels": y[-1]}
        text = say(
            f"{x} became {y}: a window of size {by(spans)} has room at {by(y[1:-1])} places, and the last axis now holds "
            f"the channels that were computed ({y[-1]})."
        )
    elif layer.padding == "causal":
        text = say(
            f"{x} became {y}: padding='causal' puts zeros in front, so that no output sees a later input."
        )
    elif max(layer.strides) == 1:
        text = say(
            f"{x} became {y}: padding='same' puts zeros around, so that there is an output for each cell."
        )
    else:
        figures["strides"] = layer.strides
        text = say(
            f"{x} became {y}: padding='same' puts zeros around, and the window moves on by {by(layer.strides)} cells."
        )
    yield Hint("shape", text, figures)
    if spans != layer.kernel_size:
        text = say(
            f"dilation_rate={by(layer.dilation_rate)} spreads the window of {by(layer.kernel_size)} over {by(spans)} cells."
        )
        yield Hint(
            "dilation",
            text,
            {"rate": layer.dilation_rate, "window": layer.kernel_size, "span": spans},
        )
    yield from _rest(layer, x, spans)


def _rest(layer: Any, x: Shape, spans: tuple[int, ...]) -> Iterator[Hint]:
    """On cells at the end that no window covers; equal axes once."""
    told: list[dict[str, int]] = []
    for n, span, stride in zip(x[1:-1], spans, layer.strides, strict=True):
        if n is None or layer.padding != "valid":
            continue
        windows, same = (output_length(n, span, stride, padding) for padding in ("valid", "same"))
        rest = n - (windows - 1) * stride - span
        figures = {"cells": n, "rest": rest, "windows": windows, "same": same}
        if rest and figures not in told:
            told.append(figures)
            text = say(
                f"At the end of {n} cells some ({rest}) are in no window and are dropped: there are {windows} windows. With "
                f"padding='same' there would be {same}."
            )
            yield Hint("rest", text, figures)


def _stacked(place: Place) -> Iterator[Hint]:
    """On two small windows in place of a large one, as in VGG."""
    layer: Any = place.layer
    before: Any = place.before[0] if len(place.before) == 1 else None
    if type(before) is not type(layer):
        return
    steps = (*layer.strides, *before.strides, *layer.dilation_rate, *before.dilation_rate)
    if max(*steps, layer.groups, before.groups) > 1 or min(before.kernel_size) == 1:
        return
    window = tuple(a + b - 1 for a, b in zip(layer.kernel_size, before.kernel_size, strict=True))
    two = layer.kernel.size + before.kernel.size
    one = math.prod(window) * before.kernel.shape[-2] * layer.filters
    if two < one:
        text = say(
            f"Together with {before.name} each output sees {by(window)} cells, for {two:,} weights. A single window of that "
            f"size would take {one:,}."
        )
        yield Hint("stacked", text, {"window": window, "two": two, "one": one})


@hints_for(Pooling)
def pooling(place: Place) -> Iterator[Hint]:
    """On max and average pooling."""
    layer, x, y = place.layer, place.inputs[0], place.outputs[0]
    if type(layer).__name__.startswith("Max"):
        yield Hint(
            "no weights",
            say("It has no parameters: to find the largest number of a window there is nothing to learn."),
        )
    else:
        yield Hint(
            "no weights",
            say("It has no parameters: to take the mean of a window there is nothing to learn."),
        )
    if max(*layer.pool_size, *layer.strides) == 1:
        yield Hint("one cell", say("A window of one cell leaves the data as they are."))
    elif None not in (*x[1:], *y[1:]):
        text = say(
            f"{x} became {y}: a window of {by(layer.pool_size)} cells moves on by {by(layer.strides)}, in each channel "
            f"({y[-1]}) by itself."
        )
        figures = {
            "before": x,
            "after": y,
            "window": layer.pool_size,
            "strides": layer.strides,
            "channels": y[-1],
        }
        yield Hint("shape", text, figures)
        yield from _rest(layer, x, layer.pool_size)


@hints_for(GlobalPooling)
def global_pooling(place: Place) -> Iterator[Hint]:
    """On pooling over all there is."""
    n = place.outputs[0][-1]
    text = say(f"Of each channel ({n}) one number is left, whatever size the input has.")
    yield Hint("any size", text, {"channels": n})
