"""NaN and infinity go through every model without a warning of NumPy, and are seen in the loss; kernels or not."""

import numpy as np
import pytest

from minidl import backend, layers
from minidl.models import Sequential

RNG = np.random.default_rng(0)
FLAT, SERIES, IMAGES = (6,), (7, 3), (9, 9, 3)
MODELS = {
    "dense": (FLAT, [lambda: layers.Dense(8, "relu")]),
    "normalised": (
        FLAT,
        [lambda: layers.Dense(8), layers.BatchNormalization, lambda: layers.Activation("tanh")],
    ),
    "layer norm": (
        FLAT,
        [lambda: layers.Dense(8, "gelu"), layers.LayerNormalization, lambda: layers.Dropout(0.5)],
    ),
    "selu": (FLAT, [lambda: layers.Dense(8, "selu"), layers.LeakyReLU, lambda: layers.GaussianNoise(0.1)]),
    "swish": (FLAT, [lambda: layers.Dense(8, "swish"), lambda: layers.Dense(4, "softplus")]),
    "mish": (FLAT, [lambda: layers.Dense(8, "mish"), lambda: layers.Dense(4, "hard_sigmoid")]),
    "lstm": (SERIES, [lambda: layers.LSTM(5)]),
    "gru": (SERIES, [lambda: layers.GRU(5, return_sequences=True), layers.Flatten]),
    "simple rnn": (SERIES, [lambda: layers.Bidirectional(layers.SimpleRNN(5))]),
    "conv1d": (SERIES, [lambda: layers.Conv1D(5, 3, activation="relu"), layers.GlobalAveragePooling1D]),
    "conv2d": (
        IMAGES,
        [lambda: layers.Conv2D(5, 3, activation="relu"), lambda: layers.AveragePooling2D(2), layers.Flatten],
    ),
    "depthwise": (IMAGES, [lambda: layers.DepthwiseConv2D(3), layers.GlobalAveragePooling2D]),
    "transpose": (IMAGES, [lambda: layers.Conv2DTranspose(2, 3), layers.GlobalAveragePooling2D]),
}
LOSSES = {"mse": None, "mae": None, "huber": None, "log_cosh": None, "sparse_categorical_crossentropy": "softmax",
          "binary_crossentropy": "sigmoid"}  # fmt: skip


def fitted(name, bad, loss, kernels, optimizer="adam"):
    shape, chain = MODELS[name]
    curve, units = LOSSES[loss], 3 if LOSSES[loss] == "softmax" else 1
    model = Sequential(
        [layers.Input(shape), *[make() for make in chain], layers.Dense(units, activation=curve)]
    )
    model.compile(optimizer, loss)
    x = RNG.normal(size=(16, *shape)).astype("float32")
    x[3] *= bad
    y = RNG.integers(0, 2, (16,) if units == 3 else (16, 1))
    with backend.kernels_on() if kernels else backend.kernels_off():
        return model.fit(x, y, batch_size=16, epochs=2, verbose=0).history["loss"]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kernels", [False, True], ids=["reference", "kernels"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e38], ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_a_bad_sample(name, bad, kernels):
    loss = fitted(name, bad, "mse", kernels)
    if np.isnan(bad):
        assert np.isnan(loss).all(), "a NaN among the data is a NaN in the loss"


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("loss", LOSSES)
def test_other_losses(loss, bad):
    for kernels in (False, True):
        values = fitted("dense", bad, loss, kernels)
        if np.isnan(bad):
            assert np.isnan(values).all()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "optimizer", ["sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam"]
)
def test_other_optimizers(optimizer):
    for kernels in (False, True):
        assert np.isnan(fitted("normalised", np.nan, "mse", kernels, optimizer)).all()
