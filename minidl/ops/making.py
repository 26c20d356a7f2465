"""New tensors from shapes and numbers, and the way to NumPy and back."""

from typing import Any

import numpy as np

from minidl import config
from minidl.backend import Array
from minidl.ops.inputs import tensor
from minidl.tensor import Tensor
from minidl.utils.checks import whole_number

__all__ = [
    "arange", "array", "convert_to_numpy", "convert_to_tensor", "eye", "full", "full_like", "identity", "is_tensor",
    "linspace", "one_hot", "ones", "ones_like", "zeros", "zeros_like",
]  # fmt: skip


def convert_to_tensor(x: Any, dtype: Any = None) -> Tensor:
    """`x` as a tensor; Python floats become `config.floatx()`, arrays keep their type unless `dtype` is given."""
    return tensor(x) if dtype is None else tensor(x).astype(dtype)


array = convert_to_tensor


def convert_to_numpy(x: Any) -> Array:
    """The array inside, without the graph."""
    return tensor(x).data


def is_tensor(x: Any) -> bool:
    """Whether `x` is a Tensor."""
    return isinstance(x, Tensor)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """`fill_value` everywhere."""
    return Tensor(np.full(shape, tensor(fill_value).data, dtype))


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """0 everywhere, of `config.floatx()` by default."""
    return Tensor(np.zeros(shape, dtype or config.floatx()))


def ones(shape: Any, dtype: Any = None) -> Tensor:
    """1 everywhere, of `config.floatx()` by default."""
    return Tensor(np.ones(shape, dtype or config.floatx()))


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """`fill_value` in the shape and type of `x`."""
    return Tensor(np.full_like(tensor(x).data, tensor(fill_value).data, dtype))


def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    """0 in the shape and type of `x`."""
    return Tensor(np.zeros_like(tensor(x).data, dtype))


def ones_like(x: Any, dtype: Any = None) -> Tensor:
    """1 in the shape and type of `x`."""
    return Tensor(np.ones_like(tensor(x).data, dtype))


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """N rows, M columns (N by default), 1 on the k-th diagonal above the main one, else 0."""
    return Tensor(np.eye(N, M, k, dtype or config.floatx()))


def identity(n: int, dtype: Any = None) -> Tensor:
    """The matrix that changes nothing."""
    return eye(n, dtype=dtype)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Tensor:
    """start, start + step, ... below stop; with one number 0, 1, ... below it. Whole numbers give int32.

    >>> arange(3).numpy().tolist(), arange(0, 1, 0.5).numpy().tolist()
    ([0, 1, 2], [0.0, 0.5])
    """
    start, stop = (0, start) if stop is None else (start, stop)
    step = 1 if step is None else step
    whole = all(np.asarray(value).dtype.kind in "iu" for value in (start, stop, step))
    return Tensor(np.arange(start, stop, step, dtype=dtype or ("int32" if whole else config.floatx())))


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, *, dtype: Any = None, axis: int = 0
) -> Tensor:
    """`num` numbers at equal distances from start to stop."""
    ends = tensor(start).data, tensor(stop).data
    return Tensor(np.linspace(*ends, num, endpoint, dtype=dtype or config.floatx(), axis=axis))


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Tensor:
    """1 at the place of each whole-number label, else 0; a label outside of 0 ... num_classes − 1 gives zeros.

    >>> one_hot([0, 2, -1], 3).numpy().tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    labels, num_classes = tensor(x).data, whole_number("one_hot", "num_classes", num_classes, minimum=1)
    hot = (labels[..., None] == np.arange(num_classes)).astype(dtype or config.floatx())
    return Tensor(np.moveaxis(hot, -1, axis))
