"""What becomes of the gradient on its way back through the layers, in sentences.

On its way from the loss to the first layer the gradient is multiplied by one factor for each layer. Many factors below 1
leave next to nothing of it, many above 1 make it huge (S. Hochreiter, 1991; X. Glorot, Y. Bengio, 2010). What is compared
here is |dL/dy|, the root of the sum of squares, from layer to layer. The gradient of the weights would not show it as
well: it is a product of dL/dy and of what came in, and where the one shrinks on its way back, the other may have grown.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from minidl.inspect.numbers import number
from minidl.messages import say

__all__ = ["sentences"]

_SMALL = 1e-3  # of the gradient at the last layer


def sentences(layers: Sequence[Any]) -> Iterator[str]:
    """What is to be said of the traces of these layers, in the order in which they ran."""
    broken = [layer.name for layer in layers if any(not np.isfinite(y).all() for y in _floats(layer))]
    if broken:
        yield say(f"Not all numbers are finite: the first NaN or infinity is in the output of {broken[0]}.")
    trained = [layer for layer in layers if any(w.trainable for w in layer.weights)]
    lost = [layer.name for layer in trained if all(w.gradient is None for w in layer.weights if w.trainable)]
    if lost:
        yield say(f"No gradient reaches the weights of {_listed(lost)}: the loss does not depend on them.")
    silent = [layer.name for layer in trained if _is_silent(layer)]
    if silent:
        yield say(f"The gradient is exactly 0 at the weights of {_listed(silent)}.")
    known = [layer for layer in layers if layer.gradient_norm and np.isfinite(layer.gradient_norm)]
    reached = [layer for layer in known if layer in trained]
    if reached and reached[0] is not known[-1]:
        yield _compared(reached[0], known[-1], known)


def _floats(layer: Any) -> list[Any]:
    return [y for y in layer.outputs if y.dtype.kind == "f"]


def _listed(names: Sequence[str]) -> str:
    names = list(dict.fromkeys(names))
    return ", ".join(names[:4]) + (f" … ({len(names)})" if len(names) > 4 else "")


def _is_silent(layer: Any) -> bool:
    """Whether gradients come to what its weights multiply, and all are 0."""
    found = [w.gradient for w in layer.weights if w.gradient is not None and w.gradient.ndim > 1]
    return bool(found) and not any(gradient.any() for gradient in found)


def _compared(first: Any, last: Any, layers: Sequence[Any]) -> str:
    small, large = first.gradient_norm, last.gradient_norm
    way = f"|dL/dy| {number(large)} ({last.name}) → {number(small)} ({first.name})"
    if small < _SMALL * large:
        text = say(f"The gradient vanishes on its way back: {way}, {round(large / small):,} times smaller.")
        return f"{text} {say(f'Most is lost on the way through {_steepest(layers)}.')}"
    if small > large / _SMALL:
        return say(f"The gradient explodes on its way back: {way}. Clip it: clipnorm=1.0.")
    return say(f"The gradient arrives: {way}.")


def _steepest(layers: Sequence[Any]) -> str:
    """The layer through which it shrinks most: dL/dinput, which is dL/doutput of the one before, by its own."""
    ratios = [(one.gradient_norm / other.gradient_norm, other.name) for one, other in pairwise(layers)]
    return str(min(ratios)[1])
