"""A warning shows the line of whoever uses minidl, by whatever way it is reached."""

import numpy as np
import pytest

from minidl.callbacks import EarlyStopping
from minidl.layers import Dense, Input, Layer
from minidl.models import Sequential
from minidl.utils.warned import warn

X, Y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")


def model(*units):
    made = Sequential([Input(shape=(2,)), *map(Dense, units)])
    made.compile("sgd", "mse")
    return made


def thawed():
    """A model that warns when it is trained."""
    made = model(1)
    made.layers[0].trainable = False
    return made


def single_softmax():
    """A layer that warns when it is called."""
    return Dense(1, activation="softmax")


class OfMyOwn(Layer):
    """A layer of the user's."""

    def call(self, inputs):
        return single_softmax()(inputs)


def load_other_weights(folder, suffix):
    place = folder / f"other{suffix}"
    model(3, 1).save_weights(place)
    into = model(2, 1)
    return lambda: into.load_weights(place, skip_mismatch=True)


def fit(folder):
    made = thawed()
    return lambda: made.fit(X, Y, verbose=0)


def fit_for_too_many_steps(folder):
    made = model(1)
    return lambda: made.fit(X, Y, batch_size=2, steps_per_epoch=3, verbose=0)


def train_on_batch(folder):
    made = thawed()
    return lambda: made.train_on_batch(X, Y)


def load_weights_h5(folder):
    pytest.importorskip("h5py")
    return load_other_weights(folder, ".weights.h5")


def load_npz(folder):
    return load_other_weights(folder, ".npz")


def call_a_layer(folder):
    return lambda: single_softmax()(X)


def call_layers_in_layers(folder):
    return lambda: Sequential([Sequential([single_softmax()])])(X)


def watch_for_nothing(folder):
    made, stopping = model(1), EarlyStopping("val_loss")
    return lambda: made.fit(X, Y, verbose=0, callbacks=[stopping])


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize(
    "way",
    [
        fit, fit_for_too_many_steps, train_on_batch, load_weights_h5, load_npz, call_a_layer, call_layers_in_layers,
        watch_for_nothing,
    ],
)  # fmt: skip
def test_it_is_the_users_line(way, tmp_path):
    run = way(tmp_path)
    with pytest.warns(UserWarning, match=r"\w") as caught:
        run()
    line = run.__code__.co_firstlineno
    assert {(warning.filename, warning.lineno) for warning in caught} == {(__file__, line)}


def test_a_layer_of_ones_own_is_nearer_than_who_calls_it():
    with pytest.warns(UserWarning, match="softmax") as caught:
        OfMyOwn()(X)
    line = OfMyOwn.call.__code__.co_firstlineno + 1
    assert {(warning.filename, warning.lineno) for warning in caught} == {(__file__, line)}


def test_as_an_error():
    with pytest.raises(FutureWarning, match="soon"):
        warn("soon", FutureWarning)
