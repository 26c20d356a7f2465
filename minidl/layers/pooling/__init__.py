"""Pooling over windows and over whole images."""

from minidl.layers.pooling.global_pooling2d import GlobalAveragePooling2D, GlobalMaxPooling2D
from minidl.layers.pooling.pooling2d import AveragePooling2D, MaxPooling2D

__all__ = ["AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "MaxPooling2D"]
