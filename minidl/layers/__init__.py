"""The layers, one file each: maths, forward, backward, layer."""

from minidl.layers.base import Layer
from minidl.layers.convolutional.conv2d import Conv2D
from minidl.layers.convolutional.zero_padding2d import ZeroPadding2D
from minidl.layers.core.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from minidl.layers.core.dense import Dense
from minidl.layers.core.input import Input, InputLayer
from minidl.layers.core.shaping import Flatten, Reshape
from minidl.layers.normalization.batch_normalization import BatchNormalization
from minidl.layers.pooling.global_pooling2d import GlobalAveragePooling2D, GlobalMaxPooling2D
from minidl.layers.pooling.pooling2d import AveragePooling2D, MaxPooling2D
from minidl.layers.recurrent.bidirectional import Bidirectional
from minidl.layers.recurrent.gru import GRU, GRUCell
from minidl.layers.recurrent.lstm import LSTM, LSTMCell
from minidl.layers.recurrent.rnn import RNN
from minidl.layers.recurrent.simple_rnn import SimpleRNN, SimpleRNNCell
from minidl.layers.recurrent.stacked import StackedRNNCells
from minidl.layers.recurrent.time_distributed import TimeDistributed
from minidl.layers.regularization.dropout import Dropout

Convolution2D = Conv2D
MaxPool2D, AvgPool2D = MaxPooling2D, AveragePooling2D
CuDNNGRU, CuDNNLSTM = GRU, LSTM
GlobalMaxPool2D, GlobalAvgPool2D = GlobalMaxPooling2D, GlobalAveragePooling2D

__all__ = [
    "ELU", "GRU", "LSTM", "RNN", "CuDNNGRU", "CuDNNLSTM", "GRUCell", "LSTMCell", "SimpleRNN", "SimpleRNNCell",
    "StackedRNNCells", "TimeDistributed", "Bidirectional", "Activation", "AveragePooling2D", "AvgPool2D", "BatchNormalization", "Conv2D", "Convolution2D", "Dense",
    "Dropout", "Flatten", "GlobalAveragePooling2D", "GlobalAvgPool2D", "GlobalMaxPool2D", "GlobalMaxPooling2D",
    "Input", "InputLayer", "Layer", "LeakyReLU", "MaxPool2D", "MaxPooling2D", "ReLU", "Reshape", "Softmax",
    "ZeroPadding2D",
]  # fmt: skip
