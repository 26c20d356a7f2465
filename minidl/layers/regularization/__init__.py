"""Layers that act in training only, against overfitting."""

from minidl.layers.regularization.dropout import Dropout
from minidl.layers.regularization.spatial_dropout1d import SpatialDropout1D

__all__ = ["Dropout", "SpatialDropout1D"]
