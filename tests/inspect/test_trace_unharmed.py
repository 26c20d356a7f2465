"""Whatever trace does and whatever it meets: model, data and random numbers are afterwards what they were."""

import numpy as np
import pytest
from small_models import rows, same, state, with_everything

from minidl import graph
from minidl import layers as L
from minidl.inspect.traced import trace
from minidl.layers import context
from minidl.layers.holder import all_layers
from minidl.models import Model, Sequential
from minidl.random import streams


def everything(model):
    own = [v.numpy().copy() for v in model.weights]
    kept = [layer.get_state() for layer in all_layers(model) if hasattr(layer, "get_state")]
    own += [array for states in kept if states is not None for array in states]
    return own + (state(model) if getattr(model, "optimizer", None) is not None else [])


def randomness(model):
    generators = [
        layer.seed_generator.get_state() for layer in all_layers(model) if hasattr(layer, "seed_generator")
    ]
    shuffler = model._shuffler.get_state() if isinstance(model, Model) else None
    return shuffler, generators, repr(streams._current().numbers), np.random.get_state()[1].tolist()  # noqa: NPY002


def settings(model):
    flags = [(layer.trainable, layer.built, "call" in vars(layer)) for layer in all_layers(model)]
    names = (
        "built",
        "optimizer",
        "loss",
        "scores",
        "stop_training",
        "history",
        "_chosen",
        "_objective",
        "_run",
    )
    homes = [(id(v.data), id(v.grad)) for v in model.weights]
    modes = (
        graph.mode.grad_enabled,
        graph.mode.tape,
        context.mode.context,
        context.mode.training,
        streams.current_step(),
    )
    return flags, [id(getattr(model, name, None)) for name in names], homes, modes


def untouched(model, *data):
    before, drawn, set_up = everything(model), randomness(model), settings(model)
    copies = [np.copy(a) for a in data]
    try:
        step = trace(model, *data)
        str(step), step._repr_html_(), [str(op) for op in step], [str(layer) for layer in step.calls]
    except Exception as error:
        step = error
    assert same(before, everything(model))
    assert drawn == randomness(model)
    assert set_up == settings(model)
    for a, copy in zip(data, copies, strict=True):
        np.testing.assert_array_equal(a, copy)
    return step


def trained():
    model = with_everything()
    x, y = rows(40)
    model.fit(x, y, epochs=2, verbose=0)
    return model, x, y


def test_a_trained_model():
    assert untouched(*trained()).loss > 0


def test_a_model_that_is_not_built():
    model = Sequential([L.Dense(4, activation="relu"), L.Dropout(0.2), L.Dense(1)])
    model.compile("adam", "mse")
    assert len(untouched(model, *rows()).layers) == 3
    assert model.weights == []


def test_a_model_with_metrics_that_have_seen_data():
    model, x, y = trained()
    model.compile("adam", "mse", metrics=["mae"])
    model.evaluate(x, y, verbose=0)
    before = [v.numpy().copy() for metric in model.metrics for v in metric.variables]
    untouched(model, x, y)
    assert same(before, [v.numpy() for metric in model.metrics for v in metric.variables])


def test_it_trains_on_as_if_nothing_had_been():
    asked, other = trained(), trained()
    trace(*asked)
    for model, x, y in (asked, other):
        model.fit(x, y, epochs=2, verbose=0)
    assert same(state(asked[0]), state(other[0]))


def test_states_of_recurrent_layers_stay():
    x = np.random.default_rng(0).normal(size=(8, 5, 2)).astype("float32")
    both = L.Bidirectional(L.LSTM(3, stateful=True, return_sequences=True))
    layers = [both, L.BatchNormalization(), L.GRU(2, stateful=True), L.Dense(1)]
    model = Sequential([L.Input(batch_shape=(8, 5, 2)), *layers])
    model.compile("adam", "mse")
    model.fit(x, x[:, 0, :1], batch_size=8, epochs=1, shuffle=False, verbose=0)
    step = untouched(model, x, x[:, 0, :1])
    assert step["gru"].steps[0].before["h"].any()  # it went on from there
    assert isinstance(untouched(model, x[:3], x[:3, 0, :1]), ValueError)


@pytest.mark.parametrize("built", [True, False])
def test_a_layer(built):
    layer = L.LSTM(3, dropout=0.5, stateful=True)
    x = np.ones((2, 4, 3), "float32")
    if built:
        layer(x)
    untouched(layer, x)
    assert layer.built == built


def test_a_layer_out_of_a_model():
    model, x, _ = trained()
    before = state(model)
    untouched(model.layers[0], x)
    assert same(before, state(model))


class Counts(L.Layer):
    """It remembers, and draws from NumPy's own random numbers."""

    seen = 0

    def build(self, input_shape):
        self.calls = self.add_weight((), "zeros", trainable=False, name="calls")

    def call(self, x):
        self.seen += 1
        self.calls.assign_add(1)
        return x + np.random.normal(size=x.shape).astype("float32")  # noqa: NPY002


def test_a_layer_that_counts_and_draws():
    model = Sequential([L.Input((4,)), Counts(name="counts"), L.Dense(1)])
    model.compile("sgd", "mse")
    model.predict(rows()[0], verbose=0)
    seen = model.layers[0].seen
    untouched(model, *rows())
    assert model.layers[0].seen == seen


class Breaks(L.Layer):
    """It fails in training."""

    def call(self, x, training=False):
        if training:
            raise RuntimeError("half-way")
        return x


@pytest.mark.parametrize("where", ["layer", "loss", "backward", "x", "y"])
def test_after_an_error(where):
    model, x, y = trained()
    if where == "layer":
        model = Sequential([L.Input((4,)), L.Dense(3), Breaks(), L.Dense(1)])
    elif where == "backward":
        model = Sequential([L.Input((4,)), L.Dense(3), L.Lambda(failing_backward), L.Dense(1)])
    model.compile("adam", "mse" if where != "loss" else lambda y, y_pred: 1 / 0)
    if where == "x":
        x = x[:, :3]
    elif where == "y":
        y = y[:-1]
    assert isinstance(untouched(model, x, y), Exception)
    assert model.optimizer.iterations == 0


def failing_backward(x):
    from minidl.tensor import Function

    class OneWay(Function):
        @staticmethod
        def forward(x):
            return x * 1, None

        @staticmethod
        def backward(dy, _):
            raise RuntimeError("no way back")

    return OneWay.apply(x)


def test_nan_in_the_data():
    model, x, y = trained()
    x = x.copy()
    x[0, 0] = np.nan
    step = untouched(model, x, y)
    assert "Not all numbers are finite" in str(step)
    assert np.isnan(step.loss)


def test_the_same_trace_twice():
    model, x, y = trained()
    first, second = trace(model, x, y), trace(model, x, y)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.output, b.output)
        np.testing.assert_array_equal(a.gradient, b.gradient)
