"""Gradients of what brings many numbers together: sums, softmax, cross-entropies, normalisations; and of what moves them."""

import math
from typing import Any

import numpy as np

from minidl.activations.probabilities import LogSoftmax, Softmax
from minidl.inspect.traced.elements.backward.calls import Back, goes_back
from minidl.inspect.traced.elements.expressions import Expression, Known, Operand
from minidl.inspect.traced.elements.gathering import Step, largest, total
from minidl.inspect.traced.elements.gathering import call as function
from minidl.inspect.traced.elements.picking import label, taken
from minidl.inspect.traced.elements.result import Calculation
from minidl.layers.normalization.batch_normalization import BatchNormFunction
from minidl.layers.normalization.layer_normalization import LayerNormFunction
from minidl.losses.fused import SoftmaxCrossEntropy, SparseSoftmaxCrossEntropy
from minidl.messages import say
from minidl.primitives.joining import Concatenate, CumulativeSum, Pad, Unstack
from minidl.primitives.reductions import Extreme, Mean, Sum, Variance
from minidl.primitives.shaping import BroadcastTo, GetItem, Reshape, Transpose

__all__ = [
    "batch_norm", "cross_entropy", "extreme", "layer_norm", "log_softmax", "moved", "running_sum",
    "softmax", "spread", "variance",
]  # fmt: skip

ALONG = slice(None)
_FEW = 8


def _reduced(back: Back) -> tuple[list[int], list[int]]:
    """The axes that were reduced, and the place of the output that the element went to."""
    rank, axis, kept = back.arrays[0].ndim, back.options["axis"], back.options["keepdims"]
    axes = list(range(rank)) if axis is None else [int(a) % rank for a in np.atleast_1d(axis)]
    return axes, [0 if a in axes else i for a, i in enumerate(back.index) if kept or a not in axes]


@goes_back(Sum, Mean)
def spread(back: Back) -> Calculation:
    """dx = dy, or dy / n."""
    x, (axes, index) = back.arrays[0], _reduced(back)
    dy = back.dy_at(*index)
    is_mean = back.call.function is not None and issubclass(back.call.function, Mean)
    return back.told(dy / math.prod(x.shape[a] for a in axes) if is_mean else dy)


@goes_back(Variance)
def variance(back: Back) -> Calculation:
    """dx = dy·2·(x − μ) / (n − ddof)."""
    x, (axes, index) = back.arrays[0], _reduced(back)
    n = math.prod(x.shape[a] for a in axes)
    row = back.at(0, *(ALONG if a in axes else i for a, i in enumerate(back.index)))
    middle = Step("μ", total(row) / n)
    return back.told(back.dy_at(*index) * 2 * (back.at(0, *back.index) - middle) / (n - back.options["ddof"]))


@goes_back(CumulativeSum)
def running_sum(back: Back) -> Calculation:
    """dx = Σ dy from this place on."""
    axis = back.options["axis"] % back.arrays[0].ndim
    return back.told(
        total(back.dy_at(*(slice(i, None) if a == axis else i for a, i in enumerate(back.index))))
    )


@goes_back(Extreme)
def extreme(back: Back) -> Calculation:
    """dx = dy, shared by those that tie for the largest; 0 for the others."""
    axes, index = _reduced(back)
    winners, _ = Extreme.forward(back.arrays[0], **back.options)[1]
    row = tuple(ALONG if a in axes else i for a, i in enumerate(back.index))
    if not winners[back.index]:
        return back.told(Known(0.0), say("Another number is larger, or smaller where the smallest is meant."))
    ties = int(winners[row].sum())
    return back.told(back.dy_at(*index) if ties == 1 else back.dy_at(*index) / ties)


def _along(back: Back, axis: int) -> list[Any]:
    return [ALONG if a == axis % len(back.index) else i for a, i in enumerate(back.index)]


@goes_back(Softmax)
def softmax(back: Back) -> Calculation:
    """dx = y·(dy − Σ dy·y)."""
    row = _along(back, back.options["axis"])
    return back.told(
        back.y_at(*back.index) * (back.dy_at(*back.index) - total(back.dy_at(*row) * back.y_at(*row)))
    )


@goes_back(LogSoftmax)
def log_softmax(back: Back) -> Calculation:
    """dx = dy − e^y·Σ dy."""
    row = _along(back, back.options["axis"])
    return back.told(
        back.dy_at(*back.index) - function("exp", back.y_at(*back.index)) * total(back.dy_at(*row))
    )


@goes_back(SoftmaxCrossEntropy, SparseSoftmaxCrossEntropy)
def cross_entropy(back: Back) -> Calculation | None:
    """dz = dy·(p·Σ t − t), p = e^(z − m) / Σ e^(z − m)."""
    *place, c = back.index
    logits = back.at(0, *place, ALONG)
    if not np.isfinite(logits.value()).all():
        return None
    m = Step("m", largest(logits))
    p = Step("p", function("exp", back.at(0, *back.index) - m) / total(function("exp", logits - m)))
    dy = back.dy_at(*place)
    if back.call.function is not None and issubclass(back.call.function, SoftmaxCrossEntropy):
        return back.told(dy * (p * total(back.at(1, *place, ALONG)) - back.at(1, *back.index)))
    wanted = int(back.arrays[1][tuple(place)])
    is_it = wanted % back.arrays[0].shape[-1] == c
    return back.told(dy * (p - 1 if is_it else p), f"{label(back.call.names[1], place)} = {wanted}")


def _through(
    dy: Expression, y: Expression, g: Expression, seen: Expression, n: float, deviation: Expression
) -> Expression:
    """(dy − mean(dy) − x̂·mean(dy·x̂)) / deviation, for rows g and seen (x̂) of n."""
    return (dy - total(g) / n - y * (total(g * seen) / n)) / deviation


@goes_back(LayerNormFunction)
def layer_norm(back: Back) -> Calculation:
    """dx = (g − mean(g) − x̂·mean(g·x̂)) / √(σ² + ε) with g = dy·γ,  dγ = Σ dy·x̂,  dβ = Σ dy."""
    x, gamma = back.arrays[:2]
    cache = LayerNormFunction.forward(*back.arrays, **back.options)[1]
    note = say("x̂ is (x − μ)/√(σ² + ε), what the forward pass made of x.")
    if back.number:
        index = iter(back.index)
        column = [next(index) if a in cache.axes else ALONG for a in range(x.ndim)]
        dy = back.dy_at(*column)
        if back.number == 2:
            return back.told(total(dy))
        return back.told(total(dy * taken("x̂", cache.normalised, column)), note)
    row = [ALONG if a in cache.axes else i for a, i in enumerate(back.index)]
    g, here = back.dy_at(*row), back.dy_at(*back.index)
    if gamma is not None:
        everywhere = (ALONG,) * len(cache.axes)
        g, here = g * back.at(1, *everywhere), here * back.at(1, *(back.index[a] for a in cache.axes))
    deviation = taken(
        "deviation", cache.deviation, tuple(0 if a in cache.axes else i for a, i in enumerate(back.index))
    )
    n = math.prod(x.shape[a] for a in cache.axes)
    seen, y = taken("x̂", cache.normalised, row), taken("x̂", cache.normalised, back.index)
    return back.told(_through(here, y, g, seen, n, deviation), note, say("deviation is √(σ² + ε)."))


@goes_back(BatchNormFunction)
def batch_norm(back: Back) -> Calculation | None:
    """dx = γ·(dy − mean(dy) − x̂·mean(dy·x̂)) / √(σ² + ε),  dγ = Σ dy·x̂,  dβ = Σ dy."""
    if back.options.get("mask") is not None or any(dy.any() for dy in back.dys[1:]):
        return None
    x, axis = back.arrays[0], back.options["axis"] % back.arrays[0].ndim
    cache = BatchNormFunction.forward(*back.arrays, **back.options)[1]
    feature = back.index[0] if back.number else back.index[axis]
    column = [feature if a == axis else ALONG for a in range(x.ndim)]
    dy, seen = back.dy_at(*column), taken("x̂", cache.normalised, column)
    note = say("x̂ is (x − μ)/√(σ² + ε), what the forward pass made of x.")
    if back.number:
        return back.told(total(dy)) if back.number == 2 else back.told(total(dy * seen), note)
    deviation = taken("deviation", cache.deviation, tuple(feature if a == axis else 0 for a in range(x.ndim)))
    y = taken("x̂", cache.normalised, back.index)
    dx = _through(back.dy_at(*back.index), y, dy, seen, x.size // x.shape[axis], deviation)
    return back.told(
        back.at(1, feature) * dx if back.call.has(1) else dx, note, say("deviation is √(σ² + ε).")
    )


@goes_back(BroadcastTo, Concatenate, GetItem, Pad, Reshape, Transpose, Unstack)
def moved(back: Back) -> Calculation:
    """dx = Σ dy over all places that x was put to."""
    places, first = [], 0
    for x in back.arrays:
        places.append(np.arange(first, first + np.size(x)).reshape(np.shape(x)))
        first += int(np.size(x))
    wanted = int(places[back.number][back.index])
    called: Any = back.call.function
    options = {**back.options, "value": -1} if "value" in back.options else back.options
    made = called.forward(*places, **options)[0]
    outputs = made if isinstance(made, tuple) else (made,)
    found = [(i, at) for i, y in enumerate(outputs) for at in np.argwhere(y == wanted).tolist()]
    if not found:
        return back.told(Known(0.0), say("It is in no place of the output."))
    if len(found) > _FEW:
        values = [back.dys[i][tuple(at)] for i, at in found]
        row = Operand(f"dy[{label(back.name, back.index)}]", values)
        return back.told(total(row), say(f"{row.label} are the gradients of all places that it was put to."))
    names = ["dy" if len(outputs) == 1 else f"dy_{i}" for i in range(len(outputs))]
    terms = [taken(names[i], back.dys[i], at) for i, at in found]
    formula = terms[0]
    for term in terms[1:]:
        formula = formula + term
    return back.told(formula)
