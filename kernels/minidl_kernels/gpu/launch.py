"""How a kernel in CUDA C is compiled and started: the only place that does.

Each `.cu` file stands beside a Python file of the same name, which asks here for its kernels. The GPU trusts what it is
told: an array in another order, a double where a float belongs, and it computes nonsense or reads foreign memory. So every
argument is looked at before it goes.

CuPy compiles a source the first time it is wanted (a third of a second) and keeps the result on disk.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["LARGEST", "each", "launch", "most_shared", "source", "xp"]

LARGEST = 2**31 - 2**19  # elements of an array: `i += all threads` behind the last one is still an int
THREADS = 256  # of a block, where nothing speaks for another number
MOST_BLOCKS = 8 * 132  # fill the largest GPU of today; after that the threads take several elements each
USUAL_SHARED = 48 << 10  # bytes of shared memory that a kernel may have without asking

Constants = tuple[tuple[str, int], ...]

_functions: dict[tuple[int, str, str, Constants, int], Any] = {}


def xp() -> Any:
    """The module `cupy`.

    Raises:
        ImportError: it is not installed.
    """
    import cupy

    return cupy


@cache
def source(file: str) -> str:
    """What is compiled for `file`: the prelude, and the file itself under its own name in messages."""
    here = Path(__file__).parent
    texts = [(here / name).read_text(encoding="utf-8") for name in ("prelude.cuh", f"{file}.cu")]
    return f'#line 1 "prelude.cuh"\n{texts[0]}\n#line 1 "{file}.cu"\n{texts[1]}'


def options(constants: Constants) -> tuple[str, ...]:
    """The words for the compiler: the dialect, and each constant as a macro."""
    return ("-std=c++17", *(f"-D{name}={value}" for name, value in constants))


def launch(
    file: str,
    kernel: str,
    grid: tuple[int, ...],
    block: tuple[int, ...],
    *args: Any,
    shared: int = 0,
    **constants: int,
) -> None:
    """Start `kernel` of `file.cu` on the device of its arrays, on the current stream, without waiting for it.

    Args:
        grid: how many blocks, in up to three directions.
        block: how many threads a block has.
        args: CuPy arrays, each C-contiguous; None for a pointer to nothing; int and float, which become the
            int and the float of C; numbers of NumPy, which keep their type.
        shared: bytes of dynamic shared memory.
        constants: macros that the source is compiled with, once for each set of values. The sets in use are listed in
            `BUILDS` of the Python file beside the source.

    Raises:
        TypeError: an argument of no such kind, or arrays on two devices.
        ValueError: an array that is not C-contiguous, or has more than LARGEST elements.
        OverflowError: an int that does not fit into 32 bits.
    """
    device, given = _checked(kernel, args)
    with device:
        function = _function(device.id, file, kernel, tuple(sorted(constants.items())), shared)
        try:
            function(grid, block, given, shared_mem=shared)
        except Exception as error:
            error.add_note(
                f"at the start of {kernel} in {file}.cu. If an earlier kernel is the cause, CUDA_LAUNCH_BLOCKING=1 in the "
                "environment shows which."
            )
            raise


def each(file: str, kernel: str, n: int, *args: Any, **constants: int) -> None:
    """Start a kernel whose threads share 0 .. n-1 by FOR_EACH."""
    launch(file, kernel, (min(-(-n // THREADS), MOST_BLOCKS),), (THREADS,), *args, **constants)


@cache
def most_shared(device: int) -> int:
    """Bytes of shared memory that a block of that GPU may have: 99 K, 163 K or 227 K of those since 2020."""
    runtime = xp().cuda.runtime
    return int(runtime.deviceGetAttribute(runtime.cudaDevAttrMaxSharedMemoryPerBlockOptin, device))


def _checked(kernel: str, args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """The device that all arrays are on, and the arguments as CuPy hands them on bit by bit."""
    ndarray, device, given = xp().ndarray, None, []
    for number, a in enumerate(args):
        if isinstance(a, ndarray):
            if not a.flags.c_contiguous or a.size > LARGEST:
                what = f"{a.size} elements" if a.size > LARGEST else "not C-contiguous"
                raise ValueError(f"{kernel}: argument {number} of shape {a.shape} is {what}.")
            if device is not None and a.device != device:
                raise TypeError(f"{kernel}: argument {number} is on {a.device}, others are on {device}.")
            device = a.device
        elif a is None:
            a = np.uintp(0)
        elif isinstance(a, int):  # CuPy would make it a long long,
            a = np.int32(a)
        elif isinstance(a, float) and not isinstance(
            a, np.generic
        ):  # and this a double; np.float64 is a float too
            a = np.float32(a)
        elif not isinstance(a, np.generic):
            raise TypeError(
                f"{kernel}: argument {number} is a {type(a).__name__}, no array of CuPy or number."
            )
        given.append(a)
    if device is None:
        raise TypeError(f"{kernel}: no argument is an array of CuPy.")
    return device, tuple(given)


def _function(device: int, file: str, kernel: str, constants: Constants, shared: int) -> Any:
    key = (device, file, kernel, constants, shared)
    if key not in _functions:
        function = _module(device, file, constants).get_function(kernel)
        if shared > USUAL_SHARED:
            function.max_dynamic_shared_size_bytes = shared
        _functions[key] = function
    return _functions[key]


@cache
def _module(device: int, file: str, constants: Constants) -> Any:
    return xp().RawModule(code=source(file), options=options(constants))
