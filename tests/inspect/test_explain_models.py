"""`explain` of whole models: random chains, graphs, models inside of models, models with a `call` of their own."""

import math

import numpy as np
import pytest
from arithmetic import value
from explained import fields, is_among, numbers, really_kept
from graphs import ensemble, nested, residual, shared, states
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minidl
from minidl import Input, Model, Sequential, layers, ops
from minidl.inspect import explain
from minidl.layers.base import Layer

SOME = settings(deadline=None, max_examples=10, suppress_health_check=list(HealthCheck))
SLOTS = {"sgd": 0, "adam": 2, "rmsprop": 1, "nadam": 2, "adagrad": 1}

_small = st.integers(1, 4)
_image = st.one_of(
    st.builds(lambda f, s: layers.Conv2D(f, 2, padding="same", strides=s, activation="relu"), _small, _small),
    st.builds(lambda n: layers.MaxPooling2D(n, padding="same"), _small),
    st.builds(layers.BatchNormalization),
    st.builds(lambda f: layers.SeparableConv2D(f, 1), _small),
    st.builds(lambda n: layers.ZeroPadding2D(n), _small),
)
_series = st.one_of(
    st.builds(lambda f: layers.Conv1D(f, 2, padding="causal"), _small),
    st.builds(lambda u: layers.LSTM(u, return_sequences=True), _small),
    st.builds(lambda u: layers.Bidirectional(layers.GRU(u, return_sequences=True)), _small),
    st.builds(lambda u: layers.TimeDistributed(layers.Dense(u)), _small),
    st.builds(lambda n: layers.UpSampling1D(n), _small),
)
_row = st.one_of(
    st.builds(lambda u: layers.Dense(u, activation="tanh"), _small),
    st.builds(lambda r: layers.Dropout(r / 10), _small),
    st.builds(layers.LayerNormalization),
)


@st.composite
def chains(draw):
    """A Sequential, compiled, with some of its layers frozen; and the shape of a sample."""
    shape, body, bridge = draw(
        st.sampled_from([
            ((5, 6, 2), _image, layers.Flatten),
            ((4, 3), _series, lambda: layers.SimpleRNN(3)),
            ((4,), _row, layers.Identity),
        ])
    )  # fmt: skip
    parts = [*draw(st.lists(body, max_size=3)), bridge(), *draw(st.lists(_row, max_size=2)), layers.Dense(2)]
    for part in parts[:-1]:
        part.trainable = draw(st.sampled_from([True, True, False]))
    model = Sequential([Input(shape), *parts])
    model.compile(draw(st.sampled_from(list(SLOTS))), "mse")
    return model, shape


@SOME
@given(chains())
def test_random_chains(drawn):
    model, shape = drawn
    explained = explain(model)
    assert [layer.name for layer in explained.layers] == [layer.name for layer in model.layers]
    arrays = model.get_weights()
    assert explained.parameters == sum(a.size for a in arrays)
    assert explained.trainable_parameters == sum(v.size for v in model.trainable_weights)
    assert explained.parameters == explained.trainable_parameters + explained.non_trainable_parameters
    assert explained.memory.weights == sum(a.nbytes for a in arrays)
    x = np.zeros((2, *shape), "float32")
    for told, layer in zip(explained.layers, model.layers, strict=True):
        y = layer(x).numpy()
        assert told.input_shapes == ((None, *x.shape[1:]),)
        assert told.output_shapes == ((None, *y.shape[1:]),)
        assert told.memory.output == y[0].nbytes
        assert told.parameters == sum(a.size for a in layer.get_weights())
        assert told.memory.gradients == sum(v.data.nbytes for v in layer.trainable_weights)
        x = y
    assert explained.memory.output == x[0].nbytes
    assert explained.multiplications == sum(told.work.count for told in explained.layers)
    assert explained.memory.kept == sum(told.memory.kept for told in explained.layers)
    text = str(explained)
    known = fields(explained)
    assert all(is_among(n, known) for n in numbers(text))
    assert max(map(len, text.split("\n"))) <= 80


@SOME
@given(chains())
def test_memory_of_training(drawn):
    model, shape = drawn
    memory = explain(model).memory
    x = np.zeros((4, *shape), "float32")
    assert memory.kept == really_kept(model, lambda n: np.zeros((n, *shape), "float32"), is_middle=False)
    model.fit(x, np.zeros((4, *model.output_shape[1:]), "float32"), verbose=0)
    slots = model.optimizer.variables[2:]  # behind the count of steps and the learning rate
    assert memory.optimizer == sum(v.numpy().nbytes for v in slots)
    assert memory.gradients == sum(v.data.nbytes for v in model.trainable_weights)


GRAPHS = [ensemble, residual, shared, nested, states]


@pytest.mark.parametrize("make", GRAPHS, ids=lambda make: make.__name__)
def test_graphs(make):
    model = make(minidl)
    explained = explain(model)
    assert explained.parameters == model.count_params()
    assert {layer.name for layer in explained.layers} == {layer.name for layer in model.operations}
    assert explained.memory.kept == really_kept(
        model,
        lambda n: [np.zeros((n, *x.shape[1:]), "float32") for x in model.inputs],
        is_middle=False,
    )
    known = fields(explained)
    assert all(is_among(n, known) for n in numbers(str(explained)))


def test_a_layer_used_often_counts_once():
    explained = explain(shared(minidl))
    (both,) = (layer for layer in explained.layers if layer.name == "both")
    assert {h.topic: h.figures for h in both.hints}["shared"] == {"uses": 3}
    assert explained.parameters == both.parameters == 20
    assert explained.multiplications == both.calls * both.work.count
    assert f"in each of 3 calls, 3·{both.work.count} = {3 * both.work.count} for each sample." in str(
        explained
    )


def test_models_inside_are_opened():
    explained = explain(nested(minidl))
    inner = next(layer for layer in explained.layers if layer.name == "inner")
    assert [part.name for part in inner.inside if part.kind != "InputLayer"] == ["h", "joined", "h2"]
    assert inner.parameters == sum(part.parameters for part in inner.inside)
    assert inner.weights == ()
    deep = explain(nested(minidl))["deepest"].layers[0]
    assert [part.name for part in deep.inside] == ["d2", "d3"]
    assert deep.inside[0].input_shapes == ((None, 5),)


class Block(Layer):
    def __init__(self, units):
        super().__init__()
        self.first, self.second = layers.Dense(units, activation="relu"), layers.Dense(3)

    def call(self, x):
        return self.second(self.first(x)) * 2.0 + x


class Own(Model):
    def __init__(self, units):
        super().__init__()
        self.block, self.unused, self.last = Block(units), layers.Dense(7), layers.Dense(1)

    def call(self, x):
        return self.last(self.block(self.block(x)))


@SOME
@given(units=_small)
def test_models_with_a_call_of_their_own(units):
    model = Own(units)
    model(np.zeros((2, 3)))
    explained = explain(model)
    block, last = explained.layers
    assert [part.output_shapes for part in block.inside] == [((None, units),), ((None, 3),)]
    assert last.input_shapes == ((None, 3),)
    assert block.work.count == 3 * units + units * 3 + 3
    assert explained.multiplications == 2 * block.work.count + 3
    assert {h.topic for h in block.hints} == {"shared"}
    assert explained.memory.kept == really_kept(model, lambda n: np.zeros((n, 3), "float32"), is_middle=False)
    assert explain(Own(units), (3,)).layers[0].work == block.work


def test_sizes_not_known():
    model = Sequential([Input((None, 9)), layers.LSTM(5), layers.Dense(1)])
    explained = explain(model)
    assert explained.multiplications is None
    assert explained.memory.kept is None
    assert explained.layers[0].memory.output == 20
    longer = explain(model, (100, 9))
    assert longer.layers[0].input_shapes == ((None, 100, 9),)
    assert longer.multiplications == value(longer.layers[0].work.formula) + 5
    assert longer.memory.kept > 100 * 4 * 5 * 4
    assert model.layers[0].input.shape == (None, None, 9)


def test_another_size_for_a_layer_that_is_built():
    layer = layers.TimeDistributed(layers.Conv2D(2, 3))
    layer.build((None, 4, 50, 8, 1))
    told = explain(layer, (6, 20, 8, 1)).layers[0]
    assert told.shape_formulas == ("(20 − 3 + 2·0)/1 + 1 = 18", "(8 − 3 + 2·0)/1 + 1 = 6")
    assert told.output_shapes == ((None, 6, 18, 6, 2),)


def test_two_small_windows_for_a_large_one():
    model = Sequential([Input((9, 9, 4)), layers.Conv2D(4, 3, name="first"), layers.Conv2D(4, 3)])
    hints = {h.topic: h for h in explain(model).layers[1].hints}
    first, second = (math.prod(v.shape) for layer in model.layers for v in layer.weights[:1])
    large = layers.Conv2D(4, 5, use_bias=False)
    large.build((None, 9, 9, 4))
    assert hints["stacked"].figures == {
        "window": (5, 5), "two": first + second, "one": large.count_params()
    }  # fmt: skip


def test_flatten_in_front_of_dense():
    model = Sequential([Input((5, 5, 64)), layers.Flatten(), layers.Dense(128)])
    hints = {h.topic: h.figures for h in explain(model).layers[0].hints}
    kernel = model.layers[1].get_weights()[0]
    assert hints["flat"] == {"numbers": len(kernel), "units": kernel.shape[1], "weights": kernel.size}


def topics(model):
    return {layer.name: {h.topic for h in layer.hints} for layer in explain(model).layers}


def test_hints_that_look_at_neighbours():
    L = layers
    found = topics(
        Sequential([
            Input((8,)), L.Embedding(5, 4, mask_zero=True, name="ids"), L.Conv1D(4, 2, name="conv"),
            L.BatchNormalization(name="norm"), L.GlobalMaxPooling1D(), L.Dense(4, name="plain"),
            L.Dense(3, activation="relu", name="curved"), L.Dense(1, activation="sigmoid", name="last"),
        ])
    )  # fmt: skip
    assert {"ids", "mask", "mask lost"} <= found["ids"]
    assert "bias" in found["conv"]
    assert "linear" in found["plain"]
    assert "linear" not in found["curved"]
    assert "relu" not in found["curved"]
    assert "sigmoid" in found["last"]
    ends = {
        a: topics(Sequential([Input((2,)), L.Dense(2, activation=a, name="d")]))["d"]
        for a in ("softmax", "relu")
    }
    assert "softmax" in ends["softmax"]
    assert "relu" in ends["relu"]
    assert "softmax" in topics(Sequential([Input((2,)), L.Dense(1, activation="softmax", name="d")]))["d"]


def test_what_holds_for_all_of_a_kind_is_said_once():
    model = Sequential([Input((8, 2)), layers.LSTM(3, return_sequences=True), layers.LSTM(4)])
    first, second = ({h.topic for h in layer.hints} for layer in explain(model).layers)
    assert {"units", "torch"} <= first
    assert not {"units", "torch"} & second
    assert "return_sequences" in second


def test_operations_in_a_graph():
    x = Input((3,))
    model = Model(x, ops.relu(layers.Dense(2)(x) * 3.0))
    explained = explain(model)
    assert [layer.kind for layer in explained.layers] == ["InputLayer", "Dense", "Multiply", "Relu"]
    assert explained.multiplications == 3 * 2 + 2


class Sum(Layer):
    state_size = 3

    def build(self, input_shape):
        self.w = self.add_weight((input_shape[-1], 3), name="w")

    def call(self, x, states):
        h = states[0] + x @ self.w
        return h, [h]


class Named(Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x):
        return {"y": self.dense(x["a"]) + self.dense(x["b"])}


def test_cells_and_structures_of_ones_own():
    told = explain(layers.RNN(Sum()), (4, 2)).layers[0]
    assert [(w.name, w.shape, w.meaning) for w in told.weights] == [("w", (2, 3), "")]
    assert told.work.count == 4 * 2 * 3
    explained = explain(Named(), {"a": (3,), "b": (3,)})
    assert explained.parameters == 8
    assert explained.multiplications == 2 * 3 * 2
    states_too = explain(layers.LSTM(3, return_state=True), (4, 2)).layers[0]
    assert states_too.output_shapes == ((None, 3),) * 3
    assert states_too.memory.output == 3 * 3 * 4


@pytest.mark.parametrize("layer", [layers.Dense, layers.LSTM, layers.GRU], ids=lambda cls: cls.__name__)
def test_float64_takes_twice_the_bytes(layer):
    single, double = (explain(layer(3, dtype=t), (4, 2)).memory for t in ("float32", "float64"))
    assert (double.weights, double.output) == (2 * single.weights, 2 * single.output)
    assert double.kept == really_kept(
        layer(3, dtype="float64"), lambda n: np.zeros((n, 4, 2), "float32"), is_middle=True
    )


def test_what_does_not_run_on_zeros_has_no_measured_memory():
    class Picky(Layer):
        def call(self, x):
            if not np.asarray(x).any():
                raise RuntimeError("no zeros, please")
            return x

        def compute_output_shape(self, input_shape):
            return input_shape

    explained = explain(Picky(), (3,))
    assert explained.memory.kept is None
    assert explained.multiplications is None
    assert "Until backward" not in str(explained)
