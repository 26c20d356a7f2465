"""SeparableConv2D: patterns in each channel of images first, then mixtures of them. See `separable` for the maths."""

from minidl.layers.convolutional.conv2d import Conv2DFunction, Conv2DReLU
from minidl.layers.convolutional.separable import SeparableConvolution
from minidl.layers.convolutional.windows import IMAGE_AXES

__all__ = ["SeparableConv2D"]


class SeparableConv2D(SeparableConvolution):
    """A layer that takes a convolution over images (N, H, W, C) apart: each channel by itself, then mixtures.

    Args:
        filters: F, the number of output channels.
        kernel_size: (KH, KW), or one number for both.
        strides: how far the window moves; the same down and across.
        padding: "valid" (none) or "same" (as many windows as pixels, divided by the stride, rounded up).
        data_format: "channels_last", the layout of all layers here.
        dilation_rate: distance of neighbouring kernel cells; > 1 excludes strides > 1.
        depth_multiplier: M, how many patterns each channel has.
        activation: name or function applied to the result, behind both parts.
        use_bias: whether b is added.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of the first kernel, as in Dense.
        pointwise_initializer, pointwise_regularizer, pointwise_constraint: of the second one.
        bias_initializer, bias_regularizer, bias_constraint: as in Dense.
        activity_regularizer: penalty on the output.

    Weights: depthwise_kernel (KH, KW, C, M), pointwise_kernel (1, 1, C·M, F), bias (F,):
    KH·KW·C·M + (C·M + 1)·F numbers.

    >>> import numpy as np
    >>> layer = SeparableConv2D(64, 3, activation="relu")
    >>> layer(np.zeros((1, 28, 28, 32))).shape, layer.count_params(), layer.parameter_formula()
    ((1, 26, 26, 64), 2400, '3·3·32·1 + (32·1 + 1)·64')
    """

    axes = IMAGE_AXES
    function, rectified_function = Conv2DFunction, Conv2DReLU
