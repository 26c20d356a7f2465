"""Arrays on their way into compiled code, out of it, and beside it."""

import threading
from typing import Any

import numpy as np

__all__ = ["floats", "ready", "scratch"]

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_LARGEST_KEPT = 32 << 20  # bytes


def floats(first: Any, *others: Any) -> bool:
    """Whether all are arrays of one of the two float types, the same, with something in them."""
    return (
        isinstance(first, np.ndarray)
        and first.dtype in _FLOATS
        and first.size > 0
        and all(isinstance(x, np.ndarray) and x.dtype == first.dtype and x.size > 0 for x in others)
    )


def ready(x: Any) -> Any:
    """`x` as compiled code takes it, plain, aligned, row by row; a copy where it is not.

    A read-only array is copied too: for Numba it has a type of its own, which would be compiled anew.
    """
    return x if type(x) is np.ndarray and x.flags.carray else np.array(x, order="C")


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.buffers: dict[tuple[str, Any], Any] = {}


_scratch = _Scratch()


def scratch(name: str, size: int, dtype: Any) -> Any:
    """A flat buffer of at least `size` numbers, with anything in it, for use within one call of a kernel.

    Each thread has its own, and the next call of this thread with the same name gets it again: fresh memory
    costs more than the work that is done in it, since the system hands it out in pages of 4 kB, each
    cleared first.
    """
    buffer = _scratch.buffers.get((name, dtype))
    if buffer is None or buffer.size < size:
        buffer = np.empty(size, dtype)
        if buffer.nbytes <= _LARGEST_KEPT:
            _scratch.buffers[name, dtype] = buffer
    return buffer
