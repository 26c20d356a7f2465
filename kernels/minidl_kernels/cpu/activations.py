"""relu, sigmoid and softmax, each in one pass over memory.

    relu      y = max(x, 0)                         dx = dy where y > 0, else 0
    sigmoid   y = 1 / (1 + e⁻ˣ)                     dx = dy·y·(1 − y)
    softmax   y_c = e^(x_c − max x) / Σ             dx = y·(dy − Σ dy·y)       along the last axis

NumPy makes a pass for every operation, with an array between them that is written and read again.
"""

from typing import Any

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.cpu.arrays import floats, gradient_of, ready
from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.exponential import exp_of_negative
from minidl_kernels.cpu.fragment import fragment
from minidl_kernels.cpu.memory import empty
from minidl_kernels.cpu.pool import run, shares

__all__ = ["KERNELS", "probabilities"]


@fragment
def _share(x, part, parts):
    """One part of a flat array. Loops over it begin at 0, which is what lets the compiler take vectors."""
    return x[part * len(x) // parts : (part + 1) * len(x) // parts]


@compiled
def _relu(counter, parts, x, y):
    zero = x.dtype.type(0)
    while True:
        part = take(counter)
        if part >= parts:
            return
        x_, y_ = _share(x, part, parts), _share(y, part, parts)
        for i in range(len(x_)):
            y_[i] = zero if x_[i] <= zero else x_[i]


@compiled
def _relu_backward(counter, parts, dy, y, dx):
    zero = y.dtype.type(0)
    while True:
        part = take(counter)
        if part >= parts:
            return
        dy_, y_, dx_ = _share(dy, part, parts), _share(y, part, parts), _share(dx, part, parts)
        for i in range(len(dy_)):
            dx_[i] = dy_[i] if y_[i] > zero else zero


@compiled
def _sigmoid(counter, parts, x, y):
    zero, one = x.dtype.type(0), x.dtype.type(1)
    while True:
        part = take(counter)
        if part >= parts:
            return
        x_, y_ = _share(x, part, parts), _share(y, part, parts)
        for i in range(len(x_)):
            e = exp_of_negative(x_[i] if x_[i] < zero else -x_[i])
            y_[i] = (e if x_[i] < zero else one) / (one + e)


@compiled
def _sigmoid_backward(counter, parts, dy, y, dx):
    one = y.dtype.type(1)
    while True:
        part = take(counter)
        if part >= parts:
            return
        dy_, y_, dx_ = _share(dy, part, parts), _share(y, part, parts), _share(dx, part, parts)
        for i in range(len(dy_)):
            dx_[i] = dy_[i] * y_[i] * (one - y_[i])


@fragment
def _largest(x):
    """max x, NaN left out; four candidates side by side do not wait for each other."""
    a = b = c = d = x.dtype.type(-np.inf)
    whole = len(x) // 4 * 4
    for i in range(0, whole, 4):
        a, b, c, d = max(a, x[i]), max(b, x[i + 1]), max(c, x[i + 2]), max(d, x[i + 3])
    for i in range(whole, len(x)):
        a = max(a, x[i])
    return max(max(a, b), max(c, d))


@fragment
def _total(x):
    """Σ x by four sums side by side, which also round less than one."""
    a = b = c = d = x.dtype.type(0)
    whole = len(x) // 4 * 4
    for i in range(0, whole, 4):
        a, b, c, d = a + x[i], b + x[i + 1], c + x[i + 2], d + x[i + 3]
    for i in range(whole, len(x)):
        a += x[i]
    return (a + b) + (c + d)


@fragment
def probabilities(x, y, shift, total, begin, end):
    """y = softmax of the rows begin ... end − 1 of x, with shift = max x and total = Σ e^(x − shift) of each row.

    Three passes over rows that stay near the processor. The one in the middle, which has the work, does not
    care where a row ends. A row of nothing but −∞ gives zeros, one with +∞ or NaN gives NaN.
    """
    n, zero, one = x.shape[1], x.dtype.type(0), x.dtype.type(1)
    for row in range(begin, end):
        largest = _largest(x[row])
        shift[row] = zero if largest == -np.inf else largest
        for c in range(n):
            y[row, c] = x[row, c] - shift[row]
    flat = y[begin:end].reshape(-1)
    for i in range(len(flat)):
        flat[i] = exp_of_negative(flat[i])
    for row in range(begin, end):
        sum_of_row = _total(y[row])
        total[row] = one if sum_of_row == zero else sum_of_row
        for c in range(n):
            y[row, c] /= total[row]


@compiled
def _softmax(counter, parts, x, y, shift, total):
    while True:
        part = take(counter)
        if part >= parts:
            return
        probabilities(x, y, shift, total, part * len(x) // parts, (part + 1) * len(x) // parts)


@compiled
def _softmax_backward(counter, parts, dy, y, dx):
    n = y.shape[1]
    while True:
        part = take(counter)
        if part >= parts:
            return
        for row in range(part * len(y) // parts, (part + 1) * len(y) // parts):
            for c in range(n):
                dx[row, c] = dy[row, c] * y[row, c]
            inner = _total(dx[row])
            for c in range(n):
                dx[row, c] = y[row, c] * (dy[row, c] - inner)


def _elementwise(forward: Any, backward: Any) -> tuple[Any, Any]:
    """The pair of an op y = f(x) whose gradient is a function of dy and y."""

    def of(x: Any) -> tuple[Any, Any]:
        x = ready(x)
        y = empty(x.shape, x.dtype)
        run(forward, shares(x.size), x.reshape(-1), y.reshape(-1))
        return y, y

    def gradient(dy: Any, y: Any) -> tuple[Any]:
        dx = empty(y.shape, y.dtype)
        dy = gradient_of(dy, y.shape, y.dtype)
        run(backward, shares(y.size), dy.reshape(-1), y.reshape(-1), dx.reshape(-1))
        return (dx,)

    return of, gradient


relu_forward, relu_backward = _elementwise(_relu, _relu_backward)
sigmoid_forward, sigmoid_backward = _elementwise(_sigmoid, _sigmoid_backward)


def softmax_forward(x: Any, *, axis: int) -> tuple[Any, Any]:
    """x (..., C) -> y (..., C)."""
    x = ready(x)
    y = empty(x.shape, x.dtype)
    rows = x.reshape(-1, x.shape[-1])
    shift, total = np.empty((2, len(rows)), x.dtype)
    run(_softmax, shares(x.size), rows, y.reshape(rows.shape), shift, total)
    return y, y


def softmax_backward(dy: Any, y: Any) -> tuple[Any]:
    """dy (..., C) -> dx (..., C)."""
    dx = empty(y.shape, y.dtype)
    shape = (-1, y.shape[-1])
    dy = gradient_of(dy, y.shape, y.dtype)
    run(_softmax_backward, shares(y.size), dy.reshape(shape), y.reshape(shape), dx.reshape(shape))
    return (dx,)


def _softmax_supports(x: Any, *, axis: int) -> bool:
    return floats(x) and x.ndim > 0 and axis in (-1, x.ndim - 1)


KERNELS = {
    "relu": Kernel(relu_forward, relu_backward, floats, repeats=True),
    "sigmoid": Kernel(sigmoid_forward, sigmoid_backward, floats, repeats=True),
    "softmax": Kernel(softmax_forward, softmax_backward, _softmax_supports, repeats=True),
}
