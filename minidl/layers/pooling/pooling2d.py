"""Pooling over windows of images; the maths is in `minidl.layers.pooling.base`."""

from collections.abc import Sequence
from typing import Any

from minidl.layers.convolutional.windows import IMAGE_AXES
from minidl.layers.pooling.base import (
    Pooling,
    average_pool_backward,
    average_pool_forward,
    max_pool_backward,
    max_pool_forward,
)  # fmt: skip
from minidl.tensor import Function

__all__ = ["AveragePool2DFunction", "AveragePooling2D", "MaxPool2DFunction", "MaxPooling2D"]


class MaxPool2DFunction(Function):
    """Max pooling as a node on the graph."""

    forward, backward = staticmethod(max_pool_forward), staticmethod(max_pool_backward)
    kernel = "max_pool2d"


class AveragePool2DFunction(Function):
    """Average pooling as a node on the graph."""

    forward, backward = staticmethod(average_pool_forward), staticmethod(average_pool_backward)
    kernel = "average_pool2d"


class MaxPooling2D(Pooling):
    """The largest number of each window.

    Args:
        pool_size: (height, width) of the window, or one number for both.
        strides: how far it moves; by default its own size.
        padding: "valid" or "same".
        data_format: "channels_last", the layout of all layers here.

    >>> import numpy as np
    >>> MaxPooling2D(2)(np.array([[1.0, 3.0], [2.0, 4.0]]).reshape(1, 2, 2, 1)).numpy().ravel()
    array([4.], dtype=float32)
    """

    axes, function = IMAGE_AXES, MaxPool2DFunction

    def __init__(
        self,
        pool_size: int | Sequence[int] = (2, 2),
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling2D(Pooling):
    """The mean of each window, over the cells that exist. Arguments as MaxPooling2D; `pool_size` has no default.

    >>> import numpy as np
    >>> AveragePooling2D(2)(np.array([[1.0, 3.0], [2.0, 4.0]]).reshape(1, 2, 2, 1)).numpy().ravel()
    array([2.5], dtype=float32)
    """

    axes, function = IMAGE_AXES, AveragePool2DFunction
