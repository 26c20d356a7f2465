"""Whether CuPy can compute here: looked for once, and if not, said in words what is missing and what to do about it."""

import functools
import os
import sys
from typing import Any

import numpy as np

from minidl.messages import say

__all__ = ["DeviceError", "possible", "why_not", "working"]

_INSTALL = 'pip install "cupy-cuda13x[ctk]" (or cupy-cuda12x[ctk] for a driver older than 580)'


class DeviceError(RuntimeError):
    """The device that was asked for cannot be used here; the message says why, and what to do."""


_ruled_out: list[tuple[Any, str]] = []  # CuPy, if it was found to have no GPU, and why


def possible() -> bool:
    """Whether there may be arrays on a GPU: CuPy is loaded, and nobody has found out that it has none.

    >>> possible() and "cupy" not in sys.modules
    False
    """
    return "cupy" in sys.modules and not (_ruled_out and _ruled_out[0][0] is sys.modules["cupy"])


def why_not() -> str:
    """Why `possible` says no.

    >>> isinstance(why_not(), str)
    True
    """
    if _ruled_out:
        return _ruled_out[0][1]
    return say("No GPU was used so far. minidl.set_device('gpu') tells whether there is one.")


@functools.cache  # a failure is no result, so it is looked for anew the next time
def working(index: int) -> Any:
    """CuPy, once it has been seen to compute on that GPU.

    Importing it proves nothing, nor does making a kernel: both succeed without a driver. So a product is computed, which
    compiles, launches, and loads the libraries.

    Raises:
        DeviceError: it cannot; the message says why.
    """
    cupy = _imported()
    try:
        count = _counted(cupy)
    except DeviceError as error:
        _ruled_out[:] = [(cupy, str(error))]
        raise
    _ruled_out.clear()
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


def _imported() -> Any:
    try:
        import cupy
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "cupy":
            raise DeviceError(say(f"Device 'gpu' needs CuPy, which is not installed: {_INSTALL}.")) from error
        raise DeviceError(say(f"CuPy is installed but cannot be imported ({error!s:.200}).")) from error
    return cupy


def _counted(cupy: Any) -> int:
    """How many GPUs the driver shows, one at least."""
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
                f"update the driver, or pip uninstall cupy-cuda{needed // 1000}x first and then "
                f'pip install "cupy-cuda{driver // 1000}x[ctk]".'
            )
        )
    reason: Exception | None = None
    try:
        if count := int(runtime.getDeviceCount()):
            return count
    except Exception as error:  # CUDARuntimeError, a class of CuPy's
        reason = error
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    raise DeviceError(
        say(
            f"The NVIDIA driver shows no GPU ({reason or 'it counts 0'!s:.100}). CUDA_VISIBLE_DEVICES is {visible!r:.40}."
        )
    ) from reason
