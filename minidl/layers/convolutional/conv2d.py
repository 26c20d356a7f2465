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

from typing import NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.layers.convolutional.base import Convolution, cells, rectified
from minidl.layers.convolutional.windows import IMAGE_AXES, Padding, crop, output_shape, pad, tap
from minidl.tensor import Function

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


def conv2d_forward(
    x: Array, w: Array, b: Array | None, *, strides: Size, padding: Padding, dilation: Size, groups: int
) -> tuple[Array, Conv2DCache]:
    """x (N, H, W, C), w (KH, KW, C/G, F), b (F,) or None -> y (N, OH, OW, F)."""
    padded = pad(x, padding)
    out = output_shape(x.shape[1:3], w.shape[:2], strides, padding, dilation)
    y = np.zeros((len(x), *out, w.shape[3]), np.result_type(x, w, *(() if b is None else (b,))), like=x)
    for cell, channels, filters in cells(w, groups):
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
    for cell, channels, filters in cells(w, groups):
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


class Conv2DReLU(Function):
    """Convolution and ReLU in one."""

    forward, backward = map(staticmethod, rectified(Conv2DFunction))
    kernel = "conv2d_relu"
    selective = True


class Conv2D(Convolution):
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

    axes = IMAGE_AXES
    function, rectified_function = Conv2DFunction, Conv2DReLU
