"""A layer in the place of an activation: it is built with the layer around it, trained, described and cloned."""

import numpy as np
import pytest

from minidl import Model, Sequential
from minidl.layers import (
    LSTM,
    Bidirectional,
    Conv2D,
    Dense,
    Flatten,
    Input,
    LeakyReLU,
    PReLU,
    TimeDistributed,
)
from minidl.models import clone_model

RNG = np.random.default_rng(0)

MODELS = {
    "dense": lambda: [Input((4,)), Dense(2, activation=PReLU())],
    "conv": lambda: [Input((5, 5, 2)), Conv2D(2, 3, activation=PReLU(shared_axes=[1, 2])), Flatten()],
    "cell": lambda: [Input((5, 2)), LSTM(3, activation=PReLU())],
    "inside": lambda: [Input((5, 2)), TimeDistributed(Dense(3, activation=PReLU())), Flatten()],
}


def functional():
    x = Input((4,))
    return Model(x, Dense(3, activation=PReLU())(x))


@pytest.fixture(params=[*MODELS, "functional"])
def model(request):
    return functional() if request.param == "functional" else Sequential(MODELS[request.param]())


def slopes(model):
    return [v for v in model.weights if v.name == "alpha"]


def test_its_weights_are_there_before_the_first_batch_and_learn(model):
    (alpha,) = slopes(model)
    before, count = alpha.numpy().copy(), model.count_params()
    x = RNG.normal(size=(8, *model.input_shape[1:])).astype("float32")
    model.compile("sgd", "mse")
    model.fit(x, RNG.normal(size=(8, *model.output_shape[1:])), verbose=0)
    assert model.count_params() == count
    assert not np.array_equal(before, alpha.numpy())


def test_configs_and_clones_have_it_too(model):
    x = RNG.normal(size=(3, *model.input_shape[1:])).astype("float32")
    for other in (clone_model(model), type(model).from_config(model.get_config())):
        other.set_weights(model.get_weights())
        assert np.array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))


def test_a_layer_alone_and_a_layer_in_a_wrapper():
    copy = Dense.from_config(Dense(3, activation=LeakyReLU(negative_slope=0.5)).get_config())
    assert copy.activation.negative_slope == 0.5
    around = Bidirectional(LSTM(2, recurrent_activation=LeakyReLU(negative_slope=0.25)))
    copy = Bidirectional.from_config(around.get_config())
    assert copy.forward_layer.cell.recurrent_activation.negative_slope == 0.25
