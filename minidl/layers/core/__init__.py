"""Dense, Activation and its kin, Embedding, Masking, and layers that arrange numbers anew.

As in the first Keras, Dropout and its kin can be imported from here as well.
"""

from minidl.layers.core.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from minidl.layers.core.dense import Dense
from minidl.layers.core.embedding import Embedding
from minidl.layers.core.identity import Identity
from minidl.layers.core.input import Input, InputLayer
from minidl.layers.core.lambda_layer import Lambda
from minidl.layers.core.masking import Masking
from minidl.layers.core.operation import Operation
from minidl.layers.core.prelu import PReLU
from minidl.layers.core.repeating import RepeatVector
from minidl.layers.core.rescaling import Rescaling
from minidl.layers.core.shaping import Flatten, Permute, Reshape
from minidl.layers.regularization.activity_regularization import ActivityRegularization
from minidl.layers.regularization.dropout import Dropout
from minidl.layers.regularization.gaussian_noise import GaussianNoise
from minidl.layers.regularization.spatial_dropout1d import SpatialDropout1D
from minidl.layers.regularization.spatial_dropout2d import SpatialDropout2D

__all__ = [
    "ELU", "Activation", "ActivityRegularization", "Dense", "Dropout", "Embedding", "Flatten",
    "GaussianNoise", "Identity", "Input", "InputLayer", "Lambda", "LeakyReLU", "Masking", "Operation",
    "PReLU", "Permute", "ReLU", "RepeatVector", "Rescaling", "Reshape", "Softmax", "SpatialDropout1D",
    "SpatialDropout2D",
]  # fmt: skip
