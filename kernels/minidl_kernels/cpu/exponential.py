"""eˣ, log(1 + t) and tanh for compiled loops, in a form that lets the compiler take a whole vector of numbers at once.

The functions of the C library take one number at a time. These are sums of powers over a short interval,
where few terms give every digit, and there is no branch:

    eˣ = 2ⁿ · e^r                       n = x/log 2, rounded    |r| ≤ log(2)/2      e^r = Σ r^k / k!
    log(1 + t) = 2·artanh(t/(2 + t))                            t ≤ √2 − 1          artanh s = s · Σ s^2k / (2k + 1)
               = log 2 + log(1 + (t − 1)/2)                     t > √2 − 1

n·log 2 is subtracted in two pieces, of which the first has so few digits that its product is exact. 2ⁿ is made
by writing n where a float keeps its exponent. x is not above 0, or NaN; an eˣ too small for a normal float is 0.

    tanh |x| = −m / (2 + m)         m = e^(−2|x|) − 1 = 2ⁿ·(e^r − 1) + (2ⁿ − 1)

1 is taken away before the sum of powers is complete, so that a small x keeps all its digits.
"""

import math
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import config
from numba.core import types
from numba.extending import intrinsic

from minidl_kernels.cpu.fragment import choice, fragment

__all__ = ["exp_of_negative", "log_1_plus", "tanh"]


class _Constants(NamedTuple):
    """Of one float type; coefficients from the highest power down."""

    inverse: Any  # 1/log 2
    high: Any  # log 2 in two pieces
    low: Any
    exponential: Any
    minus_1: Any  # (e^r − 1)/r
    artanh: Any
    smallest: Any  # x whose eˣ is a normal float
    flat: Any  # x from which on tanh x is 1


def _constants(
    number: Any, digits: int, exponential: int, artanh: int, smallest: float, flat: float
) -> _Constants:
    high = round(math.log(2) * 2**digits) / 2**digits
    powers = tuple(number(1 / math.factorial(k)) for k in range(exponential, -1, -1))
    return _Constants(
        number(1 / math.log(2)),
        number(high),
        number(float(Decimal(2).ln() - Decimal(high))),
        powers,
        powers[:-1],
        tuple(number(2 / (2 * k + 1)) for k in range(artanh, -1, -1)),
        number(smallest),
        number(flat),
    )


_32 = _constants(np.float32, 12, 7, 5, -87, 10)
_64 = _constants(np.float64, 40, 13, 10, -708, 20)


@intrinsic
def _floor(typing, x):
    """The whole number below x, as a float."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.call(builder.module.declare_intrinsic("llvm.floor", [values[0].type]), values)

    return x(x), emit


@intrinsic
def _two_to(typing, n):
    """2ⁿ for a float n that is a whole number."""
    bits, bias, digits = (32, 127, 23) if n == types.float32 else (64, 1023, 52)

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        integer = ir.IntType(bits)
        exponent = builder.add(builder.fptosi(values[0], integer), ir.Constant(integer, bias))
        return builder.bitcast(builder.shl(exponent, ir.Constant(integer, digits)), values[0].type)

    return n(n), emit


if config.DISABLE_JIT:
    _floor = np.floor

    def _two_to(n):
        return type(n)(math.ldexp(1.0, int(n)))


@fragment
def _powers(coefficients, x):
    total = coefficients[0]
    for k in range(1, len(coefficients)):
        total = total * x + coefficients[k]
    return total


@fragment
def _exp_32(x):
    safe = x if x > _32.smallest else _32.smallest  # −∞ and NaN are no integers
    n = _floor(safe * _32.inverse + np.float32(0.5))
    scale = _two_to(n)
    y = _powers(_32.exponential, safe - n * _32.high - n * _32.low) * scale
    return np.float32(0) if x < _32.smallest else y if x == x else x


@fragment
def _exp_64(x):
    safe = x if x > _64.smallest else _64.smallest
    n = _floor(safe * _64.inverse + 0.5)
    scale = _two_to(n)
    y = _powers(_64.exponential, safe - n * _64.high - n * _64.low) * scale
    return 0.0 if x < _64.smallest else y if x == x else x


@fragment
def _tanh_32(x):
    size = -x if x < np.float32(0) else x
    twice = np.float32(-2) * (size if size < _32.flat else _32.flat)
    n = _floor(twice * _32.inverse + np.float32(0.5))
    scale = _two_to(n)
    r = twice - n * _32.high - n * _32.low
    m = r * _powers(_32.minus_1, r) * scale + (scale - np.float32(1))
    y = m / (m + np.float32(2))
    return y if x < np.float32(0) else -y if x == x else x


@fragment
def _tanh_64(x):
    size = -x if x < 0.0 else x
    twice = -2.0 * (size if size < _64.flat else _64.flat)
    n = _floor(twice * _64.inverse + 0.5)
    scale = _two_to(n)
    r = twice - n * _64.high - n * _64.low
    m = r * _powers(_64.minus_1, r) * scale + (scale - 1.0)
    y = m / (m + 2.0)
    return y if x < 0.0 else -y if x == x else x


@fragment
def _log(t, constants):
    one = constants.exponential[-1]
    two = one + one
    far = t * t + two * t > one  # 1 + t > √2
    s = (t - one) / (t + two + one) if far else t / (t + two)
    return s * _powers(constants.artanh, s * s) + (constants.high + constants.low if far else one - one)


def exp_of_negative(x):
    """eˣ for x <= 0, −∞ included."""
    return np.exp(x)


def log_1_plus(t):
    """log(1 + t) for t in [0, 1]."""
    return np.log1p(t)


def tanh(x):
    """tanh x for any x."""
    return np.tanh(x)


@choice(exp_of_negative)
def _exp_of_negative(x):
    if x == types.float32:
        return lambda x: _exp_32(x)
    return lambda x: _exp_64(x)


@choice(log_1_plus)
def _log_1_plus(t):
    if t == types.float32:
        return lambda t: _log(t, _32)
    return lambda t: _log(t, _64)


@choice(tanh)
def _tanh(x):
    if x == types.float32:
        return lambda x: _tanh_32(x)
    return lambda x: _tanh_64(x)
