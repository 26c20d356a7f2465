"""EarlyStopping: when it ends training, which weights it leaves, and what it refuses."""

import math

import numpy as np
import pytest

from minidl import Sequential
from minidl.callbacks import Callback, EarlyStopping
from minidl.layers import Dense, Input

X, Y = np.ones((8, 2), "float32"), np.array([0, 1] * 4)


class Feed(Callback):
    """Puts given values into the logs, and moves the weights, so that epochs differ."""

    def __init__(self, key, values):
        self.key, self.values = key, values

    def on_epoch_end(self, epoch, logs=None):
        logs[self.key] = self.values[epoch]
        self.model.layers[0].bias.assign(np.full(2, epoch))


def run(values, key="loss", epochs=None, **options):
    """The number of epochs, the callback and the model."""
    model = Sequential([Input((2,)), Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    stopping = EarlyStopping(key, **options)
    history = model.fit(
        X, Y, epochs=epochs or len(values), verbose=0, callbacks=[Feed(key, values), stopping]
    )
    return len(history.epoch), stopping, model


@pytest.mark.parametrize(
    ("values", "options", "epochs"),
    [
        ([1] * 9, {}, 2),
        ([1] * 9, {"patience": 3}, 4),
        ([3, 3, 2, 2, 2, 2], {"patience": 2}, 5),
        ([1, 0.95, 0.9, 0.85], {"patience": 2, "min_delta": 0.1}, 3),
        ([1, 0.95, 0.9, 0.85], {"patience": 2, "min_delta": -0.1}, 3),
        ([5, 4, 3, 2, 1], {"patience": 2, "mode": "max"}, 3),
        ([1, 2, 3, 4, 5], {"patience": 4, "mode": "max"}, 5),
        ([5, 5, 5, 5], {"patience": 2, "baseline": 2.5}, 2),
        ([5, 4, 3, 2, 1], {"patience": 2, "baseline": 2.5}, 5),
        ([5, 2, 3, 3, 3, 3], {"patience": 2, "baseline": 2.5}, 4),
        ([1, 9, 9, 9, 9, 9], {"patience": 1, "start_from_epoch": 3}, 5),
        ([math.nan] * 9, {"patience": 2}, 3),
        ([math.nan, 3, 2, 1], {"patience": 2}, 3),
    ],
)
def test_when_it_ends(values, options, epochs):
    assert run(values, **options)[0] == epochs


def test_the_metric_says_which_way_is_better():
    assert run([0.1, 0.2, 0.3, 0.4], "accuracy", patience=1)[0] == 4
    assert run([0.4, 0.3, 0.2, 0.1], "val_accuracy", patience=2)[0] == 3
    assert run([0.4, 0.3, 0.2, 0.1], "val_loss", patience=1)[0] == 4


def test_the_best_weights_come_back_and_the_count_begins_anew():
    n, stopping, model = run([5, 1, 2, 3, 4, 5], patience=3, restore_best_weights=True)
    assert (n, stopping.best, stopping.best_epoch, stopping.stopped_epoch) == (5, 1.0, 1, 4)
    assert model.layers[0].bias.numpy().tolist() == [1, 1]
    _, stopping, model = run([5, 4, 1, 2], patience=9, restore_best_weights=True)
    assert stopping.stopped_epoch == 0
    assert model.layers[0].bias.numpy().tolist() == [2, 2]
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[Feed("loss", [7, 8, 9]), stopping])
    assert stopping.best == 7
    assert model.layers[0].bias.numpy().tolist() == [0, 0]
    _, _, model = run([math.nan] * 3, patience=9, restore_best_weights=True)
    assert model.layers[0].bias.numpy().tolist() == [0, 0]


def test_it_says_so(capsys):
    run([1] * 9, patience=2, verbose=1)
    assert capsys.readouterr().out == "Epoch 3: early stopping\n"
    run([1] * 9, patience=2)
    assert capsys.readouterr().out == ""


def test_a_name_that_is_not_in_the_logs_warns_once():
    model = Sequential([Input((2,)), Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    with pytest.warns(UserWarning, match=r"'val_loss'.*There are: 'accuracy', 'loss'") as caught:
        model.fit(X, Y, epochs=3, verbose=0, callbacks=[EarlyStopping()])
    assert len(caught) == 1


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"cannot tell.*mode='max'"):
        run([1, 2, 3], "loss_of_face")
    with pytest.raises(ValueError, match="mode"):
        EarlyStopping(mode="up")
    with pytest.raises(ValueError, match="patience"):
        EarlyStopping(patience=-1)
    with pytest.raises(TypeError, match="restore_best_weights to be True or False, got 'no'"):
        EarlyStopping(restore_best_weights="no")
    with pytest.raises(TypeError, match="verbose"):
        EarlyStopping(verbose="yes")
    assert EarlyStopping(restore_best_weights=np.True_, verbose=True).restore_best_weights is True
    assert [EarlyStopping(verbose=v).verbose for v in (True, 0, 2)] == [1, 0, 2]
    with pytest.raises(TypeError, match="monitor"):
        EarlyStopping(5)
