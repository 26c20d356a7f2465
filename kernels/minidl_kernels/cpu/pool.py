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
from functools import partial
from queue import SimpleQueue
from typing import Any

import numpy as np
from numba import config

from minidl_kernels.cpu.noting import note, note_work, work
from minidl_kernels.threads import choose, chosen, usual

__all__ = ["limited_to", "prepared", "run", "shares", "threads"]

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
    """Helper threads that wait for jobs. They are made when a job first asks for so many, and wait without using a core."""

    def __init__(self) -> None:
        self.usual = usual()
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        self.helpers = 0
        self.making = threading.Lock()

    def queue(self, helpers: int) -> "SimpleQueue[_Job]":
        """Where jobs go that ask for so many."""
        if self.helpers < helpers:
            with self.making:
                for i in range(self.helpers, helpers):
                    name = f"minidl-{i}"
                    threading.Thread(target=_helper, args=(self.jobs,), name=name, daemon=True).start()
                    self.helpers = i + 1
        return self.jobs


def _helper(jobs: "SimpleQueue[_Job]") -> None:
    while True:
        jobs.get().help()


_pool = _Pool()


def _after_fork() -> None:
    global _pool
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def threads() -> int:
    """How many threads work on a kernel at most."""
    return 1 if config.DISABLE_JIT else chosen() or _pool.usual


@contextmanager
def limited_to(n: int) -> Iterator[None]:
    """Inside this block kernels use `n` threads at most."""
    before = chosen()
    choose(n)
    try:
        yield
    finally:
        choose(before)


def shares(size: int) -> int:
    """How many parts to cut a pass over `size` numbers into. It must not depend on the number of threads."""
    return min(32, max(1, size // SHARE))


def run(function: Callable[..., None], parts: int, *arguments: Any) -> None:
    """Do all parts of a piece of work, with help if there are several."""
    counter = np.zeros(1, np.int64)
    helpers = min(threads(), parts) - 1
    if helpers < 1:
        function(counter, parts, *arguments)
        note_work(function, counter, parts, *arguments)
        return
    job, jobs = _Job(function, (counter, parts, *arguments)), _pool.queue(helpers)
    try:
        for _ in range(helpers):
            jobs.put(job)
        function(counter, parts, *arguments)
    finally:
        job.close()
    note(run, function, parts, *arguments)


def prepared(function: Callable[..., None], parts: int, *arguments: Any) -> Callable[[], None]:
    """`run` for many calls on the same arguments."""
    if parts > 1:
        return partial(run, function, parts, *arguments)
    return work(function, np.zeros(1, np.int64), parts, *arguments)
