"""Models as nobody would write them: each is refused in words that help, or it trains and its gradients are right.

Layers, shapes, losses, optimizers, callbacks and data are drawn with no care for each other, so that every second
model or so makes no sense. There is no third outcome: no exception out of NumPy or compiled code, no message
without a sentence, no training on wrong gradients.
"""

import collections
import math
import traceback
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import LAYERS, Case

import minidl
from minidl import callbacks, layers, utils
from minidl.gradcheck import gradcheck

HOUSE = str(Path(minidl.__file__).parent)
SAMPLES = {
    "vector": st.tuples(st.integers(1, 5)),
    "series": st.tuples(st.integers(1, 6), st.integers(1, 3)),
    "image": st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 2)),
    "words": st.tuples(st.integers(1, 5)),
}
COMMON = {
    "vector": [layers.Dense, layers.BatchNormalization, layers.Dropout, layers.PReLU, layers.Reshape],
    "series": [
        layers.LSTM, layers.GRU, layers.SimpleRNN, layers.Conv1D, layers.Bidirectional, layers.MaxPooling1D,
        layers.GlobalMaxPooling1D, layers.TimeDistributed, layers.LayerNormalization, layers.Masking, layers.Flatten,
    ],
    "image": [
        layers.Conv2D, layers.SeparableConv2D, layers.MaxPooling2D, layers.AveragePooling2D, layers.Flatten,
        layers.BatchNormalization, layers.GlobalAveragePooling2D, layers.UpSampling2D, layers.ZeroPadding2D,
    ],
    "words": [layers.Embedding, layers.LSTM, layers.Conv1D, layers.GlobalAveragePooling1D, layers.Flatten],
}  # fmt: skip
ANY = [cls for cls in LAYERS if cls is not layers.InputLayer]
LOSSES = [
    "mse", "mae", "huber", "log_cosh", "binary_crossentropy", "categorical_crossentropy",
    "sparse_categorical_crossentropy", "hinge", "poisson", "kl_divergence", "cosine_similarity", "msle",
]  # fmt: skip
OPTIMIZERS = ["sgd", "adam", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "adamw"]
CALLBACKS = {
    "none": list,
    "early": lambda: [callbacks.EarlyStopping(monitor="loss", restore_best_weights=True)],
    "wrong early": lambda: [callbacks.EarlyStopping(monitor="val_los")],
    "plateau": lambda: [callbacks.ReduceLROnPlateau(monitor="loss", patience=0)],
    "schedule": lambda: [callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)],
    "wrong schedule": lambda: [callbacks.LearningRateScheduler(lambda epoch: None)],
    "nan": lambda: [callbacks.TerminateOnNaN()],
}
ENOUGH = 200  # models; of fewer than that, less than a quarter are trained and checked now and then: 37 % of all are
outcomes = collections.Counter()


class Drawn(NamedTuple):
    """A model to be, with what it is to be trained on."""

    sample: tuple[int, ...]
    chain: list[tuple[type, Case]]
    units: int | None
    activation: str | None
    loss: str
    optimizer: str
    callbacks: str
    targets: str
    n: int
    seed: int
    words: bool

    @property
    def takes_ids(self):
        return bool(self.chain) and self.chain[0][0] is layers.Embedding

    def model(self):
        utils.clear_session()
        utils.set_random_seed(self.seed)
        parts = [layers.Input(self.sample)] + [case.made(cls) for cls, case in self.chain]
        if self.units is not None:
            parts += [layers.Flatten(), layers.Dense(self.units, activation=self.activation)]
        model = minidl.Sequential(parts)
        model.compile(self.optimizer, self.loss, metrics=["mae"])
        return model

    def data(self, shape):
        """x, and y which fits an output of `shape` or does not."""
        rng = np.random.default_rng(self.seed)
        x = rng.standard_normal((self.n, *self.sample))
        if self.words:
            x = rng.integers(0, 6, x.shape).astype(float)
        size = (self.n, *shape[1:])
        y = {
            "numbers": lambda: rng.standard_normal(size),
            "shares": lambda: rng.uniform(0.05, 0.95, size),
            "yes or no": lambda: rng.integers(0, 2, size),
            "one-hot": lambda: np.eye(size[-1])[rng.integers(0, size[-1], size[:-1])],
            "labels": lambda: rng.integers(0, size[-1], size[:-1]),
            "too large labels": lambda: rng.integers(0, size[-1] + 3, size[:-1]),
            "flat": lambda: rng.standard_normal(self.n),
            "too many": lambda: rng.standard_normal((self.n + 1, *shape[1:])),
            "other width": lambda: rng.standard_normal((self.n, 7)),
            "text": lambda: np.array(["a", "b"] * self.n)[: self.n],
        }[self.targets]()
        return x, y


@st.composite
def drawn_models(draw):
    kind = draw(st.sampled_from(sorted(SAMPLES)))
    classes = draw(st.lists(st.sampled_from(COMMON[kind]), max_size=2))
    if draw(st.integers(0, 3)) == 0:
        classes.insert(draw(st.integers(0, len(classes))), draw(st.sampled_from(ANY)))
    if kind == "words" and draw(st.integers(0, 3)):
        classes.insert(0, layers.Embedding)
    loss = draw(st.sampled_from(LOSSES))
    usual = {
        "binary_crossentropy": ("sigmoid", "yes or no"), "categorical_crossentropy": ("softmax", "one-hot"),
        "sparse_categorical_crossentropy": ("softmax", "labels"), "poisson": ("softplus", "shares"),
        "kl_divergence": ("softmax", "shares"), "hinge": ("tanh", "yes or no"), "msle": ("softplus", "shares"),
    }.get(loss, (None, "numbers"))  # fmt: skip
    activation, targets = usual
    if draw(st.integers(0, 3)) == 0:
        activation = draw(st.sampled_from([None, "relu", "softmax", "sigmoid", "tanh"]))
    if draw(st.integers(0, 3)) == 0:
        targets = draw(
            st.sampled_from([
                "numbers", "shares", "yes or no", "one-hot", "labels", "too large labels", "flat", "too many",
                "other width", "text",
            ])
        )  # fmt: skip
    return Drawn(
        draw(SAMPLES[kind]),
        [(cls, draw(LAYERS[cls])) for cls in classes],
        draw(st.sampled_from([1, 2, 3, 3, None])),
        activation,
        loss,
        draw(st.sampled_from(OPTIMIZERS)),
        draw(st.sampled_from(sorted(CALLBACKS))),
        targets,
        draw(st.sampled_from([1, 2, 5])),
        draw(st.integers(0, 1000)),
        kind == "words",
    )


def assert_it_teaches(error):
    """The error was raised on purpose, by minidl, with a sentence that fits on a screen."""
    assert type(error) in (ValueError, TypeError), repr(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    assert last.filename.startswith(HOUSE), f"{last.filename}: {error!r}"
    text = str(error)
    assert 20 < len(text) < 400, text
    assert "\x1b" not in text
    assert text.rstrip()[-1] in ".?!)", text


def trained(drawn):
    """The error that building or training met, or None; the model if there is one, and its data."""
    model = x = y = None
    try:
        model = drawn.model()
        x, y = drawn.data(model.output_shape if len(model.layers) else (None, *drawn.sample))
        before = [v.copy() for v in model.get_weights()]
        history = model.fit(
            x, y, batch_size=3, epochs=2, verbose=0, shuffle=False, callbacks=CALLBACKS[drawn.callbacks]()
        )
    except Exception as error:
        if x is not None and int(model.optimizer.iterations) == 0:
            assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
        return error, model, (x, y)
    assert 1 <= len(history.history["loss"]) <= 2
    return None, model, (x, y)


@pytest.mark.filterwarnings("ignore")
@settings(
    max_examples=max(ENOUGH, 4 * settings.default.max_examples), suppress_health_check=list(HealthCheck)
)
@given(drawn=drawn_models())
def test_refused_with_a_sentence_or_trained_on_right_gradients(drawn):
    error, model, (x, y) = trained(drawn)
    if error is not None:
        outcomes["refused"] += 1
        assert_it_teaches(error)
        again, *_ = trained(drawn)
        assert (type(again), str(again)) == (type(error), str(error))
        return
    outcomes["trained"] += 1
    weights = model.get_weights()
    try:
        if math.isfinite(model.evaluate(x, y, verbose=0)[0]):
            gradcheck(model, x.astype(int) if drawn.takes_ids else x, y)
            outcomes["checked"] += 1
    except ValueError as error:  # numbers that were probabilities before the step and are none now
        assert_it_teaches(error)
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))


def test_both_outcomes_are_common():
    """Runs after the test above, in the same process or with nothing to count."""
    if total := outcomes["refused"] + outcomes["trained"]:
        assert outcomes["refused"] > total / 10
        assert outcomes["checked"] > total / 4
