"""Sick models and their healthy twins: (model, x, y) each, which differ in the one thing that the doctor should find."""

import numpy as np

from minidl import layers as L
from minidl import losses, optimizers
from minidl.models import Model, Sequential
from minidl.utils import set_random_seed, to_categorical


def table(n=96, features=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n, features)).astype("float32")


def three_classes(x):
    return x[:, :3].argmax(axis=1)


def chain(*layers, shape=(4,), loss="mse", optimizer="adam", **compiled):
    set_random_seed(3)
    model = Sequential([L.Input(shape), *layers])
    if loss is not None:
        model.compile(optimizer, loss, **compiled)
    return model


def amounts(x=None, y=None, **options):
    """A regression; a callable y makes the targets of x."""
    x = table() if x is None else x
    y = (x.reshape(len(x), -1)[:, :1] * 0.5) if y is None else y
    options.setdefault("shape", x.shape[1:])
    layers = options.pop("layers", None) or [L.Dense(8, activation="relu"), L.Dense(1)]
    return chain(*layers, **options), x, y


def classes(last="softmax", units=3, y=None, loss="sparse_categorical_crossentropy", x=None, **options):
    x = table() if x is None else x
    y = three_classes(x) if y is None else y
    return chain(L.Dense(8, activation="relu"), L.Dense(units, activation=last), loss=loss, **options), x, y


def with_column(values):
    x = table()
    x[:, 2] = values
    return x


def spoilt(value, at=(5, 1)):
    x = table()
    x[at] = value
    return x


def images(scale):
    x = np.random.default_rng(0).uniform(0, 1, size=(64, 8, 8, 1)).astype("float32") * scale
    y = (x.mean(axis=(1, 2, 3)) > x.mean()).astype(int)
    layers = [L.Conv2D(4, 3, activation="relu"), L.GlobalAveragePooling2D(), L.Dense(2, activation="softmax")]
    return chain(*layers, shape=(8, 8, 1), loss="sparse_categorical_crossentropy"), x, y


def tokens(mask_zero, behind=True):
    x = np.random.default_rng(0).integers(1, 9, size=(64, 10))
    x[:, slice(4, None) if behind else slice(6)] = 0
    y = (x.max(axis=1) > 7).astype(int)
    layers = [L.Embedding(9, 4, mask_zero=mask_zero), L.LSTM(6), L.Dense(1, activation="sigmoid")]
    return chain(*layers, shape=(10,), loss="binary_crossentropy"), x, y


def dead(bias, kernel="he_normal"):
    hidden = L.Dense(16, activation="relu", bias_initializer=bias, kernel_initializer=kernel)
    return amounts(layers=[hidden, L.Dense(1)])


def half_dead():
    from minidl.initializers import Constant

    model, x, y = dead(Constant(0.0))
    model.layers[0].bias.assign([-50.0] * 10 + [0.0] * 6)
    return model, x, y


def deep(activation, n=12, scale=None):
    from minidl.initializers import RandomNormal

    start = "he_normal" if scale is None else RandomNormal(stddev=scale)
    hidden = [L.Dense(16, activation=activation, kernel_initializer=start) for _ in range(n)]
    return amounts(layers=[*hidden, L.Dense(1)])


def saturated(stddev):
    from minidl.initializers import RandomNormal

    hidden = L.Dense(16, activation="tanh", kernel_initializer=RandomNormal(stddev=stddev))
    return amounts(layers=[hidden, L.Dense(1)])


def start_with(stddev):
    """The last layer of a classifier with weights of that size."""
    from minidl.initializers import RandomNormal

    set_random_seed(3)
    last = L.Dense(3, activation="softmax", kernel_initializer=RandomNormal(stddev=stddev))
    x = table()
    return (
        chain(L.Dense(8, activation="relu"), last, loss="sparse_categorical_crossentropy"),
        x,
        three_classes(x),
    )


def long_sequence(steps, layer=L.SimpleRNN):
    x = np.random.default_rng(0).normal(size=(16, steps, 2)).astype("float32")
    cell = layer(4, recurrent_initializer="glorot_uniform")
    return chain(cell, L.Dense(1), shape=(steps, 2)), x, x[:, -1, :1]


class Detached(L.Layer):
    """Cuts the graph in `call`."""

    def call(self, x):
        return x.detach()


class Divides(L.Layer):
    """x / x, which is no number at 0."""

    def call(self, x):
        return x / (x * 0)


class Nothing(L.Layer):
    """x · 0."""

    def call(self, x):
        return x * 0


def unused_branch(used):
    """A functional model whose side branch goes through `stop`, or does not."""
    set_random_seed(3)
    x = L.Input((4,))
    side = L.Dense(8, activation="relu", name="side")(x)
    side = side if used else Detached()(side)
    y = L.Dense(1)(L.Concatenate()([side, x]))
    model = Model(x, y)
    model.compile("adam", "mse")
    data = table()
    return model, data, data[:, :1]


def unlearnable(strong):
    """A penalty that leaves the weights no room."""
    from minidl.regularizers import L2

    last = L.Dense(1, kernel_initializer="zeros", kernel_regularizer=L2(1e9 if strong else 1e-4))
    model, x, y = amounts(layers=[last], optimizer=optimizers.SGD(1e-9 if strong else 0.1))
    return model, x, y


def labels_in_order(ordered):
    x = table()
    y = three_classes(x)
    order = np.argsort(y, kind="stable") if ordered else np.arange(len(y))
    return classes(x=x[order], y=y[order])


def rare(count):
    x = table(400)
    y = three_classes(x)
    keep = np.ones(400, bool)
    keep[np.flatnonzero(y == 2)[count:]] = False
    return classes(x=x[keep], y=y[keep])


def frozen(value):
    model, x, y = amounts()
    model.trainable = not value
    model.compile("adam", "mse")
    return model, x, y


def batches(n):
    x = table(n)
    layers = [L.Dense(8), L.BatchNormalization(), L.ReLU(), L.Dense(1)]
    return amounts(x=x, layers=layers)


def one_hot(x=None):
    return to_categorical(three_classes(table() if x is None else x), 3)


def several_right():
    x = table()
    return (x[:, :3] > 0).astype("float32")


CE, SPARSE = losses.CategoricalCrossentropy, losses.SparseCategoricalCrossentropy
ADAM, SGD = optimizers.Adam, optimizers.SGD
