"""What is trained is decided by compile: freezing and unfreezing afterwards is noticed."""

import warnings

import numpy as np
import pytest
from small_models import rows, same, state

from minidl import callbacks
from minidl.layers import Dense, Input
from minidl.models import Model, Sequential

X, Y = rows()
CHANGED = r"sequential.*, trainable was changed since compile\(\): call compile\(\) again"


def two_layers(frozen=None):
    model = Sequential([Input(shape=(4,)), Dense(3), Dense(1)])
    if frozen is not None:
        model.layers[frozen].trainable = False
    model.compile("adam", "mse")
    return model


def trained_layers(model, fit):
    """Which layers `fit` changes."""
    before = [layer.get_weights() for layer in model.layers]
    fit()
    return [not same(layer.get_weights(), old) for layer, old in zip(model.layers, before, strict=True)]


def fit(model):
    return lambda: model.fit(X, Y, batch_size=8, verbose=0)


def on_batch(model):
    return lambda: [model.train_on_batch(X, Y) for _ in range(3)]


WAYS = pytest.mark.parametrize("train", [fit, on_batch])


@WAYS
@pytest.mark.parametrize("started", [False, True])
def test_what_was_frozen_since_stays_as_it_is(train, started):
    model = two_layers()
    if started:
        train(model)()
    model.layers[0].trainable = False
    with pytest.warns(UserWarning, match=CHANGED) as told:
        assert trained_layers(model, train(model)) == [False, True]
    assert len(told) == 1
    assert trained_layers(model, train(model)) == [False, True]  # told once
    model.compile("adam", "mse")
    assert trained_layers(model, train(model)) == [False, True]
    assert len(model.optimizer.flat.variables) == 2


@WAYS
@pytest.mark.parametrize("started", [False, True])
def test_what_was_unfrozen_since_waits_for_compile(train, started):
    model = two_layers(frozen=0)
    if started:
        train(model)()
    model.layers[0].trainable = True
    with pytest.warns(UserWarning, match=CHANGED) as told:
        assert trained_layers(model, train(model)) == [False, True]
    assert len(told) == 1
    assert all(v.grad is None for v in model.layers[0].trainable_weights)
    assert len(model.optimizer.flat.variables) == 2
    assert trained_layers(model, train(model)) == [False, True]
    model.compile("adam", "mse")
    assert trained_layers(model, train(model)) == [True, True]


def test_what_waits_for_compile_makes_no_difference():
    models = []
    for unfreeze in (False, True):
        model = two_layers(frozen=0)
        model.set_weights([np.full(w.shape, 0.1) for w in model.get_weights()])
        model.layers[0].trainable = unfreeze
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, Y, batch_size=5, epochs=3, shuffle=False, verbose=0)
        models.append(model)
    assert same(models[0].get_weights(), models[1].get_weights())


def test_every_change_is_told_once_and_undoing_it_is_none():
    model = two_layers()
    for layer, value in ((0, False), (1, False)):
        model.layers[layer].trainable = value
        with pytest.warns(UserWarning, match=CHANGED):
            fit(model)()
    model.trainable = True
    assert trained_layers(model, fit(model)) == [True, True]


def test_everything_is_frozen_but_what_was_frozen():
    model = two_layers(frozen=0)
    model.layers[0].trainable, model.layers[1].trainable = True, False
    before = state(model)
    with pytest.warns(UserWarning, match=CHANGED):
        model.fit(X, Y, verbose=0)
    assert same(model.get_weights(), before[: len(model.get_weights())])
    assert int(model.optimizer.iterations) == 0


def test_a_whole_model_inside():
    base = Sequential([Input(shape=(4,)), Dense(3)])
    base.trainable = False
    model = Sequential([base, Dense(1)])
    model.build((None, 4))
    model.compile("sgd", "mse")
    base.trainable = True
    with pytest.warns(UserWarning, match=CHANGED):
        assert trained_layers(model, fit(model)) == [False, True]


def test_a_model_that_is_built_by_its_first_fit_chooses_then():
    model = Sequential([Dense(3), Dense(1)])
    model.compile("sgd", "mse")
    model.layers[0].trainable = False
    fit(model)()
    assert len(model.optimizer.flat.variables) == 2
    model.layers[0].trainable = True
    with pytest.warns(UserWarning, match=CHANGED):
        assert trained_layers(model, fit(model)) == [False, True]


def test_a_callback_that_unfreezes():
    model = two_layers(frozen=0)

    def unfreeze(epoch, logs):
        model.layers[0].trainable = True

    with pytest.warns(UserWarning, match=CHANGED) as told:
        assert trained_layers(
            model,
            lambda: model.fit(
                X, Y, epochs=4, verbose=0, callbacks=[callbacks.LambdaCallback(on_epoch_end=unfreeze)]
            ),
        ) == [False, True]
    assert len(told) == 1


def test_layers_added_after_compile():
    model = two_layers()
    model.add(Dense(1))
    fit(model)()  # the optimizer has not begun: it takes them along
    assert len(model.optimizer.flat.variables) == 6
    model.add(Dense(1))
    before = state(model)
    with pytest.raises(
        ValueError, match=r"optimizer does not hold: layers were added.* Call compile\(\) again"
    ):
        fit(model)()
    assert same(state(model), before)
    model.compile("adam", "mse")
    fit(model)()


def test_a_layer_that_is_built_in_the_middle_of_training():
    class Growing(Model):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.calls = Dense(1), Dense(1), 0

        def call(self, x):
            self.calls += 1
            return self.second(self.first(x)) if self.calls > 3 else self.first(x)

    model = Growing()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="optimizer does not hold: layers were added or built since"):
        model.fit(X, Y, batch_size=2, epochs=3, verbose=0)
