"""What may stand between the ends of a model: operators, functions, modes, masks, models and layers of your own."""

import json

import numpy as np
import pytest

from minidl import Model, Sequential, ops
from minidl.layers import (
    LSTM,
    Activation,
    Add,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Input,
    Layer,
)  # fmt: skip
from minidl.models import Functional

RNG = np.random.default_rng(0)


def random(*shape):
    return RNG.normal(size=shape).astype("float32")


def relu(x):
    return np.maximum(x, 0)


# --- operators and functions --------------------------------------------------------------------------------


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
        r"add\w* \(Operation\) does not work on shapes \(None, 4\), \(2, 3\), tried with .* shapes that agree"
    )
    with pytest.raises(ValueError, match=message) as caught:
        Input(shape=(4,)) + np.zeros((2, 3))
    assert len(str(caught.value)) < 400


def test_operations_keep_the_type_of_numbers():
    x = Input(shape=(2,), dtype="float64")
    model = Model(x, 0.1 + x)
    assert model(np.array([[0.2, 0.3]])).numpy().tolist() == [[0.1 + 0.2, 0.1 + 0.3]]


def test_an_unknown_function_of_a_symbolic_tensor():
    for function in (np.frexp, np.linalg.inv):
        with pytest.raises(
            ValueError, match=f"Unknown operation '{function.__name__}': minidl.ops has no"
        ) as caught:
            function(Input(shape=(2, 2)))
        assert "Did you mean" not in str(caught.value)  # NumPy's name was meant
        assert len(str(caught.value)) < 400


# --- modes, masks, nested models ----------------------------------------------------------------------------


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
