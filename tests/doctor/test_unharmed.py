"""Whatever the doctor does and whatever it meets: model, data and random numbers are afterwards what they were."""

import numpy as np
import patients as p
import pytest
from small_models import rows, same, state, with_everything

import minidl
from minidl import layers as L
from minidl.models import Model, Sequential
from minidl.random import SeedGenerator, streams


def everything(model):
    own = [v.numpy().copy() for v in model.weights]
    return own + (state(model) if model.optimizer is not None else [])


def randomness(model):
    generators = [
        layer.seed_generator.get_state() for layer in model.layers if hasattr(layer, "seed_generator")
    ]
    return model._shuffler.get_state(), generators, np.random.get_state()[1].tolist()  # noqa: NPY002


def trained():
    model = with_everything()
    x, y = rows(40)
    model.fit(x, y, epochs=2, verbose=0)
    return model, x, y


def untouched(model, x, y, **options):
    before, drawn, data = everything(model), randomness(model), (np.copy(x), np.copy(y))
    flags = [(layer.trainable, layer.built) for layer in model.layers]
    modes = (model.built, model.optimizer, model.loss, model.metrics, model.stop_training)
    calls = [layer.__dict__.get("call") for layer in model.layers]
    homes = [id(v.data) for v in model.weights]
    next_stream = streams._current().numbers.__repr__()
    report = minidl.doctor(model, x, y, **options)
    assert same(before, everything(model))
    assert drawn == randomness(model)
    assert next_stream == streams._current().numbers.__repr__()
    assert flags == [(layer.trainable, layer.built) for layer in model.layers]
    assert modes == (model.built, model.optimizer, model.loss, model.metrics, model.stop_training)
    assert homes == [id(v.data) for v in model.weights]
    assert all(v.grad is None or not v.grad.any() or model.optimizer.built for v in model.weights)
    assert calls == [layer.__dict__.get("call") for layer in model.layers]
    np.testing.assert_array_equal(x, data[0])
    np.testing.assert_array_equal(y, data[1])
    return report


def test_a_trained_model():
    untouched(*trained())


def test_a_model_that_is_not_built():
    model = Sequential([L.Dense(4, activation="relu"), L.Dropout(0.2), L.Dense(1)])
    model.compile("adam", "mse")
    report = untouched(model, *rows(40))
    assert report.ok
    assert len(report.layers) == 3
    assert model.weights == []


def test_it_trains_on_as_if_nothing_had_been():
    asked, other = trained(), trained()
    minidl.doctor(*asked)
    for model, x, y in (asked, other):
        model.fit(x, y, epochs=2, verbose=0)
    assert same(state(asked[0]), state(other[0]))


@pytest.mark.parametrize("name", ["NaN", "shapes", "lengths", "layer that fails", "labels", "diverges"])
def test_after_an_error(name):
    model, x, y = trained()
    if name == "NaN":
        x = p.spoilt(np.nan, (3, 1))[:40]
    elif name == "shapes":
        x = p.table(40, 3)
    elif name == "lengths":
        y = y[:30]
    elif name == "labels":
        model, x, y = p.classes(y=p.three_classes(p.table()) + 9)
    elif name == "diverges":
        model, x, y = p.amounts(optimizer=p.SGD(1e4))
    else:
        model.layers[0].call = lambda inputs: 1 / 0
    assert not untouched(model, x, y)


def test_states_of_recurrent_layers_and_running_averages_stay():
    x = np.random.default_rng(0).normal(size=(8, 5, 2)).astype("float32")
    layers = [
        L.LSTM(3, stateful=True, return_sequences=True),
        L.BatchNormalization(),
        L.LSTM(2, stateful=True),
    ]
    model = Sequential([L.Input(batch_shape=(8, 5, 2)), *layers, L.Dense(1)])
    model.compile("adam", "mse")
    model.fit(x, x[:, 0, :1], batch_size=8, epochs=1, shuffle=False, verbose=0)
    assert untouched(model, x, x[:, 0, :1]).layers
    many = np.repeat(x, 5, axis=0)  # more than the one batch that the model was made for
    assert untouched(model, many, many[:, 0, :1]).learnt


def test_the_same_report_twice():
    model, x, y = trained()
    first = minidl.doctor(model, x, y)
    assert str(first) == str(minidl.doctor(model, x, y))
    SeedGenerator().next()
    np.random.rand(3)  # noqa: NPY002
    assert first == minidl.doctor(model, x, y)


def test_a_generator_is_not_used_up():
    model, x, y = trained()
    batches = iter([(x, y)])
    report = minidl.doctor(model, batches)
    assert "would use it up" in report.findings[0].message
    assert next(batches)[0] is x


def test_the_data_of_the_latest_fit_is_not_copied():
    model, x, y = trained()

    class Once(type(model._run)):
        def __deepcopy__(self, memo):
            raise AssertionError("copied")

    model._run.__class__ = Once
    assert minidl.doctor(model, x, y).layers


def test_what_cannot_be_copied_is_said():
    class Locked(Model):
        def __init__(self):
            super().__init__()
            self.out = L.Dense(1)
            self.rows = (i for i in range(3))

        def call(self, x):
            return self.out(x)

    model = Locked()
    model.compile("adam", "mse")
    (finding,) = minidl.doctor(model, *rows()).findings
    assert finding.topic == "copy"
    assert "generator" in finding.message
