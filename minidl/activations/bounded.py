"""S-shaped functions that stay within bounds, apart from the sigmoid (see `probabilities`).

Far from 0 they are flat, and a flat function passes no gradient on: such a unit is called saturated.
"""

from typing import Any

import numpy as np

from minidl.activations.inputs import float_tensor
from minidl.activations.probabilities import minus_magnitude
from minidl.backend import Array
from minidl.tensor import Function, Tensor

__all__ = ["HardSigmoid", "Softsign", "Tanh", "hard_sigmoid", "hard_tanh", "softsign", "tanh"]


class Tanh(Function):
    """y = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ).  dx = dy·(1 − y²)."""

    kernel = "tanh"

    @staticmethod
    def forward(x: Array) -> tuple[Array, Array]:
        y = np.tanh(x)
        return y, y

    @staticmethod
    def backward(dy: Array, y: Array) -> tuple[Array]:
        return (dy * (1 - y * y),)


class Softsign(Function):
    """y = x / (1 + |x|).  dx = dy / (1 + |x|)²."""

    @staticmethod
    def forward(x: Array) -> tuple[Array, Array]:
        bottom = 1 - minus_magnitude(x)
        with np.errstate(invalid="ignore"):  # ∞/∞ is NaN: training has diverged
            return x / bottom, bottom

    @staticmethod
    def backward(dy: Array, bottom: Array) -> tuple[Array]:
        return (dy / bottom / bottom,)


class HardSigmoid(Function):
    """y = (x + 3)/6 held between 0 and 1.  dx = dy/6 strictly between −3 and 3, else 0."""

    @staticmethod
    def forward(x: Array) -> tuple[Array, Array]:
        return np.minimum(np.maximum(x / 6 + 0.5, 0), 1), np.fabs(np.real(x)) < 3

    @staticmethod
    def backward(dy: Array, rising: Array) -> tuple[Array]:
        return (np.where(rising, dy / 6, 0),)


def tanh(x: Any) -> Tensor:
    """The hyperbolic tangent, between −1 and 1.

    >>> tanh([-10000.0, 0.0]).numpy()
    array([-1.,  0.], dtype=float32)
    """
    return Tanh.apply(float_tensor(x))


def softsign(x: Any) -> Tensor:
    """x / (1 + |x|): like tanh between −1 and 1, but it approaches them slowly.

    J. Bergstra et al., "Quadratic polynomials learn better image features" (2009).

    >>> softsign([-3.0, 1.0]).numpy()
    array([-0.75,  0.5 ], dtype=float32)
    """
    return Softsign.apply(float_tensor(x))


def hard_sigmoid(x: Any) -> Tensor:
    """relu6(x + 3) / 6: a sigmoid of straight lines, 0 up to −3 and 1 from 3 on.

    >>> hard_sigmoid([-4.0, 0.0, 1.0]).numpy()
    array([0. ..., 0.5 ..., 0.666666...], dtype=float32)
    """
    return HardSigmoid.apply(float_tensor(x))


def hard_tanh(x: Any) -> Tensor:
    """x held between −1 and 1.

    >>> hard_tanh([-4.0, 0.5]).numpy()
    array([-1. ,  0.5], dtype=float32)
    """
    return float_tensor(x).clip(-1.0, 1.0)
