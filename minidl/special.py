"""Special functions on plain arrays that NumPy lacks: the error function and its complement.

    erf(x) = 2/√π ∫₀ˣ e^(−t²) dt         erfc(x) = 1 − erf(x)

The area under a normal density up to x is Φ(x) = erfc(−x/√2)/2, which the exact GELU multiplies by x. There
is no elementary formula, so the line is cut into three pieces and on each a ratio of two polynomials comes
closer than a float can tell (W. J. Cody, "Rational Chebyshev approximations for the error function",
Mathematics of Computation 23, 1969; his coefficients for 18 digits):

    |x| ≤ 0.46875       erf(x)  = x · R₁(x²)
    |x| ≤ 4             erfc(x) = e^(−x²) · R₂(x)
    |x| > 4             erfc(x) = e^(−x²)/x · (1/√π − x⁻² · R₃(x⁻²))

`erfc` has its own pieces because 1 − erf(x) would lose every digit of the tail: erfc(6) is 2·10⁻¹⁷.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import kept

__all__ = ["erf", "erfc"]

# Numerators and denominators, highest power first.
# fmt: off
_CENTRE = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
     3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_SHOULDER = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
     2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
     1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)
_TAIL = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)
# fmt: on
_FARTHEST = 30.0  # e^(−30²) is 0 in float64; beyond it a square could overflow


def _ratio(t: Array, polynomials: tuple[tuple[float, ...], tuple[float, ...]]) -> Array:
    """Numerator(t) / denominator(t), each by Horner's rule."""
    values = []
    for coefficients in polynomials:
        value = t * coefficients[0]
        for c in coefficients[1:-1]:
            value = (value + c) * t
        values.append(value + coefficients[-1])
    return values[0] / values[1]


def _bell(a: Array) -> Array:
    """e^(−a²): a is cut at a multiple of 1/16, whose square is exact, so that no digit of a² is lost."""
    cut = np.floor(a * 16) / 16
    return np.exp(-cut * cut) * np.exp(-(a - cut) * (a + cut))


def _beyond_centre(a: Array) -> Array:
    """erfc(a) for a > 0.46875."""
    y = np.empty_like(a)
    near = a <= 4
    y[near] = _ratio(a[near], _SHOULDER)
    far = a[~near]
    s = 1 / (far * far)
    y[~near] = (1 / math.sqrt(math.pi) - s * _ratio(s, _TAIL)) / far
    return y * _bell(a)


def _in_pieces(x: Array, centre: Callable[[Array], Array], outside: Callable[[Array, Array], Array]) -> Array:
    """centre(erf(x)) near 0, outside(erfc(|x|), x) elsewhere; half precision is computed in single."""
    flat = x.astype(np.result_type(x.dtype, np.float32)).ravel()
    y = np.empty_like(flat)
    a = np.minimum(np.fabs(flat), _FARTHEST)
    small = a <= 0.46875
    y[small] = centre(flat[small] * _ratio(flat[small] * flat[small], _CENTRE))
    y[~small] = outside(_beyond_centre(a[~small]), flat[~small])
    return y.reshape(x.shape).astype(x.dtype)


def _on_reals(function: Callable[[Array], Array], slope: float, x: Any) -> Array:
    """`function` of x; to first order in the imaginary part where x is complex."""
    x = kept(x)
    if x.dtype.kind != "c":
        return function(x if x.dtype.kind == "f" else x.astype(np.float64))
    step = x.imag * slope * _bell(np.minimum(np.fabs(x.real), _FARTHEST))
    return kept(function(x.real) + 1j * step).astype(x.dtype, copy=False)


def erf(x: Any) -> Array:
    """The error function, to the last digit or two of the array's type.

    Args:
        x: floats of any shape. Complex x is for complex-step derivatives, where the imaginary part is tiny:
            erf(x + ih) is taken as erf(x) + ih·erf'(x).

    >>> erf(np.array([-1.0, 0.0, 0.5]))
    array([-0.84270079,  0.        ,  0.52049988])
    """

    def on_reals(real: Array) -> Array:
        return _in_pieces(real, lambda inner: inner, lambda tail, at: np.copysign(1 - tail, at))

    return _on_reals(on_reals, 2 / math.sqrt(math.pi), x)


def erfc(x: Any) -> Array:
    """1 − erf(x), with all its digits where that is tiny. Arguments as `erf`.

    >>> erfc(np.array([0.0, 6.0]))
    array([1.00000000e+00, 2.15197367e-17])
    """

    def on_reals(real: Array) -> Array:
        return _in_pieces(real, lambda inner: 1 - inner, lambda tail, at: np.where(at < 0, 2 - tail, tail))

    return _on_reals(on_reals, -2 / math.sqrt(math.pi), x)
