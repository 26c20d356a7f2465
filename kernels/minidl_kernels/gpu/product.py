"""Matrix products by cuBLAS, called directly: CuPy refuses its own cuBLAS while a stream is captured.

cuBLAS counts matrices column by column. What it takes for a matrix is the transpose of what lies row by row, so
a·b row by row is, in its eyes, bᵀ·aᵀ: the operands change places, and nothing is copied.

During a capture nothing may be allocated. So each handle gets memory of its own to work in, which lives as long as the
handle does: the addresses are written down in the captured graph. Setting the stream takes that memory away again,
so the two are always set together. And products on two streams must not work in it at the same time, so on a change of
stream the host waits for the one before. A handle is destroyed when its thread has ended, and its memory is freed after it.
"""

import ctypes
import threading
import weakref
from functools import cache
from typing import Any

import numpy as np

from minidl_kernels.gpu.launch import xp

__all__ = ["choose_precision", "precision", "product"]

MODES = {"float32": 0, "tf32": 3}  # CUBLAS_DEFAULT_MATH, CUBLAS_TF32_TENSOR_OP_MATH
WORKSPACE = 32 << 20  # bytes, what NVIDIA recommends for its GPUs since Hopper

_precision = "float32"


def choose_precision(name: str) -> None:
    """From the next product on: "float32", or "tf32" with factors rounded to 10 bits behind the point, much faster."""
    global _precision
    if name not in MODES:
        raise ValueError(f"precision expects one of {sorted(MODES)}, got {name!r}.")
    _precision = name


def precision() -> str:
    """What was chosen: other kernels follow it too."""
    return _precision


@cache
def _library() -> Any:
    from cuda.pathfinder import load_nvidia_dynamic_lib

    return ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)


class _Handle:
    """cuBLAS on the current device, for one thread."""

    def __init__(self) -> None:
        self._handle = ctypes.c_void_p()
        self._workspace = xp().cuda.Memory(WORKSPACE)  # not from a pool: no capture gives it to anyone else
        self.call("cublasCreate_v2", ctypes.byref(self._handle), handle=False)
        end = weakref.finalize(self, _destroy, _library(), self._handle, self._workspace)
        end.atexit = False  # CUDA ends with the process
        self._stream: Any = None
        self._mode: int | None = None

    def call(self, name: str, *args: Any, handle: bool = True) -> None:
        """Call a function of the library and look at what it says."""
        status = getattr(_library(), name)(*([self._handle] if handle else []), *args)
        if status:
            raise RuntimeError(f"{name} of cuBLAS failed with status {status}.")

    def prepare(self) -> None:
        """Go by the current stream and the precision that was chosen."""
        stream, mode = xp().cuda.get_current_stream(), MODES[_precision]
        if self._stream is None or stream.ptr != self._stream.ptr:
            if self._stream is not None:
                self._stream.synchronize()
            self.call("cublasSetStream_v2", ctypes.c_void_p(stream.ptr))
            workspace = ctypes.c_void_p(self._workspace.ptr), ctypes.c_size_t(WORKSPACE)
            self.call("cublasSetWorkspace_v2", *workspace)
            self._stream = stream  # held, so that no other stream gets its address
        if mode != self._mode:
            self.call("cublasSetMathMode", mode)
            self._mode = mode


def _destroy(library: Any, handle: Any, workspace: Any) -> None:
    """The end of a handle. What it works in is passed along so as to be there until then."""
    library.cublasDestroy_v2(handle)


class _Handles(threading.local):
    def __init__(self) -> None:
        self.of_device: dict[int, _Handle] = {}


_handles = _Handles()


def product(
    a: Any,
    b: Any,
    out: Any = None,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    accumulate: bool = False,
) -> Any:
    """a·b, or with `transpose_a` aᵀ·b, with `transpose_b` a·bᵀ: float32 matrices on one device.

    The numbers of a row lie side by side; the rows may be apart, as in a slice of columns.

    Args:
        out: where the result goes; a new array where it is None.
        accumulate: add to what is in `out`.

    Raises:
        ValueError: shapes that do not belong together, another type, or numbers of a row that are apart.
    """
    m, k = a.shape[::-1] if transpose_a else a.shape
    inner, n = b.shape[::-1] if transpose_b else b.shape
    if out is None:
        out = xp().empty((m, n), np.float32)
    if k != inner or out.shape != (m, n) or not all(map(_in_rows, (a, b, out))):
        about = ", ".join(f"{x.dtype} {x.shape} with strides {x.strides}" for x in (a, b, out))
        raise ValueError(f"product cannot multiply the first two of these into the third: {about}.")
    if 0 in (m, n, k):
        if not accumulate:
            out.fill(0)
        return out
    with out.device as device:
        handle = _handles.of_device.get(device.id)
        if handle is None:
            handle = _handles.of_device[device.id] = _Handle()
        handle.prepare()
        handle.call(
            "cublasSgemm_v2", int(transpose_b), int(transpose_a), n, m, k, ctypes.byref(ctypes.c_float(1)),
            *_matrix(b), *_matrix(a), ctypes.byref(ctypes.c_float(accumulate)), *_matrix(out),
        )  # fmt: skip
    return out


def _in_rows(x: Any) -> bool:
    if x.dtype != np.float32:
        return False
    (rows, columns), (down, right) = x.shape, x.strides
    side_by_side = columns < 2 or right == 4
    in_order = rows < 2 or (down >= 4 * columns and down % 4 == 0)
    return bool(x.size == 0 or (side_by_side and in_order))


def _matrix(x: Any) -> tuple[Any, int]:
    """Where it begins, and how far its rows are apart."""
    return ctypes.c_void_p(x.data.ptr), x.strides[0] // 4 if len(x) > 1 else max(x.shape[1], 1)
