"""Models given by their ends: the graph, its order, running it, other ends, configs."""

import json
import os
import weakref

import numpy as np
import pytest

import minidl
from minidl import Model, Sequential, Tensor, ops
from minidl.layers import (
    LSTM,
    Activation,
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Layer,
    Masking,
    Multiply,
)  # fmt: skip
from minidl.models import Functional
from minidl.symbolic import SymbolicTensor
from minidl.utils.naming import reset_names

RNG = np.random.default_rng(0)


def random(*shape):
    return RNG.normal(size=shape).astype("float32")


def relu(x):
    return np.maximum(x, 0)


# --- the graph --------------------------------------------------------------------------------------------


def test_model_of_two_ends_is_functional():
    x = Input(shape=(4,))
    model = Model(x, Dense(3)(x))
    assert type(model) is Functional
    assert isinstance(model, Model)
    assert model.built
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 3))
    assert model.count_params() == 15
    assert Model(inputs=x, outputs=model.output).layers[1] is model.layers[1]


def test_the_numbers_are_those_of_the_layers():
    x = Input(shape=(4,))
    first, second = Dense(3, activation="relu"), Dense(4)
    model = Model(x, Add()([x, second(first(x))]))
    a = random(5, 4)
    w1, b1, w2, b2 = model.get_weights()
    np.testing.assert_allclose(model(a).numpy(), a + relu(a @ w1 + b1) @ w2 + b2, rtol=1e-5, atol=1e-6)


def test_a_shared_layer_has_its_weights_once_and_gets_both_gradients():
    a, b = Input(shape=(2,)), Input(shape=(2,))
    shared = Dense(1, use_bias=False)
    model = Model([a, b], Add()([shared(a), shared(b)]))
    assert len(model.weights) == 1
    assert [layer.name for layer in model.layers].count(shared.name) == 1
    p, q = random(6, 2), random(6, 2)
    model([p, q]).sum().backward()
    np.testing.assert_allclose(shared.kernel.grad[:, 0], p.sum(0) + q.sum(0), rtol=1e-5)


def test_every_form_of_inputs_and_outputs():
    a, b = Input(shape=(2,), name="a"), Input(shape=(3,), name="b")
    y, z = Dense(1)(a), Dense(2)(Concatenate()([a, b]))
    p, q = random(4, 2), random(4, 3)
    listed = Model([a, b], [y, z])
    want = [t.numpy() for t in listed([p, q])]
    named = Model({"b": b, "a": a}, {"z": z, "y": y})
    assert (named.input_names, named.output_names) == (["a", "b"], [y.maker.name, z.maker.name])
    got = named({"a": p, "b": q})
    assert list(got) == ["z", "y"]
    for one, other in zip(want, [got["y"], got["z"]], strict=True):
        np.testing.assert_array_equal(one, other.numpy())
    for given in ((p, q), {"a": p, "b": q}, [p.tolist(), q.tolist()], [Tensor(p), q]):
        for one, other in zip(want, listed(given), strict=True):
            np.testing.assert_allclose(one, other.numpy(), rtol=1e-6)
    pair = Model((a, b), (y, z))((p, q))
    assert isinstance(pair, tuple)


def test_an_output_may_be_an_input_or_in_the_middle():
    x = Input(shape=(2,))
    h = Dense(3)(x)
    model = Model(x, [x, h, Dense(1)(h)])
    a = random(3, 2)
    same, middle, end = model(a)
    np.testing.assert_array_equal(same.numpy(), a)
    assert (middle.shape, end.shape) == ((3, 3), (3, 1))


def test_a_model_that_begins_in_the_middle_shares_the_layers():
    whole = Sequential([Input(shape=(4,)), Dense(3, activation="relu"), Dense(2), Dense(1)])
    tail = Model(whole.layers[0].output, whole.output)
    assert tail.input_shape == (None, 3)
    assert [layer.name for layer in tail.layers[1:]] == [layer.name for layer in whole.layers[1:]]
    assert tail.layers[1] is whole.layers[1]
    head = Model(whole.input, whole.layers[0].output)
    a = random(5, 4)
    np.testing.assert_array_equal(tail(head(a)).numpy(), whole(a).numpy())


def test_thousand_layers_need_no_recursion():
    x = y = Input(shape=(1,))
    for i in range(1200):
        y = Add(name=f"a{i}")([y, x])
    model = Model(x, y)
    assert len(model.layers) == 1201
    assert float(model(np.ones((1, 1), "float32")).item()) == 1201


def test_ways_that_branch_and_join_many_times_are_walked_once():
    x = y = Input(shape=(1,))
    for _ in range(60):
        y = Add()([y, y])  # 2**60 ways from end to end
    assert Model(x, y)(np.ones((1, 1))).item() == 2.0**60


def test_values_are_forgotten_when_no_later_layer_reads_them():
    kept = []

    class Watch(Layer):
        def call(self, inputs):
            kept.append(weakref.ref(inputs))
            assert sum(ref() is not None for ref in kept) <= 2
            return inputs + 1

    x = y = Input(shape=(3,))
    for _ in range(8):
        y = Watch()(y)
    model = Model(x, y)
    kept.clear()
    model.predict(random(4, 3), verbose=0)
    assert len(kept) == 8


# --- what goes wrong --------------------------------------------------------------------------------------


def test_layers_stand_by_their_longest_way_to_the_output():
    x = Input(shape=(2,), name="x")
    a = Dense(2, name="a")(x)
    short, long = Dense(2, name="short")(a), a
    for name in ("long_1", "long_2", "long_3"):
        long = Dense(2, name=name)(long)
    layers = Model(x, Add(name="sum")([short, long])).layers
    assert [layer.name for layer in layers] == ["x", "a", "long_1", "long_2", "short", "long_3", "sum"]


def test_a_graph_that_is_not_connected_names_the_missing_input():
    a, b = Input(shape=(2,), name="left"), Input(shape=(2,), name="right")
    with pytest.raises(
        ValueError, match=r"depend on the input 'right', of shape \(None, 2\).*inputs \(left\)"
    ):
        Model(a, Add()([a, b]))
    with pytest.raises(ValueError, match="not connected"):
        Model(a, Dense(2)(SymbolicTensor((None, 3), name="loose")))


def test_ends_that_are_no_symbolic_tensors():
    x = Input(shape=(2,))
    y = Dense(1)(x)
    with pytest.raises(
        TypeError, match=r"expects outputs to be what Input and layers return.* Call it first"
    ):
        Model(x, Dense(1))
    with pytest.raises(TypeError, match=r"expects outputs to be .* got None. Write Model\(inputs, outputs\)"):
        Model(x)
    with pytest.raises(TypeError, match=r"has no argument 'output'. Did you mean 'outputs'\?"):
        Model(inputs=x, output=y)
    with pytest.raises(TypeError, match=r"expects inputs to be .* got an array of shape \(3, 2\)"):
        Model(np.zeros((3, 2)), y)
    with pytest.raises(ValueError, match="at least one of outputs"):
        Model(x, [])
    with pytest.raises(ValueError, match="each of its inputs once"):
        Model([x, x], y)


def test_two_layers_of_one_name_are_refused():
    x = Input(shape=(2,))
    with pytest.raises(ValueError, match="several layers called 'twin'"):
        Model(x, Dense(1, name="twin")(Dense(2, name="twin")(x)))


def test_a_wrong_number_of_inputs_or_wrong_names():
    a, b = Input(shape=(2,), name="a"), Input(shape=(3,), name="b")
    model = Model([a, b], Concatenate()([a, b]))
    with pytest.raises(ValueError, match=r"a list of 2 inputs \(a, b\), got 3"):
        model([random(1, 2)] * 3)
    with pytest.raises(ValueError, match=r"a list of 2 inputs \(a, b\), got one"):
        model(random(1, 2))
    with pytest.raises(ValueError, match="no 'b'"):
        model({"a": random(1, 2), "c": random(1, 3)})
    with pytest.raises(ValueError, match=r"'b' of shape \(None, 3\), got \(1, 4\)"):
        model([random(1, 2), random(1, 4)])


def test_symbolic_tensors_say_what_they_are_not():
    x = Input(shape=(2,), name="x")
    for wrong in (len, iter, bool, np.asarray):
        with pytest.raises(TypeError, match="x"):
            wrong(x)
    with pytest.raises(TypeError, match="mixture"):
        Add()([x, random(3, 2)])


def test_layers_without_a_call_have_no_ends():
    with pytest.raises(AttributeError, match="has no output yet"):
        _ = Dense(2).output


def test_a_call_that_fails_leaves_no_trace():
    layer = Dense(2)
    with pytest.raises(ValueError, match="last axis"):
        layer(SymbolicTensor((None, None)))
    assert not layer.built
    assert layer._calls == []


# --- operators and functions ------------------------------------------------------------------------------


def test_operators_and_functions_become_part_of_the_graph():
    x, y = Input(shape=(3,)), Input(shape=(3,))
    z = (2 * x - y / 4 + 1) ** 2 @ np.ones((3, 3), "float32")
    z = ops.concatenate([-z, np.exp(x), abs(y), ops.relu(x)[:, 1:]], axis=-1)
    model = Model([x, y], ops.mean(z, axis=1, keepdims=True))
    a, b = random(4, 3), random(4, 3)
    inner = (2 * a - b / 4 + 1) ** 2 @ np.ones((3, 3), "float32")
    want = np.concatenate([-inner, np.exp(a), np.abs(b), relu(a)[:, 1:]], -1).mean(1, keepdims=True)
    np.testing.assert_allclose(model([a, b]).numpy(), want, rtol=1e-5)
    assert model.output_shape == (None, 1)
    assert [layer for layer in model.layers if type(layer).__name__ == "Operation"] == []


def test_numbers_in_front_of_an_operator():
    x = Input(shape=(2,))
    model = Model(x, [1 - x, 2 / x, 2**x, 7 % x, 7 // x])
    outputs = [y.numpy().tolist() for y in model(np.float32([[2.0, 4.0]]))]
    assert outputs == [[[-1, -3]], [[1, 0.5]], [[4, 16]], [[1, 3]], [[3, 1]]]


def test_comparisons_can_be_joined():
    x = Input(shape=(3,))
    inside = (x > 0) & (x < 1)
    model = Model(x, [inside, ~inside, (x < 0) | inside, inside ^ (x > 0.5)])
    a = np.float32([[-1.0, 0.25, 0.75], [2.0, 0.5, -3.0]])
    want = (a > 0) & (a < 1)
    wanted = [want, ~want, (a < 0) | want, want ^ (a > 0.5)]
    for y, expected in zip(model(a), wanted, strict=True):
        np.testing.assert_array_equal(y, expected)


def test_shapes_that_do_not_go_together_are_named():
    message = (
        r"add\w* \(Operation\) does not work on shapes \(None, 4\), \(2, 3\), tried with zeros .* broadcast"
    )
    with pytest.raises(ValueError, match=message) as caught:
        Input(shape=(4,)) + np.zeros((2, 3))
    assert len(str(caught.value)) < 400


def test_operations_keep_the_type_of_numbers():
    x = Input(shape=(2,), dtype="float64")
    model = Model(x, 0.1 + x)
    assert model(np.array([[0.2, 0.3]])).numpy().tolist() == [[0.1 + 0.2, 0.1 + 0.3]]


def test_an_unknown_function_of_a_symbolic_tensor():
    with pytest.raises(ValueError, match="Unknown operation 'frexp'"):
        np.frexp(Input(shape=(2,)))


# --- modes, masks, nested models --------------------------------------------------------------------------


def test_training_said_when_laid_out_wins():
    x = Input(shape=(100,))
    base = Sequential([Input(shape=(100,)), Dropout(0.5)])
    frozen, free = Model(x, base(x, training=False)), Model(x, base(x))
    a = np.ones((2, 100), "float32")
    assert (frozen(a, training=True).numpy() == 1).all()
    assert not (free(a, training=True).numpy() == 1).all()
    assert (free(a).numpy() == 1).all()


def test_masks_travel_through_the_graph():
    x = Input(shape=(5,), dtype="int32")
    embedded = Embedding(7, 3, mask_zero=True)(x)
    model = Model(x, LSTM(2)(Activation("tanh")(embedded)))
    ids = np.array([[1, 2, 3, 0, 0]])
    _, embedding, tanh, lstm = model.layers
    np.testing.assert_allclose(model(ids).numpy(), lstm(tanh(embedding(ids[:, :3]))).numpy(), rtol=1e-6)


def test_a_given_mask_reaches_the_first_layers():
    x = Input(shape=(4, 2))
    model = Model(x, LSTM(3)(Activation("linear")(x)))
    a = random(2, 4, 2)
    mask = np.array([[1, 1, 0, 0]] * 2, bool)
    np.testing.assert_allclose(model(a, mask=mask).numpy(), model.layers[2](a[:, :2]).numpy(), rtol=1e-5)


def test_models_within_models():
    inner_in = Input(shape=(3,))
    inner = Model(inner_in, [Dense(2)(inner_in), Dense(1)(inner_in)], name="inner")
    x = Input(shape=(3,))
    two, one = inner(x)
    assert (two.shape, one.shape) == ((None, 2), (None, 1))
    outer = Model(x, Concatenate()([two, one]))
    assert [layer.name for layer in outer.layers][1] == "inner"
    assert outer.count_params() == inner.count_params() == 12
    a = random(4, 3)
    np.testing.assert_array_equal(outer(a).numpy(), np.concatenate([t.numpy() for t in inner(a)], -1))
    inner.trainable = False
    assert outer.trainable_weights == []


def test_a_nested_model_takes_other_sizes_than_it_was_made_for():
    x = Input(shape=(8, 8, 1))
    base = Model(x, Add()([Conv2D(2, 3, padding="same")(x), Conv2D(2, 1)(x)]), name="base")
    assert base.compute_output_shape((None, 8, 8, 1)) == (None, 8, 8, 2)
    any_size = Input(shape=(None, None, 1))
    wide = Model(any_size, Conv2D(2, 3)(Conv2D(2, 3)(any_size)))
    assert wide.compute_output_shape((None, 10, 12, 1)) == (None, 6, 8, 2)
    assert wide(Input(shape=(9, 9, 1))).shape == (None, 5, 5, 2)
    with pytest.raises(ValueError, match="was made for inputs"):
        base(Input(shape=(4, 4, 1)))


def test_states_and_several_outputs():
    x, h, c = Input(shape=(5, 2)), Input(shape=(3,)), Input(shape=(3,))
    y, h1, c1 = LSTM(3, return_state=True, return_sequences=True)(x, initial_state=[h, c])
    model = Model([x, h, c], [y, h1, c1])
    a, s, t = random(2, 5, 2), random(2, 3), random(2, 3)
    for one, other in zip(model([a, s, t]), model.layers[-1](a, initial_state=[s, t]), strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_subclass_used_with_ends():
    class Doubled(Model):
        def compute_loss(self, *args, **kwargs):
            return 2 * super().compute_loss(*args, **kwargs)

    x = Input(shape=(2,))
    plain, doubled = (kind(x, Dense(1, kernel_initializer="ones")(x)) for kind in (Model, Doubled))
    assert isinstance(doubled, Doubled)
    assert isinstance(doubled, Functional)
    assert type(doubled).__name__ == "Doubled"
    a, y = random(8, 2), random(8, 1)
    losses = []
    for model in (plain, doubled):
        model.compile("sgd", "mse")
        losses.append(model.evaluate(a, y, verbose=0))
    assert losses[1] == pytest.approx(2 * losses[0])


def test_a_subclass_that_builds_its_graph_in_init():
    class Small(Model):
        def __init__(self, units):
            x = Input(shape=(2,))
            super().__init__(inputs=x, outputs=Dense(units)(x), name="small")
            self.units = units

    model = Small(3)
    assert (model.output_shape, model.name, model.units) == ((None, 3), "small", 3)


def test_a_layer_of_ones_own_with_two_inputs():
    class Gate(Layer):
        def build(self, input_shape):
            self.inner = Dense(input_shape[0][-1], activation="sigmoid")

        def call(self, inputs):
            x, g = inputs
            return x * self.inner(g)

    a, b = Input(shape=(3,)), Input(shape=(5,))
    model = Model([a, b], Gate()([a, b]))
    assert model.output_shape == (None, 3)
    assert model.count_params() == 18
    model([random(2, 3), random(2, 5)]).sum().backward()
    assert all(v.grad is not None for v in model.trainable_weights)


class Pair(Layer):
    """Several arguments in call, and a dict as output."""

    def call(self, x, other, scale=1.0):
        return {"sum": x + other * scale, "product": x * other}


def test_several_arguments_and_a_dict_as_output():
    a, b = Input(shape=(3,)), Input(shape=(3,))
    made = Pair()(a, b, scale=2.0)
    model = Model([a, b], Concatenate()([made["sum"], made["product"]]))
    p, q = random(2, 3), random(2, 3)
    np.testing.assert_allclose(model([p, q]).numpy(), np.concatenate([p + 2 * q, p * q], -1), rtol=1e-6)
    again = Functional.from_config(json.loads(json.dumps(model.get_config())), {"Pair": Pair})
    np.testing.assert_allclose(again([p, q]).numpy(), np.concatenate([p + 2 * q, p * q], -1), rtol=1e-6)


# --- training ---------------------------------------------------------------------------------------------


def test_training_equals_that_of_the_same_sequential():
    def layers():
        return [Dense(8, activation="relu", name="a"), Dense(3, activation="softmax", name="b")]

    x = Input(shape=(4,))
    first, second = layers()
    models = [Sequential([Input(shape=(4,)), *layers()]), Model(x, second(first(x)))]
    models[1].set_weights(models[0].get_weights())
    data, labels = random(50, 4), RNG.integers(0, 3, 50)
    runs = []
    for model in models:
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        runs.append(model.fit(data, labels, epochs=3, shuffle=False, verbose=0).history)
    assert runs[0] == runs[1]
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)


def test_batch_statistics_are_kept_and_frozen_ones_are_not():
    x = Input(shape=(3,))
    norm = BatchNormalization()
    model = Model(x, Dense(1)(norm(x)))
    model.compile("sgd", "mse")
    a, y = 5 + random(40, 3), random(40, 1)
    model.fit(a, y, verbose=0)
    moved = norm.moving_mean.numpy().copy()
    assert (moved > 0).all()
    norm.trainable = False
    model.compile("sgd", "mse")
    model.fit(a, y, verbose=0)
    np.testing.assert_array_equal(norm.moving_mean.numpy(), moved)


# --- configuration ----------------------------------------------------------------------------------------


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


# --- beside real Keras ------------------------------------------------------------------------------------


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


def test_flatten_of_a_graph_of_images():
    x = Input(shape=(4, 4, 1))
    assert Model(x, Flatten()(x)).output_shape == (None, 16)
