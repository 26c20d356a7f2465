"""What becomes an array: numbers, lists and arrays of other kinds, in the types that minidl computes with."""

from typing import Any

import numpy as np

from minidl import config
from minidl.backend import Array
from minidl.devices import on_gpu
from minidl.messages import say

__all__ = ["array_of"]


def array_of(value: Any) -> Array:
    """The array of a number, list or array: native byte order, Python floats as `config.floatx`; on the GPU if it is.

    Raises:
        TypeError: the value is not numeric.

    >>> array_of([1.0, 2.0])
    array([1., 2.], dtype=float32)
    """
    if type(value) is np.ndarray or on_gpu(value):
        array: Array = value
    elif isinstance(value, np.ma.MaskedArray):
        raise TypeError(say("A tensor holds numbers, got a masked array. Pass x.filled(...)."))
    else:
        array = np.asarray(value)
    dtype = array.dtype
    if dtype.kind not in "biufc":
        raise TypeError(say(f"A tensor holds numbers, got {type(value).__name__} of dtype {dtype}."))
    if array is not value and dtype == np.float64 and not isinstance(value, np.ndarray | np.generic):
        return array.astype(config.floatx())
    return array if dtype.isnative else array.astype(dtype.newbyteorder("="))
