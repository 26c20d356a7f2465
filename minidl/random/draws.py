"""Tensors of random numbers, under the names of `keras.random`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl import config
from minidl.backend import Array
from minidl.messages import say
from minidl.primitives.shaping import take
from minidl.random.streams import EXPLICIT, OUTSIDE, SeedGenerator, generator, unseeded_generator
from minidl.tensor import Tensor
from minidl.utils.checks import data_type, number, sizes, whole_number

__all__ = ["Seed", "normal", "randint", "shuffle", "truncated_normal", "uniform"]

Seed = int | SeedGenerator | np.random.Generator | None


def _generator(owner: str, seed: Seed) -> np.random.Generator:
    """The generator that a `seed` argument stands for."""
    if isinstance(seed, np.random.Generator):
        return seed
    if seed is None:
        seed = unseeded_generator()
    if isinstance(seed, SeedGenerator):
        return seed.next()
    return generator(whole_number(owner, "seed", seed, 0, 2**64 - 1), EXPLICIT, OUTSIDE)


def _float_types(owner: str, dtype: Any) -> tuple[np.dtype[Any], Any]:
    """The type to return, and the one to draw in: float16 is drawn as float32."""
    wanted = np.dtype(config.floatx() if dtype is None else data_type(owner, dtype, "biufc"))
    if wanted not in (np.float16, np.float32, np.float64):
        raise ValueError(say(f"{owner} draws float16, float32 or float64, got dtype={wanted}."))
    return wanted, np.float64 if wanted == np.float64 else np.float32


def normal(
    shape: int | Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """Draws from the normal distribution, p(x) ∝ exp(−(x − mean)² / (2 stddev²)).

    Args:
        shape: of the result.
        mean: centre.
        stddev: standard deviation, >= 0.
        dtype: a float type; `config.floatx()` by default.
        seed: an int draws the same each time; a SeedGenerator, or None, something new each time (within
            `training_step`, what belongs to that step); NumPy's own Generator draws on.

    >>> normal((2, 3), seed=1).shape
    (2, 3)
    """
    mean, stddev = number("normal", "mean", mean), number("normal", "stddev", stddev, minimum=0)
    wanted, drawn = _float_types("normal", dtype)
    z = _generator("normal", seed).standard_normal(sizes("normal", shape), drawn)
    return Tensor((mean + stddev * z).astype(wanted, copy=False))


def truncated_normal(
    shape: int | Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """Draws from the normal distribution that lie within two `stddev` of `mean`; arguments as in `normal`.

    A draw beyond them (1 in 22) is thrown away and drawn again until it fits, which is exactly the truncated
    distribution. Its own standard deviation is 0.87962566103423978·stddev.

    >>> bool(np.abs(truncated_normal(1000, seed=1).numpy()).max() <= 2)
    True
    """
    owner = "truncated_normal"
    mean, stddev = number(owner, "mean", mean), number(owner, "stddev", stddev, minimum=0)
    (wanted, drawn), full = _float_types(owner, dtype), sizes(owner, shape)
    source = _generator("truncated_normal", seed)
    z = source.standard_normal(full, drawn).reshape(-1)
    beyond = np.flatnonzero(np.abs(z) > 2)
    while beyond.size:
        z[beyond] = source.standard_normal(beyond.size, drawn)
        beyond = beyond[np.abs(z[beyond]) > 2]
    return Tensor((mean + stddev * z).astype(wanted, copy=False).reshape(full))


def uniform(
    shape: int | Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """Draws spread evenly over [minval, maxval), `maxval` itself never; other arguments as in `normal`.

    >>> x = uniform(1000, 2.0, 3.0, seed=1).numpy()
    >>> bool((x >= 2).all() and (x < 3).all())
    True
    """
    minval = number("uniform", "minval", minval)
    maxval = number("uniform", "maxval", maxval, minimum=minval)
    wanted, drawn = _float_types("uniform", dtype)
    u: Array = _generator("uniform", seed).random(sizes("uniform", shape), drawn)
    x = (minval + (maxval - minval) * u).astype(wanted, copy=False)
    low, high = np.array([minval, maxval], wanted)
    return Tensor(np.minimum(x, np.nextafter(high, low)))  # rounding may have reached maxval


def randint(
    shape: int | Sequence[int], minval: int, maxval: int, dtype: Any = "int32", seed: Seed = None
) -> Tensor:
    """Whole numbers from `minval` to `maxval` − 1, each as likely; `shape` and `seed` as in `normal`.

    Raises:
        ValueError: `maxval` is not above `minval`, or `dtype` cannot hold them.

    >>> sorted(set(randint(100, 1, 4, seed=1).numpy().tolist()))
    [1, 2, 3]
    """
    wanted = np.dtype(data_type("randint", dtype, "biufc"))
    if wanted.kind not in "iu":
        raise ValueError(say(f"randint draws whole numbers, got dtype={wanted}. Use uniform for floats."))
    most = int(np.iinfo(wanted).max) + 1
    minval = whole_number("randint", "minval", minval, int(np.iinfo(wanted).min), most - 1)
    maxval = whole_number("randint", "maxval", maxval, minval + 1, most)
    return Tensor(_generator("randint", seed).integers(minval, maxval, sizes("randint", shape), wanted))


def shuffle(x: Any, axis: int = 0, seed: Seed = None) -> Tensor:
    """`x` with its slices along `axis` in random order; each slice stays whole. `seed` as in `normal`.

    >>> shuffle([[1, 2], [3, 4]], axis=1, seed=1).numpy().sum(axis=1)
    array([3, 7])
    """
    tensor = x if isinstance(x, Tensor) else Tensor(x)
    axis = whole_number("shuffle", "axis", axis, -tensor.ndim, tensor.ndim - 1)
    return take(tensor, _generator("shuffle", seed).permutation(tensor.shape[axis]), axis)
