"""Convolution over images, and the padding arithmetic it shares with pooling."""

from minidl.layers.convolutional.conv2d import Conv2D
from minidl.layers.convolutional.zero_padding2d import ZeroPadding2D

__all__ = ["Conv2D", "ZeroPadding2D"]
