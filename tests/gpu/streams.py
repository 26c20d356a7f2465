"""Streams, graphs and memory pools of the stand-in for CuPy: what is recorded runs later, on memory that may be someone else's.

While a stream is captured, what would compute is noted and not run: its results are memory with rubbish in it until
`Graph.launch` runs the notes, in their order, on the same memory. What CuPy or CUDA refuses then is refused.

Memory comes from pools, as in CuPy: that of an array which nobody holds any more is filled with 0xff, which floats read as NaN
and integers as -1, and is given to the next array of its size. A graph holds addresses and no arrays. So a graph that
reads what was freed reads rubbish, and one whose memory came from a pool that others use writes into their arrays.
"""

import threading
import weakref
from contextlib import contextmanager

import numpy as np

__all__ = [
    "Graph", "MemoryPool", "Stream", "capturing", "current", "note", "place", "placed", "refuse", "using_allocator",
]  # fmt: skip

RUBBISH = 0xFF


class _Place(threading.local):
    """Which GPU the calls of a thread go to; a new thread begins with the first."""

    number = 0


place = _Place()


class CaptureError(RuntimeError):
    """What CUDA says while a stream is captured."""


def refuse(what):
    """Raise what CuPy raises, if a stream is captured."""
    if capturing() is not None:
        raise CaptureError(f"the current stream is capturing, so {what} is disallowed")


# --- streams and graphs -----------------------------------------------------------------------------------------------


class Stream:
    """A stream; everything on it is done when the call returns, but for what is recorded."""

    numbers = 0

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        Stream.numbers += 1
        self.ptr = Stream.numbers * 8
        self.notes = None

    def __enter__(self):
        _entered.append(self)
        return self

    def __exit__(self, *error):
        _entered.remove(self)

    def synchronize(self):
        if self.notes is not None:
            raise CaptureError("cudaErrorStreamCaptureUnsupported")

    def begin_capture(self, mode=None):
        if self is _null:
            raise CaptureError("cannot capture on the default stream")
        self.notes, self.handed_out = [], []

    def is_capturing(self):
        return self.notes is not None

    def end_capture(self):
        graph, self.notes = Graph(self.notes, self.handed_out), None
        return graph


_null = Stream()
_null.ptr = 0
_entered = [_null]


def current():
    """The stream that things go to."""
    return _entered[-1]


def capturing():
    """The current stream, if it is captured."""
    return current() if current().notes is not None else None


class Graph:
    """What was recorded."""

    def __init__(self, notes, memory):
        self.notes, self._memory = notes, memory  # the memory does not vanish, but it may be others'

    def launch(self, stream=None):
        refuse("a launch of another graph")
        with np.errstate(all="ignore"):
            for run in self.notes:
                run()

    def upload(self, stream=None):
        return None


def note(run):
    """Whether `run` was recorded, and is not to run now."""
    stream = capturing()
    if stream is not None:
        stream.notes.append(run)
    return stream is not None


# --- memory -----------------------------------------------------------------------------------------------------------


class MemoryPool:
    """Hands out memory, and takes it back to hand it out again."""

    def __init__(self, allocator=None):
        self.free = {}  # bytes -> blocks
        self.in_use = 0

    def malloc(self, size):
        """A block of memory; here its bytes."""
        if self.free.get(size):
            block = self.free[size].pop()
        else:
            block = np.full(size, RUBBISH, np.uint8)
        self.in_use += size
        if capturing() is not None:
            capturing().handed_out.append(block)
        return block

    def give_back(self, block):
        """Nobody holds it any more."""
        block[:] = RUBBISH
        self.in_use -= len(block)
        self.free.setdefault(len(block), []).append(block)

    def used_bytes(self):
        return self.in_use

    def total_bytes(self):
        return self.in_use + sum(size * len(blocks) for size, blocks in self.free.items())

    def free_bytes(self):
        return self.total_bytes() - self.in_use

    def free_all_blocks(self, stream=None):
        self.free.clear()


default_pool = MemoryPool()
_allocators = [default_pool.malloc]


@contextmanager
def using_allocator(allocator=None):
    """cupy.cuda.using_allocator."""
    _allocators.append(allocator or default_pool.malloc)
    try:
        yield
    finally:
        _allocators.pop()


def placed(owner, made):
    """`made` in memory of the current pool, which gets it back when `owner` is gone."""
    allocate = _allocators[-1]
    block = allocate(max(made.nbytes, 1))
    order = "F" if made.flags.f_contiguous and not made.flags.c_contiguous else "C"
    there = np.ndarray(made.shape, made.dtype, block, order=order)
    there[...] = made
    weakref.finalize(owner, allocate.__self__.give_back, block).atexit = False
    return there
