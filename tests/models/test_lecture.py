"""The convolutional networks of an introductory lecture, with the numbers that its students work out by hand."""

import numpy as np

from minidl.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from minidl.models import Sequential
from minidl.utils import to_categorical


def rows(model):
    return [(type(layer).__name__, layer.output.shape, layer.count_params()) for layer in model.layers]


def digits(n, rng):
    """Pictures (n, 28, 28) of bytes: the digit is the number of bright bars."""
    labels = rng.integers(0, 10, n)
    pictures = rng.integers(0, 40, (n, 28, 28))
    for picture, label in zip(pictures, labels, strict=True):
        picture[4 : 4 + 2 * label : 2, 6:22] = 255
    return pictures.astype("uint8"), labels.astype("uint8")


def test_mnist_as_the_script_has_it():
    rng = np.random.default_rng(0)
    (x_train, y_train), (x_test, y_test) = digits(160, rng), digits(40, rng)
    x_train, x_test = (x.reshape(-1, 28, 28, 1) / 255.0 for x in (x_train, x_test))
    y_train, y_test = to_categorical(y_train, 10), to_categorical(y_test, 10)
    model = Sequential()
    model.add(Conv2D(32, kernel_size=(3, 3), activation="relu", input_shape=(28, 28, 1)))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Conv2D(64, kernel_size=(3, 3), activation="relu"))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Flatten())
    model.add(Dense(128, activation="relu"))
    model.add(Dense(10, activation="softmax"))
    assert rows(model) == [
        ("Conv2D", (None, 26, 26, 32), 320),
        ("MaxPooling2D", (None, 13, 13, 32), 0),
        ("Conv2D", (None, 11, 11, 64), 18496),
        ("MaxPooling2D", (None, 5, 5, 64), 0),
        ("Flatten", (None, 1600), 0),
        ("Dense", (None, 128), 204928),
        ("Dense", (None, 10), 1290),
    ]
    assert model.count_params() == 225034
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, epochs=3, batch_size=32, validation_split=0.2, verbose=0)
    assert sorted(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert len(history.epoch) == len(history.history["val_accuracy"]) == 3
    assert history.history["loss"][-1] < history.history["loss"][0]
    test_loss, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
    assert 0 <= test_accuracy <= 1
    assert test_loss > 0
    chosen = model.predict(x_test, verbose=0).argmax(axis=1)
    assert np.mean(chosen == y_test.argmax(axis=1)) == test_accuracy


def test_mnist_as_the_outline_has_it_needs_padding():
    model = Sequential(
        [
            Input(shape=(28, 28, 1)),
            Conv2D(32, 3, activation="relu"),
            MaxPooling2D(2),
            Conv2D(64, 3, padding="same", activation="relu"),
            MaxPooling2D(2, padding="same"),
            Flatten(),
            Dense(128, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    shapes = [(26, 26, 32), (13, 13, 32), (13, 13, 64), (7, 7, 64), (3136,), (128,), (10,)]
    assert [shape[1:] for _, shape, _ in rows(model)] == shapes
    assert [count for _, _, count in rows(model)] == [320, 0, 18496, 0, 0, 401536, 1290]
    assert model.count_params() == 421642


def test_dropout_and_batch_normalisation():
    model = Sequential([
        Input(shape=(40, 40, 1)), Dropout(0.5), Conv2D(64, 3, activation="relu"), BatchNormalization(),
        MaxPooling2D(2), Dropout(0.5), Flatten(), Dense(64, activation="relu"), BatchNormalization(), Dropout(0.5),
        Dense(3, activation="softmax"),
    ])  # fmt: skip
    assert [count for _, _, count in rows(model)] == [
        0, 640, 256, 0, 0, 0, 19 * 19 * 64 * 64 + 64, 256, 0, 195
    ]  # fmt: skip
    assert sum(w.size for w in model.non_trainable_weights) == 256
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(12, 40, 40, 1)), rng.integers(0, 3, 12)
    mean = model.layers[2].get_weights()[2]
    model.fit(x, labels, batch_size=6, verbose=0)
    assert np.abs(model.layers[2].get_weights()[2] - mean).max() > 0
    assert np.array_equal(model.predict(x, verbose=0), model.predict(x, verbose=0))


def test_integer_and_one_hot_labels_are_judged_alike():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(30, 6)), rng.integers(0, 4, 30)
    model = Sequential([Input(shape=(6,)), Dense(4, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, labels, verbose=0)
    by_number = model.evaluate(x, labels, verbose=0)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    assert np.allclose(model.evaluate(x, to_categorical(labels, 4), verbose=0), by_number, atol=1e-6)
