"""How many threads work on a kernel: the one number, in a module that loads no compiler, so that it can be set first.

`chosen` by the program, else MINIDL_THREADS, else all cores this process may use, 8 at most.
"""

import os

__all__ = ["choose", "chosen", "cores", "usual"]

MOST = 8  # without being asked: small models do not gain from more

_chosen: int | None = None


def cores() -> int:
    """The cores that this process may use."""
    own = getattr(os, "sched_getaffinity", None)
    return len(own(0)) if own else os.cpu_count() or 1


def usual() -> int:
    """The number where nothing was chosen."""
    wanted = os.environ.get("MINIDL_THREADS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) > 0 else min(MOST, cores())


def choose(n: int | None) -> None:
    """From the next call of a kernel on, `n` threads; None: the usual number."""
    global _chosen
    _chosen = n


def chosen() -> int | None:
    """What `choose` was last told."""
    return _chosen
