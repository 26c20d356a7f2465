"""Checks of the way back: gradients that do not arrive, vanish, explode, or forget the beginning of a sequence.

S. Hochreiter (1991) and Y. Bengio et al. (1994) saw it along time, X. Glorot and Y. Bengio (2010) along layers: the
gradient is a product of one factor for each step or layer, and products of many factors are huge or next to nothing.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from minidl.doctor.flow import Flow, rms
from minidl.doctor.patient import Patient, begins_at_zero
from minidl.doctor.report import Finding, error, warning
from minidl.messages import say

__all__ = ["check_gradients"]

_VANISHED = 1e-5  # rms of the gradient of the first layer by that of the last
_EXPLODED, _SMALL = 1e4, 1e-2  # rms of a gradient by that of its weights; weights below 0.01 count as that
_NOTHING = 1e-10  # gradients below this are lost in float32 rounding of weights and in Adam's epsilon (1e-7)
_FORGOTTEN = 1e-6  # share of the gradient that the first tenth of the steps may have
_NORMALISES = {"BatchNormalization", "LayerNormalization"}


def check_gradients(patient: Patient, seen: Flow) -> Iterator[Finding]:
    """All findings about the gradients of one pass."""
    if seen.has_loss:
        yield from _arrival(patient, seen)
        yield from _gradient_sizes(seen)
        yield from _first_steps(seen)


def _arrival(patient: Patient, seen: Flow) -> Iterator[Finding]:
    """A weight without a gradient is not learnt: frozen, cut off, or behind a layer that is 0."""
    model = patient.model
    weights = model.trainable_weights
    if not weights:
        return
    lost = [v for v in weights if id(v) not in seen.gradients]
    silent = [v for v in weights if id(v) in seen.gradients and not seen.gradients[id(v)].any()]
    if lost:
        yield error(
            "gradient",
            lost[0].path.split("/")[0],
            say(
                f"No gradient reaches {len(lost)} of {len(weights)} weights, the first is {lost[0].path}: no operation "
                "connects them with the loss."
            ),
            say(
                "Look whether the output of that layer is used, and use tensor operations, NumPy functions or minidl.ops "
                "in layers of your own, not .numpy() or .data."
            ),
            count=len(lost),
        )
    kernels = [v for v in silent if v.ndim > 1]
    if kernels and not begins_at_zero(model):
        yield warning(
            "gradient",
            kernels[0].path.split("/")[0],
            say(
                f"The gradient of some kernels is exactly 0 on all samples: {len(kernels)} of {len(weights)} weights, the "
                f"first is {kernels[0].path}. They stay as they are."
            ),
            say(
                "Look for dead units, weights of 0, or an output that does not depend on the input in the layers behind."
            ),
            count=len(kernels),
        )


def _gradient_sizes(seen: Flow) -> Iterator[Finding]:
    """The gradient of the first layer beside that of the last: the product of all factors in between."""
    found: dict[int, tuple[Any, float, float]] = {}
    for call in seen.seen:
        layer = call.layer
        kernels = [v for v in layer.weights if id(v) in seen.gradients and v.ndim > 1]
        if kernels and type(layer).__name__ not in _NORMALISES | {"Embedding"}:
            gradient = rms(np.concatenate([seen.gradients[id(v)].ravel() for v in kernels]))
            size = rms(np.concatenate([v.data.ravel() for v in kernels]))
            found.setdefault(id(layer), (layer, gradient, size))
    sizes = list(found.values())
    for layer, gradient, size in sizes:
        if gradient > _EXPLODED * max(size, _SMALL):
            yield warning(
                "gradient",
                layer.name,
                say(
                    f"The gradient explodes: at {layer} its size (rms) is {gradient:.2g}, that of the weights {size:.2g}. "
                    "A step along it throws the weights far away."
                ),
                say(
                    "Standardise x and y, use smaller initial weights, normalisation between the layers, or clipnorm=1.0 "
                    "in the optimizer."
                ),
                gradient=gradient,
                weights=size,
            )
            return
    if len(sizes) < 2 or not all(np.isfinite(gradient) for _, gradient, _ in sizes):
        return
    (first, small, _), (last, large, _) = sizes[0], sizes[-1]
    if 0 < small < large and (small / large < _VANISHED or small < _NOTHING):
        yield warning(
            "gradient",
            first.name,
            say(
                f"The gradient vanishes on its way back: its size (rms) is {large:.2g} at {last} and {small:.2g} at "
                f"{first}. The first layers hardly learn."
            ),
            say(
                "Use relu with 'he_normal' in place of sigmoid or tanh, BatchNormalization, shortcuts around blocks "
                "(Add), or fewer layers."
            ),
            first=small,
            last=large,
        )


def _first_steps(seen: Flow) -> Iterator[Finding]:
    """What the first steps of a long sequence have to say must pass through all the others."""
    for name, sizes in seen.steps.items():
        tenth = max(len(sizes) // 10, 1)
        early, late = float(sizes[:tenth].mean()), float(sizes[-tenth:].mean())
        if late > 0 and early < _FORGOTTEN * late:
            yield warning(
                "long sequences",
                name,
                say(
                    f"Over {len(sizes)} steps, the gradient at the first tenth of them is {early / late:.1g} of that at the "
                    "last tenth: what stands there cannot be learnt."
                ),
                say(
                    "Shorten the sequences, take every so many steps together with Conv1D(strides=...) or AveragePooling1D, "
                    "or read from both ends with Bidirectional."
                ),
                share=early / late,
            )
