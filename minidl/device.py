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

import functools
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from minidl.messages import say

__all__ = [
    "DeviceError",
    "beside",
    "beside_each_other",
    "current_device",
    "device",
    "home",
    "is_array",
    "kept",
    "on_gpu",
    "set_device",
    "to_device",
    "to_numpy",
    "together",
]  # fmt: skip

_INSTALL = 'pip install "cupy-cuda13x[ctk]" (or cupy-cuda12x[ctk] for a driver older than 580)'


class DeviceError(RuntimeError):
    """The device that was asked for cannot be used here; the message says why, and what to do."""


_chosen: str | None = (
    None  # a plain global: a ContextVar would be forgotten in other threads and notebook cells
)
_scoped: ContextVar[str | None] = ContextVar("minidl_device", default=None)


# --- which device -------------------------------------------------------------------------------------------------


def set_device(name: str) -> str:
    """Let new arrays go to `name`, in all threads, until it is called again; returns the device that is meant.

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
    _use(chosen)
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
    global _chosen
    scoped = _scoped.get()
    if scoped is not None:
        return scoped
    if _chosen is None:
        _chosen = _resolved(os.environ.get("MINIDL_DEVICE", "cpu"))
    return _chosen


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
            with _cupy(_number(chosen)).cuda.Device(_number(chosen)):
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
            say(f"Unknown device {name!r:.60}: use 'cpu', 'gpu', 'gpu:0', 'gpu:1', ... or 'auto'.")
        )
    index = int(found[1] or 0)
    _cupy(index)
    return f"gpu:{index}"


def _number(name: str) -> int:
    return int(name.partition(":")[2])


def _use(name: str) -> None:
    """Let CUDA's calls of this thread go to that GPU."""
    if name != "cpu":
        _cupy(_number(name)).cuda.Device(_number(name)).use()


@functools.cache  # a failure is no result, so it is looked for anew the next time
def _cupy(index: int) -> Any:
    """CuPy, once it has been seen to compute on that GPU.

    Importing it proves nothing, nor does making a kernel: both succeed without a driver. So a product is computed, which
    compiles, launches, and loads the libraries.
    """
    cupy = _imported_cupy()
    runtime = cupy.cuda.runtime
    driver, needed = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    if not driver:
        raise DeviceError(
            say("No NVIDIA driver was found on this machine, so there is no GPU to use. Use device 'cpu'.")
        )
    if driver // 1000 < needed // 1000:
        supported = f"{driver // 1000}.{driver % 1000 // 10}"
        raise DeviceError(
            say(
                f"The NVIDIA driver here supports CUDA {supported}, CuPy {cupy.__version__} needs CUDA {needed // 1000}: "
                f"update the driver or install cupy-cuda{driver // 1000}x[ctk]."
            )
        )
    try:
        count = runtime.getDeviceCount()
    except Exception as error:  # CUDARuntimeError, a class of CuPy's
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        raise DeviceError(
            say(f"The NVIDIA driver shows no GPU ({error!s:.100}). CUDA_VISIBLE_DEVICES is {visible!r:.40}.")
        ) from error
    if index >= count:
        raise DeviceError(
            say(f"Device 'gpu:{index}' does not exist: this machine shows {count} GPU(s), counted from 0.")
        )
    try:
        with cupy.cuda.Device(index):
            ones = cupy.ones(2, np.float32)
            float((ones @ ones).get())
    except Exception as error:
        raise DeviceError(
            say(
                f"CuPy cannot compute on gpu:{index} ({error!s:.120}). If a CUDA library is missing: {_INSTALL}."
            )
        ) from error
    return cupy


def _imported_cupy() -> Any:
    try:
        import cupy
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "cupy":
            raise DeviceError(say(f"Device 'gpu' needs CuPy, which is not installed: {_INSTALL}.")) from error
        raise DeviceError(say(f"CuPy is installed but cannot be imported ({error!s:.200}).")) from error
    return cupy


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
    return isinstance(x, np.ndarray) or ("cupy" in sys.modules and on_gpu(x))


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
    return tuple([
        np.full_like(there, x[()], x.dtype, shape=()) if isinstance(x, np.ndarray) and not x.ndim else x for x in arrays
    ])  # fmt: skip


# --- from one to another ------------------------------------------------------------------------------------------


def to_device(x: Any, name: str | None = None) -> Any:
    """`x` as an array on `name`, or on `current_device()`; itself where it is there already.

    Args:
        x: array of NumPy or CuPy, list or number.
        name: as in `set_device`.

    >>> to_device([1.0, 2.0], "cpu")
    array([1., 2.])
    """
    wanted = current_device() if name is None else _resolved(name)
    if wanted == "cpu":
        return to_numpy(x)
    if home(x) == wanted:
        return x
    cupy = _cupy(_number(wanted))
    with cupy.cuda.Device(_number(wanted)):
        return cupy.asarray(x)


def to_numpy(x: Any) -> Any:
    """`x` as a NumPy array: one copy from the GPU, which waits until it is computed; no copy of a NumPy array.

    >>> to_numpy([1, 2])
    array([1, 2])
    """
    return x.get() if on_gpu(x) else np.asarray(x)


def beside(x: Any, neighbour: Any) -> Any:
    """Constants that minidl itself has made on the host, where `neighbour` is. What a user made is never moved by this.

    >>> beside(np.zeros(2), np.ones(2))
    array([0., 0.])
    """
    return (
        to_device(x, home(neighbour)) if "cupy" in sys.modules and on_gpu(neighbour) and not on_gpu(x) else x
    )
