"""Initializers that draw from a distribution whose width the user gives."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from minidl import config, random
from minidl.backend import Array
from minidl.initializers.fixed import Initializer
from minidl.messages import say
from minidl.random import OUTSIDE, SeedGenerator
from minidl.utils.checks import chosen, number, sizes
from minidl.utils.registry import deserialize_object, serialize_object

__all__ = ["Orthogonal", "RandomInitializer", "RandomNormal", "RandomUniform", "TruncatedNormal"]


class RandomInitializer(Initializer):
    """Base class of those that draw.

    Args:
        seed: a whole number, the same for the same values; None for values of its own, fixed when it is
            made; a `SeedGenerator` for new values at each call.

    Raises:
        TypeError, ValueError: `seed` is neither, or out of [0, 2^64).
    """

    def __init__(self, seed: int | SeedGenerator | Mapping[str, Any] | None = None):
        if isinstance(seed, Mapping):  # from a config
            read = partial(deserialize_object, "seed", {"SeedGenerator": SeedGenerator})
            seed = chosen(type(self).__name__, "seed", read, seed)
        self.seed = seed
        new = not isinstance(seed, SeedGenerator)
        self._source: SeedGenerator = (
            chosen(type(self).__name__, "seed", SeedGenerator, seed) if new else seed  # type: ignore[assignment]
        )

    def _generator(self) -> np.random.Generator:
        return self._source.next() if self._source is self.seed else self._source.at(OUTSIDE)

    def get_config(self) -> dict[str, Any]:
        return {"seed": serialize_object(self.seed) if self._source is self.seed else self.seed}


class RandomNormal(RandomInitializer):
    """w from the normal distribution with `mean` and `stddev` >= 0; `seed` as in `RandomInitializer`."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None):
        self.mean = number(type(self).__name__, "mean", mean)
        self.stddev = number(type(self).__name__, "stddev", stddev, minimum=0)
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        return random.normal(shape, self.mean, self.stddev, dtype, self._generator()).numpy()

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class TruncatedNormal(RandomNormal):
    """As `RandomNormal`, without the values further than two `stddev` from the mean (drawn again)."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self._generator()).numpy()


class RandomUniform(RandomInitializer):
    """w evenly from [minval, maxval); `seed` as in `RandomInitializer`."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None):
        self.minval = number("RandomUniform", "minval", minval)
        self.maxval = number("RandomUniform", "maxval", maxval, minimum=self.minval)
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        return random.uniform(shape, self.minval, self.maxval, dtype, self._generator()).numpy()

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


class Orthogonal(RandomInitializer):
    """w = gain · Q with orthonormal rows or columns, whichever are fewer: it keeps the length of a vector.

    Q comes from the QR decomposition of a normal matrix; each column takes the sign that makes diag(R)
    positive, without which Q would not be spread evenly over all orthogonal matrices. Axes before the last
    count as one. Drawn and decomposed in float64 for every type.

    Args:
        gain: factor.
        seed: as in `RandomInitializer`.

    Reference:
        Saxe, McClelland and Ganguli 2013, "Exact solutions to the nonlinear dynamics of learning in deep
        linear neural networks", arXiv:1312.6120.

    >>> q = Orthogonal(seed=1)((2, 3), "float64")
    >>> bool(np.allclose(q @ q.T, np.eye(2)))
    True
    """

    def __init__(self, gain: float = 1.0, seed: Any = None):
        self.gain = number("Orthogonal", "gain", gain)
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        shape = sizes("Orthogonal", shape)
        if len(shape) < 2:
            raise ValueError(say(f"Orthogonal makes matrices, got the shape {shape} of rank {len(shape)}."))
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        q, r = np.linalg.qr(random.normal(tall, dtype="float64", seed=self._generator()).numpy())
        q = self.gain * q * np.copysign(1.0, np.diagonal(r))
        return (q if rows >= columns else q.T).reshape(shape).astype(dtype or config.floatx())

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, **super().get_config()}
