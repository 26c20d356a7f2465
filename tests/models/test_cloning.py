"""clone_model: the same layers once more, with other weights."""

import numpy as np
import pytest

from minidl import Model, Sequential
from minidl.layers import LSTM, Add, Bidirectional, Dense, Dropout, Input
from minidl.models import Functional, clone_model

RNG = np.random.default_rng(0)


def chain():
    return Sequential(
        [Input(shape=(4,)), Dense(3, activation="relu", name="a"), Dense(2, name="b")], name="chain"
    )


def graph():
    x = Input(shape=(4,), name="x")
    d = Dense(4, name="shared")
    return Model(x, Add()([d(x), d(d(x))]), name="graph")


@pytest.mark.parametrize("build", [chain, graph])
def test_a_clone_computes_the_same_once_it_has_the_weights(build):
    model = build()
    clone = clone_model(model)
    x = RNG.normal(size=(5, 4)).astype("float32")
    assert type(clone) is type(model)
    assert clone.name == model.name
    assert [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]
    assert not {id(v) for v in clone.weights} & {id(v) for v in model.weights}
    assert not np.allclose(clone(x).numpy(), model(x).numpy())  # weights of its own
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(x).numpy(), model(x).numpy())


@pytest.mark.parametrize("build", [chain, graph])
def test_frozen_layers_stay_frozen(build):
    model = build()
    model.layers[-2].trainable = False
    clone = clone_model(model)
    assert [layer.trainable for layer in clone.layers] == [layer.trainable for layer in model.layers]
    model.trainable = False
    assert clone_model(model).trainable_weights == []
    assert clone_model(model).trainable is False


def test_clone_function_may_change_a_layer():
    def both_ways(layer):
        if isinstance(layer, LSTM):
            return Bidirectional(LSTM.from_config(layer.get_config()))
        return type(layer).from_config(layer.get_config())

    clone = clone_model(Sequential([Input(shape=(5, 2)), LSTM(3), Dense(1)]), clone_function=both_ways)
    assert isinstance(clone.layers[0], Bidirectional)
    assert clone.layers[1].kernel.shape == (6, 1)
    with pytest.raises(ValueError, match="must give a layer"):
        clone_model(chain(), clone_function=lambda layer: None)


def test_call_function_may_put_something_behind_a_layer():
    def with_dropout(layer, *args, **kwargs):
        y = layer(*args, **kwargs)
        return Dropout(0.5)(y) if isinstance(layer, Dense) else y

    model = graph()
    clone = clone_model(model, clone_function=lambda layer: layer, call_function=with_dropout)
    assert sum(isinstance(layer, Dropout) for layer in clone.layers) == 3
    assert clone.weights == model.weights
    with pytest.raises(ValueError, match="is a chain"):
        clone_model(chain(), call_function=with_dropout)


def test_other_inputs():
    y = Input(shape=(4,), name="other")
    assert clone_model(graph(), input_tensors=y).input_names == ["other"]
    assert clone_model(chain(), input_tensors=[y]).input_names == ["other"]
    with pytest.raises(ValueError, match="expects 1 input_tensors, got 2"):
        clone_model(graph(), input_tensors=[y, y])


def test_recursive_looks_into_models():
    x = Input(shape=(4,))
    model = Model(x, chain()(x))
    seen = []

    def noting(layer):
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    clone_model(model, clone_function=noting)
    assert seen == ["chain"]
    seen.clear()
    clone = clone_model(model, clone_function=noting, recursive=True)
    assert seen == ["a", "b"]
    assert isinstance(clone, Functional)


def test_models_with_a_call_of_their_own():
    class Own(Model):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units, self.out = units, Dense(units)

        def call(self, x):
            return self.out(x)

    model = Own(3)
    clone = clone_model(model)
    assert (clone.units, clone.out is model.out) == (3, False)
    with pytest.raises(ValueError, match=r"own call\(\)"):
        clone_model(model, clone_function=lambda layer: layer)
    with pytest.raises(ValueError, match="expects a model"):
        clone_model(Dense(3))
