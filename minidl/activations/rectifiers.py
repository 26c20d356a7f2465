"""Rectifiers: the identity on one side, flat or nearly flat on the other.

Above 0 the slope is 1, so a gradient passes through many layers without shrinking. Below 0 the variants
differ: ReLU gives 0 and no gradient (a unit that is below 0 for every sample stops learning), leaky ReLU
keeps a small slope, ELU bends towards a constant.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl.activations.inputs import float_tensor, option
from minidl.backend import Array
from minidl.tensor import Function, Tensor

__all__ = ["ELU", "BentReLU", "ReLU", "celu", "elu", "leaky_relu", "relu", "relu6", "selu"]

SELU_ALPHA = 1.6732632423543772  # with these two, activations of mean 0 and variance 1 keep both
SELU_SCALE = 1.0507009873554805


def _where(kept: Array, dy: Array) -> Array:
    """np.where(kept, dy, 0), five times as fast.

    np.where branches at each number, and a processor cannot guess the signs of activations. A product with 1 or 0 has
    no branch; of whole numbers, since 0 times infinity is none.
    """
    if dy.itemsize > 8:
        return np.where(kept, dy, 0)
    bits = f"i{dy.itemsize}"
    return (kept * dy.view(bits)).view(dy.dtype)


class ReLU(Function):
    """y = max(x, 0).  dx = dy where x > 0, else 0."""

    kernel = "relu"

    @staticmethod
    def forward(x: Array) -> tuple[Array, Array]:
        y = np.maximum(x, 0)
        return y, y

    @staticmethod
    def backward(dy: Array, y: Array) -> tuple[Array]:
        return (_where(y > 0, dy),)


class BentReLU(Function):
    """Three straight pieces: dx = slope·dy below the threshold, dy up to max_value, 0 from there on.

    At the threshold itself dx = dy if there is a slope below it (as in Keras's leaky_relu), else 0 (as in
    its relu).
    """

    @staticmethod
    def forward(x: Array, *, slope: float, max_value: float | None, threshold: float) -> tuple[Array, Any]:
        at = np.real(x)
        below = slope * (x - threshold) if slope else np.zeros_like(x)
        y = np.where(at < threshold, below, x)
        if max_value is not None:
            y = np.minimum(y, max_value)
        return y, (at, slope, max_value, threshold)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array]:
        at, slope, max_value, threshold = cache
        on_line = at >= threshold if slope else at > threshold
        dx = np.where(on_line, dy, slope * dy)
        if max_value is not None:
            dx = np.where(at < max_value, dx, 0)
        return (dx,)


class ELUCache(NamedTuple):
    x: Array  # the input
    alpha: float
    scale: float


class ELU(Function):
    """y = scale·x above 0, scale·alpha·(eˣ − 1) elsewhere.  dx = scale·dy, or scale·alpha·eˣ·dy there."""

    @staticmethod
    def forward(x: Array, *, alpha: float, scale: float) -> tuple[Array, ELUCache]:
        y = np.where(np.real(x) > 0, x, alpha * np.expm1(np.minimum(x, 0)))
        return scale * y, ELUCache(x, alpha, scale)

    @staticmethod
    def backward(dy: Array, cache: ELUCache) -> tuple[Array]:
        x, alpha, scale = cache
        return (scale * dy * np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0))),)


def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    """The rectified linear unit, max(x, 0), and its bent forms.

        max_value                               x ≥ max_value
        x                           threshold ≤ x < max_value
        negative_slope·(x − threshold)          x < threshold

    Args:
        x: tensor or array of any shape.
        negative_slope: slope below the threshold.
        max_value: the largest output, None for no bound.
        threshold: where the straight line begins.

    V. Nair and G. Hinton, "Rectified linear units improve restricted Boltzmann machines" (2010).

    >>> relu([-2.0, 0.0, 3.0]).numpy()
    array([0., 0., 3.], dtype=float32)
    >>> relu([-2.0, 0.0, 3.0], negative_slope=0.5, max_value=2.0).numpy()
    array([-1.,  0.,  2.], dtype=float32)
    """
    x = float_tensor(x)
    if not negative_slope and max_value is None and not threshold:
        return ReLU.apply(x)
    cap = None if max_value is None else option("relu", "max_value", max_value)
    slope, threshold = (
        option("relu", "negative_slope", negative_slope),
        option("relu", "threshold", threshold),
    )
    return BentReLU.apply(x, slope=slope, max_value=cap, threshold=threshold)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """x where x ≥ 0, negative_slope·x elsewhere. (The layer `LeakyReLU` has the default slope 0.3.)

    A. Maas, A. Hannun and A. Ng, "Rectifier nonlinearities improve neural network acoustic models" (2013).

    >>> leaky_relu([-1.0, 2.0]).numpy()
    array([-0.2,  2. ], dtype=float32)
    """
    return relu(x, negative_slope=negative_slope)


def relu6(x: Any) -> Tensor:
    """min(max(x, 0), 6): a ReLU whose output fits into few bits. A. Krizhevsky (2010).

    >>> relu6([-1.0, 2.0, 8.0]).numpy()
    array([0., 2., 6.], dtype=float32)
    """
    return relu(x, max_value=6.0)


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """The exponential linear unit: x above 0, alpha·(eˣ − 1) below.

    D.-A. Clevert, T. Unterthiner and S. Hochreiter (2015), arXiv:1511.07289.

    >>> elu([-100.0, 2.0]).numpy()
    array([-1.,  2.], dtype=float32)
    """
    return ELU.apply(float_tensor(x), alpha=option("elu", "alpha", alpha), scale=1.0)


def selu(x: Any) -> Tensor:
    """The self-normalising ELU: 1.0507·x above 0, 1.0507·1.6733·(eˣ − 1) below.

    With `lecun_normal` weights, a deep stack keeps mean 0 and variance 1 by itself.
    G. Klambauer et al. (2017), arXiv:1706.02515.

    >>> selu([-100.0, 1.0]).numpy()
    array([-1.75809...,  1.0507...], dtype=float32)
    """
    return ELU.apply(float_tensor(x), alpha=SELU_ALPHA, scale=SELU_SCALE)


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """An ELU whose slope at 0 is 1 for every alpha: x above 0, alpha·(e^(x/alpha) − 1) below.

    J. Barron (2017), arXiv:1704.07483.

    >>> celu([-100.0, 2.0], alpha=2.0).numpy()
    array([-2.,  2.], dtype=float32)
    """
    alpha = option("celu", "alpha", alpha)
    return alpha * elu(float_tensor(x) / alpha)
