"""Memory that is used again: `empty` for results, `scratch` for what is needed during one call.

The system hands out fresh memory in pages of 4 kB, each cleared and entered in a table at its first use, and
takes large arrays back as soon as they die. A training step makes the same arrays every time, thousands of
pages: more than a quarter of its time went there. So the memory of a large result is kept when the last
array that looks at it is gone, and serves the next result of that size. As long as anything looks at it, a view, a
slice, a cache for backward, it is not touched.
"""

import contextlib
import math
import threading
from collections import deque
from typing import Any

import numpy as np

__all__ = ["empty", "scratch"]

SMALLEST = 128 << 10  # bytes; smaller arrays stay within the process anyway
MOST_IDLE = 256 << 20  # bytes that may wait for use; beyond, all is given back to the system
LARGEST_SCRATCH = 32 << 20  # bytes
ALIGNMENT = 64  # bytes

_idle: dict[int, deque[Any]] = {}


def _fresh(size: int) -> Any:
    """`size` bytes that begin where a vector register's worth of memory does: halves of two take twice as long."""
    memory = np.empty(size + ALIGNMENT, np.uint8)
    first = -memory.ctypes.data % ALIGNMENT
    return memory[first : first + size]


class _Loan:
    """Stands behind an array (as its `base`) and returns the memory when no array needs it any more."""

    __slots__ = ("__array_interface__", "memory")

    def __init__(self, memory: Any, shape: tuple[int, ...], dtype: Any):
        self.memory = memory
        self.__array_interface__ = {
            "version": 3, "shape": shape, "typestr": dtype.str, "data": (memory.ctypes.data, False),
        }  # fmt: skip

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # at the end of the process parts of Python are gone
            _idle.setdefault(self.memory.nbytes, deque()).append(self.memory)
            if sum([size * len(waiting) for size, waiting in list(_idle.items())]) > MOST_IDLE:
                _idle.clear()


def empty(shape: tuple[int, ...], dtype: Any) -> Any:
    """A new array with anything in it, like `np.empty`."""
    dtype = np.dtype(dtype)
    size = -(-math.prod(shape) * dtype.itemsize // 4096) * 4096
    if size < SMALLEST:
        return np.empty(shape, dtype)
    try:
        memory = _idle[size].pop()
    except (KeyError, IndexError):
        memory = _fresh(size)
    return np.asarray(_Loan(memory, shape, dtype))


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.buffers: dict[tuple[str, Any], Any] = {}


_scratch = _Scratch()


def scratch(name: str, size: int, dtype: Any) -> Any:
    """A flat buffer of at least `size` numbers with anything in it, for use within one call of a kernel.

    Each thread has its own, and its next call with the same name gets it again.
    """
    buffer = _scratch.buffers.get((name, dtype))
    if buffer is None or buffer.size < size:
        buffer = _fresh(size * dtype.itemsize).view(dtype)
        if buffer.nbytes <= LARGEST_SCRATCH:
            _scratch.buffers[name, dtype] = buffer
    return buffer
