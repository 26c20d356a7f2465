"""The equations of BatchNormalization and LayerNormalization."""

from typing import Any

from minidl.inspect.equations.dense_like import LETTERS
from minidl.inspect.equations.figures import work
from minidl.inspect.equations.kinds import Shapes, tells
from minidl.inspect.equations.lines import Line, Told
from minidl.inspect.equations.writing import array, arrays, number
from minidl.layers.normalization.batch_normalization import BatchNormalization
from minidl.layers.normalization.layer_normalization import LayerNormalization
from minidl.messages import say

__all__ = ["batch_normalization", "layer_normalization"]


@tells(BatchNormalization)
def batch_normalization(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """Inference by running averages, and how training makes them."""
    x, y = inputs[0], outputs[0]
    letters, axis = LETTERS.get(len(x), "N"), layer.axis % len(x)
    scaled, centred = layer.gamma is not None, layer.beta is not None
    n = layer.moving_mean.shape
    keep, take = number(layer.momentum), number(round(1 - layer.momentum, 12))
    learning = [
        Line("μ = mean(x)   σ² = mean((x − μ)²)", say(
            "In training: of this batch, for each feature over all axes but its own."
        )),
        Line(f"moving = {keep}·moving + {take}·batch", say("How each batch of training moves the running averages.")),
    ]  # fmt: skip
    still = [
        Line(
            "trainable=False", say("In training it does the same, and the running averages stay as they are.")
        )
    ]
    lines = [
        Line(f"y = (x − μ)·s{' + β' * centred}", say(
            f"In inference: axis {axis} holds {n[0]} features, and each has a μ, σ² and s of its own."
        )),
        Line(f"s = {'γ' if scaled else '1'}/√(σ² + {number(layer.epsilon)})", say(
            "It depends on weights alone: made once, and not for every sample."
        )),
        Line("μ = moving_mean   σ² = moving_variance", say("Running averages of what training has seen.")),
        *(learning if layer.trainable else still),
        Line(arrays(
            array("x", x, letters), array("γ", n) if scaled else "", array("β", n) if centred else "", array("μ", n),
            array("σ²", n), array("y", y, letters),
        )),
    ]  # fmt: skip
    return Told(tuple(lines), work(x[1:], 1, len(x)))


@tells(LayerNormalization)
def layer_normalization(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """Each sample by itself, in training and in inference."""
    x, y = inputs[0], outputs[0]
    letters, axes = LETTERS.get(len(x), "N"), layer._axes(len(x))
    scaled, centred = layer.gamma is not None, layer.beta is not None
    sizes = tuple(x[axis] for axis in axes)
    along = ", ".join(map(str, axes))
    over = (
        say(f"Over axis {along}, of each sample by itself; in training and after it alike.")
        if len(axes) == 1
        else say(f"Over axes {along}, of each sample by itself; in training and after it alike.")
    )
    y_line = "γ·x̂" if scaled else "x̂"
    lines = [
        Line("μ = mean(x)   σ² = mean((x − μ)²)", over),
        Line(f"x̂ = (x − μ)/√(σ² + {number(layer.epsilon)})", say("Mean 0 and variance 1.")),
        Line(f"y = {y_line}{' + β' * centred}"),
        Line(arrays(
            array("x", x, letters), array("γ", sizes) if scaled else "", array("β", sizes) if centred else "",
            array("y", y, letters),
        )),
    ]  # fmt: skip
    return Told(tuple(lines), work(x[1:], 2 if scaled else 1, len(x)))
