"""Small compiled models with data that fits them, and what must hold when one of their calls is refused.

A case is (kind of model, call, class of the error, words). `check` makes the call three times, with kernels off, on
and as minidl chooses; each time the class and the text must be the same, the text must hold to the rules, and the
model must be as it was and go on working.
"""

from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
from small_models import same

from minidl import backend
from minidl.layers import LSTM, Concatenate, Conv2D, Dense, Embedding, Flatten, Input, MaxPooling2D
from minidl.models import Model, Sequential
from minidl.utils import set_random_seed
from minidl.utils.naming import reset_names

N = 12
_rng = np.random.default_rng(0)
X = _rng.normal(size=(N, 4)).astype("float32")
Y = X[:, :1].copy()
LABELS = np.arange(N) % 3
HOT = np.eye(3, dtype="float32")[LABELS]
YES = (np.arange(N) % 2).astype("float32")
SERIES = _rng.normal(size=(N, 5, 2)).astype("float32")
STEPS = _rng.normal(size=(N, 5, 1)).astype("float32")
IMAGES = _rng.random((N, 8, 8, 1)).astype("float32")
IDS = _rng.integers(1, 12, (N, 6))
MODES = {"off": backend.kernels_off, "on": backend.kernels_on, "auto": None}

SCCE, CCE, BCE = "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"


def ending(units, activation, loss, **compiled):
    """A Dense layer and a loss, on four features."""
    model = Sequential([Input((4,)), Dense(units, activation=activation)])
    model.compile("adam", loss, **compiled)
    return model


def chain(loss, *layers):
    model = Sequential(list(layers))
    model.compile("adam", loss)
    return model


def two():
    a, b = Input((4,), name="a"), Input((2,), name="b")
    h = Concatenate()([a, b])
    model = Model([a, b], [Dense(1, name="p")(h), Dense(3, activation="softmax", name="q")(h)])
    model.compile("adam", ["mse", SCCE])
    return model


class Kind(NamedTuple):
    make: Any
    x: Any = X
    y: Any = Y


KINDS = {
    "line": Kind(lambda: ending(1, None, "mse")),
    "classes": Kind(lambda: ending(3, "softmax", SCCE, metrics=["accuracy"]), y=LABELS),
    "hot": Kind(lambda: ending(3, "softmax", CCE, metrics=["accuracy"]), y=HOT),
    "yes": Kind(lambda: ending(1, "sigmoid", BCE, metrics=["accuracy"]), y=YES),
    "series": Kind(lambda: chain("mse", Input((5, 2)), LSTM(3), Dense(1)), SERIES),
    "steps": Kind(lambda: chain("mse", Input((5, 2)), LSTM(3, return_sequences=True), Dense(1)), SERIES, STEPS),
    "free": Kind(lambda: chain("mse", Input((None, 2)), LSTM(3), Dense(1)), SERIES),
    "image": Kind(
        lambda: chain(SCCE, Input((8, 8, 1)), Conv2D(2, 3), MaxPooling2D(), Flatten(), Dense(3, activation="softmax")),
        IMAGES, LABELS,
    ),
    "words": Kind(
        lambda: chain(BCE, Input((6,)), Embedding(12, 4), LSTM(3), Dense(1, activation="sigmoid")), IDS, YES
    ),
    "two": Kind(two, [X, X[:, :2]], [Y, LABELS]),
}  # fmt: skip


def rules(text):
    """What holds for every message."""
    assert 0 < len(text) < 400, len(text)
    assert "\x1b" not in text
    assert "\n" not in text
    assert " object at 0x" not in text


def state(model):
    """All that a call may change: weights, states of layers, optimizer, seeds."""
    parts = [v.numpy().copy() for v in model.weights]
    parts += [v.numpy().copy() for v in getattr(model.optimizer, "variables", [])]
    return [*parts, model.stop_training]


def unchanged(before, after):
    return before[-1] == after[-1] and same(before[:-1], after[:-1])


def refusal(call, *arguments):
    """The class and the text of the error that `call` raises."""
    try:
        call(*arguments)
    except Exception as error:
        return type(error), str(error)
    return None, "it passed silently"


def fresh(make):
    """The same object each time: names and random numbers begin anew."""
    reset_names()
    set_random_seed(0)
    return make()


def three_ways(make):
    """What `make()` gives with kernels off, on and as minidl chooses, from the same beginning."""
    for mode in MODES.values():
        with nullcontext() if mode is None else mode():
            yield fresh(make)


def check(kind, call, error, words, tmp_path=None):
    """The call is refused as it should be, and the model is unharmed."""
    answers = []
    for model in three_ways(kind.make):
        model.fit(kind.x, kind.y, verbose=0)
        before, wanted = state(model), model.predict(kind.x, verbose=0)
        answers.append(refusal(call, model))
        assert unchanged(before, state(model))
        again = model.predict(kind.x, verbose=0)
        assert (
            all(map(np.array_equal, wanted, again))
            if isinstance(wanted, list)
            else np.array_equal(wanted, again)
        )
        model.fit(kind.x, kind.y, verbose=0)
        if tmp_path is not None and len(answers) == 1:
            model.save(tmp_path / "model.keras")
    assert len(set(answers)) == 1, answers
    raised, text = answers[0]
    assert raised is error, (raised, text)
    rules(text)
    for word in words.split("|"):
        assert word in text, (word, text)
