"""ActivityRegularization: what it adds to the loss, by hand."""

import numpy as np
import pytest

import minidl
from minidl import Tensor
from minidl.layers import ActivityRegularization, Dense, Input


def test_the_price_by_hand():
    x = np.array([[1.0, -2.0], [3.0, 0.0]], np.float32)
    model = minidl.Sequential([Input((2,)), ActivityRegularization(l1=0.5, l2=0.1)])
    model.compile("sgd", "mse")
    assert np.array_equal(model.predict(x, verbose=0), x)
    wanted = 0 + (0.5 * 6 + 0.1 * 14) / 2
    assert model.evaluate(x, x, verbose=0) == pytest.approx(wanted, rel=1e-6)


def test_as_the_argument_of_a_layer():
    x, y = np.random.default_rng(0).normal(size=(2, 8, 3)).astype("float32")
    price = minidl.regularizers.L1L2(0.2, 0.3)
    weights = []
    for parts in ([Dense(3), ActivityRegularization(0.2, 0.3)], [Dense(3, activity_regularizer=price)]):
        model = minidl.Sequential([Input((3,)), *parts])
        model.layers[0].set_weights([np.full((3, 3), 0.1), np.zeros(3)])
        model.compile("sgd", "mse")
        model.fit(x, y, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        assert np.allclose(a, b, rtol=1e-6, atol=1e-7)


def test_the_input_passes():
    x = Tensor(np.ones((2, 3), np.float32))
    assert ActivityRegularization(1.0)(x) is x
    config = ActivityRegularization(l1=1, l2=0.5).get_config()
    assert (config["l1"], config["l2"]) == (1.0, 0.5)
    assert "activity_regularizer" not in config
