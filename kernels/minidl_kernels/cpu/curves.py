"""The curves inside a recurrent step, over whole rows: y = a(z) in place, and dz = d·a'(z) from y alone.

    tanh           1 − y²              relu             1 where y > 0
    sigmoid        y·(1 − y)           hard_sigmoid     1/6 where 0 < y < 1
    softsign       (1 − |y|)²          linear           1

A curve comes as a number, and each has a loop of its own: a choice inside of a loop would keep it from vectors.
"""

from minidl_kernels.cpu.exponential import exp_of_negative, tanh
from minidl_kernels.cpu.fragment import fragment

__all__ = ["CURVES", "back", "bend"]

TANH, SIGMOID, RELU, HARD_SIGMOID, SOFTSIGN, LINEAR = range(6)
CURVES = {
    "tanh": TANH, "sigmoid": SIGMOID, "relu": RELU, "hard_sigmoid": HARD_SIGMOID, "softsign": SOFTSIGN,
    "linear": LINEAR,
}  # fmt: skip


@fragment
def bend(curve, y):
    """y = a(y)."""
    zero, one, six, half = y.dtype.type(0), y.dtype.type(1), y.dtype.type(6), y.dtype.type(0.5)
    if curve == TANH:
        for j in range(len(y)):
            y[j] = tanh(y[j])
    elif curve == SIGMOID:
        for j in range(len(y)):
            e = exp_of_negative(y[j] if y[j] < zero else -y[j])
            y[j] = (e if y[j] < zero else one) / (one + e)
    elif curve == RELU:
        for j in range(len(y)):
            y[j] = zero if y[j] <= zero else y[j]
    elif curve == HARD_SIGMOID:
        for j in range(len(y)):
            line = y[j] / six + half
            y[j] = zero if line <= zero else one if line >= one else line
    elif curve == SOFTSIGN:
        for j in range(len(y)):
            y[j] = y[j] / (one + (-y[j] if y[j] < zero else y[j]))


@fragment
def back(curve, d, factor, y, dz):
    """dz = d·factor·a'(z). `dz` is none of the other arrays."""
    zero, one, six = y.dtype.type(0), y.dtype.type(1), y.dtype.type(6)
    if curve == TANH:
        for j in range(len(y)):
            dz[j] = d[j] * factor[j] * (one - y[j] * y[j])
    elif curve == SIGMOID:
        for j in range(len(y)):
            dz[j] = d[j] * factor[j] * y[j] * (one - y[j])
    elif curve == RELU:
        for j in range(len(y)):
            dz[j] = d[j] * factor[j] if y[j] > zero else zero
    elif curve == HARD_SIGMOID:
        for j in range(len(y)):
            dz[j] = d[j] * factor[j] / six if zero < y[j] < one else zero
    elif curve == SOFTSIGN:
        for j in range(len(y)):
            rest = one - (-y[j] if y[j] < zero else y[j])
            dz[j] = d[j] * factor[j] * (rest * rest)
    else:
        for j in range(len(y)):
            dz[j] = d[j] * factor[j]
