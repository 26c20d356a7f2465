"""Arrays on their way into compiled code: which it takes, and in what order their numbers must lie."""

from typing import Any

import numpy as np

from minidl_kernels.cpu.noting import note

__all__ = ["floats", "gradient_of", "ready"]

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def floats(first: Any, *others: Any) -> bool:
    """Whether all are arrays of one of the two float types, the same, with something in them."""
    if not (isinstance(first, np.ndarray) and first.dtype in _FLOATS and first.size > 0):
        return False
    for x in others:  # noqa: SIM110 a generator takes as long as the questions
        if not (isinstance(x, np.ndarray) and x.dtype == first.dtype and x.size > 0):
            return False
    return True


def ready(x: Any) -> Any:
    """`x` as compiled code takes it, plain, aligned, row by row; a copy where it is not.

    A read-only array is copied too: for Numba it has a type of its own, which would be compiled anew.
    """
    if type(x) is np.ndarray and x.flags.carray:
        return x
    copy = np.array(x, order="C")
    note(np.copyto, copy, x)
    return copy


def gradient_of(dy: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """`dy` in order, of the type and shape of the output whose gradient it is: loops count on both.

    Raises:
        ValueError: the shape is another.
    """
    if dy.shape != shape:
        raise ValueError(f"backward expects a gradient of shape {shape}, got {dy.shape}.")
    converted = np.asarray(dy, dtype)
    if converted is not dy:
        note(np.copyto, converted, dy)
    return ready(converted)
