"""Live arrays: they note which NumPy calls made them, so that the same calls can be made again on the same memory.

An op of minidl is a few NumPy calls and some Python around them: it asks for shapes, makes views, allocates. With the
same shapes all of that comes out the same, and only the calls that compute have to be made again:

    z = x.reshape(-1, 8) @ w          matmul(x', w, out=z)         x' is a view of the memory of x, made once
    y = np.maximum(z + b, 0)          add(z, b, out=t)
                                      maximum(t, 0, out=y)

So ops are run once on arrays that are wrapped in `Live`. Each call on them is made, its result is kept, and it is
noted as a call that writes there. What does not depend on a live array is an ordinary array or number: computed once,
a constant from then on.

A live array knows only what is certain to be the same call next time. It refuses everything else: to be a truth or a
Python number (a branch may go the other way on other numbers), to be written into an ordinary array, functions whose
result could have another shape. An op that asks for such things is then run as a whole (`minidl.models.routine`).

>>> notes = []
>>> x = Live(np.array([1.0, -2.0]), notes)
>>> y = np.maximum(2 * x, 0) + 1
>>> x.array[...] = [5.0, 6.0]
>>> for call in notes:
...     _ = call()
>>> y.array
array([11., 13.])
"""

from collections.abc import Callable
from functools import partial
from operator import setitem
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from minidl.backend import Array
from minidl.messages import say

__all__ = ["Live", "NotRepeatableError", "plain"]

Call = Callable[[], Any]

_VIEWS = {np.broadcast_to, np.expand_dims, np.flip, np.moveaxis, np.real, np.squeeze, np.swapaxes}
_FACTS = {np.can_cast, np.iscomplexobj, np.ndim, np.result_type, np.shape}  # of shapes and types alone
_MAKERS = {
    np.concatenate,
    np.stack,
    np.take_along_axis,
    np.tensordot,
    np.where,
}  # their shape is that of the inputs
_NEW = {np.arange, np.empty, np.full_like, np.ones_like, np.zeros}  # a constant of its own


class NotRepeatableError(TypeError):
    """What was asked of a live array may be something else for other numbers."""


def plain(value: Any) -> Any:
    """`value` with an array in place of each live one, also in tuples and lists."""
    if isinstance(value, Live):
        return value.array
    if type(value) in (tuple, list):
        return type(value)(map(plain, value))
    if isinstance(value, tuple):  # a named one
        return type(value)(*map(plain, value))
    return value


def _refuse(self: Any, *_: Any, **__: Any) -> Any:
    raise NotRepeatableError(
        say("A live array stands for the numbers of many batches, not for those of this one.")
    )


class Live(NDArrayOperatorsMixin):
    """An array whose numbers are new in each step, at the same place in memory.

    Args:
        array: the numbers of this step.
        notes: where the calls that compute are noted, each without arguments.
    """

    __slots__ = ("array", "notes")
    __array__ = __bool__ = __float__ = __int__ = __index__ = __iter__ = item = tolist = _refuse

    def __init__(self, array: Array, notes: list[Call]):
        self.array, self.notes = array, notes

    # --- what computes --------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        if method not in ("__call__", "reduce") or ufunc.nout != 1:
            _refuse(self)
        run: Any = ufunc if method == "__call__" else ufunc.reduce
        inputs, options = tuple(map(plain, inputs)), {name: plain(x) for name, x in options.items()}
        if out is not None:
            if not isinstance(out[0], Live):  # it would have to be what it was before, the next time
                _refuse(self)
            return self._note(partial(run, *inputs, **options), out[0].array, made=False)
        made = np.asarray(run(*inputs, **options))
        if method == "__call__":
            inputs = _of_one_type(ufunc, inputs)
        return self._note(partial(run, *inputs, **options), made)

    def _note(self, run: Callable[..., Any], target: Array, made: bool = True) -> "Live":
        """Note the call that writes to `target`; make it, unless it has been made."""
        call = partial(run, out=target)
        if not made:
            call()
        self.notes.append(call)
        return Live(target, self.notes)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in _METHODS:
            return getattr(args[0] if isinstance(args[0], Live) else _refuse(self), _METHODS[function])(
                *args[1:], **kwargs
            )
        args, kwargs = plain(args), {name: plain(x) for name, x in kwargs.items()}
        if function in _FACTS or function in _NEW:
            return function(*args, **kwargs)
        if function in _VIEWS:
            return self._view(function(*args, **kwargs))
        if function in _MAKERS and "out" not in kwargs:
            target = np.asarray(function(*args, **kwargs))
            if function is np.where and len(args) == 3:  # twice as fast as an array of its own and a copy
                wanted, chosen, other = args
                self.notes += [
                    partial(np.copyto, target, other),
                    partial(np.copyto, target, chosen, where=wanted),
                ]
            else:
                self.notes.append(partial(_fill, target, partial(function, *args, **kwargs)))
            return Live(target, self.notes)
        return _refuse(self)

    def astype(self, dtype: Any, copy: bool = True) -> "Live":
        """The numbers in another type."""
        if not copy and self.array.dtype == dtype:
            return self
        target = self.array.astype(dtype)
        self.notes.append(partial(np.copyto, target, self.array, casting="unsafe"))
        return Live(target, self.notes)

    def copy(self) -> "Live":
        """The same numbers elsewhere."""
        return self.astype(self.array.dtype)

    def __setitem__(self, key: Any, value: Any) -> None:
        call = partial(setitem, self.array, plain(key), plain(value))
        call()
        self.notes.append(call)

    def sum(self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
        """Σ along the axes."""
        add: Any = np.add
        return add.reduce(self, axis=axis, dtype=dtype, keepdims=keepdims)

    def mean(self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
        """Σ / n along the axes, the division in the type of the sum, as NumPy has it."""
        if np.dtype(dtype or self.dtype).kind not in "fc":
            _refuse(self)
        total: Any = self.sum(axis, dtype, keepdims=keepdims)
        return total / (self.size // total.size)

    def max(self, axis: Any = None, out: None = None, keepdims: bool = False, **initial: Any) -> Any:
        """The largest along the axes."""
        return np.maximum.reduce(self, axis=axis, keepdims=keepdims, **initial)

    def min(self, axis: Any = None, out: None = None, keepdims: bool = False, **initial: Any) -> Any:
        """The smallest along the axes."""
        return np.minimum.reduce(self, axis=axis, keepdims=keepdims, **initial)

    # --- views and facts: nothing to be done again ----------------------------------------------------------

    def _view(self, array: Array) -> "Live":
        if not np.may_share_memory(array, self.array):  # a copy, which would stay as it is
            _refuse(self)
        return Live(array, self.notes)

    def __getitem__(self, key: Any) -> "Live":
        return self._view(np.asarray(self.array[key]))

    def reshape(self, *shape: Any, **options: Any) -> "Live":
        """The same memory under another shape."""
        return self._view(self.array.reshape(*shape, **options))

    def transpose(self, *axes: Any) -> "Live":
        """The same memory with its axes in another order."""
        return self._view(self.array.transpose(*axes))

    def view(self, dtype: Any) -> "Live":
        """The same bits, read as another type."""
        return self._view(self.array.view(dtype))

    def ravel(self) -> "Live":
        """The same memory in one row."""
        return self.reshape(-1)

    def __len__(self) -> int:
        return len(self.array)

    T = property(lambda self: self.transpose())
    shape = property(lambda self: self.array.shape)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    dtype = property(lambda self: self.array.dtype)
    itemsize = property(lambda self: self.array.itemsize)


_METHODS = {
    np.max: "max", np.mean: "mean", np.min: "min", np.ravel: "ravel", np.reshape: "reshape", np.sum: "sum",
    np.transpose: "transpose",
}  # fmt: skip


def _fill(target: Array, make: Callable[[], Array]) -> None:
    np.copyto(target, make())


def _of_one_type(ufunc: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Python's numbers as arrays of the type in which the ufunc takes them, which saves it from finding that out."""
    kinds = tuple(x.dtype if hasattr(x, "dtype") else type(x) for x in inputs)
    if not any(kind in (int, float) for kind in kinds):
        return inputs
    dtypes = ufunc.resolve_dtypes((*kinds, None))
    return tuple(
        np.asarray(x, dtype) if type(x) in (int, float) else x
        for x, dtype in zip(inputs, dtypes, strict=False)
    )
