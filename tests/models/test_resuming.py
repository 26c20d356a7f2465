"""Training that is broken off in the middle of an epoch and resumed elsewhere is the same training, to the last bit."""

import numpy as np
import pytest
from small_models import same

from minidl import metrics, random
from minidl.callbacks import Callback
from minidl.layers import BatchNormalization, Dense, Dropout, Input
from minidl.models import Model, Sequential
from minidl.utils import PyDataset

N = 22
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(N, 4)).astype("float32"), rng.normal(size=(N, 1)).astype("float32")
W = np.linspace(0, 2, N).astype("float32")


def one_output():
    model = Sequential([Input((4,)), Dense(8), BatchNormalization(), Dropout(0.4), Dense(1)])
    model.compile("adam", "mse", metrics=["mae", metrics.RootMeanSquaredError()], weighted_metrics=["mse"])
    return model


def two_outputs():
    x = Input((4,))
    hidden = Dropout(0.3)(Dense(8)(x))
    model = Model(x, [Dense(1, name="a")(hidden), Dense(1, name="b")(hidden)])
    model.compile("adam", ["mse", "mae"], metrics=[["mae"], ["mse"]])
    return model


class Own(Model):
    def __init__(self):
        super().__init__()
        self.first, self.drop, self.a, self.b = Dense(8), Dropout(0.3), Dense(1), Dense(1)

    def call(self, x):
        hidden = self.drop(self.first(x))
        return {"a": self.a(hidden), "b": self.b(hidden)}


def own():
    model = Own()
    model.compile("adam", "mse", metrics={"a": ["mae"]})
    return model


class Rows(PyDataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        rows = slice(4 * i, 4 * i + 4)
        return X[rows], Y[rows], W[rows]


class Save(Callback):
    """Breaks training off after some batches in all, with everything a later run needs in `saved`."""

    def __init__(self, after):
        self.after = after

    def on_train_batch_end(self, batch, logs=None):
        self.after -= 1
        if self.after == 0:
            model = self.model
            self.saved = {
                "weights": model.get_weights(),
                "optimizer": [v.numpy().copy() for v in model.optimizer.variables],
                "position": model._position,
                "scores": model.scores.get_state(),
            }
            assert model._position[1] == batch + 1
            raise KeyboardInterrupt


class Restore(Callback):
    def __init__(self, saved):
        self.saved = saved
        self.epochs, self.batches = [], []

    def on_train_begin(self, logs=None):
        self.model.set_weights(self.saved["weights"])
        for variable, value in zip(self.model.optimizer.variables, self.saved["optimizer"], strict=True):
            variable.assign(value)
        self.model._resume_at(*self.saved["position"], self.saved["scores"])

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)


def arrays(model):
    several = not isinstance(model, Sequential)
    y = {"a": Y, "b": -Y} if several else Y
    return (X, y), {"sample_weight": None if several else W, "batch_size": 4}


def made(make):
    random.set_seed(3)
    return make()


def agree(make, data, after, epochs=3, **options):
    """Whether a run, and one broken off `after` batches and resumed with a new model, are the same."""

    def run(model, *callbacks):
        args, more = data(model)
        return model.fit(*args, epochs=epochs, verbose=0, callbacks=list(callbacks), **more, **options)

    whole = made(make)
    wanted = run(whole).history
    save = Save(after)
    broken = made(make)
    with pytest.raises(KeyboardInterrupt):
        run(broken, save)
    resumed, restore = made(make), Restore(save.saved)
    got = run(resumed, restore)
    assert same(resumed.get_weights(), whole.get_weights())
    assert same(
        [v.numpy() for v in resumed.optimizer.variables], [v.numpy() for v in whole.optimizer.variables]
    )
    epoch, done, _ = save.saved["position"]
    assert got.epoch == list(range(epoch, epochs))
    assert got.history == {key: values[epoch:] for key, values in wanted.items()}
    return restore, (epoch, done)


@pytest.mark.parametrize("make", [one_output, two_outputs, own])
@pytest.mark.parametrize("after", [1, 3, 6, 7, 16])
def test_resumed_in_the_middle_of_an_epoch(make, after):
    restore, (epoch, done) = agree(make, arrays, after, validation_data=arrays(made(make))[0])
    assert (epoch, done) == divmod(after - 1, 6)[:1] + ((after - 1) % 6 + 1,)
    assert restore.epochs == list(range(epoch + 1, 3))  # the epoch that goes on has begun before
    assert restore.batches[: 6 - done] == list(range(done, 6))
    assert len(restore.batches) == 18 - after


@pytest.mark.parametrize("options", [{"steps_per_epoch": 4}, {"steps_per_epoch": 5, "shuffle": False}])
@pytest.mark.parametrize("after", [2, 4, 6, 7, 11])
def test_epochs_that_take_a_part_of_the_batches(options, after):
    agree(one_output, arrays, after, **options)


@pytest.mark.parametrize("after", [2, 6, 9])
def test_resumed_batches_of_a_sequence(after):
    agree(one_output, lambda model: ((Rows(),), {}), after)


def test_a_generator_is_read_up_to_the_batch():
    agree(one_output, lambda model: ((list(Rows()) and iter(Rows()),), {}), 4, epochs=1)


def test_the_position_during_training():
    seen = []

    class Watch(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(("begin", *self.model._position[:2]))

        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model._position)

        def on_epoch_end(self, epoch, logs=None):
            seen.append(("end", *self.model._position[:2]))

    model = one_output()
    assert model._position is None
    model.fit(X, Y, batch_size=11, epochs=2, initial_epoch=0, verbose=0, callbacks=[Watch()])
    assert seen == [
        ("begin", 0, 0), (0, 1, 0), (0, 2, 0), ("end", 1, 0),
        ("begin", 1, 0), (1, 1, 2), (1, 2, 2), ("end", 2, 0),
    ]  # fmt: skip


def test_resumed_at_the_beginning_of_an_epoch():
    whole = made(one_output)
    history = whole.fit(X, Y, batch_size=4, epochs=3, verbose=0).history
    first = made(one_output)
    first.fit(X, Y, batch_size=4, epochs=1, verbose=0)
    saved = {
        "weights": first.get_weights(),
        "optimizer": [v.numpy().copy() for v in first.optimizer.variables],
        "position": (1, 0, int(first.optimizer.iterations)),
        "scores": None,
    }
    resumed = made(one_output)
    restore = Restore(saved)
    got = resumed.fit(X, Y, batch_size=4, epochs=3, verbose=0, callbacks=[restore]).history
    assert same(resumed.get_weights(), whole.get_weights())
    assert got == {key: values[1:] for key, values in history.items()}
    assert restore.epochs == [1, 2]
    again = resumed.fit(X, Y, batch_size=4, epochs=2, verbose=0)  # nothing is left of it
    assert again.epoch == [0, 1]


def test_the_state_of_the_scores_is_plain_numbers_and_arrays():
    model = two_outputs()
    model.train_on_batch(X, [Y, -Y])
    state = model.scores.get_state()
    assert all(isinstance(value, float | int | np.ndarray) for value in state.values())
    other = two_outputs()
    other.scores.set_state(state)
    assert other.scores.values() == model.scores.values()
