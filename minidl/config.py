"""Settings: the default float type and the small constant that keeps divisions and logarithms finite."""

import numbers
from typing import Any

import numpy as np

from minidl.messages import say

__all__ = ["epsilon", "floatx", "set_epsilon", "set_floatx"]

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
