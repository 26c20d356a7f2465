"""Models given by their ends: the graph, its order, running it, training it, and what goes wrong."""

import weakref

import numpy as np
import pytest

from minidl import Model, Sequential, Tensor
from minidl.layers import (
    Add,
    BatchNormalization,
    Concatenate,
    Dense,
    Flatten,
    Input,
    Layer,
)  # fmt: skip
from minidl.models import Functional
from minidl.symbolic import SymbolicTensor

RNG = np.random.default_rng(0)


def random(*shape):
    return RNG.normal(size=shape).astype("float32")


def relu(x):
    return np.maximum(x, 0)


# --- the graph ----------------------------------------------------------------------------------------------


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


# --- what goes wrong ----------------------------------------------------------------------------------------


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


# --- training -----------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("form", "given"),
    [
        (lambda a, b, c: [[a, b], c], lambda p, q, r: [[p, q], r]),
        (lambda a, b, c: [[a, b], c], lambda p, q, r: ([p.tolist(), q], r)),
        (lambda a, b, c: [[a, b], c], lambda p, q, r: [p, q, r]),
        (lambda a, b, c: [[a, b], c], lambda p, q, r: {"c": r, "b": q, "a": p}),
        (lambda a, b, c: [{"y": a, "x": b}, (c,)], lambda p, q, r: [{"x": q, "y": p}, (r,)]),
        (lambda a, b, c: {"two": [a, b], "one": c}, lambda p, q, r: {"two": [p, q], "one": r}),
        (lambda a, b, c: {"two": [a, b], "one": c}, lambda p, q, r: {"a": p, "b": q, "c": r}),
    ],
)
def test_nested_inputs_are_trained_on_in_the_same_form(form, given):
    ends = [Input(shape=(n,), name=name) for n, name in enumerate("abc", start=2)]
    y = Dense(1, kernel_initializer="ones")(Concatenate()(ends))
    flat, nested = Model(ends, y), Model(form(*ends), y)
    parts, wanted = [random(8, n) for n in (2, 3, 4)], random(8, 1)
    start, results = flat.get_weights(), []
    for model, x in ((flat, parts), (nested, given(*parts))):
        model.set_weights(start)
        model.compile("sgd", "mse")
        history = model.fit(x, wanted, epochs=2, validation_split=0.25, shuffle=False, verbose=0).history
        results.append([history, model.evaluate(x, wanted, verbose=0), model.predict(x, verbose=0).tolist()])
    assert results[0] == results[1]


def test_nested_inputs_of_another_form_are_refused():
    a, b, c = (Input(shape=(2,), name=name) for name in "abc")
    model = Model([[a, b], c], Add()([a, b, c]))
    model.compile("sgd", "mse")
    for x in ([[random(4, 2)], random(4, 2)], [random(4, 2)] * 2, random(4, 2)):
        with pytest.raises(ValueError, match=r"a list of 3 arrays, one for each input \(a, b, c\), got"):
            model.fit(x, random(4, 2), verbose=0)


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


# --- beside real Keras --------------------------------------------------------------------------------------


def test_flatten_of_a_graph_of_images():
    x = Input(shape=(4, 4, 1))
    assert Model(x, Flatten()(x)).output_shape == (None, 16)
