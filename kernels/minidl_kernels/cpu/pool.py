"""The threads of the kernels: one small pool, and the rule of who may use the cores.

A kernel that is worth it cuts its work into parts (so many images, so many rows) and calls

    run(function, parts, *arguments)     which calls     function(counter, parts, *arguments)

in this thread, and in as many helpers as there are cores to spare. `function` is compiled, runs without
Python's lock, and takes the number of its next part from the shared `counter` until all are done. Whoever comes
first takes more: a helper that wakes up late costs nothing, and one that has not come when the work is done is
not waited for. What a part computes must not depend on who computes it, so results are the same for any
number of threads.

Compiled loops are serial and know nothing of threads. That is why neither of the two misfortunes of Numba's
`parallel=True` can happen here: no abort when two threads of a program enter kernels at the same time, and no
death of a forked child, which begins with an empty pool of its own.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import numpy as np
from numba import config

__all__ = ["limited_to", "run", "shares", "threads"]

SHARE = 32768  # numbers: a pass over fewer takes less time than to call a helper


class _Job:
    """One call of `run`. Lists and flags only: each change is one step that no signal can cut in two."""

    def __init__(self, function: Callable[..., None], arguments: tuple[Any, ...]):
        self.function, self.arguments = function, arguments
        self.closed = False
        self.came: list[None] = []
        self.left: list[BaseException | None] = []
        self.news: SimpleQueue[None] = SimpleQueue()

    def help(self) -> None:
        """What a helper does. It says that it came before it looks whether it still may."""
        self.came.append(None)
        error: BaseException | None = None
        if not self.closed:
            try:
                self.function(*self.arguments)
            except BaseException as caught:
                error = caught
        self.left.append(error)
        self.news.put(None)

    def close(self) -> None:
        """No more helpers; those who came finish before their arrays go to other work, Ctrl-C or not."""
        self.closed = True
        interrupt = None
        while len(self.left) < len(self.came):
            try:
                self.news.get()
            except KeyboardInterrupt as caught:
                interrupt = caught
        for error in (interrupt, *self.left):
            if error is not None:
                raise error


class _Pool:
    """Helper threads that wait for jobs. They are made at the first job, and wait without using a core."""

    def __init__(self) -> None:
        self.threads = _cores()
        self.jobs: SimpleQueue[_Job] | None = None
        self.making = threading.Lock()

    def queue(self) -> "SimpleQueue[_Job]":
        with self.making:
            if self.jobs is None:
                jobs: SimpleQueue[_Job] = SimpleQueue()
                for i in range(_cores() - 1):
                    threading.Thread(target=_helper, args=(jobs,), name=f"minidl-{i}", daemon=True).start()
                self.jobs = jobs
        return self.jobs


def _helper(jobs: "SimpleQueue[_Job]") -> None:
    while True:
        jobs.get().help()


def _cores() -> int:
    """The number of threads: MINIDL_THREADS, or the cores this process may use, 8 at most."""
    wanted = os.environ.get("MINIDL_THREADS", "")
    if config.DISABLE_JIT:
        return 1
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    own = getattr(os, "sched_getaffinity", None)
    return min(8, len(own(0)) if own else os.cpu_count() or 1)


_pool = _Pool()


def _after_fork() -> None:
    global _pool
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def threads() -> int:
    """How many threads work on a kernel at most."""
    return _pool.threads


@contextmanager
def limited_to(n: int) -> Iterator[None]:
    """Inside this block kernels use `n` threads at most."""
    before, _pool.threads = _pool.threads, n
    try:
        yield
    finally:
        _pool.threads = before


def shares(size: int) -> int:
    """How many parts to cut a pass over `size` numbers into. It must not depend on the number of threads."""
    return min(32, max(1, size // SHARE))


def run(function: Callable[..., None], parts: int, *arguments: Any) -> None:
    """Do all parts of a piece of work, with help if there are several."""
    counter = np.zeros(1, np.int64)
    helpers = min(_pool.threads, parts) - 1
    if helpers < 1:
        function(counter, parts, *arguments)
        return
    job, jobs = _Job(function, (counter, parts, *arguments)), _pool.queue()
    try:
        for _ in range(helpers):
            jobs.put(job)
        function(counter, parts, *arguments)
    finally:
        job.close()
