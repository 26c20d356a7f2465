"""Elements that many elements of one input come together in: sums, means, extremes, softmax, cross-entropies."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.activations.probabilities import LogSoftmax, Softmax
from minidl.inspect.traced.elements.calls import Call
from minidl.inspect.traced.elements.expressions import Expression, Known
from minidl.inspect.traced.elements.gathering import Step, largest, product, smallest, total
from minidl.inspect.traced.elements.gathering import call as function
from minidl.inspect.traced.elements.picking import label
from minidl.inspect.traced.elements.result import Calculation
from minidl.inspect.traced.elements.telling import tells
from minidl.losses.fused import SoftmaxCrossEntropy, SparseSoftmaxCrossEntropy
from minidl.messages import say
from minidl.primitives.joining import CumulativeSum
from minidl.primitives.reductions import Extreme, Mean, Product, Sum, Variance

__all__ = [
    "extreme",
    "mean",
    "product_of",
    "running_sum",
    "softmax",
    "softmax_cross_entropy",
    "sparse_softmax_cross_entropy",
    "sum_of",
    "variance",
]

ALONG = slice(None)


def _row(call: Call) -> tuple[Expression, int]:
    """What is reduced to the element, and how many numbers that is."""
    x, axis = call.arrays[0], call.options["axis"]
    axes = range(x.ndim) if axis is None else [a % x.ndim for a in np.atleast_1d(axis)]
    left = iter(call.index)
    index: list[Any] = []
    for a in range(x.ndim):
        if a in axes:
            index.append(ALONG)
            if call.options["keepdims"]:
                next(left)
        else:
            index.append(next(left))
    return call.at(0, *index), math.prod(x.shape[a] for a in axes)


@tells(Sum)
def sum_of(call: Call) -> Calculation:
    """y = Σ x."""
    return call.told(total(_row(call)[0]))


@tells(Mean)
def mean(call: Call) -> Calculation:
    """y = Σ x / n."""
    row, n = _row(call)
    return call.told(total(row) / n)


@tells(Variance)
def variance(call: Call) -> Calculation:
    """y = Σ (x − μ)² / (n − ddof)."""
    row, n = _row(call)
    middle = Step("μ", total(row) / n)
    return call.told(total((row - middle) ** 2) / (n - call.options["ddof"]))


@tells(Product)
def product_of(call: Call) -> Calculation:
    """y = Π x."""
    return call.told(product(_row(call)[0]))


@tells(Extreme)
def extreme(call: Call) -> Calculation:
    """y = max x or min x."""
    row, _ = _row(call)
    return call.told(largest(row) if call.options["largest"] else smallest(row))


@tells(CumulativeSum)
def running_sum(call: Call) -> Calculation:
    """y = Σ x up to this place."""
    axis = call.options["axis"] % call.arrays[0].ndim
    index = [slice(0, i + 1) if a == axis else i for a, i in enumerate(call.index)]
    return call.told(total(call.at(0, *index)))


def _exponentials(row: Expression) -> tuple[Step, Step]:
    """m, the largest of a row, and s, the sum of e^(x − m)."""
    m = Step("m", largest(row))
    return m, Step("s", total(function("exp", row - m)))


def _along(index: Sequence[int], axis: int) -> list[Any]:
    return [ALONG if a == axis % len(index) else i for a, i in enumerate(index)]


@tells(Softmax, LogSoftmax)
def softmax(call: Call) -> Calculation:
    """y = e^(x − m) / Σ e^(x − m), or the logarithm of that; m is the largest x."""
    row, x = call.at(0, *_along(call.index, call.options["axis"])), call.at(0, *call.index)
    is_log = call.function is not None and issubclass(call.function, LogSoftmax)
    if np.isneginf(np.max(row.value())):
        note = say("All numbers of the row are −∞: each gets probability 0.")
        return call.told(x if is_log else function("exp", x), note)
    m, s = _exponentials(row)
    return call.told(x - m - function("log", s) if is_log else function("exp", x - m) / s)


@tells(SoftmaxCrossEntropy)
def softmax_cross_entropy(call: Call) -> Calculation:
    """y = Σ t·(log Σ e^z − z), with z − m for z."""
    logits, targets = (call.at(i, *call.index, ALONG) for i in (0, 1))
    m, s = _exponentials(logits)
    if not np.isfinite(logits.value()).all():  # a class with target 0 adds 0, even where its logit is −∞
        counted = np.flatnonzero(targets.value()).tolist()
        if not counted:
            return call.told(Known(0.0))
        logits, targets = (call.at(i, *call.index, counted) for i in (0, 1))
    return call.told(total(targets * (function("log", s) + m - logits)))


@tells(SparseSoftmaxCrossEntropy)
def sparse_softmax_cross_entropy(call: Call) -> Calculation:
    """y = log Σ e^z − z at the label, with z − m for z."""
    at = int(call.arrays[1][call.index])
    m, s = _exponentials(call.at(0, *call.index, ALONG))
    c = at % call.arrays[0].shape[-1]
    return call.told(
        function("log", s) + m - call.at(0, *call.index, c), f"{label(call.names[1], call.index)} = {at}"
    )
