"""Smooth relatives of ReLU: x times a gate that opens from 0 to 1, and the integral of the sigmoid.

    silu(x) = x·sigmoid(x)      gelu(x) = x·Φ(x)      mish(x) = x·tanh(softplus(x))

Each follows x on the right and 0 on the left, and dips a little below 0 in between, so that a unit just
below 0 still gets a gradient. With g the gate, dx = dy·(g + x·g′).
"""

import math
from typing import Any, NamedTuple

import numpy as np

from minidl.activations.bounded import HardSigmoid, tanh
from minidl.activations.inputs import float_tensor
from minidl.activations.probabilities import Sigmoid, minus_magnitude, sigmoid
from minidl.backend import Array
from minidl.primitives.shaping import split
from minidl.special import erfc
from minidl.tensor import Function, Tensor
from minidl.utils.misfits import MISFITS, misfit

__all__ = [
    "Exponential", "Gelu", "GeluTanh", "HardSilu", "Mish", "Silu", "Softplus", "exponential", "gelu", "glu",
    "hard_silu", "mish", "silu", "softplus", "tanh_shrink",
]  # fmt: skip

_SLOPE, _CUBIC = math.sqrt(2 / math.pi), 0.044715  # of the approximate gelu
_FLAT = 40.0  # beyond it every gate here is 0 or 1 in float64; holding x there keeps squares from overflowing


class Gated(NamedTuple):
    """What the backward of y = x·g(x) needs: x and g(x)."""

    x: Array
    gate: Array


def _open(x: Array, gate: Array) -> tuple[Array, Gated]:
    """y = x·g.  At x = −∞ it is −∞·0, the NaN that shows that training has diverged."""
    with np.errstate(invalid="ignore"):
        return x * gate, Gated(x, gate)


def _through(dy: Array, cache: Gated, slope: Array) -> tuple[Array]:
    """dx = dy·(g + x·g′), where `slope` is g′."""
    with np.errstate(invalid="ignore"):
        return (dy * (cache.gate + cache.x * slope),)


def _held(x: Array) -> Array:
    """x within ±40."""
    return np.minimum(np.maximum(x, -_FLAT), _FLAT)


class Silu(Function):
    """y = x·s, s = sigmoid(x).  s′ = s·(1 − s)."""

    @staticmethod
    def forward(x: Array) -> tuple[Array, Gated]:
        return _open(x, Sigmoid.forward(x)[0])

    @staticmethod
    def backward(dy: Array, cache: Gated) -> tuple[Array]:
        s = cache.gate
        return _through(dy, cache, s * (1 - s))


class HardSilu(Function):
    """y = x·h, h = (x + 3)/6 held between 0 and 1.  h′ = 1/6 strictly between −3 and 3, else 0."""

    @staticmethod
    def forward(x: Array) -> tuple[Array, Gated]:
        return _open(x, HardSigmoid.forward(x)[0])

    @staticmethod
    def backward(dy: Array, cache: Gated) -> tuple[Array]:
        return _through(dy, cache, (np.fabs(cache.x) < 3).astype(dy.dtype) / 6)


class Gelu(Function):
    """y = x·Φ(x), Φ(x) = erfc(−x/√2)/2.  Φ′(x) = e^(−x²/2)/√(2π), the normal density."""

    @staticmethod
    def forward(x: Array) -> tuple[Array, Gated]:
        return _open(x, 0.5 * erfc(x * -math.sqrt(0.5)))

    @staticmethod
    def backward(dy: Array, cache: Gated) -> tuple[Array]:
        return _through(dy, cache, np.exp(-0.5 * _held(cache.x) ** 2) / math.sqrt(2 * math.pi))


class GeluTanh(Function):
    """y = x·g, g = (1 + tanh u)/2 = sigmoid(2u), u = √(2/π)·(x + 0.044715·x³).  g′ = 2·g·(1 − g)·du/dx."""

    @staticmethod
    def forward(x: Array) -> tuple[Array, Gated]:
        h = _held(x)
        return _open(x, Sigmoid.forward(2 * _SLOPE * (h + _CUBIC * h**3))[0])

    @staticmethod
    def backward(dy: Array, cache: Gated) -> tuple[Array]:
        g = cache.gate
        return _through(dy, cache, 2 * g * (1 - g) * _SLOPE * (1 + 3 * _CUBIC * _held(cache.x) ** 2))


class Softplus(Function):
    """y = log(1 + eˣ) = max(x, 0) + log(1 + e^(−|x|)).  dx = dy·sigmoid(x)."""

    @staticmethod
    def forward(x: Array) -> tuple[Array, Array]:
        return np.maximum(x, 0) + np.log1p(np.exp(minus_magnitude(x))), x

    @staticmethod
    def backward(dy: Array, x: Array) -> tuple[Array]:
        return (dy * Sigmoid.forward(x)[0],)


class Mish(Function):
    """y = x·t, t = tanh(softplus(x)).  t′ = (1 − t²)·sigmoid(x)."""

    @staticmethod
    def forward(x: Array) -> tuple[Array, Gated]:
        return _open(x, np.tanh(Softplus.forward(x)[0]))

    @staticmethod
    def backward(dy: Array, cache: Gated) -> tuple[Array]:
        t = cache.gate
        return _through(dy, cache, (1 - t * t) * Sigmoid.forward(cache.x)[0])


class Exponential(Function):
    """y = eˣ.  dx = dy·y.  Beyond 88.7 (float32) or 709.8 (float64) it is ∞, without a warning."""

    @staticmethod
    def forward(x: Array) -> tuple[Array, Array]:
        with np.errstate(over="ignore"):
            y = np.exp(x)
        return y, y

    @staticmethod
    def backward(dy: Array, y: Array) -> tuple[Array]:
        return (dy * y,)


def gelu(x: Any, approximate: bool = False) -> Tensor:
    """The Gaussian error linear unit x·Φ(x), where Φ(x) is the share of a standard normal below x.

    Args:
        x: tensor or array of any shape.
        approximate: take ½·(1 + tanh(√(2/π)·(x + 0.044715·x³))) for Φ(x); it is off by up to 2·10⁻⁴.

    D. Hendrycks and K. Gimpel (2016), arXiv:1606.08415.

    >>> gelu([-1.0, 0.0, 1.0]).numpy()
    array([-0.158655...,  0.        ,  0.84134...], dtype=float32)
    """
    return (GeluTanh if approximate else Gelu).apply(float_tensor(x))


def silu(x: Any) -> Tensor:
    """x·sigmoid(x), also known as swish.

    S. Elfwing et al. (2017), arXiv:1702.03118; P. Ramachandran et al. (2017), arXiv:1710.05941.

    >>> silu([-10000.0, 0.0, 1.0]).numpy()
    array([-0. ...,  0. ...,  0.73105...], dtype=float32)
    """
    return Silu.apply(float_tensor(x))


def hard_silu(x: Any) -> Tensor:
    """x·hard_sigmoid(x), a silu without an exponential; also known as hard_swish.

    A. Howard et al. (2019), arXiv:1905.02244.

    >>> hard_silu([-4.0, 3.0]).numpy()
    array([-0.,  3.], dtype=float32)
    """
    return HardSilu.apply(float_tensor(x))


def softplus(x: Any) -> Tensor:
    """log(1 + eˣ): a ReLU with a round corner, always above 0. C. Dugas et al. (2001).

    >>> softplus([-10000.0, 0.0, 10000.0]).numpy()
    array([0.0000...e+00, 6.9314...e-01, 1.0000...e+04], dtype=float32)
    """
    return Softplus.apply(float_tensor(x))


def mish(x: Any) -> Tensor:
    """x·tanh(softplus(x)). D. Misra (2019), arXiv:1908.08681.

    >>> mish([0.0, 1.0]).numpy()
    array([0. ..., 0.86509...], dtype=float32)
    """
    return Mish.apply(float_tensor(x))


def exponential(x: Any) -> Tensor:
    """eˣ: for an output that must be positive, such as the rate that the `poisson` loss expects.

    >>> exponential([0.0, 1.0]).numpy()
    array([1. ..., 2.71828...], dtype=float32)
    """
    return Exponential.apply(float_tensor(x))


def tanh_shrink(x: Any) -> Tensor:
    """x − tanh(x).

    >>> tanh_shrink([0.0, 100.0]).numpy()
    array([ 0., 99.], dtype=float32)
    """
    x = float_tensor(x)
    return x - tanh(x)


def glu(x: Any, axis: int = -1) -> Tensor:
    """The gated linear unit: the first half of `axis` times the sigmoid of the second half.

    Y. Dauphin et al. (2016), arXiv:1612.08083.

    >>> glu([[1.0, 2.0, 0.0, 100.0]]).numpy()
    array([[0.5, 2. ]], dtype=float32)
    """
    try:
        linear, gate = split(float_tensor(x), 2, axis)
    except MISFITS as error:
        misfit(glu, (x, axis), {}, error)
    return linear * sigmoid(gate)
