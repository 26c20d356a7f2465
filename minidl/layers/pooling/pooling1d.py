"""Pooling over windows of series; the maths is in `minidl.layers.pooling.base`."""

from collections.abc import Sequence
from typing import Any

from minidl.layers.convolutional.windows import SERIES_AXES
from minidl.layers.pooling.base import (
    Pooling,
    average_pool_backward,
    average_pool_forward,
    max_pool_backward,
    max_pool_forward,
)  # fmt: skip
from minidl.tensor import Function

__all__ = ["AveragePool1DFunction", "AveragePooling1D", "MaxPool1DFunction", "MaxPooling1D"]


class MaxPool1DFunction(Function):
    """Max pooling as a node on the graph."""

    forward, backward = staticmethod(max_pool_forward), staticmethod(max_pool_backward)
    kernel = "max_pool1d"


class AveragePool1DFunction(Function):
    """Average pooling as a node on the graph."""

    forward, backward = staticmethod(average_pool_forward), staticmethod(average_pool_backward)
    kernel = "average_pool1d"


class MaxPooling1D(Pooling):
    """The largest number of each window.

    Args:
        pool_size: how many time steps the window has.
        strides: how far it moves; by default its own size.
        padding: "valid" or "same".
        data_format: "channels_last", the layout of all layers here.

    >>> import numpy as np
    >>> MaxPooling1D(2)(np.array([[[1.0], [3.0], [2.0], [4.0]]])).numpy().ravel()
    array([3., 4.], dtype=float32)
    """

    axes, function = SERIES_AXES, MaxPool1DFunction

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling1D(Pooling):
    """The mean of each window, over the cells that exist. Arguments as MaxPooling1D; `pool_size` has no default.

    >>> import numpy as np
    >>> AveragePooling1D(2)(np.array([[[1.0], [3.0], [2.0], [4.0]]])).numpy().ravel()
    array([2., 3.], dtype=float32)
    """

    axes, function = SERIES_AXES, AveragePool1DFunction
