"""Whole models with every kernel: after three steps their weights are those of a CPU, to a hundred-thousandth.

`test_standin.py` runs the same engine on references; here each op takes its kernel, run by the emulator, or by a GPU.
"""

import numpy as np
import pytest
from minidl_kernels.gpu import launch

from minidl import Model, Sequential, backend, layers, optimizers
from minidl.devices import device, on_gpu
from minidl.utils import set_random_seed

RNG = np.random.default_rng(7)
IMAGES = RNG.random((6, 12, 12, 1)).astype("float32")
SERIES = RNG.normal(size=(6, 7, 3)).astype("float32")
IDS = RNG.integers(0, 11, (6, 7))
ROWS = RNG.normal(size=(6, 5)).astype("float32")
LABELS = RNG.integers(0, 3, 6)


def mnist():
    return [
        layers.Input((12, 12, 1)), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(6, 3, activation="relu", padding="same"), layers.AveragePooling2D(2), layers.Flatten(),
        layers.Dense(8, activation="relu"), layers.Dropout(0.25),
    ]  # fmt: skip


def conv1d():
    return [
        layers.Input((7, 3)), layers.Conv1D(4, 3, activation="relu"), layers.BatchNormalization(), layers.MaxPooling1D(2),
        layers.Flatten(),
    ]  # fmt: skip


def normalized():
    return [
        layers.Input((5,)), layers.Dense(6, activation="tanh"), layers.LayerNormalization(),
        layers.Dense(5, activation="sigmoid"), layers.BatchNormalization(),
    ]  # fmt: skip


def lstm():
    return [layers.Input((7, 3)), layers.LSTM(5, return_sequences=True, dropout=0.2), layers.LSTM(4)]


def gru():
    return [layers.Input((7, 3)), layers.GRU(5, return_sequences=True, recurrent_dropout=0.2), layers.GRU(4)]


def simple_rnn():
    return [layers.Input((7, 3)), layers.SimpleRNN(5, return_sequences=True), layers.SimpleRNN(4)]


def both_ways():
    return [layers.Input((7, 3)), layers.Bidirectional(layers.LSTM(3))]


def words():
    return [layers.Input((7,)), layers.Embedding(11, 4, mask_zero=True), layers.Dropout(0.3), layers.GRU(4)]


MODELS = [
    (mnist, IMAGES, {"convolution", "pooling", "softmax", "dense", "dropout", "adam"}),
    (conv1d, SERIES, {"convolution", "batch_normalization", "pooling", "adam"}),
    (normalized, ROWS, {"layer_normalization", "batch_normalization", "elementwise", "dense", "adam"}),
    (lstm, SERIES, {"recurrent", "adam"}),
    (gru, SERIES, {"recurrent", "adam"}),
    (simple_rnn, SERIES, {"recurrent", "adam"}),
    (both_ways, SERIES, {"recurrent", "adam"}),
    (words, IDS, {"embedding", "dropout", "recurrent", "adam"}),
]


def trained(make, x, where, way, optimizer="adam"):
    with device(where):
        set_random_seed(3)
        model = Sequential([*make(), layers.Dense(3, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    scores = []
    if way == "batch by batch":
        scores = [model.train_on_batch(x, LABELS) for _ in range(3)]
    else:
        history = model.fit(x, LABELS, batch_size=2, epochs=1, verbose=0, shuffle=False).history
        scores = [[history["loss"][0], history["accuracy"][0]]]
    assert all(on_gpu(v.data) == (where == "gpu") for v in model.weights)
    return model.get_weights(), scores, model.predict(x, verbose=0)


@pytest.mark.parametrize("way", ["batch by batch", "fit"])
@pytest.mark.parametrize(("make", "x", "wanted"), MODELS, ids=[make.__name__ for make, *_ in MODELS])
def test_three_steps(make, x, wanted, way, cupy):
    with backend.kernels_off():
        weights, scores, predicted = trained(make, x, "cpu", way)
    launch._functions.clear()
    there, scores_there, predicted_there = trained(make, x, "gpu", way)
    assert {file for _, file, *_ in launch._functions} >= wanted
    for got, expected in zip(there, weights, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(scores_there, scores, rtol=1e-4)
    np.testing.assert_allclose(predicted_there, predicted, rtol=1e-4, atol=1e-5)


def test_a_model_of_two_branches(cupy):
    def make():
        x = layers.Input((7, 3))
        one = layers.LSTM(3)(layers.Conv1D(4, 2, padding="causal", activation="relu")(x))
        other = layers.GlobalMaxPooling1D()(layers.GRU(4, return_sequences=True)(x))
        return Model(x, layers.Dense(3, activation="softmax")(layers.concatenate([one, other])))

    results = []
    for where in ("cpu", "gpu"):
        with device(where):
            set_random_seed(3)
            model = make()
        model.compile("adam", "sparse_categorical_crossentropy")
        for _ in range(3):
            model.train_on_batch(SERIES, LABELS)
        results.append(model.get_weights())
    for got, expected in zip(*reversed(results), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "rule",
    [
        lambda: optimizers.SGD(0.1), lambda: optimizers.SGD(0.1, momentum=0.9, weight_decay=0.01),
        lambda: optimizers.SGD(0.1, momentum=0.5, nesterov=True, clipnorm=0.1), lambda: optimizers.RMSprop(0.01),
        lambda: optimizers.RMSprop(0.01, momentum=0.5, centered=True), lambda: optimizers.Adam(0.01, amsgrad=True),
        lambda: optimizers.AdamW(0.01),
    ],
    ids=["sgd", "momentum", "nesterov", "rmsprop", "centred", "amsgrad", "adamw"],
)  # fmt: skip
@pytest.mark.parametrize("way", ["batch by batch", "fit"])
def test_three_steps_of_an_optimizer(rule, way, cupy):
    def make():
        return [layers.Input((5,)), layers.Dense(7, activation="tanh")]

    with backend.kernels_off():
        wanted = trained(make, ROWS, "cpu", way, rule())[0]
    launch._functions.clear()
    there = trained(make, ROWS, "gpu", way, rule())[0]
    name = type(rule()).__name__
    if name in ("SGD", "RMSprop"):
        assert "descent" in {file for _, file, *_ in launch._functions}
    for got, expected in zip(there, wanted, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
