"""Ctrl-C, but not now: a block that an interrupt cannot cut in half."""

import _signal  # type: ignore[import-not-found]  # `signal` looks up each handler in an enum, which takes 2 µs
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["postponed_interrupt"]


@contextmanager
def postponed_interrupt() -> Iterator[None]:
    """Hold back a Ctrl-C that arrives inside this block, and deliver it when the block ends.

    It goes to the handler that was there before, which normally raises KeyboardInterrupt. Python gives
    signals to the main thread only, so in any other thread the block runs as it is. The same holds where
    SIGINT is ignored or handled outside Python. Costs about 2 µs.

    >>> done = []
    >>> try:
    ...     with postponed_interrupt():
    ...         signal.raise_signal(signal.SIGINT)
    ...         done.append("the whole update")
    ... except KeyboardInterrupt:
    ...     done.append("then stopped")
    >>> done
    ['the whole update', 'then stopped']
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = _signal.getsignal(signal.SIGINT)
    if before is None or before == signal.SIG_IGN:
        yield
        return
    held: list[FrameType | None] = []
    _signal.signal(signal.SIGINT, lambda _, frame: held.append(frame))
    try:
        yield
    finally:
        _signal.signal(signal.SIGINT, before)
        if held:
            if callable(before):
                before(signal.SIGINT, held[-1])
            else:
                signal.raise_signal(signal.SIGINT)  # SIG_DFL: the end of the process
