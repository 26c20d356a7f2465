"""Pooling over windows and over whole series and images."""

from minidl.layers.pooling.global_pooling1d import GlobalAveragePooling1D, GlobalMaxPooling1D
from minidl.layers.pooling.global_pooling2d import GlobalAveragePooling2D, GlobalMaxPooling2D
from minidl.layers.pooling.pooling1d import AveragePooling1D, MaxPooling1D
from minidl.layers.pooling.pooling2d import AveragePooling2D, MaxPooling2D

__all__ = [
    "AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D",
    "GlobalMaxPooling2D", "MaxPooling1D", "MaxPooling2D",
]  # fmt: skip
