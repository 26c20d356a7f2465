"""The size of an array of any shape, as one number."""

import numpy as np

from minidl.backend import Array

__all__ = ["norm", "rms"]


@np.errstate(all="ignore")
def norm(array: Array | None) -> float | None:
    """The root of the sum of squares, summed in float64; None of nothing.

    >>> norm(np.array([3.0, 4.0]))
    5.0
    """
    return None if array is None else float(np.sqrt((np.abs(array).astype(np.float64) ** 2).sum()))


@np.errstate(all="ignore")
def rms(array: Array | None) -> float | None:
    """The root of the mean square: the size per number, whatever the shape. None of nothing."""
    if array is None or not array.size:
        return None
    return float(np.sqrt((np.abs(array).astype(np.float64) ** 2).mean()))
