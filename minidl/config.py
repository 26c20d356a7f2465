"""Settings: the default float type, the small constant that keeps divisions and logarithms finite, and threads."""

import numbers
from typing import Any

import numpy as np

from minidl.messages import say

__all__ = ["epsilon", "floatx", "get_threads", "set_epsilon", "set_floatx", "set_threads"]

_FLOAT_TYPES = ("float16", "float32", "float64")
_settings: dict[str, Any] = {"floatx": "float32", "epsilon": 1e-7}


def floatx() -> str:
    """The float type of new weights and of Python numbers that become tensors.

    >>> floatx()
    'float32'
    """
    return str(_settings["floatx"])


def set_floatx(value: str) -> None:
    """Make `value` ("float16", "float32" or "float64") the default float type.

    Layers that exist already keep the type they were made with.

    Raises:
        ValueError: `value` is not one of the three.
    """
    name = str(np.dtype(value)) if isinstance(value, type | np.dtype) else value
    if not isinstance(name, str) or name not in _FLOAT_TYPES:
        raise ValueError(
            say(f"set_floatx expects value to be one of {', '.join(_FLOAT_TYPES)}, got {value!r:.60}.")
        )
    _settings["floatx"] = name


def epsilon() -> float:
    """The constant added or clipped to where a division by zero or log(0) threatens (1e-7).

    >>> epsilon()
    1e-07
    """
    return float(_settings["epsilon"])


def set_epsilon(value: float) -> None:
    """Set `epsilon`.

    Raises:
        ValueError: `value` is not a positive number.
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not 0 < value <= 1e308:
        raise ValueError(say(f"set_epsilon expects value to be a positive number, got {value!r:.60}."))
    _settings["epsilon"] = float(value)


def get_threads() -> int:
    """How many threads work on a kernel at most.

    >>> get_threads() >= 1
    True
    """
    from minidl_kernels import threads

    return threads.chosen() or threads.usual()


def set_threads(n: int | None) -> None:
    """Let `n` threads work on each kernel, from the next call on; the numbers that come out are the same for any `n`.

    It holds for the whole process, and for children forked from it. NumPy's own matrix product, which references
    use, asks its library's setting (OPENBLAS_NUM_THREADS) instead.

    Args:
        n: from 1 to the number of cores, or None for the default: MINIDL_THREADS, else all cores, 8 at most.

    Raises:
        TypeError: `n` is no whole number.
        ValueError: `n` is less than 1, or more than there are cores.

    >>> set_threads(1)
    >>> get_threads()
    1
    >>> set_threads(None)
    """
    from minidl_kernels import threads

    if n is not None:
        if not isinstance(n, numbers.Integral) or isinstance(n, bool):
            raise TypeError(say(f"set_threads expects n to be a whole number or None, got {n!r:.60}."))
        cores = threads.cores()
        if not 1 <= n <= cores:
            raise ValueError(
                say(f"set_threads expects n from 1 to {cores}, the cores there are, or None, got {n!r:.60}.")
            )
    threads.choose(None if n is None else int(n))
