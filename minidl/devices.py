"""Devices: where arrays live, on the CPU (NumPy) or on a GPU (CuPy), and where new ones are made.

Data decides. An op looks at the arrays it is given: NumPy arrays are computed with on the CPU, CuPy arrays on their GPU,
and a mixture is an error, never a silent copy over the bus. CuPy answers to NumPy's own functions (`np.exp(x)` of a CuPy
array is a CuPy array), so the references of minidl read the same for both.

The device that is named here only says where *new* arrays go: the weights of a model when it is built, numbers and lists
that become tensors. Everything behind follows its data; a model stays where its weights are.

    set_device("gpu")            for the whole process, all threads and notebook cells, until it is set again
    with device("gpu:1"): ...    within this block
    MINIDL_DEVICE=auto           in the environment: what holds as long as nobody has said anything

"gpu" never falls back to the CPU: it works or says what is missing. "auto" takes a GPU if one works, else the CPU.

>>> current_device()
'cpu'
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import numpy as np

from minidl.cuda import DeviceError, possible, working
from minidl.messages import say

__all__ = [
    "DeviceError",
    "beside",
    "beside_each_other",
    "current_device",
    "device",
    "elsewhere",
    "entered",
    "home",
    "is_array",
    "kept",
    "on_gpu",
    "set_device",
    "to_device",
    "to_numpy",
    "together",
]  # fmt: skip

_chosen: str | None = None  # a ContextVar would be forgotten in other threads and notebook cells
_scoped: ContextVar[str | None] = ContextVar("minidl_device", default=None)


# --- which device -------------------------------------------------------------------------------------------------


def set_device(name: str) -> str:
    """Let new arrays go to `name`, in all threads, until it is called again; returns the device that is meant.

    What is computed from arrays is computed where they are, in any thread.

    Args:
        name: "cpu", "gpu" (the first one), "gpu:1" and so on, or "auto": a GPU if one works, else the CPU.

    Raises:
        ValueError: no such name.
        DeviceError: that GPU cannot be used; the message says why.

    >>> set_device("cpu")
    'cpu'
    """
    global _chosen
    chosen = _resolved(name)
    if chosen != "cpu":
        _gpu(chosen).use()
    _chosen = chosen
    return chosen


def current_device() -> str:
    """Where new arrays go: "cpu", "gpu:0", "gpu:1" ...

    Raises:
        ValueError, DeviceError: MINIDL_DEVICE asks for what is not there.

    >>> with device("cpu") as name:
    ...     current_device() == name
    True
    """
    scoped = _scoped.get()
    if scoped is not None:
        return scoped
    return _from_environment() if _chosen is None else _chosen


def _from_environment() -> str:
    """What MINIDL_DEVICE names; nothing and "" leave it at the CPU."""
    name = os.environ.get("MINIDL_DEVICE") or "cpu"
    try:
        return set_device(name)
    except (ValueError, DeviceError) as error:
        kind = ValueError if isinstance(error, ValueError) else DeviceError
        raise kind(
            say(f"The environment variable MINIDL_DEVICE={name:.60} cannot be followed: {error}")
        ) from error


@contextmanager
def device(name: str) -> Iterator[str]:
    """Within the block new arrays go to `name`; a name as in `set_device`. It holds in this thread.

    >>> with device("cpu"):
    ...     current_device()
    'cpu'
    """
    chosen = _resolved(name)
    token = _scoped.set(chosen)
    try:
        if chosen == "cpu":
            yield chosen
        else:
            with _gpu(chosen):
                yield chosen
    finally:
        _scoped.reset(token)


def _resolved(name: Any) -> str:
    """The full name of a device that works: "gpu" is "gpu:0", "auto" is what there is."""
    if name == "cpu":
        return "cpu"
    if name == "auto":
        try:
            return _resolved("gpu")
        except DeviceError:
            return "cpu"
    found = re.fullmatch(r"gpu(?::(\d{1,3}))?", name) if isinstance(name, str) else None
    if found is None:
        raise ValueError(
            say(
                f"Unknown device {name!r:.60}: use 'cpu', 'gpu', 'gpu:0', 'gpu:1', ... or 'auto'.{_meant(name)}"
            )
        )
    index = int(found[1] or 0)
    working(index)
    return f"gpu:{index}"


def _meant(name: Any) -> str:
    """The question after a name that is nearly one: "GPU", "cuda", "gpu0", "cuda:1"."""
    near = re.fullmatch(r"(?:(cpu)|gpu|cuda)[:_ -]?(\d{0,3})", str(name).strip(), re.IGNORECASE)
    if near is None:
        return ""
    close = "cpu" if near[1] else f"gpu:{near[2]}" if near[2] not in ("", "0") else "gpu"
    return " " + say(f"Did you mean {close!r}?")


def _gpu(name: str) -> Any:
    """CuPy's object for that GPU: `with` it, the calls of this thread go there."""
    index = int(name.partition(":")[2])
    return working(index).cuda.Device(index)


# --- where an array is --------------------------------------------------------------------------------------------


def on_gpu(x: Any) -> bool:
    """Whether `x` is a CuPy array. CuPy is not imported to find that out.

    >>> on_gpu(np.zeros(2)), on_gpu(1.0)
    (False, False)
    """
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(x, cupy.ndarray)


def is_array(x: Any) -> bool:
    """Whether `x` is an array, of NumPy or of CuPy.

    >>> is_array(np.zeros(2)), is_array([0.0, 0.0])
    (True, False)
    """
    return isinstance(x, np.ndarray) or (possible() and on_gpu(x))


def home(x: Any) -> str:
    """The device where `x` is: "cpu" for NumPy arrays and everything else that is not on a GPU.

    >>> home(np.zeros(2))
    'cpu'
    """
    return f"gpu:{x.device.id}" if on_gpu(x) else "cpu"


def kept(x: Any) -> Any:
    """A result as an array: NumPy's scalars become arrays without axes, arrays stay what they are.

    >>> kept(np.float32(1.5))
    array(1.5, dtype=float32)
    """
    return x if type(x) is np.ndarray or on_gpu(x) else np.asarray(x)


def together(op: str, arrays: Sequence[Any]) -> bool:
    """Whether the arrays an op is given are on a GPU; False for the CPU. Numbers, alone or as arrays, go everywhere.

    Args:
        op: what it is called, for the message.
        arrays: and whatever else it is given.

    Raises:
        TypeError: they are at different places.

    >>> together("add", (np.zeros(2), 1.0))
    False
    """
    homes = {home(x) for x in arrays if on_gpu(x) or (isinstance(x, np.ndarray) and x.ndim)}
    if len(homes) > 1:
        raise TypeError(
            say(
                f"{op} got arrays on {' and '.join(sorted(homes))}. Nothing is copied silently: move one with "
                "minidl.to_device(x, 'gpu') or minidl.to_numpy(x)."
            )
        )
    return bool(homes) and homes != {"cpu"}


def beside_each_other(op: str, arrays: tuple[Any, ...], on_host: Sequence[int] = ()) -> tuple[Any, ...]:
    """The arrays of an op; where they are on a GPU, arrays of one number alone go there too.

    Args:
        op, arrays: as in `together`, which refuses a mixture.
        on_host: numbers of those that are on the CPU wherever the others are.

    >>> beside_each_other("add", (np.zeros(2), 1.0))
    (array([0., 0.]), 1.0)
    """
    others = [x for i, x in enumerate(arrays) if i not in on_host]
    if not together(op, others):
        return arrays
    there = next(x for x in others if on_gpu(x))
    return tuple([_number_like(x, there) if isinstance(x, np.ndarray) and not x.ndim else x for x in arrays])


def _number_like(x: Any, there: Any) -> Any:
    """The number in `x` where `there` is: by a kernel that has it as its argument, so without a copy over the bus."""
    made = np.empty((), x.dtype, like=there)  # CuPy takes shape=() in full_like for none
    made.fill(x[()])
    return made


def elsewhere(arrays: Iterable[Any]) -> Any:
    """The GPU of these arrays, to be entered by `with`; None if this thread is there, or they are on the CPU.

    CuPy computes on the current GPU of the thread, which is the first one if nobody has said anything, and not on that of
    the arrays.

    >>> elsewhere([np.zeros(2)])
    """
    for x in arrays:
        if on_gpu(x):
            there = x.device
            return None if there == sys.modules["cupy"].cuda.Device() else there
    return None


def entered(*arrays: Any) -> AbstractContextManager[Any]:
    """Within the block, CuPy computes on the GPU of these arrays. For those of NumPy nothing happens.

    >>> with entered(np.zeros(2)):
    ...     pass
    """
    there = elsewhere(arrays) if possible() else None
    return _STAY if there is None else there


_STAY = nullcontext()


# --- from one to another ------------------------------------------------------------------------------------------


def to_device(x: Any, name: str | None = None) -> Any:
    """`x` on `name`, or on `current_device()`; itself where it is there already.

    A Tensor becomes a Tensor, and its gradient finds the way back. So a Variable stays where it is. To have a model on
    another device, build it there, `with device("gpu"): ...`, and hand its weights over: `new.set_weights(old.get_weights())`.

    Args:
        x: array of NumPy or CuPy, list, number or Tensor.
        name: as in `set_device`.

    >>> to_device([1.0, 2.0], "cpu")
    array([1., 2.])
    """
    wanted = current_device() if name is None else _resolved(name)
    if hasattr(x, "requires_grad"):  # a Tensor, which this module is too low to know
        return x.to_device(wanted)
    if wanted == "cpu":
        return to_numpy(x)
    if home(x) == wanted:
        return x
    with _gpu(wanted):
        return sys.modules["cupy"].asarray(x)


def to_numpy(x: Any) -> Any:
    """`x` as a NumPy array: one copy from the GPU, which waits until it is computed; no copy of a NumPy array.

    >>> to_numpy([1, 2])
    array([1, 2])
    """
    if not on_gpu(x):
        return np.asarray(x)
    try:
        return x.get()
    except Exception as error:
        error.add_note(
            say(
                "The GPU works behind the program's back: what failed may be any kernel that was started before. "
                "With CUDA_LAUNCH_BLOCKING=1 in the environment the error comes where its cause is."
            )
        )
        raise


def beside(x: Any, neighbour: Any) -> Any:
    """Constants that minidl itself has made on the host, where `neighbour` is. What a user made is never moved by this.

    >>> beside(np.zeros(2), np.ones(2))
    array([0., 0.])
    """
    return to_device(x, home(neighbour)) if possible() and on_gpu(neighbour) and not on_gpu(x) else x
