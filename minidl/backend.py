"""Which implementation runs: the NumPy reference, or a kernel set that gives the same numbers faster.

Every op has a reference, a pair of plain functions on arrays:

    forward(*arrays, **options)  -> (output or tuple of outputs, cache)
    backward(d_output, cache)    -> gradients, one for each input, None where there is none

A kernel set (`minidl_kernels.cpu`, compiled by Numba) may register a pair under the op's name. It has the
same signature and the same result; `supports(*arrays, **options)` says which arrays and options it takes.
`implementation` makes the choice, and it is the only place that does:

    the reference   inside `kernels_off()`; for arrays that hold fewer than 4,096 numbers together; for what no
                    kernel supports (float16, complex, mixed types, unusual options); without Numba
    the kernel      for everything else, and inside `kernels_on()` for small arrays too

Data decides between the sets: NumPy arrays take kernels of `minidl_kernels.cpu`, CuPy arrays those of `minidl_kernels.gpu`,
however small they are, since starting a kernel costs the same for all. References run on both (see `minidl.devices`).

A kernel takes seconds to compile, once per machine, and a quarter of a second to load, once per process. A
small example that never needs it should not wait for it. The rule looks at the call alone and not at what ran
before, so the same call gives the same bits, first or last, in this process or in the next.

>>> from minidl import backend
>>> "reference" in backend.available()
True
>>> with backend.kernels_off():
...     backend.kernels_enabled()
False
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from enum import Enum
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minidl.cuda import possible, why_not
from minidl.devices import current_device, on_gpu
from minidl.messages import say

__all__ = [
    "Array", "Pair", "available", "chained", "implementation", "kernels_enabled", "kernels_off", "kernels_on",
    "noted", "prepared",
]  # fmt: skip

Array: TypeAlias = NDArray[Any]


def _no_backward(dy: Any, cache: Any) -> Sequence[Any]:
    raise TypeError(say("This has no gradient: it is an update rule, not an op on the graph."))


class Pair(NamedTuple):
    """The two halves of an op. `backward` understands the cache of its own `forward`, and no other."""

    forward: Callable[..., tuple[Any, ...]]
    backward: Callable[..., Sequence[Any]] = _no_backward


WORTHWHILE = 4096  # numbers in all arrays together; below, the reference is as fast or nearly


class _Use(Enum):
    NEVER, WORTHWHILE, ALWAYS = range(3)


_use: ContextVar[_Use] = ContextVar("minidl_kernels", default=_Use.WORTHWHILE)


@contextmanager
def _using(use: _Use) -> Iterator[None]:
    token = _use.set(use)
    try:
        yield
    finally:
        _use.reset(token)


def kernels_off() -> AbstractContextManager[None]:
    """Run the readable NumPy reference of every op inside this block.

    >>> import minidl
    >>> with minidl.kernels_off():
    ...     y = minidl.ops.relu(np.array([-1.0, 2.0]))
    """
    return _using(_Use.NEVER)


def kernels_on() -> AbstractContextManager[None]:
    """Run kernels inside this block wherever there is one, however small the arrays: for tests.

    Those for the CPU need Numba. Where new arrays go to a GPU (`minidl.current_device`), its own kernels are enough.

    Raises:
        ImportError: there are no kernels here; the message says why.
    """
    kernels, about = _cpu_kernels()
    if not kernels and current_device() == "cpu":
        raise ImportError(say(f"kernels_on() found no kernels, cpu is {about}"))
    return _using(_Use.ALWAYS)


def kernels_enabled() -> bool:
    """Whether ops look for a kernel before they run their reference."""
    return _use.get() is not _Use.NEVER


def _say_what_takes_so_long() -> None:
    """For those who sit before it: on a terminal or in a notebook, also with verbose=0, but not in a log."""
    if sys.stderr is not None and (sys.stderr.isatty() or "ipykernel" in sys.modules):
        text = say("minidl is compiling its kernels for this processor. That takes a few seconds, once.")
        print(text, file=sys.stderr, flush=True)


@cache
def _cpu_kernels() -> tuple[Mapping[str, Any], str]:
    """The compiled kernels of the CPU and a line about them; none, and the reason, where they cannot load."""
    try:
        from minidl_kernels import cpu
    except Exception as error:  # Numba itself may fail in ways of its own, and no kernel is no failure here
        return {}, f"off: {error}"
    if not cpu.COMPILED:
        return {}, "off: NUMBA_DISABLE_JIT is set"
    cpu.Waiting.tell = _say_what_takes_so_long
    return cpu.KERNELS, f"{len(cpu.KERNELS)} kernels, {cpu.compiler()}"


@cache
def _gpu_kernels() -> Mapping[str, Any]:
    """The kernels for CuPy arrays. Who has such an array has a GPU, so a failure to load them is one."""
    try:
        from minidl_kernels import gpu
    except ModuleNotFoundError as error:
        if error.name != "minidl_kernels.gpu":
            raise
        return {}
    return gpu.KERNELS


def available() -> dict[str, str]:
    """The kernel sets of this machine, each with a line on what it offers or why it is off."""
    gpu = (
        f"{len(_gpu_kernels())} kernels, CuPy {sys.modules['cupy'].__version__}"
        if possible()
        else f"off: {why_not()}"
    )
    return {"reference": "NumPy " + np.__version__, "cpu": _cpu_kernels()[1], "gpu": gpu}


def prepared(rule: Any, *arrays: Any) -> Callable[..., None] | None:
    """The kernel `rule` of an optimizer, for many steps on the same arrays; None where it is none that can be prepared."""
    if not _cpu_kernels.cache_info().currsize:
        return None
    for kernel in _cpu_kernels()[0].values():
        if kernel.forward is rule and kernel.again is not None:
            again: Callable[..., None] = kernel.again(*arrays)
            return again
    return None


def noted(function: Any, *arguments: Any, **options: Any) -> tuple[Any, list[Callable[[], Any]]] | None:
    """Run half of a kernel; its result, and the calls that will make another result in the same memory.

    None, and nothing is run, where `function` belongs to no kernel that takes notes (`minidl_kernels.cpu.noting`).
    """
    if (
        not _cpu_kernels.cache_info().currsize or function not in _noting_functions()
    ):  # Numba is not loaded for this
        return None
    from minidl_kernels import cpu

    calls: list[Callable[[], Any]] = []
    with cpu.noted_in(calls):
        return function(*arguments, **options), calls


def chained(calls: list[Callable[[], Any]]) -> list[Callable[[], Any]]:
    """Calls that do the same to the last bit and are fewer (`minidl_kernels.cpu.chain`), where kernels are in use.

    They are in use when something has asked for one, be it another model: a step of a small model alone loads no Numba,
    and is made of the calls as they are.
    The arrays of `calls` must stay alive as long as what is returned.
    """
    if not kernels_enabled() or not _cpu_kernels.cache_info().currsize or not _cpu_kernels()[0]:
        return calls  # Numba is not loaded for this either
    from minidl_kernels import cpu

    return cpu.chained(calls)


@cache
def _noting_functions() -> frozenset[Any]:
    kernels = [kernel for kernel in _cpu_kernels()[0].values() if kernel.repeats]
    return frozenset(half for kernel in kernels for half in (kernel.forward, kernel.backward))


def implementation(
    name: str | None,
    reference: Pair,
    arrays: Sequence[Any],
    options: Mapping[str, Any],
    way_back: bool = True,
) -> Pair:
    """The pair to run for the op `name` on these arrays: a kernel that supports them, else the reference.

    Without `way_back` nobody will call backward, and forward need not save what only backward reads.
    """
    use = _use.get()
    if name is None or use is _Use.NEVER:
        return reference
    if possible() and any(map(on_gpu, arrays)):  # a mixture was refused before
        kernel = _gpu_kernels().get(name)
    elif use is _Use.WORTHWHILE and sum([getattr(x, "size", 0) for x in arrays]) < WORTHWHILE:
        return reference
    else:
        kernel = _cpu_kernels()[0].get(name)
    if kernel is None or not kernel.supports(*arrays, **options):
        return reference
    if not way_back and kernel.forward_only is not None:
        return Pair(kernel.forward_only)
    return Pair(kernel.forward, kernel.backward)
