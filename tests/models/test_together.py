"""predict lets several batches through a model at once, where nobody can tell (`minidl.models.together`)."""

import functools
import io
import sys

import numpy as np
import pytest

import minidl
from minidl.layers import (
    GRU,
    LSTM,
    RNN,
    Activation,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Lambda,
    Layer,
    LayerNormalization,
    Masking,
    MaxPooling1D,
    Softmax,
    TimeDistributed,
)
from minidl.models.sources import source
from minidl.models.together import together

RNG = np.random.default_rng(0)
X = RNG.standard_normal((150, 6, 4)).astype("float32")
X[RNG.random((150, 6)) < 0.2] = 0


def centred(x):
    """A curve that looks at the whole batch."""
    return x - x.mean(axis=0, keepdims=True)


@functools.wraps(minidl.activations.relu)
def disguised(x):
    return x - x.mean(axis=0, keepdims=True)


class Centred(Layer):
    def call(self, x):
        return centred(x)


class Adding(Layer):
    """A cell of one's own: its state grows."""

    state_size = 4

    def call(self, x, states):
        return centred(x + states[0]), [x + states[0]]


def sizes(model, x=X, **options):
    """The batch sizes that reach the model in predict."""
    seen = []
    model.predict(x, verbose=0, **options)  # builds it
    run = model._predict_step

    def step(batch):
        seen.append(len(minidl.utils.nested.flatten(batch)[0]))
        return run(batch)

    model._predict_step = step
    model.predict(x, verbose=0, **options)
    del model._predict_step
    return seen


BY_SAMPLE = {
    "dense": lambda: [Flatten(), Dense(5, activation="relu"), Dropout(0.5), Dense(3, activation="softmax")],
    "convolution": lambda: [Conv1D(5, 2, padding="same"), BatchNormalization(), MaxPooling1D(2), Flatten()],
    "recurrent": lambda: [Masking(), Bidirectional(LSTM(3, return_sequences=True)), GRU(2)],
    "by step": lambda: [TimeDistributed(Dense(3)), LayerNormalization(), Softmax()],
}
BY_BATCH = {
    "a layer of one's own": lambda: [Centred()],
    "Lambda": lambda: [Lambda(centred)],
    "a curve of one's own": lambda: [Dense(3, activation=centred)],
    "a curve that looks like minidl's": lambda: [Dense(3, activation=disguised)],
    "a curve as a layer": lambda: [Activation(centred)],
    "softmax over the batch": lambda: [Softmax(axis=0)],
    "softmax over the batch, from behind": lambda: [Softmax(axis=-3)],
    "a cell of one's own": lambda: [RNN(Adding())],
    "inside": lambda: [minidl.Sequential([TimeDistributed(Centred())])],
}


@pytest.mark.parametrize("make", BY_SAMPLE.values(), ids=BY_SAMPLE)
def test_samples_by_themselves_go_together(make):
    minidl.utils.set_random_seed(1)
    model = minidl.Sequential(make())
    assert sizes(model) == [128, 22]
    for options in ({"batch_size": 32}, {"callbacks": [minidl.callbacks.Callback()]}):
        assert sizes(model, **options) == [32] * 4 + [22]
    assert np.allclose(model.predict(X, verbose=0), model.predict(X, batch_size=32, verbose=0), atol=1e-6)


@pytest.mark.parametrize("make", BY_BATCH.values(), ids=BY_BATCH)
def test_samples_that_look_at_each_other_stay_in_batches_of_32(make):
    model = minidl.Sequential(make())
    assert sizes(model) == [32] * 4 + [22]
    assert np.array_equal(model.predict(X, verbose=0), model.predict(X, batch_size=32, verbose=0))


def test_states_pass_from_batch_to_batch():
    model = minidl.Sequential([minidl.Input(batch_shape=(32, 6, 4)), LSTM(3, stateful=True)])
    assert sizes(model, X[:128]) == [32] * 4


def test_ops_on_symbolic_tensors_may_go_along_the_batch():
    x = minidl.Input(shape=(6, 4))
    assert sizes(minidl.Model(x, x - minidl.ops.mean(x, axis=0))) == [32] * 4 + [22]


def test_a_layer_laid_out_as_in_training_has_the_statistics_of_its_batch():
    x = minidl.Input(shape=(6, 4))
    inner = minidl.Sequential([minidl.Input(shape=(6, 4)), BatchNormalization()])
    for y in (BatchNormalization()(x, training=True), inner(x, training=True)):
        assert sizes(minidl.Model(x, y)) == [32] * 4 + [22]
    assert sizes(minidl.Model(x, BatchNormalization()(x, training=False))) == [128, 22]


def test_of_single_numbers_the_last_axis_is_the_batch():
    x = minidl.Input(shape=())
    assert sizes(minidl.Model(x, Softmax()(x)), X[:, 0, 0]) == [32] * 4 + [22]


def test_several_inputs_and_outputs():
    left, right = minidl.Input(shape=(6, 4)), minidl.Input(shape=(2,), dtype="int32")
    words = Embedding(9, 3)(right)
    model = minidl.Model([left, right], {"a": Dense(2)(left), "b": Flatten()(words)})
    x = [X, RNG.integers(0, 9, (150, 2))]
    assert sizes(model, x) == [128, 22]
    got = model.predict(x, verbose=0)
    assert got["a"].shape == (150, 6, 2)
    assert got["b"].shape == (150, 6)


@pytest.mark.parametrize(
    ("shape", "layers", "wanted"),
    [
        ((64, 64, 3), [Flatten(), Dense(2)], [128, 22]),
        ((256, 256), [Flatten(), Dense(2)], [64, 64, 22]),
        ((256, 256, 3), [Flatten(), Dense(2)], [32] * 4 + [22]),
        ((64,), [Dense(200_000), Dense(1)], [32] * 4 + [22]),
    ],
    ids=str,
)
def test_what_is_large_somewhere_goes_one_batch_after_the_other(shape, layers, wanted):
    model = minidl.Sequential([minidl.Input(shape=shape), *layers])
    _, at_once = together(model, source(np.zeros((150, *shape), np.float16)))
    assert [32 * at_once] * (150 // (32 * at_once)) + [150 % (32 * at_once)] == wanted


def test_a_generator_decides_for_itself():
    model = minidl.Sequential([Flatten(), Dense(2)])
    model(X)
    assert model.predict((X[i : i + 10] for i in range(0, 150, 10)), verbose=0).shape == (150, 2)


def test_the_progress_counts_batches_of_32(monkeypatch):
    model = minidl.Sequential([Flatten(), Dense(2)])
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    model.predict(X)
    assert "5/5" in out.getvalue()
    assert "8/5" not in out.getvalue()
