"""Layers that act in training only, against overfitting."""

from minidl.layers.regularization.dropout import Dropout

__all__ = ["Dropout"]
