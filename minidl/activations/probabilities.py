"""Scores into probabilities: sigmoid for one unit on its own, softmax for units that share a total of 1.

    sigmoid(z) = 1 / (1 + e⁻ᶻ)              softmax(z)_c = e^(z_c) / Σ_k e^(z_k)

The scores z are called logits. Computed as they stand, both formulas overflow: e^89 is too large for
float32. So the sigmoid takes e^(−|z|), and softmax first subtracts the largest z of the row, which changes
nothing: numerator and denominator shrink by the same factor.

A probability remembers less than its logit. Near 1 float32 goes in steps of 6·10⁻⁸, so 1 − p is coarse there;
below 10⁻⁴⁵ it has only 0. A loss that takes log p must keep p away from 0 (Keras clips at 10⁻⁷), and what lay
beyond is lost. The losses of minidl therefore go back to the logits: `softmax` (along the last axis) and
`sigmoid` write them into `Tensor.origin`.

Infinite logits: −∞ has probability 0; a row of nothing but −∞ (everything masked) gives zeros and no
gradient. A row with +∞ or NaN gives NaN, because it means that training has diverged, and that must show.
"""

from typing import Any

import numpy as np

from minidl.activations.inputs import float_tensor
from minidl.backend import Array
from minidl.devices import on_gpu
from minidl.messages import say
from minidl.tensor import Function, Tensor
from minidl.utils.checks import whole_number
from minidl.utils.warned import warn

__all__ = [
    "LogSigmoid", "LogSoftmax", "Sigmoid", "Softmax", "log_sigmoid", "log_softmax", "sigmoid", "softmax",
]  # fmt: skip


def minus_magnitude(x: Array) -> Array:
    """−|x|, also for the complex numbers of a complex step."""
    return np.where(np.real(x) < 0, x, -x)


class Sigmoid(Function):
    """y = 1 / (1 + e⁻ˣ).  dx = dy·y·(1 − y)."""

    kernel = "sigmoid"

    @staticmethod
    def forward(x: Array) -> tuple[Array, Array]:
        e = np.exp(minus_magnitude(x))  # in (0, 1]
        y = np.where(np.real(x) < 0, e, 1) / (1 + e)
        return y, y

    @staticmethod
    def backward(dy: Array, y: Array) -> tuple[Array]:
        return (dy * y * (1 - y),)


class LogSigmoid(Function):
    """y = −log(1 + e⁻ˣ) = min(x, 0) − log(1 + e^(−|x|)).  dx = dy·sigmoid(−x)."""

    @staticmethod
    def forward(x: Array) -> tuple[Array, Array]:
        return np.minimum(x, 0) - np.log1p(np.exp(minus_magnitude(x))), x

    @staticmethod
    def backward(dy: Array, x: Array) -> tuple[Array]:
        return (dy * Sigmoid.forward(-x)[0],)


def shifted(x: Array, axis: int) -> tuple[Array, Array, Array]:
    """z = x − max x, e^z, and Σ e^z along the axis; a sum of 0 (all of x is −∞) becomes 1."""
    lowest = np.finfo(x.dtype).min  # x − max x is −∞ too where all of x is −∞
    if on_gpu(x) and x.shape[axis]:  # CuPy's max has no initial
        largest = np.maximum(np.real(x).max(axis=axis, keepdims=True), lowest)
    else:
        largest = np.real(x).max(axis=axis, keepdims=True, initial=lowest)
    with np.errstate(invalid="ignore"):  # ∞ − ∞ is the NaN that the module's docstring promises
        z = x - largest
    e = np.exp(z)
    total = e.sum(axis=axis, keepdims=True)
    return z, e, total + (total == 0)


class Softmax(Function):
    """y_c = e^(x_c) / Σ_k e^(x_k).  dx = y·(dy − Σ_k dy_k·y_k)."""

    kernel = "softmax"

    @staticmethod
    def forward(x: Array, *, axis: int) -> tuple[Array, Any]:
        _, e, total = shifted(x, axis)
        y = e / total
        return y, (y, axis)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array]:
        y, axis = cache
        return (y * (dy - np.sum(dy * y, axis=axis, keepdims=True)),)


class LogSoftmax(Function):
    """y_c = x_c − log Σ_k e^(x_k).  dx = dy − softmax(x)·Σ_k dy_k."""

    @staticmethod
    def forward(x: Array, *, axis: int) -> tuple[Array, Any]:
        z, e, total = shifted(x, axis)
        return z - np.log(total), (e, total, axis)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array]:
        e, total, axis = cache
        return (dy - e / total * np.sum(dy, axis=axis, keepdims=True),)


def sigmoid(x: Any) -> Tensor:
    """1 / (1 + e⁻ˣ), between 0 and 1: the probability of "yes".

    Args:
        x: tensor or array of any shape.

    >>> sigmoid([-10000.0, 0.0, 10000.0]).numpy()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    x = float_tensor(x)
    y = Sigmoid.apply(x)
    y.origin = ("sigmoid", x)
    return y


def log_sigmoid(x: Any) -> Tensor:
    """log(sigmoid(x)), exact where the sigmoid itself is 0.

    >>> log_sigmoid([-10000.0, 0.0]).numpy()
    array([-1.0000...e+04, -6.9314...e-01], dtype=float32)
    """
    return LogSigmoid.apply(float_tensor(x))


def softmax(x: Any, axis: int = -1) -> Tensor:
    """Scores into positive numbers that sum to 1 along `axis`.

    Args:
        x: tensor or array (..., C) of at least one axis.
        axis: the axis that sums to 1. Over an axis of size 1 the answer is always 1, so that warns.

    Raises:
        ValueError: `x` has no such axis.

    >>> softmax([[0.0, 0.0], [10000.0, -10000.0]]).numpy()
    array([[0.5, 0.5],
           [1. , 0. ]], dtype=float32)
    """
    x = float_tensor(x)
    axis = _axis("softmax", x, axis)
    if x.shape[axis] == 1:
        warn(
            f"softmax over an axis of size 1 (shape {x.shape}) always gives 1: the model cannot learn. "
            "For one unit use activation='sigmoid'."
        )
    y = Softmax.apply(x, axis=axis)
    if axis == -1:
        y.origin = ("softmax", x)
    return y


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """log(softmax(x)), exact where the softmax itself is 0. Arguments as `softmax`.

    >>> log_softmax([10000.0, 0.0]).numpy()
    array([     0., -10000.], dtype=float32)
    """
    x = float_tensor(x)
    return LogSoftmax.apply(x, axis=_axis("log_softmax", x, axis))


def _axis(function: str, x: Tensor, axis: int) -> int:
    """`axis` counted from the end, so that the last is −1."""
    if not isinstance(axis, int):
        axis = whole_number(function, "axis", axis)
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(
            say(f"{function} along axis {axis} got a tensor of shape {x.shape}, which has no such axis.")
        )
    return axis % x.ndim - x.ndim
