"""Graphs beside those of Keras: the order of layers and weights, and the numbers."""

import os

import numpy as np
import pytest

import minidl
from minidl.utils.naming import reset_names

RNG = np.random.default_rng(0)


def random(*shape):
    return RNG.normal(size=shape).astype("float32")


def relu(x):
    return np.maximum(x, 0)


def branches(k):
    ins = [k.layers.Input((3, 1)) for _ in range(3)]
    outs = [k.layers.Dense(2)(k.layers.LSTM(4)(x)) for x in ins]
    middle = k.layers.Concatenate()(outs[:2])
    heads = [k.layers.Dense(1)(middle) for _ in range(2)]
    return k.Model(ins, [heads[1], k.layers.Concatenate()([heads[0], outs[2]]), heads[0]])


def shared_at_two_depths(k):
    x = k.layers.Input((4,))
    d = k.layers.Dense(4)
    z = d(d(x))
    return k.Model(x, [k.layers.Add()([d(x), k.layers.Dense(4)(z)]), z])


def residual(k):
    x = k.layers.Input((8, 8, 3))
    y = k.layers.Conv2D(4, 3, padding="same")(x)
    for i in range(3):
        short = k.layers.Conv2D(4, 1)(y) if i == 1 else y
        y = k.layers.Conv2D(4, 3, padding="same")(k.layers.Activation("relu")(y))
        y = k.layers.Add()([short, k.layers.BatchNormalization()(y)])
    return k.Model(x, k.layers.Dense(2)(k.layers.Flatten()(y)))


def unused_and_uneven(k):
    x, unused = k.layers.Input((8,)), k.layers.Input((2,), name="unused")
    short, long = k.layers.Dense(3)(x), k.layers.Dense(3)(k.layers.Dense(5)(x))
    return k.Model([unused, x], [k.layers.Multiply()([long, short]), short])


def operators(k):
    x = k.layers.Input((8,))
    inner = k.Sequential([k.layers.Input((8,)), k.layers.Dense(3)])
    y = x * 2 + 1
    return k.Model(x, k.layers.Concatenate()([inner(x), y, inner(y)]))


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("build", [branches, shared_at_two_depths, residual, unused_and_uneven, operators])
def test_layers_and_weights_come_in_the_order_of_keras(build):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    keras.utils.clear_session()
    reset_names()
    theirs, ours = build(keras), build(minidl)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert ours.output_names == theirs.output_names
    ours.set_weights(theirs.get_weights())
    data = [random(3, *x.shape[1:]) for x in ours.inputs]
    got, want = ours(data if len(data) > 1 else data[0]), theirs(data if len(data) > 1 else data[0])
    for one, other in zip(*(y if isinstance(y, list | tuple) else [y] for y in (got, want)), strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-4, atol=1e-5)
