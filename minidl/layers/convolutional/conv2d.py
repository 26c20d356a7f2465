"""Conv2D: slide a small kernel over an image and write down, at each place, how well it matches.

    y[n, i, j, f] = b[f] + Σ_{k, l, c}  x[n, i·s + k·r, j·s + l·r, c] · w[k, l, c, f]         (x padded first)

There is no flip of the kernel: what deep learning calls convolution is cross-correlation. For one kernel cell
(k, l) the sum over c is a plain matrix product, so the whole convolution is KH·KW of them: one for each `tap`,
the pixels that this cell meets. The gradients are read off the same line. Each dy[n, i, j, f] went

    to b[f] as it is,        to w[k, l, c, f] times x[tap],        to x[tap] times w[k, l, c, f].

A pixel that several windows saw gets the sum of what they send back.

With `groups` the channels are cut into G parts of C/G, each seen by F/G filters of its own.

Y. LeCun et al., Gradient-based learning applied to document recognition, Proceedings of the IEEE, 1998.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minidl import activations, constraints, initializers, regularizers
from minidl.activations.rectifiers import ReLU
from minidl.backend import Array
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, channels_last, choice, flag, size_tuple
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
from minidl.utils.checks import whole_number

__all__ = ["Conv2D", "Conv2DFunction", "Conv2DReLU", "conv2d_backward", "conv2d_forward"]

Size = tuple[int, int]


class Conv2DCache(NamedTuple):
    padded: Array  # (N, H', W', C)
    w: Array  # (KH, KW, C/G, F)
    biased: bool
    strides: Size
    padding: Padding
    dilation: Size
    groups: int


def _cells(w: Array, groups: int) -> Iterator[tuple[Size, slice, slice]]:
    """Each kernel cell with each group: (k, l), the group's channels in, the group's filters."""
    c, f = w.shape[2], w.shape[3] // groups
    for k in range(w.shape[0]):
        for l in range(w.shape[1]):  # noqa: E741 the letter of the equation
            for g in range(groups):
                yield (k, l), slice(g * c, (g + 1) * c), slice(g * f, (g + 1) * f)


def conv2d_forward(
    x: Array, w: Array, b: Array | None, *, strides: Size, padding: Padding, dilation: Size, groups: int
) -> tuple[Array, Conv2DCache]:
    """x (N, H, W, C), w (KH, KW, C/G, F), b (F,) or None -> y (N, OH, OW, F)."""
    padded = pad(x, padding)
    out = output_shape(x.shape[1:3], w.shape[:2], strides, padding, dilation)
    y = np.zeros((len(x), *out, w.shape[3]), np.result_type(x, w, *(() if b is None else (b,))))
    for cell, channels, filters in _cells(w, groups):
        seen = tap(padded, cell, out, strides, dilation)[..., channels]
        y[..., filters] += np.tensordot(seen, w[cell][:, filters], axes=1)
    if b is not None:
        y += b
    return y, Conv2DCache(padded, w, b is not None, strides, padding, dilation, groups)


def conv2d_backward(
    dy: Array, cache: Conv2DCache, needs: tuple[bool, ...] = (True, True, True)
) -> tuple[Array | None, Array, Array | None]:
    """dy (N, OH, OW, F) -> dx, dw, db; dx is None where `needs` has no use for it."""
    padded, w, biased, strides, padding, dilation, groups = cache
    out = dy.shape[1:3]
    dw, d_padded = np.zeros_like(w), np.zeros_like(padded)
    for cell, channels, filters in _cells(w, groups):
        seen = tap(padded, cell, out, strides, dilation)[..., channels]
        dw[cell][:, filters] = np.tensordot(seen, dy[..., filters], axes=([0, 1, 2], [0, 1, 2]))
        if needs[0]:
            # A view: this adds into d_padded, where neighbouring windows overlap.
            d_seen = tap(d_padded, cell, out, strides, dilation)[..., channels]
            d_seen += np.tensordot(dy[..., filters], w[cell][:, filters].T, axes=1)
    db = dy.sum(axis=(0, 1, 2), dtype=np.result_type(dy, np.float64)).astype(dy.dtype) if biased else None
    return crop(d_padded, padding) if needs[0] else None, dw, db


class Conv2DFunction(Function):
    """The convolution as a node on the graph."""

    forward, backward, kernel = staticmethod(conv2d_forward), staticmethod(conv2d_backward), "conv2d"
    selective = True


def conv2d_relu_forward(x: Array, w: Array, b: Array | None, **options: Any) -> tuple[Array, Any]:
    """max(0, convolution)."""
    z, convolved = conv2d_forward(x, w, b, **options)
    y, rectified = ReLU.forward(z)
    return y, (convolved, rectified)


def conv2d_relu_backward(
    dy: Array, cache: Any, needs: tuple[bool, ...] = (True, True, True)
) -> tuple[Array | None, Array, Array | None]:
    """The gradient of the rectifier, then that of the convolution."""
    convolved, rectified = cache
    (dz,) = ReLU.backward(dy, rectified)
    return conv2d_backward(dz, convolved, needs)


class Conv2DReLU(Function):
    """Convolution and ReLU in one: a kernel need not write the convolution's output twice."""

    forward, backward, kernel = (
        staticmethod(conv2d_relu_forward),
        staticmethod(conv2d_relu_backward),
        "conv2d_relu",
    )
    selective = True


class Conv2D(Layer):
    """A layer of F filters that slide over images (N, H, W, C).

    Args:
        filters: F, the number of output channels.
        kernel_size: (KH, KW), or one number for both.
        strides: how far the window moves, down and across.
        padding: "valid" (none) or "same" (as many windows as pixels, divided by the stride, rounded up).
        data_format: "channels_last", the layout of all layers here.
        dilation_rate: distance of neighbouring kernel cells; > 1 excludes strides > 1.
        groups: G; C and F must be divisible by it.
        activation: name or function applied to the result.
        activity_regularizer: penalty on the output.
        use_bias: whether b is added.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint,
        bias_constraint: as in Dense.

    Weights: kernel (KH, KW, C/G, F), bias (F,): (KH·KW·C/G + 1)·F numbers.

    >>> layer = Conv2D(32, 3, activation="relu")
    >>> layer(np.zeros((1, 28, 28, 1))).shape, layer.count_params(), layer.parameter_formula()
    ((1, 26, 26, 32), 320, '(3·3·1 + 1)·32')
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Size,
        strides: int | Size = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Size = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = whole_number("Conv2D", "filters", filters, 1)
        self.kernel_size = size_tuple(self, "kernel_size", kernel_size, 2)
        self.strides = size_tuple(self, "strides", strides, 2)
        self.padding = choice(self, "padding", padding, "valid", "same")
        self.data_format = channels_last(self, data_format)
        self.dilation_rate = size_tuple(self, "dilation_rate", dilation_rate, 2)
        self.groups = whole_number("Conv2D", "groups", groups, 1)
        self.activation = activations.get(activation)
        self.use_bias = flag(self, "use_bias", use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(IMAGE_AXES)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{self} expects strides 1 where dilation_rate > 1, "
                f"got strides {self.strides} and dilation_rate {self.dilation_rate}."
            )
        if self.filters % self.groups:
            raise ValueError(
                f"{self} expects filters divisible by groups, got {self.filters} and {self.groups}."
            )

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)  # raises where the kernel does not fit
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(
                f"{self} needs to know its number of channels: the last axis of {input_shape} is None."
            )
        if channels % self.groups:
            raise ValueError(
                f"{self} expects a number of channels that {self.groups} groups divide, got shape {input_shape}."
            )
        self.kernel = self._make("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        self.bias = self._make("bias", (self.filters,)) if self.use_bias else None
        self.input_spec = InputSpec(IMAGE_AXES, sizes={-1: channels})

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(inputs.shape)  # raises where the kernel does not fit
        options = {
            "strides": self.strides,
            "padding": borders(
                inputs.shape[1:3], self.kernel_size, self.strides, self.padding, self.dilation_rate
            ),
            "dilation": self.dilation_rate,
            "groups": self.groups,
        }
        if self.activation is activations.relu:
            return Conv2DReLU.apply(inputs, self.kernel, self.bias, **options)
        return self.activation(Conv2DFunction.apply(inputs, self.kernel, self.bias, **options))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = fitting_windows(
            self, input_shape, self.kernel_size, self.strides, self.padding, self.dilation_rate
        )
        return (input_shape[0], *sizes, self.filters)

    def parameter_formula(self) -> str:
        k, l, c, f = self.kernel.shape  # noqa: E741 the letters of the equation
        return f"({k}·{l}·{c} + 1)·{f}" if self.use_bias else f"{k}·{l}·{c}·{f}"

    def shape_formulas(self) -> list[str]:
        return window_formulas(
            self._sizes[1:3], self.kernel_size, self.strides, self.padding, self.dilation_rate
        )
