"""The equations of Dropout and its kin: something in training, nothing in inference."""

from typing import Any

from minidl.inspect.equations.elementwise import unchanged
from minidl.inspect.equations.figures import NOTHING
from minidl.inspect.equations.kinds import Shapes, tells
from minidl.inspect.equations.lines import Line, Told
from minidl.inspect.equations.writing import number
from minidl.layers.regularization.activity_regularization import ActivityRegularization
from minidl.layers.regularization.dropout import Dropout
from minidl.layers.regularization.gaussian_noise import GaussianNoise
from minidl.layers.regularization.spatial_dropout1d import SpatialDropout1D
from minidl.layers.regularization.spatial_dropout2d import SpatialDropout2D
from minidl.messages import say

__all__ = ["activity", "dropout", "noise"]


def _in_inference() -> Line:
    return Line("y = x", say("In inference nothing happens."))


@tells(Dropout, SpatialDropout1D, SpatialDropout2D)
def dropout(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """y = x·m/(1 − rate)."""
    rate, kept = number(layer.rate), number(round(1 - layer.rate, 12))
    chances = f"P(m = 0) = {rate}   P(m = 1) = {kept}"
    lines = [
        _in_inference(),
        Line(f"y = x·m/(1 − {rate})" if layer.rate < 1 else "y = 0", say(
            "In training: some numbers become 0, the others grow, so that the mean stays."
        )),
        Line(chances, _shared(layer, inputs[0])),
    ]  # fmt: skip
    return Told((*lines, unchanged(inputs, outputs)), NOTHING)


def _shared(layer: Any, x: tuple[int | None, ...]) -> str:
    """Along which axes one m is there for all."""
    shared = [axis for axis, n in enumerate(layer.noise_shape or ()) if n == 1]
    if isinstance(layer, SpatialDropout1D | SpatialDropout2D):
        shared = list(range(1, len(x) - 1))
    if not shared:
        return say("m is drawn for each number by itself.")
    return say(f"Along axis {', '.join(map(str, shared))} there is one m for all: they stay or go together.")


@tells(GaussianNoise)
def noise(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """y = x + ε."""
    line = Line(f"y = x + ε   ε ~ N(0, {number(layer.stddev)}²)", say(
        "In training: each number is moved by noise of its own."
    ))  # fmt: skip
    return Told((_in_inference(), line, unchanged(inputs, outputs)), NOTHING)


@tells(ActivityRegularization)
def activity(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """y = x, and a penalty."""
    line = Line(f"L + ({number(layer.l1)}·Σ |x| + {number(layer.l2)}·Σ x²)/N", say(
        "In training: a price on the numbers that pass, added to the loss L."
    ))  # fmt: skip
    passes = Line("y = x", say("The numbers pass as they are."))
    return Told((passes, line, unchanged(inputs, outputs)), NOTHING)
