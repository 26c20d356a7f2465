"""The models that are timed, each in Keras's words; `torch_models.py` has the same ones in PyTorch's.

They are what small models look like: the MNIST network of `examples/04_mnist_cnn.py`, recurrent and convolutional
networks for windows of sensor data (128 steps of 9 channels, as in human activity recognition), one so small that
little but overhead is left, and one that runs a network of images over time.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["MODELS", "SENSORS", "Timed", "data"]


class Timed(NamedTuple):
    """A model, and how it is timed."""

    about: str
    shape: tuple[int, ...]  # of one sample
    classes: int  # 0: one number is to be learned
    batch_sizes: tuple[int, ...]
    steps: int  # in an epoch, so that an epoch takes long enough to be timed
    layers: Callable[[Any], list[Any]]  # from the module `layers` of minidl or Keras


def data(model: Timed, batch_size: int, steps: int) -> tuple[Any, Any]:
    """Samples (N, ...) and targets, classes (N,) or numbers (N, 1); what is in them does not matter here."""
    rng = np.random.default_rng(0)
    n = batch_size * steps
    x = rng.random((n, *model.shape), dtype=np.float32)
    return x, rng.integers(0, model.classes, n) if model.classes else rng.random((n, 1), dtype=np.float32)


def mnist_cnn(layers: Any) -> list[Any]:
    return [
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]


def conv_lstm_small(layers: Any) -> list[Any]:
    return [
        layers.Conv1D(32, 1, activation="relu"),
        layers.MaxPooling1D(1),
        layers.LSTM(32),
        layers.Dense(16, activation="relu"),
        layers.Dense(3, activation="softmax"),
    ]


def lstm(layers: Any) -> list[Any]:
    return [
        layers.LSTM(100),
        layers.Dense(100, activation="relu"),
        layers.Dense(6, activation="softmax"),
    ]


def gru(layers: Any) -> list[Any]:
    return [layers.GRU(64), layers.Dense(6, activation="softmax")]


def simple_rnn(layers: Any) -> list[Any]:
    return [layers.SimpleRNN(64), layers.Dense(6, activation="softmax")]


def conv1d(layers: Any) -> list[Any]:
    return [
        layers.Conv1D(64, 3, activation="relu"),
        layers.Conv1D(64, 3, activation="relu"),
        layers.Dropout(0.5),
        layers.MaxPooling1D(2),
        layers.Flatten(),
        layers.Dense(100, activation="relu"),
        layers.Dense(6, activation="softmax"),
    ]


def timedistributed(layers: Any) -> list[Any]:
    return [
        layers.TimeDistributed(layers.Conv2D(64, 3, activation="relu")),
        layers.TimeDistributed(layers.Conv2D(64, 3, activation="relu")),
        layers.Dropout(0.4),
        layers.TimeDistributed(layers.Flatten()),
        layers.LSTM(28, return_sequences=True),
        layers.Dropout(0.4),
        layers.LSTM(28),
        layers.Dropout(0.3),
        layers.Dense(16, activation="relu"),
        layers.Dropout(0.4),
        layers.Dense(1, activation="relu"),
    ]


SENSORS = (128, 9)

MODELS = {
    "mnist_cnn": Timed("two convolutions, MNIST", (28, 28, 1), 10, (32, 128), 50, mnist_cnn),
    "conv_lstm_small": Timed("Conv1D(32, 1), LSTM(32)", (4, 8), 3, (32,), 1000, conv_lstm_small),
    "lstm": Timed("LSTM(100)", SENSORS, 6, (64,), 15, lstm),
    "gru": Timed("GRU(64)", SENSORS, 6, (64,), 15, gru),
    "simple_rnn": Timed("SimpleRNN(64)", SENSORS, 6, (64,), 50, simple_rnn),
    "conv1d": Timed("two Conv1D(64, 3)", SENSORS, 6, (64,), 50, conv1d),
    "timedistributed": Timed(
        "two Conv2D(64, 3) at each of 4 steps, two LSTM(28)", (4, 50, 8, 1), 0, (64,), 5, timedistributed
    ),
}
