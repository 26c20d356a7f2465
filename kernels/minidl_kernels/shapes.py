"""Which arrays belong together, and in which order ops take them: what the kernels of the CPU and of a GPU have in common.

A kernel's `supports` asks these, and besides what is its own: types, sizes it can count, curves it has. The arrays must
be known to be arrays.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Recurrent", "convolution_fits", "dense_fits", "normalization_fits", "recurrent_supports"]


def dense_fits(x: Any, w: Any, b: Any) -> bool:
    """x (..., I), w (I, U), b (U,) or None."""
    return bool(
        w.ndim == 2 and x.ndim >= 1 and x.shape[-1] == w.shape[0] and (b is None or b.shape == w.shape[1:])
    )


def convolution_fits(x: Any, w: Any, b: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> bool:
    """x (N, H, W, C), w (KH, KW, C/G, F), b (F,) or None, and a window that fits."""
    if x.ndim != 4 or w.ndim != 4:
        return False
    (_, h, wide, c), (kh, kw, cg, f) = x.shape, w.shape
    (top, bottom), (left, right) = padding
    return bool(
        min(*strides, *dilation, groups) >= 1
        and min(top, bottom, left, right) >= 0
        and c == cg * groups
        and f % groups == 0
        and (b is None or b.shape == (f,))
        and h + top + bottom > (kh - 1) * dilation[0]
        and wide + left + right > (kw - 1) * dilation[1]
    )


def normalization_fits(x: Any, gamma: Any, beta: Any, axis: int) -> bool:
    """x (..., C), gamma and beta (C,) or None, along the last axis."""
    return bool(
        x.ndim > 0
        and axis in (-1, x.ndim - 1)
        and all(w is None or w.shape == x.shape[-1:] for w in (gamma, beta))
    )


class Recurrent(NamedTuple):
    """The arguments of a recurrent op, whichever it is."""

    gates: int
    x: Any
    states: tuple[Any, ...]
    w: Any
    u: Any
    b: Any
    biases: tuple[int, ...]  # axes of b before its last
    curves: tuple[str, ...]
    mask: Any
    factors: Any  # of recurrent dropout

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The arrays of numbers."""
        given = self.x, *self.states, self.w, self.u
        return given if self.b is None else (*given, self.b)

    def fits(self, array: type) -> bool:
        """x (N, T, I), states (N, U), w (I, G·U), u (U, G·U), b (..., G·U) or None; mask an `array` (N, T) or None."""
        x, w, u, b, mask = self.x, self.w, self.u, self.b, self.mask
        if x.ndim != 3 or w.ndim != 2 or u.ndim != 2:
            return False
        (n, t, i), units = x.shape, u.shape[0]
        wide = self.gates * units
        return bool(
            w.shape == (i, wide)
            and u.shape == (units, wide)
            and all(state.shape == (n, units) for state in self.states)
            and (b is None or b.shape == (*self.biases, wide))
            and (
                mask is None or (isinstance(mask, array) and mask.dtype == np.bool_ and mask.shape == (n, t))
            )
        )


def recurrent_supports(fits: Callable[[Recurrent], bool]) -> dict[str, Callable[..., bool]]:
    """`supports` of each recurrent op, from what a kernel set says of their arguments."""

    def simple_rnn(
        x: Any, h0: Any, w: Any, u: Any, b: Any, *, activation: str, sequences: bool, mask: Any = None,
        recurrent_factors: Any = None,
    ) -> bool:  # fmt: skip
        return fits(Recurrent(1, x, (h0,), w, u, b, (), (activation,), mask, recurrent_factors))

    def lstm(
        x: Any, h0: Any, c0: Any, w: Any, u: Any, b: Any, *, activation: str, recurrent_activation: str,
        sequences: bool, mask: Any = None, recurrent_factors: Any = None,
    ) -> bool:  # fmt: skip
        curves = activation, recurrent_activation
        return fits(Recurrent(4, x, (h0, c0), w, u, b, (), curves, mask, recurrent_factors))

    def gru(
        x: Any, h0: Any, w: Any, u: Any, b: Any, *, activation: str, recurrent_activation: str, reset_after: bool,
        sequences: bool, mask: Any = None, recurrent_factors: Any = None,
    ) -> bool:  # fmt: skip
        curves = activation, recurrent_activation
        return reset_after and fits(Recurrent(3, x, (h0,), w, u, b, (2,), curves, mask, recurrent_factors))

    return {"gru": gru, "lstm": lstm, "simple_rnn": simple_rnn}
