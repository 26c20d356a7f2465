"""Layers that act in training only, against overfitting, and a price on what passes."""

from minidl.layers.regularization.activity_regularization import ActivityRegularization
from minidl.layers.regularization.dropout import Dropout
from minidl.layers.regularization.gaussian_noise import GaussianNoise
from minidl.layers.regularization.spatial_dropout1d import SpatialDropout1D
from minidl.layers.regularization.spatial_dropout2d import SpatialDropout2D

__all__ = ["ActivityRegularization", "Dropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D"]
