"""DepthwiseConv2D: each channel has filters of its own, and sees no other channel.

    y[n, i, j, c·M + m] = b[c·M + m] + Σ_{k, l}  x[n, i·s + k·r, j·s + l·r, c] · w[k, l, c, m]    (x padded first)

M is the depth multiplier, the number of filters of each channel. Beside Conv2D the sum over c is missing: what is
left to do at a kernel cell (k, l) is no matrix product but a product number by number, of the `tap` and the
cell's C·M weights. It takes C times fewer products, and C times fewer weights, than C·M filters that see all
channels; a 1x1 convolution behind it, which mixes the channels, is SeparableConv2D.

Backward: b acts at every place; w[k, l, c, m] acts at every place, times the pixel of channel c that its cell
meets there; a pixel acts through the M filters of its channel wherever a window has a cell on it. So with
d[n, i, j, c, m] = dy[n, i, j, c·M + m]

    db[c·M + m]     = Σ_{n, i, j}  d[n, i, j, c, m]
    dw[k, l, c, m]  = Σ_{n, i, j}  x[n, i·s + k·r, j·s + l·r, c] · d[n, i, j, c, m]
    dx[n, u, v, c]  = Σ_{i, k: i·s + k·r = u}  Σ_{j, l: j·s + l·r = v}  Σ_m  d[n, i, j, c, m] · w[k, l, c, m]

Nothing of this depends on there being two axes to slide along: the functions below take series as well.

It is the grouped convolution with as many groups as channels. A. G. Howard et al., MobileNets, 2017,
arXiv:1704.04861; L. Sifre, Rigid-motion scattering for image classification, PhD thesis, 2014.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.layers.arguments import keep_weight_arguments
from minidl.layers.convolutional.base import Sliding
from minidl.layers.convolutional.windows import IMAGE_AXES, Padding, crop, output_shape, pad, tap
from minidl.symbolic import Shape
from minidl.tensor import Function, Tensor
from minidl.utils.checks import whole_number

__all__ = ["DepthwiseConv2D", "DepthwiseFunction", "depthwise_backward", "depthwise_forward"]


class DepthwiseCache(NamedTuple):
    padded: Array  # (N, spatial'..., C)
    w: Array  # (K..., C, M)
    biased: bool
    strides: Sequence[int]
    padding: Padding
    dilation: Sequence[int]


def depthwise_forward(
    x: Array, w: Array, b: Array | None, *, strides: Sequence[int], padding: Padding, dilation: Sequence[int]
) -> tuple[Array, DepthwiseCache]:
    """x (N, spatial..., C), w (K..., C, M), b (C·M,) or None -> y (N, out..., C·M)."""
    padded = pad(x, padding)
    out = output_shape(x.shape[1:-1], w.shape[:-2], strides, padding, dilation)
    y = np.zeros((len(x), *out, *w.shape[-2:]), np.result_type(x, w, *(() if b is None else (b,))), like=x)
    for cell in np.ndindex(w.shape[:-2]):
        y += tap(padded, cell, out, strides, dilation)[..., None] * w[cell]
    y = y.reshape(len(x), *out, w.shape[-2] * w.shape[-1])
    if b is not None:
        y += b
    return y, DepthwiseCache(padded, w, b is not None, strides, padding, dilation)


def depthwise_backward(
    dy: Array, cache: DepthwiseCache, needs: tuple[bool, ...] = (True, True, True)
) -> tuple[Array | None, Array, Array | None]:
    """dy (N, out..., C·M) -> dx, dw, db; dx is None where `needs` has no use for it."""
    padded, w, biased, strides, padding, dilation = cache
    out, places = dy.shape[1:-1], tuple(range(dy.ndim - 1))
    exact = np.result_type(dy, np.float64)
    d = dy.reshape(len(dy), *out, *w.shape[-2:])
    dw, d_padded = np.zeros_like(w), np.zeros_like(padded)
    for cell in np.ndindex(w.shape[:-2]):
        seen = tap(padded, cell, out, strides, dilation)[..., None]
        dw[cell] = (seen * d).sum(axis=places, dtype=exact)
        if needs[0]:
            # A view: this adds into d_padded, where neighbouring windows overlap.
            d_seen = tap(d_padded, cell, out, strides, dilation)
            d_seen += (d * w[cell]).sum(axis=-1)
    db = dy.sum(axis=places, dtype=exact).astype(dy.dtype) if biased else None
    return crop(d_padded, padding) if needs[0] else None, dw, db


class DepthwiseFunction(Function):
    """The convolution of each channel by itself as a node on the graph."""

    forward, backward = staticmethod(depthwise_forward), staticmethod(depthwise_backward)
    selective = True


class DepthwiseConv2D(Sliding):
    """A layer of M filters for each channel of images (N, H, W, C).

    Args:
        kernel_size: (KH, KW), or one number for both.
        strides: how far the window moves; the same down and across.
        padding: "valid" (none) or "same" (as many windows as pixels, divided by the stride, rounded up).
        depth_multiplier: M, how many filters each channel has.
        data_format: "channels_last", the layout of all layers here.
        dilation_rate: distance of neighbouring kernel cells; > 1 excludes strides > 1.
        activation: name or function applied to the result.
        use_bias: whether b is added.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of the kernel, as in Dense.
        bias_initializer, bias_regularizer, bias_constraint: as in Dense.
        activity_regularizer: penalty on the output.

    Weights: kernel (KH, KW, C, M), bias (C·M,): (KH·KW + 1)·C·M numbers. The output of filter m of channel c is
    channel c·M + m.

    >>> layer = DepthwiseConv2D(3, depth_multiplier=2)
    >>> layer(np.zeros((1, 28, 28, 4))).shape, layer.count_params(), layer.parameter_formula()
    ((1, 26, 26, 8), 80, '(3·3 + 1)·4·2')
    """

    axes = IMAGE_AXES

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.depth_multiplier = whole_number("DepthwiseConv2D", "depth_multiplier", depth_multiplier, 1)
        self._keep_window(locals())
        keep_weight_arguments(self, locals(), "depthwise", "bias")
        self._refuse_unequal_strides("Conv2D with groups=<number of channels>")

    def build(self, input_shape: Shape) -> None:
        channels = self._channels_in(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self._make("kernel", shape, arguments="depthwise")
        self.bias = self._make("bias", (channels * self.depth_multiplier,)) if self.use_bias else None

    def call(self, inputs: Tensor) -> Tensor:
        return self.activation(
            DepthwiseFunction.apply(inputs, self.kernel, self.bias, **self._window(inputs))
        )

    def _channels_out(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier

    @property
    def parameter_words(self) -> str:
        """`parameter_formula` in words, for the key below `summary(explain=True)`."""
        window = "(window height·width + 1 bias)" if self.use_bias else "window height·width"
        return f"{window}·channels·multiplier"

    def parameter_formula(self) -> str:
        kh, kw, channels, multiplier = self.kernel.shape
        window = f"({kh}·{kw} + 1)" if self.use_bias else f"{kh}·{kw}"
        return f"{window}·{channels}·{multiplier}"
