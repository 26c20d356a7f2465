"""Slopes of a function of one number t, from its values near t = 0, and whether it has a kink there.

With the values at 0, ±h and ±2h there are two ways to get the slope:

    central      (8·(f(h) − f(−h)) − (f(2h) − f(−2h))) / 12h                 error h⁴·f⁽⁵⁾/30
    one-sided    right: (4f(h) − f(2h) − 3f(0)) / 2h,  left: mirrored        error h²·f⁽³⁾/3 each

Where f is smooth the two one-sided slopes differ by h³·f⁽⁴⁾/2 only, which is next to nothing. At a kink they
differ by its angle, however small h is: that tells a kink from a function that merely bends. Rounding adds
an error of about ε·|f|/h to all of them, so h must not be too small either.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minidl.backend import Array

__all__ = ["Line", "Slopes", "refined", "rounding", "slopes"]

Line = Callable[[float], Array]  # t -> all outputs in one row, at the distance t from the point
_FINER, _LEVELS = 8.0, 4  # h, h/8, h/64, h/512, h/4096


class Slopes(NamedTuple):
    """What the values around one point say about the slope of each output."""

    slope: Array
    left: Array
    right: Array
    spread: Array  # how far the central slope and the one-sided ones are apart

    @property
    def gap(self) -> Array:
        """The angle of the kink; next to 0 where the function is smooth."""
        return np.abs(self.right - self.left)


def rounding(magnitude: float, h: float) -> float:
    """A bound for what rounding adds to a slope over h, for values of this magnitude."""
    return 16 * float(np.finfo(np.float64).eps) * magnitude / h


def slopes(line: Line, h: float, at_zero: Array) -> Slopes:
    """The central slope at t = 0, with the one-sided ones beside it.

    >>> found = slopes(lambda t: np.array([np.sin(t), abs(t)]), 2**-9, np.zeros(2))
    >>> found.slope.round(11), found.gap.round(6)
    (array([1., 0.]), array([0., 2.]))
    """
    up, down, far_up, far_down = line(h), line(-h), line(2 * h), line(-2 * h)
    with np.errstate(all="ignore"):
        central = (8 * (up - down) - (far_up - far_down)) / (12 * h)
        right = (4 * up - far_up - 3 * at_zero) / (2 * h)
        left = (3 * at_zero + far_down - 4 * down) / (2 * h)
        return Slopes(central, left, right, np.abs(central - (left + right) / 2))


def refined(
    line: Line, h: float, at_zero: Array, smallest: float, convinced: Callable[[Slopes], bool]
) -> Slopes:
    """The slopes over ever smaller h, down to `smallest`, until they convince.

    A kink at some distance from the point is left behind on the way. The mean of the one-sided slopes may
    convince as well: it is right also where only the second derivative jumps, as that of ELU does at 0. If
    nothing convinces, the smoothest slope of each output is returned.
    """
    best = slopes(line, h, at_zero)
    for _ in range(_LEVELS):
        h /= _FINER
        if h < smallest:
            break
        finer = slopes(line, h, at_zero)
        if convinced(finer):
            return finer
        finer = finer._replace(slope=(finer.left + finer.right) / 2)
        if convinced(finer):
            return finer
        rougher = ~(best.gap + best.spread <= finer.gap + finer.spread)  # true also where best is NaN
        best = Slopes(*(np.where(rougher, new, old) for new, old in zip(finer, best, strict=True)))
    return best
