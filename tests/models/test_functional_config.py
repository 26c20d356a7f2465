"""Graphs as plain data and back."""

import json

import numpy as np
import pytest

from minidl import Model, Sequential, Tensor
from minidl.layers import (
    LSTM,
    Add,
    Concatenate,
    Dense,
    Input,
    Masking,
    Multiply,
)  # fmt: skip
from minidl.models import Functional

RNG = np.random.default_rng(0)


def random(*shape):
    return RNG.normal(size=shape).astype("float32")


def graphs():
    def shared():
        x = Input(shape=(4,))
        d = Dense(4)
        return Model(x, [Add()([d(x), d(d(x))]), Multiply()([x, d(x)])])

    def nested():
        x = Input(shape=(6,))
        inner = Sequential([Input(shape=(6,)), Dense(6)], name="inner")
        y = inner(x, training=False)
        deep_in = Input(shape=(6,))
        deep = Model(deep_in, Dense(6)(deep_in) + 1, name="deep")
        return Model(x, Concatenate()([y, deep(y), x[:, 1:3], 2 * x]))

    def states():
        x, h, c = Input(shape=(5, 2)), Input(shape=(3,)), Input(shape=(3,))
        y, *_ = LSTM(3, return_state=True)(Masking()(x), initial_state=[h, c])
        return Model({"x": x, "h": h, "c": c}, {"y": y})

    return {"shared": shared, "nested": nested, "states": states}


@pytest.mark.parametrize("name", graphs())
def test_a_config_goes_through_json(name):
    model = graphs()[name]()
    config = json.loads(json.dumps(model.get_config()))
    again = Functional.from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    again.set_weights(model.get_weights())
    data = [random(3, *x.shape[1:]) for x in model.inputs]
    one, other = (m._plan.run([Tensor(a) for a in data], False) for m in (model, again))
    for p, q in zip(one, other, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_each_layer_keeps_its_own_trainable():
    x = Input(shape=(2,))
    model = Model(x, Dense(1, name="last")(Dense(2, name="first")(x)))
    model.trainable = False
    model.get_layer("last").trainable = True
    again = Functional.from_config(model.get_config())
    assert [layer.trainable for layer in again.layers[1:]] == [False, True]
    assert not again.trainable


def test_the_order_of_layers_in_a_config_does_not_matter():
    x = y = Input(shape=(2,))
    for i in range(50):
        y = Add(name=f"a{i}")([y, x])
    config = Model(x, y).get_config()
    config["layers"].reverse()
    np.testing.assert_array_equal(Functional.from_config(config)(np.ones((1, 2))).numpy(), [[51, 51]])


def test_calls_that_wait_for_each_other():
    x = Input(shape=(2,), name="x")
    config = Model(x, Dense(2, name="b")(Dense(2, name="a")(x))).get_config()
    config["layers"][1]["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = ["b", 0, 0]
    with pytest.raises(ValueError, match="wait for each other: 'a'"):
        Functional.from_config(config)


def broken(change):
    x = Input(shape=(2,), name="x")
    config = Model(x, Dense(1, name="d")(x)).get_config()
    change(config)
    return config


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.update(layers=3), "expects a config"),
        (lambda c: c["layers"].append(3), "description of a layer"),
        (lambda c: c["layers"][1].update(class_name="Danse"), "Dense"),
        (lambda c: c["layers"].append(dict(c["layers"][1])), "two layers called 'd'"),
        (
            lambda c: c["layers"][1]["inbound_nodes"][0]["args"][0]["config"].update(
                keras_history=["y", 0, 0]
            ),
            "where nothing is",
        ),
        (
            lambda c: c["layers"][1]["inbound_nodes"][0]["args"][0]["config"].update(keras_history="x"),
            "names a tensor",
        ),
        (lambda c: c["layers"][1]["inbound_nodes"][0]["args"][0].update(class_name="__code__"), "not known"),
        (lambda c: c["layers"][1].update(inbound_nodes=[7]), "args and kwargs"),
        (lambda c: c.update(output_layers=["d", 5, 0]), "where nothing is"),
        (lambda c: c.update(output_layers=None), "names the ends"),
    ],
)
def test_configs_that_cannot_be(change, says):
    with pytest.raises(ValueError, match=says):
        Functional.from_config(broken(change))
