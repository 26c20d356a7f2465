"""cuBLAS for machines without a GPU: the calls that minidl makes, on memory of the host, as strictly as documented."""

import ctypes

import numpy as np
from gpu import streams

INVALID_VALUE, WRONG_STREAM = 7, 14
WORKSPACE_ALIGNMENT = 256


class Cublas:
    """The functions of the library that `minidl_kernels.gpu.product` calls."""

    def __init__(self):
        self.calls = []  # the names, in order

    def __getattr__(self, name):
        raise AttributeError(f"the stand-in for cuBLAS has no {name}")

    def cublasCreate_v2(self, handle):
        if streams.capturing() is not None:
            return 3  # it allocates
        self.calls.append("create")
        handle._obj.value = 1
        self.mode, self.stream, self.workspace = 0, 0, 0
        return 0

    def cublasDestroy_v2(self, handle):
        self.calls.append("destroy")
        return 0

    def cublasSetMathMode(self, handle, mode):
        self.calls.append("mode")
        self.mode = mode
        return 0 if mode in (0, 3) else INVALID_VALUE

    def cublasSetStream_v2(self, handle, stream):
        self.calls.append("stream")
        self.stream, self.workspace = stream.value or 0, 0
        return 0

    def cublasSetWorkspace_v2(self, handle, memory, size):
        self.calls.append("workspace")
        self.workspace = size.value
        return INVALID_VALUE if (memory.value or 0) % WORKSPACE_ALIGNMENT else 0

    def cublasSgemm_v2(self, handle, op_a, op_b, m, n, k, alpha, a, step_a, b, step_b, beta, c, step_c):
        """C <- alpha op(A) op(B) + beta C, all three column by column."""
        self.calls.append("sgemm")
        if self.stream != streams.current().ptr:
            return WRONG_STREAM
        numbers = (
            op_a, op_b, m, n, k, alpha._obj.value, a.value, step_a, b.value, step_b, beta._obj.value, c.value, step_c,
        )  # fmt: skip
        if streams.note(lambda: self._sgemm(handle, *numbers)):
            return 0
        return self._sgemm(handle, *numbers)

    def _sgemm(self, handle, op_a, op_b, m, n, k, alpha, a, step_a, b, step_b, beta, c, step_c):
        if handle.value != 1 or not self.workspace:
            return 1
        shapes = [(k, m) if op_a else (m, k), (n, k) if op_b else (k, n), (m, n)]
        steps = (step_a, step_b, step_c)
        if min(m, n, k) < 0 or any(
            step < max(1, rows) for step, (rows, _) in zip(steps, shapes, strict=True)
        ):
            return INVALID_VALUE
        a, b, c = (_matrix(p, s, step) for p, s, step in zip((a, b, c), shapes, steps, strict=True))
        if self.mode == 3:
            a, b = _rounded(a), _rounded(b)
        product = alpha * (a.T if op_a else a) @ (b.T if op_b else b)
        c[...] = product if beta == 0 else product + beta * c
        return 0


def _matrix(pointer, shape, step):
    rows, columns = shape
    numbers = (ctypes.c_float * (step * (columns - 1) + rows)).from_address(pointer)
    return np.lib.stride_tricks.as_strided(np.frombuffer(numbers, np.float32), shape, (4, 4 * step))


def _rounded(x):
    """To TF32: 10 bits behind the point."""
    bits = np.ascontiguousarray(x).view(np.uint32)
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)
