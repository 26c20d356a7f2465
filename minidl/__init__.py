"""minidl: a neural-network engine to read and to use."""

from minidl import primitives as primitives
from minidl.backend import kernels_off as kernels_off
from minidl.tensor import Tensor as Tensor
