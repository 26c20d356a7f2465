"""What the recurrent layers share: the curves inside a step, and the products before and after the loop over time.

A gate is a small Dense layer inside the recurrence, with an S-shaped curve at its end. To go backward through
y = a(z), only y is needed, because the slope of each of these curves can be read off its height:

    tanh           1 − y²              relu             1 where y > 0
    sigmoid        y·(1 − y)           hard_sigmoid     1/6 where 0 < y < 1
    softsign       (1 − |y|)²          linear           1

So the forward pass keeps the heights of the gates and forgets z. A curve that is not in this table (gelu has two
z for one y) cannot take part in a fused sequence; the layer then runs its cell step by step.

All gates of a layer lie side by side: U is (U, G·U), and h @ U gives every gate's part in one product.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minidl import activations
from minidl.activations.bounded import HardSigmoid, Softsign
from minidl.activations.probabilities import Sigmoid, minus_magnitude
from minidl.backend import Array

__all__ = [
    "CURVES",
    "Curve",
    "back_through_gates",
    "curve_name",
    "input_gradients",
    "keep_masked",
    "recurrent_gradient",
    "split_by_mask",
    "through_gates",
]  # fmt: skip


class Curve(NamedTuple):
    """y = value(z), and dz = back(dy, y)."""

    value: Callable[[Array], Array]
    back: Callable[[Array, Array], Array]


CURVES = {
    "tanh": Curve(np.tanh, lambda dy, y: dy * (1 - y * y)),
    "sigmoid": Curve(lambda z: Sigmoid.forward(z)[0], lambda dy, y: dy * y * (1 - y)),
    "relu": Curve(lambda z: np.maximum(z, 0), lambda dy, y: np.where(np.real(y) > 0, dy, 0)),
    "hard_sigmoid": Curve(
        lambda z: HardSigmoid.forward(z)[0],
        lambda dy, y: np.where((np.real(y) > 0) & (np.real(y) < 1), dy / 6, 0),
    ),
    "softsign": Curve(lambda z: Softsign.forward(z)[0], lambda dy, y: dy * (1 + minus_magnitude(y)) ** 2),
    "linear": Curve(lambda z: z, lambda dy, y: dy),
}
_NAMES = {getattr(activations, name): name for name in CURVES}


def curve_name(activation: Any) -> str | None:
    """The name of an activation in `CURVES`; None if it is another.

    >>> curve_name(activations.tanh), curve_name(activations.gelu)
    ('tanh', None)
    """
    return _NAMES.get(activation)


def through_gates(h: Array, u: Array, factors: Array | None) -> Array:
    """h (N, U) -> h @ u (N, G·U); with dropout `factors` (G, N, U), each gate sees an h of its own."""
    if factors is None:
        return h @ u
    gates = zip(factors, np.split(u, len(factors), axis=1), strict=True)
    return np.concatenate([(h * kept) @ u_gate for kept, u_gate in gates], axis=1)


def back_through_gates(dz: Array, u: Array, factors: Array | None) -> Array:
    """dz (N, G·U) -> dh (N, U): what all gates send back, added up."""
    if factors is None:
        return dz @ u.T
    parts = (np.split(matrix, len(factors), axis=1) for matrix in (dz, u))
    return sum((d @ u_gate.T) * kept for d, u_gate, kept in zip(*parts, factors, strict=True))


def recurrent_gradient(h: Array, dz: Array, factors: Array | None) -> Array:
    """h before each step (N, T, U), dz (N, T, G·U) -> du (U, G·U) = Σ over samples and steps of hᵀ dz."""
    if factors is None:
        return np.tensordot(h, dz, axes=([0, 1], [0, 1]))
    gates = zip(factors, np.split(dz, len(factors), axis=2), strict=True)
    return np.concatenate(
        [np.tensordot(h * kept[:, None], d, axes=([0, 1], [0, 1])) for kept, d in gates], axis=1
    )


def input_gradients(
    x: Array, w: Array, dz: Array, biased: bool, wanted: bool
) -> tuple[Array | None, Array, Array | None]:
    """dz (N, T, G·U) of z = x @ w + b -> dx (N, T, I) if it is wanted, dw (I, G·U), db (G·U,)."""
    dx = dz @ w.T if wanted else None
    dw = np.tensordot(x, dz, axes=([0, 1], [0, 1]))
    db = dz.sum(axis=(0, 1), dtype=np.result_type(dz, np.float64)).astype(dz.dtype) if biased else None
    return dx, dw, db


def keep_masked(new: Array, old: Array, mask: Array | None, t: int) -> Array:
    """The state after step t: new, but old where the step is masked."""
    return new if mask is None else np.where(mask[:, t, None], new, old)


def split_by_mask(d: Array, mask: Array | None, t: int) -> tuple[Array, Any]:
    """The gradient of the state after step t: what goes through the step, and what a masked step hands past it."""
    if mask is None:
        return d, 0
    return np.where(mask[:, t, None], d, 0), np.where(mask[:, t, None], 0, d)
