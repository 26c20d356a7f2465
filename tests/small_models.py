"""Models that train in a blink, data for them, and all that training changes in a model."""

import numpy as np

from minidl.layers import BatchNormalization, Dense, Dropout, Input
from minidl.models import Sequential
from minidl.utils import set_random_seed


def rows(n=20, features=4, seed=0):
    """x (n, features), and y (n, 1) that depends on it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, features)).astype("float32")
    return x, (x[:, :1] * 2 - x[:, 1:2] + 0.5).astype("float32")


def linear(features=4, optimizer="sgd", loss="mse", value="ones", **compiled):
    """One Dense(1) whose kernel begins as ones."""
    model = Sequential([Input(shape=(features,)), Dense(1, kernel_initializer=value)])
    model.compile(optimizer, loss, **compiled)
    return model


def with_everything(seed=1, optimizer="adam", **compiled):
    """Weights, running averages and random masks."""
    set_random_seed(seed)
    model = Sequential(
        [Input(shape=(4,)), Dense(8), BatchNormalization(), Dropout(0.4), Dense(1, kernel_regularizer="l2")]
    )
    model.compile(optimizer, "mse", **compiled)
    return model


def state(model):
    """Copies of all that training changes: weights, running averages, the optimizer's state."""
    own = [v.numpy().copy() for v in model.weights]
    return own + [v.numpy().copy() for v in model.optimizer.variables]


def same(a, b):
    """Whether two states agree in every bit."""
    return len(a) == len(b) and all(
        x.shape == y.shape and x.dtype == y.dtype and x.tobytes() == y.tobytes()
        for x, y in zip(a, b, strict=True)
    )
