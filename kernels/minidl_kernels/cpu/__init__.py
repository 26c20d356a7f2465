"""Kernels for the processor, compiled by Numba when they are first used. Nothing is compiled by importing this."""

import numba

from minidl_kernels.contract import Kernel
from minidl_kernels.cpu import (
    activations,
    adam,
    batch_normalization,
    convolution,
    crossentropy,
    dense,
    dropout,
    embedding,
    layer_normalization,
    pool,
    pooling,
    recurrent,
)  # fmt: skip
from minidl_kernels.cpu.cache import Waiting
from minidl_kernels.cpu.chain import chained
from minidl_kernels.cpu.noting import noted_in
from minidl_kernels.series import of_series

__all__ = ["COMPILED", "KERNELS", "Waiting", "chained", "compiler", "noted_in"]

# With NUMBA_DISABLE_JIT=1 the loops run in Python: to step through them, not for use.
COMPILED = not numba.config.DISABLE_JIT

KERNELS: dict[str, Kernel] = {
    **activations.KERNELS,
    **adam.KERNELS,
    **batch_normalization.KERNELS,
    **convolution.KERNELS,
    **crossentropy.KERNELS,
    **dense.KERNELS,
    **dropout.KERNELS,
    **embedding.KERNELS,
    **layer_normalization.KERNELS,
    **pooling.KERNELS,
    **recurrent.KERNELS,
    **of_series({**convolution.KERNELS, **pooling.KERNELS}),
}


def compiler() -> str:
    """What compiles them, and how many threads they use."""
    return f"Numba {numba.__version__}, {pool.threads()} threads"
