"""SeparableConv1D: patterns in each channel of series first, then mixtures of them. See `separable` for the maths."""

from minidl.layers.convolutional.conv1d import Conv1DFunction, Conv1DReLU
from minidl.layers.convolutional.separable import SeparableConvolution
from minidl.layers.convolutional.windows import SERIES_AXES

__all__ = ["SeparableConv1D"]


class SeparableConv1D(SeparableConvolution):
    """A layer that takes a convolution over series (N, T, C) apart: each channel by itself, then mixtures.

    Args:
        filters: F, the number of output channels.
        kernel_size: K, how many time steps a window sees.
        strides: s, how many steps the window moves at a time.
        padding: "valid" (none) or "same" (as many windows as steps, divided by the stride, rounded up).
        data_format: "channels_last", the layout of all layers here.
        dilation_rate: distance of neighbouring kernel cells; > 1 excludes strides > 1.
        depth_multiplier: M, how many patterns each channel has.
        activation: name or function applied to the result, behind both parts.
        use_bias: whether b is added.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of the first kernel, as in Dense.
        pointwise_initializer, pointwise_regularizer, pointwise_constraint: of the second one.
        bias_initializer, bias_regularizer, bias_constraint: as in Dense.
        activity_regularizer: penalty on the output.

    Weights: depthwise_kernel (K, C, M), pointwise_kernel (1, C·M, F), bias (F,): K·C·M + (C·M + 1)·F numbers.

    >>> import numpy as np
    >>> layer = SeparableConv1D(64, 3, activation="relu")
    >>> layer(np.zeros((1, 128, 9))).shape, layer.count_params(), layer.parameter_formula()
    ((1, 126, 64), 667, '3·9·1 + (9·1 + 1)·64')
    """

    axes = SERIES_AXES
    function, rectified_function = Conv1DFunction, Conv1DReLU
