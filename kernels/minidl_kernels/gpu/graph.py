"""A graph: work of the GPU that is recorded once and then started as a whole.

To start a kernel takes the host some microseconds, and a training step of a small model has fifty. A GPU does such a step
in less time than the host needs to ask for it. So the asking is recorded ("captured", in CUDA's words): between
begin_capture and end_capture nothing runs, and what would have run becomes a graph of kernels with their arguments. One
call starts all of it.

Arguments are addresses and numbers, and stay what they were. Whatever changes from one launch to the next lies in the
memory of the GPU. And the memory of intermediate results must never be handed to anyone else: a graph would overwrite
it at each launch. So it comes from a pool that only this graph has, and that lives as long as the graph.

While something is recorded nobody may wait for the GPU, nor copy from or to it, nor may CuPy call cuBLAS (`product` can)
or draw random numbers. CuPy refuses to wait, to copy to the host, and to call these libraries. A copy *from* the host is
not always refused: `cupy.asarray` takes it by way of memory that the driver knows, and such a copy is recorded, with the
address of a buffer that is used again; only a question about an event behind it may fail. An array without axes is filled
by a kernel, with the number it had then, and never refused. So whoever is recorded brings such constants along
beforehand, and `record` counts as failed whatever CUDA or CuPy raised, and whenever.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from minidl_kernels.gpu.launch import xp

__all__ = ["Graph", "new_stream", "settled"]


def new_stream() -> Any:
    """A stream to record and to launch on; the one that CuPy begins with cannot record."""
    return xp().cuda.Stream(non_blocking=True)


@contextmanager
def settled(stream: Any) -> Iterator[None]:
    """Within the block, work on `stream`: what was begun before is done then, and so is, behind it, what was begun inside."""
    xp().cuda.get_current_stream().synchronize()
    with stream:
        try:
            yield
        finally:
            stream.synchronize()


class Graph:
    """What `record` is given, to be started by `launch`, all on the current stream, which is one of `new_stream`."""

    def __init__(self) -> None:
        self._pool = xp().cuda.MemoryPool()
        self._graph: Any = None

    @property
    def recorded(self) -> bool:
        """Whether there is something to launch."""
        return self._graph is not None

    def run(self, work: Callable[[], Any]) -> None:
        """Do it for real, which compiles what it needs and fills the pool, so that recording need not."""
        with xp().cuda.using_allocator(self._pool.malloc):
            work()

    def record(self, work: Callable[[], Any]) -> None:
        """Note what it would start. Whatever it raises, nothing has run."""
        stream = xp().cuda.get_current_stream()
        with xp().cuda.using_allocator(self._pool.malloc):
            stream.begin_capture()
            try:
                work()
            except BaseException:
                _give_up(stream)
                raise
            self._graph = stream.end_capture()

    def forget(self) -> None:
        """Let go of what was recorded."""
        self._graph = None

    def launch(self) -> None:
        """Start all of it, without waiting for it."""
        self._graph.launch()


def _give_up(stream: Any) -> None:
    """End a recording that has failed; CUDA says once more that it has."""
    try:
        stream.end_capture()
    except Exception:
        return
