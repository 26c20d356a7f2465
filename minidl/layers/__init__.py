"""The layers, one file each: maths, forward, backward, layer."""

from minidl.layers.base import Layer
from minidl.layers.convolutional.conv1d import Conv1D
from minidl.layers.convolutional.conv2d import Conv2D
from minidl.layers.convolutional.conv2d_transpose import Conv2DTranspose
from minidl.layers.convolutional.cropping1d import Cropping1D
from minidl.layers.convolutional.cropping2d import Cropping2D
from minidl.layers.convolutional.depthwise_conv2d import DepthwiseConv2D
from minidl.layers.convolutional.separable_conv1d import SeparableConv1D
from minidl.layers.convolutional.separable_conv2d import SeparableConv2D
from minidl.layers.convolutional.up_sampling1d import UpSampling1D
from minidl.layers.convolutional.up_sampling2d import UpSampling2D
from minidl.layers.convolutional.zero_padding1d import ZeroPadding1D
from minidl.layers.convolutional.zero_padding2d import ZeroPadding2D
from minidl.layers.core.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from minidl.layers.core.dense import Dense
from minidl.layers.core.embedding import Embedding
from minidl.layers.core.identity import Identity
from minidl.layers.core.input import Input, InputLayer
from minidl.layers.core.lambda_layer import Lambda
from minidl.layers.core.masking import Masking
from minidl.layers.core.prelu import PReLU
from minidl.layers.core.repeating import RepeatVector
from minidl.layers.core.rescaling import Rescaling
from minidl.layers.core.shaping import Flatten, Permute, Reshape
from minidl.layers.known import KNOWN
from minidl.layers.merge import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from minidl.layers.normalization.batch_normalization import BatchNormalization
from minidl.layers.normalization.layer_normalization import LayerNormalization
from minidl.layers.pooling.global_pooling1d import GlobalAveragePooling1D, GlobalMaxPooling1D
from minidl.layers.pooling.global_pooling2d import GlobalAveragePooling2D, GlobalMaxPooling2D
from minidl.layers.pooling.pooling1d import AveragePooling1D, MaxPooling1D
from minidl.layers.pooling.pooling2d import AveragePooling2D, MaxPooling2D
from minidl.layers.recurrent.bidirectional import Bidirectional
from minidl.layers.recurrent.gru import GRU, GRUCell
from minidl.layers.recurrent.lstm import LSTM, LSTMCell
from minidl.layers.recurrent.rnn import RNN
from minidl.layers.recurrent.simple_rnn import SimpleRNN, SimpleRNNCell
from minidl.layers.recurrent.stacked import StackedRNNCells
from minidl.layers.recurrent.time_distributed import TimeDistributed
from minidl.layers.regularization.activity_regularization import ActivityRegularization
from minidl.layers.regularization.dropout import Dropout
from minidl.layers.regularization.gaussian_noise import GaussianNoise
from minidl.layers.regularization.spatial_dropout1d import SpatialDropout1D
from minidl.layers.regularization.spatial_dropout2d import SpatialDropout2D

Convolution1D, Convolution2D = Conv1D, Conv2D
Convolution2DTranspose = Conv2DTranspose
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
MaxPool1D, AvgPool1D = MaxPooling1D, AveragePooling1D
MaxPool2D, AvgPool2D = MaxPooling2D, AveragePooling2D
CuDNNGRU, CuDNNLSTM = GRU, LSTM
GlobalMaxPool1D, GlobalAvgPool1D = GlobalMaxPooling1D, GlobalAveragePooling1D
GlobalMaxPool2D, GlobalAvgPool2D = GlobalMaxPooling2D, GlobalAveragePooling2D

__all__ = [
    "ELU", "GRU", "LSTM", "RNN", "Activation", "ActivityRegularization", "Add", "Average", "AveragePooling1D",
    "AveragePooling2D", "AvgPool1D", "AvgPool2D", "BatchNormalization", "Bidirectional", "Concatenate",
    "Conv1D", "Conv2D", "Conv2DTranspose", "Convolution1D", "Convolution2D", "Convolution2DTranspose",
    "Cropping1D", "Cropping2D", "CuDNNGRU", "CuDNNLSTM", "Dense", "DepthwiseConv2D", "Dot", "Dropout",
    "Embedding", "Flatten", "GRUCell", "GaussianNoise", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
    "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPooling1D",
    "GlobalMaxPooling2D", "Identity", "Input", "InputLayer", "LSTMCell", "Lambda", "Layer",
    "LayerNormalization", "LeakyReLU", "Masking", "MaxPool1D", "MaxPool2D", "MaxPooling1D", "MaxPooling2D",
    "Maximum", "Minimum", "Multiply", "PReLU", "Permute", "ReLU", "RepeatVector", "Rescaling", "Reshape",
    "SeparableConv1D", "SeparableConv2D", "SeparableConvolution1D", "SeparableConvolution2D", "SimpleRNN",
    "SimpleRNNCell", "Softmax", "SpatialDropout1D", "SpatialDropout2D", "StackedRNNCells", "Subtract",
    "TimeDistributed", "UpSampling1D", "UpSampling2D", "ZeroPadding1D", "ZeroPadding2D", "add", "average",
    "concatenate", "dot", "maximum", "minimum", "multiply", "subtract",
]  # fmt: skip

KNOWN.update(
    {name: found for name in __all__ if isinstance(found := globals()[name], type) and found is not Layer}
)
