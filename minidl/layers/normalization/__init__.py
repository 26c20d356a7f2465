"""Layers that bring features to a common scale."""

from minidl.layers.normalization.batch_normalization import BatchNormalization
from minidl.layers.normalization.layer_normalization import LayerNormalization

__all__ = ["BatchNormalization", "LayerNormalization"]
