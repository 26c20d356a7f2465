"""Pooling over windows of series and of images: each window of each channel becomes one number.

    max      y[n, o, c] = max over the window               dx: all of dy to the largest cell
    average  y[n, o, c] = Σ over the window / its cells     dx: dy / cells to each of them

Here o is a place of the output, (t,) in a series and (i, j) in an image; nothing else depends on how many axes
there are. "same" padding adds cells that do not exist: they never win a maximum (they hold −∞) and do not count in a
mean. Of several cells that tie for the maximum, the first in reading order gets the gradient.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any, ClassVar, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, channels_last, choice, flag, size_tuple
from minidl.layers.convolutional.windows import (
    Padding,
    borders,
    crop,
    fitting_windows,
    output_shape,
    pad,
    tap,
    window_formulas,
)  # fmt: skip
from minidl.symbolic import Shape
from minidl.tensor import Function, Tensor

__all__ = [
    "GlobalPooling", "Pooling", "average_pool_backward", "average_pool_forward", "max_pool_backward",
    "max_pool_forward",
]  # fmt: skip

Size = tuple[int, ...]


class MaxPoolCache(NamedTuple):
    shape: tuple[int, ...]  # of the padded input
    winner: Array  # (N, out..., C), which cell of its window each output is
    pool: Size
    strides: Size
    padding: Padding


class AveragePoolCache(NamedTuple):
    shape: tuple[int, ...]  # of the padded input
    cells: Array  # (1, out..., 1), how many cells of its window exist
    pool: Size
    strides: Size
    padding: Padding


def _views(x: Array, out: Size, pool: Size, strides: Size) -> Any:
    """For each cell of the window, in reading order, the cells of x that it meets: views (N, out..., C)."""
    undilated = (1,) * len(pool)
    return (tap(x, cell, out, strides, undilated) for cell in product(*map(range, pool)))


def _out(x: Array, pool: Size, strides: Size, padding: Padding) -> Size:
    return output_shape(x.shape[1:-1], pool, strides, padding, (1,) * len(pool))


def max_pool_forward(x: Array, *, pool: Size, strides: Size, padding: Padding) -> tuple[Array, MaxPoolCache]:
    """x (N, T, C) or (N, H, W, C) -> y (N, out..., C)."""
    out = _out(x, pool, strides, padding)
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    padded = pad(x, padding, lowest)
    y = np.full_like(x, lowest, order="C", shape=(len(x), *out, x.shape[-1]))
    winner = np.zeros(y.shape, np.intp, like=x)
    for cell, seen in enumerate(_views(padded, out, pool, strides)):
        larger = (seen > y) | (np.isnan(seen) & ~np.isnan(y))  # a NaN wins: it must not vanish
        winner[larger] = cell
        y = np.where(larger, seen, y)
    return y, MaxPoolCache(padded.shape, winner, pool, strides, padding)


def max_pool_backward(dy: Array, cache: MaxPoolCache) -> tuple[Array]:
    """dy (N, out..., C) -> dx."""
    shape, winner, pool, strides, padding = cache
    d_padded = np.zeros(shape, dy.dtype, like=dy)
    for cell, d_seen in enumerate(_views(d_padded, dy.shape[1:-1], pool, strides)):
        d_seen += np.where(winner == cell, dy, 0)  # a view: this adds into d_padded
    return (crop(d_padded, padding),)


def average_pool_forward(
    x: Array, *, pool: Size, strides: Size, padding: Padding
) -> tuple[Array, AveragePoolCache]:
    """x (N, T, C) or (N, H, W, C) -> y (N, out..., C)."""
    out = _out(x, pool, strides, padding)
    padded = pad(x, padding)
    real = pad(np.ones_like(x, order="C", shape=(1, *x.shape[1:-1], 1)), padding)
    cells = sum(_views(real, out, pool, strides))
    y = sum(_views(padded, out, pool, strides)) / cells
    return y, AveragePoolCache(padded.shape, cells, pool, strides, padding)


def average_pool_backward(dy: Array, cache: AveragePoolCache) -> tuple[Array]:
    """dy (N, out..., C) -> dx."""
    shape, cells, pool, strides, padding = cache
    d_padded = np.zeros(shape, dy.dtype, like=dy)
    for d_seen in _views(d_padded, dy.shape[1:-1], pool, strides):
        d_seen += dy / cells  # a view: this adds into d_padded
    return (crop(d_padded, padding),)


class Pooling(Layer):
    """The base of pooling over windows: arguments, windows, shapes."""

    axes: ClassVar[tuple[str, ...]]  # names of the input's
    function: ClassVar[type[Function]]
    repeats = True

    def __init__(
        self,
        pool_size: int | Sequence[int],
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        rank = len(self.axes) - 2
        self.pool_size = size_tuple(self, "pool_size", pool_size, rank)
        self.strides = self.pool_size if strides is None else size_tuple(self, "strides", strides, rank)
        self.padding = choice(self, "padding", padding, "valid", "same")
        self.data_format = channels_last(self, data_format)
        self.input_spec = InputSpec(self.axes)

    @property
    def _windows(self) -> tuple[Size, Size, str, Size]:
        return self.pool_size, self.strides, self.padding, (1,) * len(self.pool_size)

    def call(self, inputs: Tensor) -> Tensor:
        if max(self.pool_size) == max(self.strides) == 1:
            return inputs  # each window is one cell
        self.compute_output_shape(inputs.shape)  # raises where the window does not fit
        padding = borders(inputs.shape[1:-1], *self._windows)
        return self.function.apply(inputs, pool=self.pool_size, strides=self.strides, padding=padding)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *fitting_windows(self, input_shape, *self._windows), input_shape[-1])

    def shape_formulas(self) -> list[str]:
        return window_formulas(self._sizes[1:-1], *self._windows)


class GlobalPooling(Layer):
    """The base of pooling over all there is: (N, ..., C) -> (N, C), or (N, 1..., C) with keepdims."""

    axes: ClassVar[tuple[str, ...]]
    repeats = True

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = channels_last(self, data_format)
        self.keepdims = flag(self, "keepdims", keepdims)
        self.input_spec = InputSpec(self.axes)
        self._pooled = tuple(range(1, len(self.axes) - 1))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *((1,) * len(self._pooled) if self.keepdims else ()), input_shape[-1])

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """None: no time steps are left."""
