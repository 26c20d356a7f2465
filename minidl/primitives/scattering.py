"""Sums of what belongs to the same place: the gradient of an index that names an element several times.

NumPy adds one value after the other. On a GPU thousands of threads would add at once, in the order in which they happen
to come, and floats added in another order give other digits. So there the values are sorted by their places, and each
run of equal places is added up in steps that are the same each time:

    step 1      s_i = v_i + v_(i+1)                  where place i+1 is place i
    step 2      s_i = s_i + s_(i+2)                  where place i+2 is place i
    step 4 ...                                       until a step is longer than all there is

after which the first of each run holds its sum. (W. D. Hillis and G. L. Steele, Data parallel algorithms, 1986.)
"""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import on_gpu

__all__ = ["add_at", "sums_of_runs"]


def add_at(array: Array, index: Any, values: Array) -> None:
    """array[index] += values, in place, where an element that the index names several times gets the sum.

    >>> x = np.zeros(2)
    >>> add_at(x, [0, 0, 1], np.array([1.0, 2.0, 3.0]))
    >>> x
    array([3., 3.])
    """
    if not on_gpu(array):
        np.add.at(array, index, values)
        return
    places = np.arange(array.size, like=array).reshape(array.shape)[index]
    values = np.broadcast_to(values, places.shape).ravel().astype(array.dtype)
    order = np.argsort(places.ravel(), kind="stable")
    places = places.ravel()[order]
    starts, sums = sums_of_runs(places, values[order])
    array.reshape(-1)[places[starts]] += sums


def sums_of_runs(keys: Array, values: Array) -> tuple[Array, Array]:
    """Where each run of equal `keys` (N,), which are sorted, begins, and the sum of its `values` (N, ...).

    >>> sums_of_runs(np.array([2, 2, 5]), np.array([1.0, 2.0, 4.0]))
    (array([0, 2]), array([3., 4.]))
    """
    begins = np.concatenate([keys[:1] == keys[:1], keys[1:] != keys[:-1]])
    starts = np.flatnonzero(begins)
    if not on_gpu(keys):
        return starts, np.add.reduceat(values, starts, axis=0) if keys.size else values
    keys = keys.reshape(-1, *(1,) * (values.ndim - 1))
    step = 1
    while step < len(keys):  # from the end to the beginning, so that the first of each run holds the sum
        after = values.copy()
        after[:-step] += np.where(keys[:-step] == keys[step:], values[step:], 0)
        values, step = after, 2 * step
    return starts, values[starts]
