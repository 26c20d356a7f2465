"""Checks of the way forward: outputs that are NaN, dead, saturated, too large, too small, or always the same.

K. He et al. (2015, arXiv:1502.01852) give the size of initial weights that keeps the signal of a ReLU network alive,
X. Glorot and Y. Bengio (2010) that of a tanh network.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.doctor.flow import Flow, rms
from minidl.doctor.patient import Seen, numbers
from minidl.doctor.report import Finding, error, warning
from minidl.messages import say

__all__ = ["check_signals", "constant_output", "first_not_finite"]

_FACTOR = 1e3  # by which outputs may be larger or smaller than the inputs of the model
_DEAD = 0.5  # share of units that are 0 on every sample; at random initial weights few are, in deep narrow nets more
_ENOUGH = 32  # samples: of a few, a unit may be 0 by chance
_SATURATED, _FLAT = 0.5, 0.01  # share of outputs so near to the end of a sigmoid that its slope is below 4 %
_NORMALISES = {"BatchNormalization", "LayerNormalization"}


def check_signals(seen: Flow, last: Sequence[Any]) -> Iterator[Finding]:
    """All findings about outputs of layers; `last` are the layers the model ends in."""
    not_a_number = first_not_finite(seen.seen)
    if not_a_number is not None:
        yield not_a_number
        return
    hidden = [call for call in seen.seen if all(call.layer is not layer for layer in last)]
    for call in hidden:
        yield from _dead_units(call)
        yield from _saturation(call)
    yield from _sizes(hidden, seen.size)


def first_not_finite(seen: Sequence[Seen]) -> Finding | None:
    """The first layer whose output is NaN or infinite though its input is not: there it was made."""
    for call in seen:
        made, given = numbers(call.outputs), numbers(call.inputs)
        if np.isfinite(given).all() and not np.isfinite(made).all():
            layer = call.layer
            if not all(np.isfinite(v.data).all() for v in layer.weights):
                return error(
                    "NaN",
                    layer.name,
                    say(f"{layer} has weights that are NaN or infinite, and so has everything behind it."),
                    say(
                        "Make the model anew, or load weights from before. A lower learning rate keeps it from happening."
                    ),
                )
            return error(
                "NaN",
                layer.name,
                say(
                    f"{layer} is the first layer whose output is NaN or infinite: {int((~np.isfinite(made)).sum())} of "
                    f"{made.size} numbers, from inputs up to {np.abs(given).max(initial=0):.3g}."
                ),
                say(
                    "Standardise the inputs, and look for a division by 0, a logarithm or root of numbers below 0, or an "
                    "exponential without bound in this layer."
                ),
            )
    return None


def _activation(layer: Any) -> str:
    named = {"ReLU": "relu"}.get(type(layer).__name__, "")
    return named or str(getattr(getattr(layer, "activation", None), "__name__", ""))


def _dead_units(call: Seen) -> Iterator[Finding]:
    """A ReLU unit that is 0 on every sample gets no gradient from any: it stays so for ever (Lu Lu et al., 2019)."""
    if _activation(call.layer) not in ("relu", "relu6") or not call.outputs or len(call.outputs[0]) < 2:
        return
    y = call.outputs[0].data
    dead = ~(y != 0).reshape(-1, y.shape[-1]).any(axis=0)
    count, units = int(dead.sum()), len(dead)
    if count == units:
        yield error(
            "dead units",
            call.layer.name,
            say(f"All {units} units of {call.layer} are 0 on every sample. Nothing passes, forward or back."),
            say(
                "Make the weights anew (the bias may have become very negative), with a lower learning rate and "
                "standardised inputs. LeakyReLU or elu cannot die."
            ),
            share=1.0,
        )
    elif count >= _DEAD * units and len(y) >= _ENOUGH:
        yield warning(
            "dead units",
            call.layer.name,
            say(
                f"{count} of {units} units of {call.layer} are 0 on every sample that was looked at. They get no gradient, and "
                "will never come back."
            ),
            say(
                "Standardise the inputs, lower the learning rate, use kernel_initializer='he_normal' with biases of 0, or "
                "LeakyReLU or elu, which cannot die."
            ),
            share=count / units,
        )


def _saturation(call: Seen) -> Iterator[Finding]:
    """At the flat ends of tanh and sigmoid the gradient is multiplied by next to nothing (Glorot and Bengio, 2010)."""
    name = _activation(call.layer)
    if name not in ("tanh", "sigmoid") or not call.outputs or type(call.layer).__name__ in ("LSTM", "GRU"):
        return
    y = numbers(call.outputs[:1])
    inner = (y + 1) / 2 if name == "tanh" else y
    share = float(((inner < _FLAT) | (inner > 1 - _FLAT)).mean()) if y.size else 0.0
    if share > _SATURATED:
        yield warning(
            "saturation",
            call.layer.name,
            say(
                f"{call.layer} is saturated: {share:.0%} of its outputs lie at the flat ends of {name}, where the gradient is "
                "multiplied by less than 0.04."
            ),
            say(
                "Standardise the inputs, use smaller initial weights ('glorot_uniform'), or BatchNormalization in front."
            ),
            share=share,
        )


def _sizes(hidden: Sequence[Seen], size: float) -> Iterator[Finding]:
    """The signal may grow or fade a little from layer to layer; over many that becomes everything or nothing."""
    for call in hidden:
        y = numbers(call.outputs)
        own = rms(y) if y.size else 0.0
        if not call.layer.weights or type(call.layer).__name__ in _NORMALISES | {"Embedding"}:
            continue
        if own > _FACTOR * max(size, 1e-3) and own > 100:
            yield warning(
                "activations",
                call.layer.name,
                say(
                    f"The signal explodes: at {call.layer} the outputs have a size (rms) of {own:.3g}, the inputs of the model "
                    f"one of {size:.3g}."
                ),
                say(
                    "Use initializers made for the activation ('he_normal' for relu, 'glorot_uniform' for tanh), or "
                    "normalisation between the layers."
                ),
                size=own,
            )
            return
        if 0 < own < size / _FACTOR and own < 1e-2:
            yield warning(
                "activations",
                call.layer.name,
                say(
                    f"The signal vanishes: at {call.layer} the outputs have a size (rms) of {own:.3g}, the inputs of the model "
                    f"one of {size:.3g}."
                ),
                say(
                    "Use initializers made for the activation ('he_normal' for relu, 'glorot_uniform' for tanh), or "
                    "normalisation between the layers."
                ),
                size=own,
            )
            return


def constant_output(y_pred: Array, x_varies: bool, name: str | None) -> Iterator[Finding]:
    """An output that is the same for all inputs has not noticed that there are inputs."""
    if len(y_pred) < 2 or not x_varies or not np.isfinite(y_pred).all():
        return
    spread = np.abs(y_pred.astype(np.float64) - y_pred[:1]).max(initial=0.0)
    if spread <= 1e-7 * max(1.0, float(np.abs(y_pred).max(initial=0.0))):
        yield warning(
            "output",
            name,
            say("The model gives the same output for all samples: what it is shown makes no difference."),
            say(
                "Look in the table for a layer whose std is 0: dead units, weights of 0, a saturated activation, or an "
                "output that is not connected with the input."
            ),
        )
