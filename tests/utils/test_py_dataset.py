"""Batches made on demand."""

import numpy as np
import pytest

from minidl.layers import Dense, Input
from minidl.models import Sequential
from minidl.utils import PyDataset, Sequence


class Three(Sequence):
    ended = 0

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return np.full((2, 1), index), np.full((2, 1), index)

    def on_epoch_end(self):
        self.ended += 1


def test_a_model_learns_from_it():
    data = Three(workers=2, use_multiprocessing=True, max_queue_size=4)
    model = Sequential([Input(shape=(1,)), Dense(1)])
    model.compile("sgd", "mse")
    model.fit(data, epochs=2, verbose=0)
    assert data.ended == 2
    assert int(model.optimizer.iterations) == 6
    assert Sequence is PyDataset


def test_what_is_missing_is_named():
    with pytest.raises(NotImplementedError, match="PyDataset must define __len__"):
        len(PyDataset())
    with pytest.raises(NotImplementedError, match="PyDataset must define __getitem__"):
        PyDataset()[0]
