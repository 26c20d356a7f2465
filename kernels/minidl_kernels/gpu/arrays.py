"""Arrays on their way into a kernel of the GPU: which it takes, and in what order their numbers must lie."""

from typing import Any

import numpy as np

from minidl_kernels.gpu.launch import LARGEST, xp

__all__ = ["floats", "gradient_of", "ready"]


def floats(*arrays: Any) -> bool:
    """Whether all are CuPy arrays of float32 on one device, with something in them and not too much."""
    ndarray = xp().ndarray
    for x in arrays:
        if not (isinstance(x, ndarray) and x.dtype == np.float32 and 0 < x.size <= LARGEST):
            return False
    return all(x.device == arrays[0].device for x in arrays[1:])


def ready(x: Any) -> Any:
    """`x` with its numbers row by row, as a kernel reads them; a copy where they are not."""
    return x if x.flags.c_contiguous else xp().ascontiguousarray(x)


def gradient_of(dy: Any, shape: tuple[int, ...]) -> Any:
    """`dy` in order, as float32, of the shape of the output whose gradient it is: kernels count on it.

    Raises:
        ValueError: the shape is another.
    """
    if dy.shape != shape:
        raise ValueError(f"backward expects a gradient of shape {shape}, got {dy.shape}.")
    return ready(dy if dy.dtype == np.float32 else dy.astype(np.float32))
