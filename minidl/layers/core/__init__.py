"""Dense, Activation and its kin, Flatten, Reshape, Input."""

from minidl.layers.core.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from minidl.layers.core.dense import Dense
from minidl.layers.core.input import Input, InputLayer
from minidl.layers.core.shaping import Flatten, Reshape

__all__ = [
    "ELU", "Activation", "Dense", "Flatten", "Input", "InputLayer", "LeakyReLU", "ReLU", "Reshape", "Softmax",
]  # fmt: skip
