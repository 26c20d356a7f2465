"""UpSampling2D: larger images, by repeating pixels or by drawing straight lines between them.

An image of n rows becomes one of n·s. Both ways are a matrix A (n·s, n) for the rows and another for the columns:
y = A · x down and across. Each row of A sums to 1, so flat areas stay flat.

    nearest    y[i] = x[⌊i / s⌋]                               each pixel s times over
    bilinear   y[i] = (1 − t)·x[k] + t·x[k + 1]                k + t = (i + ½)/s − ½,  0 ≤ t < 1

The ½ puts the numbers in the middle of their pixels: new pixel i covers i ... i + 1, so its middle lies at i + ½
of the new grid, at (i + ½)/s of the old one, and there at (i + ½)/s − ½ steps from the middle of pixel 0. Before
the first middle and behind the last one there is nothing to draw a line to, and the pixel there is repeated.

Backward: the map is linear, so dx = Aᵀ · dy. For "nearest" that is the sum over a pixel's copies.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import beside
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, channels_last, choice, size_tuple
from minidl.layers.convolutional.windows import IMAGE_AXES
from minidl.primitives.joining import repeat
from minidl.symbolic import Shape
from minidl.tensor import Function, Tensor

__all__ = ["Bilinear", "UpSampling2D", "bilinear_backward", "bilinear_forward", "lines_between"]


def lines_between(n: int, times: int) -> Array:
    """The matrix A (n·times, n) that puts `times` points for each of n on the lines between them.

    >>> lines_between(2, 2)
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]])
    """
    at = np.clip((np.arange(n * times) + 0.5) / times - 0.5, 0, n - 1)
    return np.maximum(1 - abs(at[:, None] - np.arange(n)), 0)


def bilinear_forward(x: Array, *, size: Sequence[int]) -> tuple[Array, tuple[Array, Array]]:
    """x (N, H, W, C) -> y (N, H·size[0], W·size[1], C)."""
    real = x.real.dtype
    down, across = (
        beside(lines_between(n, times).astype(real), x) for n, times in zip(x.shape[1:3], size, strict=True)
    )
    return _along_both(x, down, across), (down, across)


def bilinear_backward(dy: Array, cache: tuple[Array, Array]) -> tuple[Array]:
    """dy (N, H·size[0], W·size[1], C) -> dx."""
    down, across = cache
    return (_along_both(dy, down.T, across.T),)


def _along_both(x: Array, down: Array, across: Array) -> Array:
    """(N, H, W, C) -> (N, W, C, H') -> (N, C, H', W') -> (N, H', W', C): a large matrix product for each axis."""
    rows = np.tensordot(x, down, axes=(1, 1))
    y = np.moveaxis(np.tensordot(rows, across, axes=(1, 1)), 1, -1)
    return np.ascontiguousarray(y, like=y)


class Bilinear(Function):
    """Interpolation as a node on the graph."""

    forward, backward = staticmethod(bilinear_forward), staticmethod(bilinear_backward)


class UpSampling2D(Layer):
    """Makes images larger: (N, H, W, C) -> (N, H·size[0], W·size[1], C).

    Args:
        size: how many times as high and as wide; one number for both.
        data_format: "channels_last", the layout of all layers here.
        interpolation: "nearest" (pixels are repeated) or "bilinear" (straight lines between them).

    >>> UpSampling2D((1, 2))(np.array([1.0, 2.0]).reshape(1, 1, 2, 1)).numpy().ravel()
    array([1., 1., 2., 2.], dtype=float32)
    >>> UpSampling2D((1, 2), interpolation="bilinear")(np.array([1.0, 2.0]).reshape(1, 1, 2, 1)).numpy().ravel()
    array([1.  , 1.25, 1.75, 2.  ], dtype=float32)
    """

    def __init__(
        self,
        size: int | Sequence[int] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.size = size_tuple(self, "size", size, 2)
        self.data_format = channels_last(self, data_format)
        self.interpolation = choice(self, "interpolation", interpolation, "nearest", "bilinear")
        self.input_spec = InputSpec(IMAGE_AXES)

    def call(self, inputs: Tensor) -> Tensor:
        if self.interpolation == "bilinear":
            return Bilinear.apply(inputs, size=self.size)
        return repeat(repeat(inputs, self.size[0], axis=1), self.size[1], axis=2)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, h, w, c = input_shape
        down, across = self.size
        return (batch, None if h is None else h * down, None if w is None else w * across, c)

    def shape_formulas(self) -> list[str]:
        sizes = zip(self._sizes[1:3], self.size, strict=True)
        return list(dict.fromkeys(f"{n}·{s} = {n * s}" for n, s in sizes if n is not None))
