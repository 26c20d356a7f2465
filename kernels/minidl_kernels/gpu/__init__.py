"""Kernels for NVIDIA's GPUs, in CUDA C. Nothing is compiled, and CuPy not imported, by importing this.

To add one:

1. Write `my_op.cu`. A comment says what a block and a thread do. `prelude.cuh` is before it; no #include. Kernels are
   `extern "C" __global__ void`, `const T* __restrict__` for what they read, 32-bit sizes, and have
   `__launch_bounds__(threads)` where a block has more than 256 or each thread takes more than 64 registers.
   Nothing whose order of additions changes from run to run. Macros given by the launch stand for sizes known at compile time.
2. Write `my_op.py` beside it: the pair, `supports` (`arrays.floats`), `KERNELS`, and, if there are macros, `BUILDS`, all
   the sets of them in use: {"my_op": [{"UNITS": 32}, {"UNITS": 64}]}. `launch.launch` starts a kernel, `launch.each`
   one that goes by FOR_EACH, `rows.each_row` one that goes by ROW and FOR_COLUMNS; `product.product` multiplies matrices,
   `sums.column_sums` adds up rows. Results are made by `xp().empty`; what comes in passes through `arrays.ready`, or
   `arrays.gradient_of` for a gradient.
3. Register it below. Then `tests/gpu` compiles each build for two GPUs and looks for spilled registers, runs it on the
   processor against its reference with the draws of `tests/kernel_cases.py`, and drops each of its barriers in turn.
4. Add to `tests/gpu/gpu_cases.py` sizes at which the kernel changes its ways, and faults of its own to be found.
"""

from collections.abc import Mapping, Sequence

from minidl_kernels.contract import Kernel
from minidl_kernels.gpu import (
    adam,
    batch_normalization,
    convolution,
    crossentropy,
    dense,
    descent,
    dropout,
    elementwise,
    embedding,
    layer_normalization,
    pooling,
    recurrent,
    softmax,
)
from minidl_kernels.series import of_series

__all__ = ["BUILDS", "KERNELS"]

KERNELS: dict[str, Kernel] = {
    **adam.KERNELS,
    **batch_normalization.KERNELS,
    **convolution.KERNELS,
    **crossentropy.KERNELS,
    **dense.KERNELS,
    **descent.KERNELS,
    **dropout.KERNELS,
    **elementwise.KERNELS,
    **embedding.KERNELS,
    **layer_normalization.KERNELS,
    **pooling.KERNELS,
    **recurrent.KERNELS,
    **of_series({**convolution.KERNELS, **pooling.KERNELS}),
    **softmax.KERNELS,
}

# For each source that is compiled with macros, the sets of them in use; any other is compiled once, without.
BUILDS: dict[str, Sequence[Mapping[str, int]]] = {**convolution.BUILDS, **recurrent.BUILDS}
