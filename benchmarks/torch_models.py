"""The models of `models.py` and `first_step.py` in PyTorch: the same layers of the same sizes.

PyTorch keeps channels before space and time, and its cross-entropy takes logits, so no softmax stands at the end.
Its recurrent layers have two bias vectors where Keras has one (the GRU has two in both).
"""

from typing import Any

import torch
from torch import nn

__all__ = ["MODELS", "arranged"]


class Recurrent(nn.Module):
    """A recurrent layer (N, T, I) -> (N, U), its last step, or (N, T, U) with `sequences`."""

    def __init__(self, cell: Any, features: int, units: int, sequences: bool = False):
        super().__init__()
        self.cell, self.sequences = cell(features, units, batch_first=True), sequences

    def forward(self, x: Any) -> Any:
        y = self.cell(x)[0]
        return y if self.sequences else y[:, -1]


class ChannelsLast(nn.Module):
    """(N, C, T) -> (N, T, C)."""

    def forward(self, x: Any) -> Any:
        return x.transpose(1, 2)


class MeanOverTime(nn.Module):
    """(N, T, C) -> (N, C)."""

    def forward(self, x: Any) -> Any:
        return x.mean(1)


class AtEachStep(nn.Module):
    """Layers that see each step of (N, T, ...) as a sample of its own."""

    def __init__(self, *layers: Any):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Any) -> Any:
        return self.layers(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def mnist_cnn() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def conv_lstm_small(channels: int = 8, classes: int = 3) -> Any:
    return nn.Sequential(
        nn.Conv1d(channels, 32, 1), nn.ReLU(), nn.MaxPool1d(1), ChannelsLast(),
        Recurrent(nn.LSTM, 32, 32), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, classes),
    )  # fmt: skip


def lstm() -> Any:
    return nn.Sequential(Recurrent(nn.LSTM, 9, 100), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 6))


def har_plain() -> Any:
    return conv_lstm_small(9, 6)


def har_strong() -> Any:
    return nn.Sequential(
        nn.Conv1d(9, 64, 5), nn.ReLU(), nn.BatchNorm1d(64), nn.MaxPool1d(2), nn.Dropout1d(0.2),
        nn.Conv1d(64, 64, 5), nn.ReLU(), nn.BatchNorm1d(64), nn.MaxPool1d(2), nn.Dropout1d(0.2),
        ChannelsLast(), Recurrent(nn.LSTM, 64, 64, sequences=True), MeanOverTime(),
        nn.Dropout(0.5), nn.Linear(64, 6),
    )  # fmt: skip


def gru() -> Any:
    return nn.Sequential(Recurrent(nn.GRU, 9, 64), nn.Linear(64, 6))


def simple_rnn() -> Any:
    return nn.Sequential(Recurrent(nn.RNN, 9, 64), nn.Linear(64, 6))


def conv1d() -> Any:
    return nn.Sequential(
        nn.Conv1d(9, 64, 3), nn.ReLU(), nn.Conv1d(64, 64, 3), nn.ReLU(), nn.Dropout(0.5), nn.MaxPool1d(2),
        nn.Flatten(), nn.Linear(62 * 64, 100), nn.ReLU(), nn.Linear(100, 6),
    )  # fmt: skip


def timedistributed() -> Any:
    return nn.Sequential(
        AtEachStep(
            nn.Conv2d(1, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Dropout(0.4), nn.Flatten()
        ),
        Recurrent(nn.LSTM, 46 * 4 * 64, 28, sequences=True), nn.Dropout(0.4),
        Recurrent(nn.LSTM, 28, 28), nn.Dropout(0.3),
        nn.Linear(28, 16), nn.ReLU(), nn.Dropout(0.4), nn.Linear(16, 1), nn.ReLU(),
    )  # fmt: skip


MODELS = {
    model.__name__: model
    for model in (
        mnist_cnn, conv_lstm_small, lstm, gru, simple_rnn, conv1d, timedistributed, har_plain, har_strong,
    )
}  # fmt: skip
_RECURRENT = ("lstm", "gru", "simple_rnn")  # these begin with a layer that takes (N, T, I), as in Keras


def arranged(name: str, x: Any) -> Any:
    """Samples in Keras's arrangement, channels last, as a tensor in the one that the model `name` takes."""
    tensor = torch.from_numpy(x)
    if name in _RECURRENT:
        return tensor
    channels = 2 if name == "timedistributed" else 1
    return tensor.movedim(-1, channels).contiguous()
