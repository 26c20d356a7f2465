"""Layers that bring features to a common scale."""

from minidl.layers.normalization.batch_normalization import BatchNormalization

__all__ = ["BatchNormalization"]
