"""Memory that is used again: `empty` for results, `scratch` for what is needed during one call.

The system hands out fresh memory in pages of 4 kB, each cleared and entered in a table at its first use, and
takes large arrays back as soon as they die. A training step makes the same arrays every time, thousands of
pages: more than a quarter of its time went there. So the memory of a large result is kept when the last
array that looks at it is gone, and serves the next result of that size. As long as anything looks at it, a view, a
slice, a cache for backward, it is not touched.

How much may wait? All that a step needs, or the next one would begin with fresh pages; but no more than that:

- While more than MOST_IDLE waits in sizes that nobody asks for, fresh memory is only taken for as much given back.
  So all of it together, in use and waiting, is never more than MOST_IDLE above the most that was in use at a time.
  What was used last goes first: steps are alike, and it is the last that the next one will ask for.
- Where there is more than MOST_IDLE, a thread wakes up every PATIENCE seconds and gives back what nobody has used
  since the last time: after training the system has its memory again.
"""

import contextlib
import itertools
import math
import threading
import time
import weakref
from collections import deque
from typing import Any

import numpy as np

__all__ = ["empty", "scratch"]

SMALLEST = 128 << 10  # bytes; smaller arrays stay within the process anyway
MOST_IDLE = 128 << 20  # bytes that may wait for use without a limit in time
PATIENCE = 10.0  # seconds
LARGEST_SCRATCH = 32 << 20  # bytes
ALIGNMENT = 64  # bytes


def _fresh(size: int) -> Any:
    """`size` bytes that begin where a vector register's worth of memory does: halves of two take twice as long."""
    memory = np.empty(size + ALIGNMENT, np.uint8)
    first = -memory.ctypes.data % ALIGNMENT
    return memory[first : first + size]


class _Loan:
    """Stands behind an array (as its `base`) for as long as anything looks at its memory."""

    __slots__ = ("__array_interface__", "__weakref__", "memory")

    def __init__(self, memory: Any, address: int, shape: tuple[int, ...], dtype: Any):
        self.memory = memory
        self.__array_interface__ = {
            "version": 3, "shape": shape, "typestr": dtype.str, "data": (address, False),
        }  # fmt: skip


_numbers = itertools.count()


class _Block(weakref.ref[_Loan]):
    """Memory, and a weak reference to its loan.

    When the loan is gone, Python calls `append` of the queue of those that wait, with this block. That is no function
    written in Python, as `_Loan.__del__` would be, in which a Ctrl-C would be lost: errors there have nowhere to go.
    """

    __slots__ = ("address", "memory", "number")
    memory: Any
    address: int
    number: int  # of the loan: the higher, the younger

    def __new__(cls, loan: _Loan, back: Any, memory: Any, address: int) -> "_Block":
        self = super().__new__(cls, loan, back)
        self.memory, self.address, self.number = memory, address, next(_numbers)
        return self

    def __init__(self, *_: Any):
        """Nothing more: what `weakref.ref` would do here is to complain about two more arguments."""


_blocks: dict[int, _Block] = {}  # address -> memory in use or waiting, with its last loan
_idle: dict[int, deque[_Block]] = {}  # size -> those that wait


def _size_of(shape: tuple[int, ...], itemsize: int) -> int:
    """Bytes, rounded up by 12 % at most, so that batches of many lengths need few sizes."""
    size = math.prod(shape) * itemsize
    step = 1 << max(12, size.bit_length() - 4)
    return -(-size // step) * step


def empty(shape: tuple[int, ...], dtype: Any) -> Any:
    """A new array with anything in it, like `np.empty`."""
    dtype = np.dtype(dtype)
    if math.prod(shape) * dtype.itemsize < SMALLEST:
        return np.empty(shape, dtype)
    size = _size_of(shape, dtype.itemsize)
    try:
        waiting = _idle[size].pop()
        memory, address = waiting.memory, waiting.address
    except (KeyError, IndexError):
        _make_room(size)
        memory = _fresh(size)
        address = memory.ctypes.data
    loan = _Loan(memory, address, shape, dtype)
    _blocks[address] = _Block(loan, _idle.setdefault(size, deque()).append, memory, address)
    return np.asarray(loan)


def _waiting() -> list[_Block]:
    return [block for block in list(_blocks.values()) if block() is None]


def _sum(blocks: list[_Block]) -> int:
    return sum([block.memory.nbytes for block in blocks])


def _give_back(block: _Block) -> None:
    """Without an entry here memory is Python's again, whoever may still use it."""
    with contextlib.suppress(ValueError):  # another thread has just taken it
        _idle[block.memory.nbytes].remove(block)
    _blocks.pop(block.address, None)


def _make_room(size: int) -> None:
    """Before `size` bytes of fresh memory: give back what waits beyond MOST_IDLE, up to as much."""
    waiting = _waiting()
    beyond = min(size, _sum(waiting) - MOST_IDLE)
    for block in sorted(waiting, key=lambda block: -block.number):
        if beyond <= 0:
            break
        beyond -= block.memory.nbytes
        _give_back(block)
    if not _watch.is_alive() and _sum(list(_blocks.values())) + size > MOST_IDLE:
        _start_watch()


def _look_after() -> None:
    """Give back what has waited since the last time, until there is little enough."""
    before: set[int] = set()
    while _sum(list(_blocks.values())) > MOST_IDLE:
        time.sleep(PATIENCE)
        for block in _waiting():
            if block.number in before:
                _give_back(block)
        before = {block.number for block in _waiting()}


_watch = threading.Thread()  # not started, so not alive; in a forked child neither


def _start_watch() -> None:
    global _watch
    _watch = threading.Thread(target=_look_after, name="minidl-memory", daemon=True)
    with contextlib.suppress(RuntimeError):  # at the end of the process no thread begins
        _watch.start()


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
