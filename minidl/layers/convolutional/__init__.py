"""Convolution over series and images, the layers that make them larger or smaller, and the arithmetic of windows."""

from minidl.layers.convolutional.conv1d import Conv1D
from minidl.layers.convolutional.conv2d import Conv2D
from minidl.layers.convolutional.conv2d_transpose import Conv2DTranspose
from minidl.layers.convolutional.cropping1d import Cropping1D
from minidl.layers.convolutional.cropping2d import Cropping2D
from minidl.layers.convolutional.depthwise_conv2d import DepthwiseConv2D
from minidl.layers.convolutional.separable_conv1d import SeparableConv1D
from minidl.layers.convolutional.separable_conv2d import SeparableConv2D
from minidl.layers.convolutional.up_sampling1d import UpSampling1D
from minidl.layers.convolutional.up_sampling2d import UpSampling2D
from minidl.layers.convolutional.zero_padding1d import ZeroPadding1D
from minidl.layers.convolutional.zero_padding2d import ZeroPadding2D

__all__ = [
    "Conv1D", "Conv2D", "Conv2DTranspose", "Cropping1D", "Cropping2D", "DepthwiseConv2D", "SeparableConv1D",
    "SeparableConv2D", "UpSampling1D", "UpSampling2D", "ZeroPadding1D", "ZeroPadding2D",
]  # fmt: skip
