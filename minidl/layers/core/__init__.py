"""Dense, Activation and its kin, Embedding, Masking, and layers that arrange numbers anew.

As in the first Keras, Dropout and its kin can be imported from here as well.
"""

from minidl.layers.core.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from minidl.layers.core.dense import Dense
from minidl.layers.core.embedding import Embedding
from minidl.layers.core.input import Input, InputLayer
from minidl.layers.core.masking import Masking
from minidl.layers.core.repeating import RepeatVector
from minidl.layers.core.shaping import Flatten, Permute, Reshape
from minidl.layers.regularization.dropout import Dropout
from minidl.layers.regularization.spatial_dropout1d import SpatialDropout1D

__all__ = [
    "ELU", "Activation", "Dense", "Dropout", "Embedding", "Flatten", "Input", "InputLayer", "LeakyReLU", "Masking",
    "Permute", "ReLU", "RepeatVector", "Reshape", "Softmax", "SpatialDropout1D",
]  # fmt: skip
