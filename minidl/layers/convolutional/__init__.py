"""Convolution over series and images, the layers that make them longer or shorter, and the arithmetic of windows."""

from minidl.layers.convolutional.conv1d import Conv1D
from minidl.layers.convolutional.conv2d import Conv2D
from minidl.layers.convolutional.cropping1d import Cropping1D
from minidl.layers.convolutional.up_sampling1d import UpSampling1D
from minidl.layers.convolutional.zero_padding1d import ZeroPadding1D
from minidl.layers.convolutional.zero_padding2d import ZeroPadding2D

__all__ = ["Conv1D", "Conv2D", "Cropping1D", "UpSampling1D", "ZeroPadding1D", "ZeroPadding2D"]
