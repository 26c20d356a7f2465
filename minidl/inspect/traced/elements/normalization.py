"""Elements of normalisations: a number seen from the mean of its group, in units of the group's deviation."""

import numpy as np

from minidl.inspect.traced.elements.calls import Call
from minidl.inspect.traced.elements.expressions import Expression, Operand
from minidl.inspect.traced.elements.gathering import Step, total
from minidl.inspect.traced.elements.gathering import call as function
from minidl.inspect.traced.elements.picking import label
from minidl.inspect.traced.elements.result import Calculation
from minidl.inspect.traced.elements.telling import tells
from minidl.layers.masks import widened
from minidl.layers.normalization.batch_normalization import BatchNormFunction
from minidl.layers.normalization.layer_normalization import LayerNormFunction

__all__ = ["batch_norm", "layer_norm"]

ALONG = slice(None)


def _statistics(group: Expression, n: int) -> tuple[Step, Step]:
    """The mean of a group of n numbers, and the mean of their squared distances from it."""
    mean = Step("μ", total(group) / n)
    return mean, Step("σ²", total((group - mean) ** 2) / n)


def _normalised(call: Call, mean: Step, variance: Step, place: tuple[int, ...]) -> Expression:
    """γ·(x − μ)/√(σ² + ε) + β, with what there is of γ and β."""
    y = (call.at(0, *call.index) - mean) / function("√", variance + float(call.options["epsilon"]))
    if call.has(1):
        y = call.at(1, *place) * y
    return y + call.at(2, *place) if call.has(2) else y


@tells(BatchNormFunction)
def batch_norm(call: Call) -> Calculation:
    """y = γ·(x − μ)/√(σ² + ε) + β over a batch, or the μ or the σ² of it."""
    x, mask = call.arrays[0], call.options.get("mask")
    axis = call.options["axis"] % x.ndim
    feature = call.index[axis] if call.output == 0 else call.index[0]
    index = tuple(feature if a == axis else ALONG for a in range(x.ndim))
    if mask is None:
        group, n = call.at(0, *index), x.size // x.shape[axis]
    else:
        counts = np.broadcast_to(widened(np.asarray(mask), x.ndim), x.shape)[index]
        name = label(call.names[0], index)
        group, n = Operand(f"{name}[mask]", x[index][counts]), max(1, int(counts.sum()))
    mean, variance = _statistics(group, n)
    if call.output == 0:
        return call.told(_normalised(call, mean, variance, (feature,)))
    return call.told((mean, variance)[call.output - 1])


@tells(LayerNormFunction)
def layer_norm(call: Call) -> Calculation:
    """y = γ·(x − μ)/√(σ² + ε) + β within a sample."""
    axes = call.options["axes"]
    group = call.at(0, *(ALONG if a in axes else i for a, i in enumerate(call.index)))
    mean, variance = _statistics(group, group.length)
    return call.told(_normalised(call, mean, variance, tuple(call.index[a] for a in axes)))
