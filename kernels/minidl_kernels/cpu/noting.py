"""Notes: the calls that a kernel is made of, so that they can be made again on the same arrays, without the kernel.

Before a kernel computes, it looks at shapes, makes views and finds memory. For arrays of a few thousand numbers that
takes as long as the rest. Whoever calls it again and again on the same arrays, with other numbers in them, has the
calls noted the first time:

    with noted_in(calls):
        y, cache = forward(x, w, b)
    x[...] = ...
    for call in calls:          # y is what forward would make of the new x
        call()

A kernel whose `repeats` is True can be noted: all that it computes goes by way of `pool.run` or `do`. The rest of it,
sizes and views, depends on nothing but shapes. The arrays that it has made belong to the notes from then on.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from numba import typeof

__all__ = ["direct", "do", "note", "note_work", "noted_in", "work"]

Calls = list[Callable[[], Any]]


class _Here(threading.local):
    calls: Calls | None = None


_here = _Here()


@contextmanager
def noted_in(calls: Calls) -> Iterator[None]:
    """Within the block, the calls of kernels that this thread runs are noted at the end of `calls`."""
    before, _here.calls = _here.calls, calls
    try:
        yield
    finally:
        _here.calls = before


def note(function: Callable[..., Any], *arguments: Any) -> None:
    """Note a call, if anybody asks for notes."""
    if _here.calls is not None:
        _here.calls.append(partial(direct(function, arguments), *arguments))


def do(function: Callable[..., Any], *arguments: Any) -> None:
    """Call it, and note that. It writes to one of its arguments."""
    function(*arguments)
    note(function, *arguments)


def note_work(function: Callable[..., Any], counter: Any, *arguments: Any) -> None:
    """Note work that this thread does alone (`pool.run`), taking its parts by a counter that begins at 0."""
    if _here.calls is not None:
        _here.calls.append(work(function, counter, *arguments))


def work(function: Callable[..., Any], counter: Any, *arguments: Any) -> Callable[[], None]:
    """Such work as a call that can be made many times."""
    return partial(_work, direct(function, (counter, *arguments)), counter, *arguments)


def _work(function: Callable[..., Any], counter: Any, *arguments: Any) -> None:
    counter[0] = 0
    function(counter, *arguments)


def direct(function: Any, arguments: tuple[Any, ...]) -> Callable[..., Any]:
    """A compiled function without the look at the types of its arguments, which takes up to 4 µs; others as they are."""
    if not hasattr(function, "get_overload"):
        return function  # type: ignore[no-any-return]
    types = tuple(map(typeof, arguments))
    return function.get_overload(types) if types in function.overloads else function.compile(types)  # type: ignore[no-any-return]
