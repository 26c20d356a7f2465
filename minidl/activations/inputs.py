"""What an activation or a loss may be given: a tensor, or anything a tensor can be made from."""

from typing import Any

from minidl import config
from minidl.tensor import Tensor
from minidl.utils.checks import number

__all__ = ["float_tensor", "option"]


def float_tensor(x: Any) -> Tensor:
    """`x` as a tensor of floats: whole numbers become `config.floatx()`, floats keep their type.

    Raises:
        TypeError: `x` is not numeric.

    >>> float_tensor([1, 2])
    Tensor([1., 2.], dtype=float32)
    """
    tensor = x if isinstance(x, Tensor) else Tensor(x)
    return tensor if tensor.dtype.kind in "fc" else Tensor(tensor.data.astype(config.floatx()))


def option(function: str, argument: str, value: Any) -> float:
    """A setting of an activation as a number.

    >>> option("elu", "alpha", "much")
    Traceback (most recent call last):
    TypeError: elu expects alpha to be a number that is finite, got str 'much'.
    """
    return value if type(value) is float else number(function, argument, value)
