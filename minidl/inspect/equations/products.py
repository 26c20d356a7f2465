"""Arrays that count the products they take part in: for layers whose equations nobody has written down.

    multiply, square       one for each number of the result
    a @ b, dot, tensordot  as many for each number of the result as there are terms in its sum
    einsum                 one for each combination of its letters, for two operands

Divisions, powers and whatever an activation computes are no products here, as `told` says.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.devices import is_array, to_numpy
from minidl.graph import Applied

__all__ = ["CountingArray", "products"]


class CountingArray(np.ndarray):
    """An array whose products, and those of all that is made from it, add up in `tally[0]`."""

    tally: list[int]

    def __array_finalize__(self, source: Any) -> None:
        self.tally = getattr(source, "tally", [0])

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        if out is not None:
            options["out"] = tuple(map(_plain, out))
        made = getattr(ufunc, method)(*map(_plain, inputs), **options)
        if method == "__call__" and ufunc in (np.multiply, np.square):
            self.tally[0] += np.size(made)
        elif method == "__call__" and ufunc is np.matmul:
            self.tally[0] += np.size(made) * np.shape(inputs[0])[-1]
        return made if out is not None else self._counting(made)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if not hasattr(
            function, "_implementation"
        ):  # np.zeros(..., like=x), whose own way NumPy 2.1 does not find
            return function(*args, **kwargs)
        if function not in _SUMS:
            return super().__array_function__(function, types, args, kwargs)
        made = function(*(_plain(a) for a in args), **kwargs)
        self.tally[0] += _SUMS[function](made, *args, **kwargs)
        return self._counting(made)

    def _counting(self, made: Any) -> Any:
        if not isinstance(made, np.ndarray | np.generic):
            return made
        counting = np.asarray(made).view(CountingArray)
        counting.tally = self.tally
        return counting


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, CountingArray) else value


def _tensordot(made: Any, a: Any, b: Any, axes: Any = 2) -> int:
    summed = np.shape(a)[-axes:] if isinstance(axes, int) and axes else ()
    if not isinstance(axes, int):
        summed = [np.shape(a)[axis] for axis in np.atleast_1d(axes[0])]
    return int(np.size(made)) * math.prod(summed)


def _dot(made: Any, a: Any, b: Any) -> int:
    return int(np.size(made)) * (np.shape(a)[-1] if np.ndim(a) and np.ndim(b) else 1)


def _einsum(made: Any, subscripts: str, *operands: Any, **options: Any) -> int:
    terms = subscripts.split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, operand in zip(terms, operands, strict=True):
        for letter, n in zip(term, np.shape(operand), strict=True):
            sizes[letter] = max(n, sizes.get(letter, 1))
    return math.prod(sizes.values()) * (len(operands) - 1)


_SUMS: dict[Any, Callable[..., int]] = {np.tensordot: _tensordot, np.dot: _dot, np.einsum: _einsum}


def products(applied: Applied) -> int | None:
    """How many products one call of a Function takes; None if it does not run on such arrays.

    >>> from minidl import Tensor
    >>> from minidl.graph import taken_down
    >>> with taken_down(tape := []):
    ...     y = Tensor(np.ones((2, 3))) @ np.ones((3, 4)) * 2
    >>> [products(applied) for applied in tape]
    [24, 8]
    """
    forward = applied.forward
    if forward is None:
        return None
    if forward.__module__.startswith("minidl.activations"):
        return 0
    tally = [0]
    arrays = [_counting(to_numpy(a), tally) if is_array(a) else a for a in applied.arrays]
    try:
        forward(*arrays, **applied.options)
    except Exception:
        return None
    return tally[0]


def _counting(array: Any, tally: list[int]) -> Any:
    counting = array.view(CountingArray)
    counting.tally = tally
    return counting
