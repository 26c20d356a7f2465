"""Settings: the default float type, the constant that keeps divisions and logarithms finite, precision, threads."""

import numbers
from typing import Any

import numpy as np

from minidl.messages import say

__all__ = [
    "epsilon", "floatx", "get_precision", "get_threads", "set_epsilon", "set_floatx", "set_precision", "set_threads",
]  # fmt: skip

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


def get_precision() -> str:
    """How a GPU multiplies numbers of float32: "float32" or "tf32"; see `set_precision`.

    >>> get_precision()
    'float32'
    """
    from minidl_kernels.gpu import product

    return product.precision()


def set_precision(value: str) -> None:
    """Choose how a GPU multiplies numbers of float32, in matrix products and convolutions, from the next call on.

    "tf32" rounds each factor to 10 bits behind the point, some three decimal digits, and adds up in float32. NVIDIA's GPUs
    since Ampere have units for that, several times as fast. A network mostly learns as well with it; comparisons with the
    CPU need "float32", the default. It holds for the whole process. On the CPU it changes nothing.

    Raises:
        ValueError: `value` is not one of the two.

    >>> set_precision("tf32")
    >>> get_precision()
    'tf32'
    >>> set_precision("float32")
    """
    from minidl_kernels.gpu import product

    if not isinstance(value, str) or value not in product.MODES:
        raise ValueError(say(f"set_precision expects value to be 'float32' or 'tf32', got {value!r:.60}."))
    product.choose_precision(value)


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
