"""Gradients of all other Functions, by the chain rule as it stands: dx = Σ dy·∂out/∂x, with slopes that are measured."""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.graph import fitted
from minidl.inspect.traced.elements.backward.calls import Back
from minidl.inspect.traced.elements.expressions import Known
from minidl.inspect.traced.elements.gathering import total
from minidl.inspect.traced.elements.picking import label, taken
from minidl.inspect.traced.elements.result import Calculation
from minidl.messages import say

__all__ = ["by_slopes"]

_STEP = 6e-6  # of x: where the error of the difference and that of rounding are about the same
_BENT = 1e-3  # where the slopes to both sides differ by more of themselves, there is a corner


def by_slopes(back: Back) -> Calculation:
    """dx = Σ dy·slope over all elements that x acts on, each slope a central difference of the reference in float64.

    At a corner, where the slopes to both sides differ, it is the one that backward takes there.
    """
    slopes = _measured(back)
    x = label(back.name, back.index)
    parts = []
    for i, (dy, slope) in enumerate(zip(back.dys, slopes, strict=True)):
        box = _around(slope)
        if box is not None and dy.size:
            number = "" if len(slopes) == 1 else f"_{i}"
            parts.append(total(taken(f"dy{number}", dy, box) * taken(f"slope{number}", slope, box)))
    note = say(f"slope is how fast the output moves with {x}, measured by moving it a little to both sides.")
    if not parts:
        return back.told(Known(0.0), say(f"No output moves with {x}."))
    formula = parts[0]
    for part in parts[1:]:
        formula = formula + part
    return back.told(formula, note)


def _measured(back: Back) -> list[Array]:
    """The slope of each output with the element, at every place."""
    called: Any = back.call.function
    wide = [
        np.array(a, np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
        for a in back.arrays
    ]
    x = wide[back.number]
    at = float(x[back.index])
    h = _STEP * max(1.0, abs(at))

    def outputs(value: float) -> list[Array]:
        x[back.index] = value
        made = called.forward(*wide, **back.options)[0]
        return [np.array(y, np.float64) for y in (made if isinstance(made, tuple) else (made,))]

    up, down, here = outputs(at + h), outputs(at - h), outputs(at)
    slopes = []
    with np.errstate(invalid="ignore"):
        for i, (above, below, y) in enumerate(zip(up, down, here, strict=True)):
            slope, right, left = (above - below) / (2 * h), (above - y) / h, (y - below) / h
            for place in np.argwhere(np.abs(right - left) > _BENT * np.maximum(np.abs(right), np.abs(left))):
                slope[tuple(place)] = _taken(back, wide, i, tuple(place))
            slopes.append(slope)
    return slopes


def _taken(back: Back, arrays: list[Any], output: int, place: tuple[int, ...]) -> float:
    """The slope that backward takes for one element of an output: where there is a corner, it has made a choice."""
    called: Any = back.call.function
    made, cache = called.forward(*arrays, **back.options)
    dys = [np.zeros(y.shape) for y in back.call.outputs]
    dys[output][place] = 1
    gradient = called.backward(tuple(dys) if isinstance(made, tuple) else dys[0], cache)[back.number]
    return 0.0 if gradient is None else float(fitted(gradient, arrays[back.number])[back.index])


def _around(slope: Array) -> tuple[Any, ...] | None:
    """The box around all places whose slope is not 0; None if all are 0."""
    if not slope.any():
        return None
    ends = ((int(p.min()), int(p.max()) + 1) for p in np.nonzero(slope)) if slope.ndim else ()
    return tuple(first if last - first == 1 else slice(first, last) for first, last in ends)
