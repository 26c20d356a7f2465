"""Recurrent layers: a state is handed from one time step to the next."""

from minidl.layers.recurrent.bidirectional import Bidirectional
from minidl.layers.recurrent.gru import GRU, GRUCell
from minidl.layers.recurrent.lstm import LSTM, LSTMCell
from minidl.layers.recurrent.rnn import RNN
from minidl.layers.recurrent.simple_rnn import SimpleRNN, SimpleRNNCell
from minidl.layers.recurrent.stacked import StackedRNNCells
from minidl.layers.recurrent.time_distributed import TimeDistributed

__all__ = [
    "GRU", "LSTM", "RNN", "Bidirectional", "GRUCell", "LSTMCell", "SimpleRNN", "SimpleRNNCell", "StackedRNNCells",
    "TimeDistributed",
]  # fmt: skip
