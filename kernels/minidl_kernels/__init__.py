"""Compiled kernels for minidl: arrays in, arrays out. Nothing here knows tensors, layers or minidl itself."""

__version__ = "0.1.0"
