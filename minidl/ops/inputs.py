"""What an operation may be given, and in which float type it then computes.

Tensors, arrays, lists (also of tensors) and numbers are all welcome. As in Keras, whole numbers beside floats
take on their type, and functions that need floats turn whole numbers into `config.floatx()`:

    int64 array, float32 tensor  ->  float32         exp of an int64 array  ->  float32
"""

from typing import Any

import numpy as np

from minidl import config
from minidl.primitives.joining import stack
from minidl.tensor import Tensor

__all__ = ["alike", "floats", "tensor"]


def tensor(x: Any) -> Tensor:
    """`x` as a tensor; a list with tensors in it is stacked, so that their gradients are not lost.

    >>> w = Tensor(2.0, requires_grad=True)
    >>> tensor([w, 1.0]).requires_grad
    True
    """
    if isinstance(x, Tensor):
        return x
    if isinstance(x, list | tuple) and _holds_tensors(x):
        return stack([tensor(entry) for entry in x])
    return Tensor(x)


def _holds_tensors(x: Any) -> bool:
    return isinstance(x, Tensor) or (isinstance(x, list | tuple) and any(map(_holds_tensors, x)))


def floats(x: Any) -> Tensor:
    """`x` as a tensor of floats.

    >>> floats([1, 2])
    Tensor([1., 2.], dtype=float32)
    """
    x = tensor(x)
    return x if x.dtype.kind in "fc" else x.astype(config.floatx())


def alike(*operands: Any) -> list[Any]:
    """Operands that are to meet: all floats if one is. Python numbers stay, and give way to a tensor's type.

    >>> [x.dtype.name for x in alike(np.array([1, 2]), Tensor([0.5]))]
    ['float32', 'float32']
    """
    if all(isinstance(x, bool | int | float) for x in operands):
        operands = tuple(map(tensor, operands))
    xs = [x if isinstance(x, bool | int | float) else tensor(x) for x in operands]
    float_types = [x.dtype for x in xs if isinstance(x, Tensor) and x.dtype.kind in "fc"]
    if not float_types and any(isinstance(x, float) for x in xs):
        float_types = [np.dtype(config.floatx())]
    if float_types:
        wanted = np.result_type(*float_types)
        xs = [x.astype(wanted) if isinstance(x, Tensor) and x.dtype.kind not in "fc" else x for x in xs]
    return xs
