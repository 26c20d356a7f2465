"""Models as they are in the examples, with data like theirs: there the doctor has nothing to say, trained or not."""

import numpy as np
import patients as p
import pytest

import minidl
from minidl import layers as L
from minidl.models import Model
from minidl.utils import set_random_seed, to_categorical

SPARSE = "sparse_categorical_crossentropy"


def digits():
    """Bright strokes on black, as in MNIST."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 200)
    x = np.zeros((200, 28, 28, 1), "float32")
    for image, kind in zip(x, y, strict=True):
        at = 5 + 2 * (kind % 5)
        image[(slice(at, at + 3), slice(5, 23)) if kind < 5 else (slice(5, 23), slice(at, at + 3))] = 0.9
    return x + (x > 0) * rng.uniform(-0.1, 0.1, x.shape).astype("float32"), y


def mnist_cnn():
    x, y = digits()
    body = [
        L.Conv2D(16, 3, activation="relu"),
        L.MaxPooling2D(2),
        L.Conv2D(16, 3, activation="relu"),
        L.MaxPooling2D(2),
    ]
    head = [L.Flatten(), L.Dense(32, activation="relu"), L.Dense(10, activation="softmax")]
    model = p.chain(*body, *head, shape=(28, 28, 1), loss="categorical_crossentropy", metrics=["accuracy"])
    return model, x, to_categorical(y, 10)


def mnist_dense():
    x, y = digits()
    layers = [L.Flatten(), L.Dense(64, activation="relu"), L.Dropout(0.2), L.Dense(10)]
    loss = minidl.losses.SparseCategoricalCrossentropy(from_logits=True)
    return p.chain(*layers, shape=(28, 28, 1), loss=loss), x, y


def activity():
    """Oscillations of three frequencies, as in human-activity recognition."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    t = np.linspace(0, 6, 64)[:, None]
    x = np.sin((y + 1)[:, None, None] * t + rng.uniform(0, 6, (120, 1, 3))) * 1.4
    x += rng.normal(size=x.shape) * 0.2
    layers = [L.Conv1D(16, 1, activation="relu"), L.LSTM(16), L.Dense(16, activation="relu")]
    return (
        p.chain(*layers, L.Dense(3, activation="softmax"), shape=(64, 3), loss=SPARSE, metrics=["accuracy"]),
        x,
        y,
    )


def resting_sensor():
    """Hardly any movement most of the time, much in some samples: these are no outliers."""
    x = np.random.default_rng(0).normal(size=(200, 2)) * 0.01
    x[::5] *= 300
    return p.chain(L.Dense(8, activation="relu"), L.Dense(1), shape=(2,)), x, x[:, :1]


def text(layer):
    x = np.random.default_rng(0).integers(1, 30, (80, 8))
    x[::2, :5] = 0
    y = (x[:, -1] * 7) % 30
    layers = [L.Embedding(30, 10), layer, L.Dense(30, activation="softmax")]
    return p.chain(*layers, shape=(8,), loss=SPARSE, optimizer=p.ADAM(0.01)), x, y


def residual():
    """Two blocks with shortcuts and BatchNormalization."""
    set_random_seed(3)
    x = L.Input((8, 8, 3))
    y = L.Conv2D(8, 3, padding="same", kernel_initializer="he_normal")(x)
    for _ in range(2):
        z = L.ReLU()(L.BatchNormalization()(y))
        y = L.Add()([y, L.Conv2D(8, 3, padding="same", kernel_initializer="he_normal")(z)])
    model = Model(x, L.Dense(2, activation="softmax")(L.GlobalAveragePooling2D()(y)))
    model.compile("adam", SPARSE)
    images = np.random.default_rng(0).normal(size=(64, 8, 8, 3))
    return model, images, (images[..., 0].mean(axis=(1, 2)) > 0).astype(int)


def transfer():
    model, x, y = mnist_cnn()
    for layer in model.layers[:4]:
        layer.trainable = False
    model.compile("adam", "categorical_crossentropy")
    return model, x, y


def autoencoder():
    x = digits()[0].reshape(200, 784)
    layers = [L.Dense(32, activation="relu"), L.Dense(784, activation="sigmoid")]
    return p.chain(*layers, shape=(784,)), x, x


def softmax_regression():
    x = p.table()
    last = L.Dense(3, activation="softmax", kernel_initializer="zeros")
    return p.chain(last, loss=SPARSE, optimizer=p.SGD(0.1)), x, p.three_classes(x)


def masked_regression():
    x = np.random.default_rng(0).normal(size=(64, 10, 2))
    x[::2, 6:] = 0
    return p.chain(L.Masking(), L.GRU(8), L.Dense(1), shape=(10, 2)), x, x[:, 0, :1]


def pixels_with_rescaling():
    x, y = digits()
    layers = [
        L.Rescaling(1 / 255),
        L.Flatten(),
        L.Dense(32, activation="relu"),
        L.Dense(10, activation="softmax"),
    ]
    return p.chain(*layers, shape=(28, 28, 1), loss=SPARSE), (x * 255).clip(0, 255).astype("uint8"), y


MODELS = {
    f.__name__: f
    for f in (
        mnist_cnn, mnist_dense, activity, residual, resting_sensor, transfer, autoencoder, softmax_regression,
        masked_regression, pixels_with_rescaling,
    )
} | {"text, LSTM": lambda: text(L.LSTM(16)), "text, mean": lambda: text(L.GlobalAveragePooling1D())}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_found(name):
    model, x, y = MODELS[name]()
    report = minidl.doctor(model, x, y)
    assert report.findings == (), str(report)
    model.fit(x, y, epochs=5, verbose=0)
    report = minidl.doctor(model, x, y)
    assert report.ok, str(report)
