"""What an activation or a loss may be given: a tensor, or anything a tensor can be made from."""

from typing import Any

from minidl import config
from minidl.tensor import Tensor

__all__ = ["float_tensor"]


def float_tensor(x: Any) -> Tensor:
    """`x` as a tensor of floats: whole numbers become `config.floatx()`, floats keep their type.

    Raises:
        TypeError: `x` is not numeric.

    >>> float_tensor([1, 2])
    Tensor([1., 2.], dtype=float32)
    """
    tensor = x if isinstance(x, Tensor) else Tensor(x)
    return tensor if tensor.dtype.kind in "fc" else Tensor(tensor.data.astype(config.floatx()))
