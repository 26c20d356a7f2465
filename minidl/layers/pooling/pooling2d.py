"""Pooling over images: each window of each channel becomes one number, its largest or its mean.

    max      y[n, i, j, c] = max over the window               dx: all of dy to the largest cell
    average  y[n, i, j, c] = Σ over the window / its cells     dx: dy / cells to each of them

"same" padding adds cells that do not exist: they never win a maximum (they hold −∞) and do not count in a
mean. Of several cells that tie for the maximum, the first in reading order gets the gradient.
"""

from itertools import product
from typing import Any, ClassVar, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, channels_last, choice, size_tuple
from minidl.layers.convolutional.windows import (
    IMAGE_AXES,
    Padding,
    borders,
    crop,
    fitting_windows,
    output_shape,
    pad,
    tap,
    window_formulas,
)  # fmt: skip
from minidl.layers.symbolic import Shape
from minidl.tensor import Function, Tensor

__all__ = ["AveragePool2DFunction", "AveragePooling2D", "MaxPool2DFunction", "MaxPooling2D"]

Size = tuple[int, int]


class MaxPoolCache(NamedTuple):
    shape: tuple[int, ...]  # of the padded input
    winner: Array  # (N, OH, OW, C), which cell of its window each output is
    pool: Size
    strides: Size
    padding: Padding


class AveragePoolCache(NamedTuple):
    shape: tuple[int, ...]  # of the padded input
    cells: Array  # (1, OH, OW, 1), how many cells of its window exist
    pool: Size
    strides: Size
    padding: Padding


def _views(x: Array, out: tuple[int, ...], pool: Size, strides: Size) -> Any:
    """For each cell of the window, in reading order, the pixels it meets: views (N, OH, OW, C)."""
    return (tap(x, cell, out, strides, (1, 1)) for cell in product(range(pool[0]), range(pool[1])))


def max_pool2d_forward(
    x: Array, *, pool: Size, strides: Size, padding: Padding
) -> tuple[Array, MaxPoolCache]:
    """x (N, H, W, C) -> y (N, OH, OW, C)."""
    out = output_shape(x.shape[1:3], pool, strides, padding, (1, 1))
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    padded = pad(x, padding, lowest)
    y = np.full((len(x), *out, x.shape[3]), lowest, x.dtype)
    winner = np.zeros(y.shape, np.intp)
    for cell, seen in enumerate(_views(padded, out, pool, strides)):
        larger = (seen > y) | (np.isnan(seen) & ~np.isnan(y))  # a NaN wins: it must not vanish
        winner[larger] = cell
        y = np.where(larger, seen, y)
    return y, MaxPoolCache(padded.shape, winner, pool, strides, padding)


def max_pool2d_backward(dy: Array, cache: MaxPoolCache) -> tuple[Array]:
    """dy (N, OH, OW, C) -> dx."""
    shape, winner, pool, strides, padding = cache
    d_padded = np.zeros(shape, dy.dtype)
    for cell, d_seen in enumerate(_views(d_padded, dy.shape[1:3], pool, strides)):
        d_seen += np.where(winner == cell, dy, 0)  # a view: this adds into d_padded
    return (crop(d_padded, padding),)


def average_pool2d_forward(
    x: Array, *, pool: Size, strides: Size, padding: Padding
) -> tuple[Array, AveragePoolCache]:
    """x (N, H, W, C) -> y (N, OH, OW, C)."""
    out = output_shape(x.shape[1:3], pool, strides, padding, (1, 1))
    padded = pad(x, padding)
    real = pad(np.ones((1, *x.shape[1:3], 1), x.dtype), padding)
    cells = sum(_views(real, out, pool, strides))
    y = sum(_views(padded, out, pool, strides)) / cells
    return y, AveragePoolCache(padded.shape, cells, pool, strides, padding)


def average_pool2d_backward(dy: Array, cache: AveragePoolCache) -> tuple[Array]:
    """dy (N, OH, OW, C) -> dx."""
    shape, cells, pool, strides, padding = cache
    d_padded = np.zeros(shape, dy.dtype)
    for d_seen in _views(d_padded, dy.shape[1:3], pool, strides):
        d_seen += dy / cells  # a view: this adds into d_padded
    return (crop(d_padded, padding),)


class MaxPool2DFunction(Function):
    """Max pooling as a node on the graph."""

    forward, backward, kernel = (
        staticmethod(max_pool2d_forward),
        staticmethod(max_pool2d_backward),
        "max_pool2d",
    )


class AveragePool2DFunction(Function):
    """Average pooling as a node on the graph."""

    forward, backward = staticmethod(average_pool2d_forward), staticmethod(average_pool2d_backward)
    kernel = "average_pool2d"


class _Pooling2D(Layer):
    """What both kinds share: arguments, windows, shapes."""

    function: ClassVar[type[Function]]

    def __init__(
        self,
        pool_size: int | Size,
        strides: int | Size | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.pool_size = size_tuple(self, "pool_size", pool_size, 2)
        self.strides = self.pool_size if strides is None else size_tuple(self, "strides", strides, 2)
        self.padding = choice(self, "padding", padding, "valid", "same")
        self.data_format = channels_last(self, data_format)
        self.input_spec = InputSpec(IMAGE_AXES)

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(inputs.shape)  # raises where the window does not fit
        padding = borders(inputs.shape[1:3], self.pool_size, self.strides, self.padding, (1, 1))
        return self.function.apply(inputs, pool=self.pool_size, strides=self.strides, padding=padding)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = fitting_windows(self, input_shape, self.pool_size, self.strides, self.padding, (1, 1))
        return (input_shape[0], *sizes, input_shape[-1])

    def shape_formulas(self) -> list[str]:
        return window_formulas(self._sizes[1:3], self.pool_size, self.strides, self.padding, (1, 1))


class MaxPooling2D(_Pooling2D):
    """The largest number of each window.

    Args:
        pool_size: (height, width) of the window, or one number for both.
        strides: how far it moves; by default its own size.
        padding: "valid" or "same".
        data_format: "channels_last", the layout of all layers here.

    >>> MaxPooling2D(2)(np.array([[1.0, 3.0], [2.0, 4.0]]).reshape(1, 2, 2, 1)).numpy().ravel()
    array([4.], dtype=float32)
    """

    function = MaxPool2DFunction

    def __init__(
        self,
        pool_size: int | Size = (2, 2),
        strides: int | Size | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling2D(_Pooling2D):
    """The mean of each window, over the cells that exist. Arguments as MaxPooling2D; `pool_size` has no default.

    >>> AveragePooling2D(2)(np.array([[1.0, 3.0], [2.0, 4.0]]).reshape(1, 2, 2, 1)).numpy().ravel()
    array([2.5], dtype=float32)
    """

    function = AveragePool2DFunction
