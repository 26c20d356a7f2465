"""The equations of activation layers, PReLU and Rescaling: number by number."""

from collections.abc import Sequence
from typing import Any

from minidl.inspect.equations.curves import DEFINITIONS, applied, definition
from minidl.inspect.equations.dense_like import LETTERS
from minidl.inspect.equations.figures import NOTHING, work
from minidl.inspect.equations.kinds import Shapes, tells
from minidl.inspect.equations.lines import Line, Told
from minidl.inspect.equations.writing import array, arrays, number
from minidl.layers.core.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from minidl.layers.core.prelu import PReLU
from minidl.layers.core.rescaling import Rescaling
from minidl.messages import say

__all__ = ["activation", "elu", "leaky_relu", "prelu", "relu", "rescaling", "softmax", "unchanged"]


def unchanged(inputs: Shapes, outputs: Shapes, of_output: Sequence[str] | None = None) -> Line:
    """The line of the sizes of an input and an output."""
    letters = LETTERS.get(len(inputs[0]), "N")
    return Line(arrays(array("x", inputs[0], letters), array("y", outputs[0], of_output or letters)))


@tells(Activation)
def activation(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """y = activation(x)."""
    lines = (Line(f"y = {applied(layer.activation, 'x')}"), *definition(layer.activation))
    return Told((*lines, unchanged(inputs, outputs)), NOTHING)


@tells(ReLU)
def relu(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """Up to three straight pieces."""
    threshold, slope = number(layer.threshold), number(layer.negative_slope)
    text = "max(x, 0)"
    if layer.threshold or layer.negative_slope:
        beyond = f"(x − {threshold})" if layer.threshold else "x"
        text = f"x if x ≥ {threshold} else {f'{slope}·{beyond}' if layer.negative_slope else '0'}"
    if layer.max_value is not None:
        text = f"min({text}, {number(layer.max_value)})"
    flat = say("What is below the threshold is cut off or made smaller; above it nothing changes.")
    return Told((Line(f"y = {text}", flat), unchanged(inputs, outputs)), NOTHING)


@tells(LeakyReLU)
def leaky_relu(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """A small slope below 0."""
    line = Line(f"y = x if x ≥ 0 else {number(layer.negative_slope)}·x")
    return Told((line, unchanged(inputs, outputs)), NOTHING)


@tells(ELU)
def elu(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """An exponential below 0."""
    line = Line(f"y = x if x > 0 else {number(layer.alpha)}·(e^x − 1)")
    return Told((line, unchanged(inputs, outputs)), NOTHING)


@tells(Softmax)
def softmax(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """Numbers that sum to 1 along an axis or several."""
    given = layer.axis if isinstance(layer.axis, tuple) else (layer.axis,)
    axes = sorted(axis % len(inputs[0]) for axis in given)
    along = say(f"Along axis {', '.join(map(str, axes))} all numbers are positive and sum to 1.")
    line = Line(f"y = {DEFINITIONS['softmax'].replace('z', 'x')}", along)
    return Told((line, unchanged(inputs, outputs)), NOTHING)


@tells(PReLU)
def prelu(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """A slope below 0 that is learned."""
    learned = say(f"There are {layer.alpha.size} slopes α to learn.")
    lines = (Line("y = max(x, 0) + α·min(x, 0)", learned), Line(array("α", layer.alpha.shape)))
    return Told((*lines, unchanged(inputs, outputs)), work(inputs[0][1:], 1, len(inputs[0])))


@tells(Rescaling)
def rescaling(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """y = x·scale + offset."""
    names = ("scale", "offset")
    scale, offset = (
        name if factor.ndim else f"({number(factor)})" if factor < 0 else number(factor)
        for name, factor in zip(names, layer._factors, strict=True)
    )
    values = (
        f"{name} = [{', '.join(map(number, factor.ravel()))}]"
        if factor.ndim == 1
        else array(name, factor.shape)
        for name, factor in zip(names, layer._factors, strict=True)
        if factor.ndim
    )
    lines = (Line(f"y = x·{scale} + {offset}"), *map(Line, values), unchanged(inputs, outputs))
    return Told(lines, work(inputs[0][1:], 1, len(inputs[0])))
