"""Initializers whose width follows from the shape: Glorot, He, LeCun, and the rule behind them.

A unit sums `fan_in` inputs, y = Σ w_i x_i, and each of its inputs goes to `fan_out` units. With independent
terms of mean 0,

    Var(y) = fan_in · Var(w) · Var(x)        and backward        Var(dx) = fan_out · Var(w) · Var(dy)

so Var(w) = 1/fan_in keeps the size of the signal from layer to layer, 1/fan_out that of the gradient, and
2/(fan_in + fan_out) is the compromise. A ReLU sets half of the signal to 0; the scale 2 makes up for it.
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from minidl import random
from minidl.backend import Array
from minidl.initializers.drawn import RandomInitializer
from minidl.utils.checks import number, sizes
from minidl.utils.registry import lookup

__all__ = [
    "Fans", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform",
    "VarianceScaling", "compute_fans",
]  # fmt: skip

# The standard deviation of a standard normal distribution after it was cut off at -2 and 2.
_TRUNCATED_STDDEV = 0.87962566103423978
_MODES = {"fan_in": "fan_in", "fan_out": "fan_out", "fan_avg": "fan_avg"}
_DISTRIBUTIONS = {
    "truncated_normal": "truncated_normal",
    "untruncated_normal": "untruncated_normal",
    "uniform": "uniform",
    "normal": "truncated_normal",
}


class Fans(NamedTuple):
    """How many numbers flow into a unit, and from an input to how many units."""

    fan_in: int
    fan_out: int

    @property
    def fan_avg(self) -> float:
        return (self.fan_in + self.fan_out) / 2


def compute_fans(shape: Sequence[int]) -> Fans:
    """The fans of a weight: (I, U) for Dense, (K..., C, F) for a convolution, one size for a vector.

    A filter of a convolution sees K... · C numbers, and each number is seen by K... · F filters.

    >>> compute_fans((3, 3, 4, 8))
    Fans(fan_in=36, fan_out=72)
    """
    shape = sizes("compute_fans", shape)
    if len(shape) < 2:
        return Fans(math.prod(shape), math.prod(shape))
    window = math.prod(shape[:-2])
    return Fans(window * shape[-2], window * shape[-1])


class VarianceScaling(RandomInitializer):
    """w with mean 0 and Var(w) = scale / fan.

    "truncated_normal" draws with stddev √Var / 0.8796 and leaves out what lies beyond two of it, which gives
    the wanted variance; "untruncated_normal" draws with √Var; "uniform" from ±√(3 Var).

    Args:
        scale: > 0.
        mode: which fan divides: "fan_in", "fan_out" or "fan_avg", their mean. A fan below 1 counts as 1.
        distribution: "truncated_normal" (or "normal", the same), "untruncated_normal" or "uniform".
        seed: as in `RandomInitializer`.

    Raises:
        TypeError, ValueError: an argument is none of these.

    >>> w = VarianceScaling(2.0, "fan_in", "uniform", seed=1)((6, 100))
    >>> bool(abs(w).max() <= 1)  # √(3 · 2/6)
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
    ):
        self.scale = number(type(self).__name__, "scale", scale, above=0)
        self.mode = lookup("mode of VarianceScaling", _MODES, mode)
        self.distribution = lookup("distribution of VarianceScaling", _DISTRIBUTIONS, distribution)
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        variance = self.scale / max(1.0, getattr(compute_fans(shape), self.mode))
        source = self._generator()
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return random.uniform(shape, -limit, limit, dtype, source).numpy()
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0, math.sqrt(variance), dtype, source).numpy()
        return random.truncated_normal(
            shape, 0, math.sqrt(variance) / _TRUNCATED_STDDEV, dtype, source
        ).numpy()

    def get_config(self) -> dict[str, Any]:
        own = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution}
        return {**own, **super().get_config()}


class _Recipe(VarianceScaling):
    """A VarianceScaling with a name of its own, and only the seed to choose."""

    recipe: ClassVar[tuple[float, str, str]]

    def __init__(self, seed: Any = None):
        super().__init__(*self.recipe, seed=seed)

    def get_config(self) -> dict[str, Any]:
        return RandomInitializer.get_config(self)


class GlorotUniform(_Recipe):
    """w from ±√(6 / (fan_in + fan_out)), the default of most layers.

    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks".
    """

    recipe = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Recipe):
    """Truncated normal w with Var(w) = 2 / (fan_in + fan_out); from the same paper as GlorotUniform."""

    recipe = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Recipe):
    """w from ±√(6 / fan_in), for layers with ReLU.

    He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers", arXiv:1502.01852.
    """

    recipe = (2.0, "fan_in", "uniform")


class HeNormal(_Recipe):
    """Truncated normal w with Var(w) = 2 / fan_in, for layers with ReLU; from the same paper as HeUniform."""

    recipe = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Recipe):
    """w from ±√(3 / fan_in).

    LeCun, Bottou, Orr and Müller 1998, "Efficient BackProp".
    """

    recipe = (1.0, "fan_in", "uniform")


class LecunNormal(_Recipe):
    """Truncated normal w with Var(w) = 1 / fan_in, which `selu` needs.

    Klambauer, Unterthiner, Mayr and Hochreiter 2017, "Self-normalizing neural networks", arXiv:1706.02515.
    """

    recipe = (1.0, "fan_in", "truncated_normal")
