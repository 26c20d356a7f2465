"""Models that are made again, cut, copied, frozen or used by several threads; ends and sizes in unusual forms."""

import copy
import sys
import threading

import numpy as np
import pytest

from minidl import Model, Sequential, ops
from minidl.layers import (
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Embedding,
    Input,
    Layer,
    MaxPooling2D,
)
from minidl.models import Functional

RNG = np.random.default_rng(0)


def random(*shape):
    return RNG.normal(size=shape).astype("float32")


# --- ends in lists ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("listed", [lambda x: [x], lambda x: (x,)])
def test_ends_in_a_list_of_one(listed):
    a = Input(shape=(2,))
    model = Model(listed(a), listed(Dense(1)(a)))
    x, y = random(8, 2), random(8, 1)
    np.testing.assert_array_equal(model(x).numpy(), model([x]).numpy())
    np.testing.assert_allclose(model.predict(x, verbose=0), model(x).numpy())
    assert model.predict(x, verbose=0).shape == (8, 1)
    model.compile("sgd", "mse", metrics=["mae"])
    first = model.evaluate(x, y, verbose=0)
    assert model.evaluate([x], [y], verbose=0) == first
    model.fit(x, y, epochs=5, verbose=0)
    model.fit([x], [y], epochs=5, verbose=0)
    assert model.evaluate(x, y, verbose=0)[0] < first[0]


def test_behind_a_symbolic_tensor_a_list_stays_a_list():
    a, b = Input(shape=(2,)), Input(shape=(2,))
    inner = Model([a], [Dense(3)(a)])
    assert inner.compute_output_shape([(None, 2)]) == inner.compute_output_shape((None, 2)) == [(None, 3)]
    outer = Model(b, Dense(1)(inner([b])[0]))
    x = random(4, 2)
    np.testing.assert_allclose(outer(x).numpy(), outer.layers[-1](inner(x)).numpy(), rtol=1e-6)


@pytest.mark.parametrize("form", [lambda a, b, c: [[a, b], c], lambda a, b, c: {"p": (a, b), "q": c}])
def test_inputs_in_lists_in_lists(form):
    a, b, c = (Input(shape=(2,), name=name) for name in "abc")
    model = Model(form(a, b, c), a - 2 * b + 3 * c)
    p, q, r = random(4, 2), random(4, 2), random(4, 2)
    for given in (form(p, q, r), [p, q, r]):
        np.testing.assert_allclose(model(given).numpy(), p - 2 * q + 3 * r, rtol=1e-5, atol=1e-6)


# --- shapes that are found by running on zeros ------------------------------------------------------------


class Halved(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv, self.pool = Conv2D(3, 5), MaxPooling2D(2)

    def call(self, x):
        return self.pool(self.conv(x))


def test_any_size_may_be_larger_than_a_window():
    assert Halved()(Input(shape=(None, None, 1))).shape == (None, None, None, 3)
    assert ops.mean(Halved()(Input(shape=(None, 40, 1))), axis=3).shape == (None, None, 18)
    assert Input(shape=(None, 3))[:, 4:-4].shape == (None, None, 3)
    with pytest.raises(ValueError, match="window"):
        Halved()(Input(shape=(3, None, 1)))


def test_a_table_of_few_positions():
    class Placed(Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.places = Embedding(10, 4)

        def call(self, x):
            return x + self.places(ops.arange(0, ops.shape(x)[1]))

    x = Input(shape=(None, 4))
    model = Model(x, Placed()(x))
    assert model.output_shape == (None, None, 4)
    assert model(random(2, 7, 4)).shape == (2, 7, 4)


def test_what_a_layer_counts_is_not_changed_by_laying_it_out():
    class Counting(Layer):
        def build(self, input_shape):
            self.calls = self.add_weight((), initializer="zeros", trainable=False, name="calls")

        def call(self, x):
            self.calls.assign(self.calls + 1)
            return x * 1

    x, layer = Input(shape=(3,)), Counting()
    model = Model(x, layer(layer(x)))
    assert layer.calls.item() == 0
    model(random(2, 3))
    assert layer.calls.item() == 2


def test_an_axis_that_was_the_batch():
    x = Input(shape=(None, 4))
    y = ops.transpose(ops.transpose(x, (1, 0, 2)) * 2, (1, 0, 2)) + x
    a = random(3, 5, 4)
    np.testing.assert_allclose(Model(x, y)(a).numpy(), 3 * a, rtol=1e-6)


# --- made again -------------------------------------------------------------------------------------------


def test_model_from_config_makes_what_the_config_describes():
    class Mine(Model):
        pass

    class Own(Model):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units

        def get_config(self):
            return {"units": self.units}

    x = Input(shape=(3,))
    model = Model(x, Dense(2)(x), name="graph")
    again = Model.from_config(model.get_config())
    assert (type(again), again.name, again.output_shape) == (Functional, "graph", (None, 2))
    assert isinstance(Mine.from_config(Mine(x, Dense(2)(x)).get_config()), Mine)
    assert Own.from_config(Own(7).get_config()).units == 7


def test_get_config_may_add_what_is_kept_under_another_name():
    class Times(Layer):
        def __init__(self, factor, **kwargs):
            super().__init__(**kwargs)
            self.by = factor

        def call(self, x):
            return x * self.by

        def get_config(self):
            return {**super().get_config(), "factor": self.by}

    x = Input(shape=(2,))
    model = Model(x, Times(3.0, name="times")(x))
    again = Model.from_config(model.get_config(), {"Times": Times})
    np.testing.assert_array_equal(again(np.ones((1, 2))).numpy(), [[3, 3]])


def graph():
    x = Input(shape=(4,))
    return Model(x, Add()([x, Dense(4)(Dense(3, activation="tanh")(x))]))


def chain():
    return Sequential([Input(shape=(4,)), Dense(4)])


@pytest.mark.parametrize("build", [graph, chain])
def test_a_deep_copy_goes_on_training_by_itself(build):
    model, x, y = build(), random(16, 4), random(16, 4)
    model.compile("adam", "mse")
    model.fit(x, y, shuffle=False, verbose=0)
    twin, before = copy.deepcopy(model), model.get_weights()
    twin.fit(x, y, shuffle=False, verbose=0)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    model.fit(x, y, shuffle=False, verbose=0)
    for one, other, old in zip(model.get_weights(), twin.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
        assert not np.array_equal(one, old)


def test_chains_that_share_a_layer_are_built_in_several_threads():
    shared, mixed = Dense(3), []

    def build():
        for _ in range(60):
            model = Sequential([Input(shape=(4,)), shared])
            mixed.extend(call for call in model.calls[1:] if call.inputs[0] is not model.input)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=build) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert mixed == []


# --- frozen -----------------------------------------------------------------------------------------------


def test_a_frozen_model_has_nothing_to_train_even_if_a_layer_inside_has():
    model = Sequential([Input(shape=(3,)), Dense(2), BatchNormalization(), Dense(1)])
    model.trainable = False
    model.layers[-1].trainable = True
    assert (model.trainable_weights, len(model.non_trainable_weights)) == ([], 8)
    outer = Sequential([Input(shape=(3,)), model])
    assert [len(outer.trainable_weights), len(outer.non_trainable_weights)] == [2, 6]
    x, y, before = random(8, 3), random(8, 1), model.get_weights()
    model.compile("sgd", "mse")
    model.fit(x, y, verbose=0)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    outer.compile("sgd", "mse")
    outer.fit(x, y, verbose=0)
    changed = [not np.array_equal(*pair) for pair in zip(model.get_weights(), before, strict=True)]
    assert changed == [False] * 6 + [True] * 2


def test_comparisons_are_joined_with_and_or_not():
    x = Input(shape=(3,))
    model = Model(x, [(x > 0) & ~(x > 1), (x < 0) | (x > 1), (x > 0) ^ (x > 1), True & (x > 0)])
    got = [y.numpy().tolist() for y in model(np.array([[-1.0, 0.5, 2.0]]))]
    assert got == [
        [[False, True, False]],
        [[True, False, True]],
        [[False, True, False]],
        [[False, True, True]],
    ]


# --- refused ----------------------------------------------------------------------------------------------


def test_a_symbolic_tensor_is_no_number_and_two_inputs_are_not_three():
    x = Input(shape=(), name="x")
    for wrong in (float, int):
        with pytest.raises(TypeError, match=r"name=x> holds no numbers"):
            wrong(x)
    a, b, c = (Input(shape=(2,)) for _ in range(3))
    model = Model([[a, b], c], Concatenate()([a, b, c]))
    with pytest.raises(ValueError, match="got 2 of them"):
        model([random(1, 2), random(1, 2)])
