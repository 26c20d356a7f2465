"""Which implementation runs: the NumPy reference, or a kernel set that gives the same numbers faster.

Every op has a reference, a pair of plain functions on arrays:

    forward(*arrays, **options)  -> (output or tuple of outputs, cache)
    backward(d_output, cache)    -> gradients, one for each input, None where there is none

A kernel set (`minidl_kernels.cpu`, compiled by Numba) may register a pair under the op's name. It has the
same signature and the same result; `supports(*arrays, **options)` says which arrays and options it takes.
`implementation` makes the choice, and it is the only place that does.

>>> from minidl import backend
>>> "reference" in backend.available()
True
>>> with backend.kernels_off():
...     backend.kernels_enabled()
False
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Pair", "array_module", "available", "implementation", "kernels_enabled", "kernels_off"]

Array: TypeAlias = NDArray[Any]


class Pair(NamedTuple):
    """The two halves of an op. `backward` understands the cache of its own `forward`, and no other."""

    forward: Callable[..., tuple[Any, Any]]
    backward: Callable[[Any, Any], Sequence[Any]]


_enabled: ContextVar[bool] = ContextVar("minidl_kernels_enabled", default=True)


@contextmanager
def kernels_off() -> Iterator[None]:
    """Run the readable NumPy reference of every op inside this block.

    >>> import minidl
    >>> with minidl.kernels_off():
    ...     y = minidl.ops.relu(np.array([-1.0, 2.0]))
    """
    token = _enabled.set(False)
    try:
        yield
    finally:
        _enabled.reset(token)


def kernels_enabled() -> bool:
    """Whether ops look for a kernel before they run their reference."""
    return _enabled.get()


def array_module(x: Any) -> ModuleType:
    """The module whose functions take `x`: NumPy for everything this version knows."""
    return np


@cache
def _cpu_kernels() -> tuple[Mapping[str, Any], str]:
    """The compiled kernels of the CPU and a line about them; none, and the reason, where they cannot load."""
    try:
        from minidl_kernels import cpu
    except ImportError as error:
        return {}, f"off: {error}"
    return cpu.KERNELS, f"{len(cpu.KERNELS)} kernels, {cpu.compiler()}"


def available() -> dict[str, str]:
    """The kernel sets of this machine, each with a line on what it offers or why it is off."""
    return {"reference": "NumPy " + np.__version__, "cpu": _cpu_kernels()[1]}


def implementation(
    name: str | None, reference: Pair, arrays: Sequence[Any], options: Mapping[str, Any]
) -> Pair:
    """The pair to run for the op `name` on these arrays: a kernel that supports them, else the reference."""
    if name is None or not _enabled.get():
        return reference
    kernel = _cpu_kernels()[0].get(name)
    if kernel is None or not kernel.supports(*arrays, **options):
        return reference
    return Pair(kernel.forward, kernel.backward)
