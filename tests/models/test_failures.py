"""A call that fails leaves the model as of the last finished step, whatever fails, wherever.

The model below has a place for failure in everything a user may write: layers (forward and backward), loss,
metric, regularizer, constraint, learning-rate schedule, data and callbacks. Each test lets one of them fail at
some step and compares every bit of the model with that of a clean run after as many steps.
"""

import gc
import signal
import threading
import time

import numpy as np
import pytest
from small_models import rows, same, state, with_everything

from minidl import graph, losses, optimizers
from minidl.callbacks import Callback
from minidl.layers import BatchNormalization, Dense, Dropout, Input, Layer, context
from minidl.models import Sequential
from minidl.tensor import Function, as_array
from minidl.utils import set_random_seed

X, Y = rows()
STEPS = 4  # in an epoch: 20 samples in batches of 6, 6, 6, 2


class Places:
    """Where things may fail: `place.reach("loss")` raises when it is the time for it."""

    def __init__(self):
        self.where, self.countdown, self.error = None, 0, None

    def arm(self, where, nth, error):
        self.where, self.countdown, self.error = where, nth, error

    def reach(self, where):
        if where == self.where:
            if self.countdown == 0:
                self.where = None
                raise self.error
            self.countdown -= 1


class Probe(Layer):
    """Passes data and gradients on, and may fail either way."""

    def __init__(self, places, where):
        super().__init__()
        self.places, self.where = places, where

    def call(self, x):
        places, where = self.places, self.where

        class Pass(Function):
            @staticmethod
            def forward(x):
                places.reach(f"forward {where}")
                return x * 1, None

            @staticmethod
            def backward(dy, cache):
                places.reach(f"backward {where}")
                return (dy * 1,)

        return Pass.apply(x)


class Schedule(optimizers.schedules.LearningRateSchedule):
    def __init__(self, places):
        self.places = places

    def __call__(self, step):
        self.places.reach("schedule")
        return 0.01

    def get_config(self):
        return {}


class At(Callback):
    """Reaches a place at every moment."""

    def __init__(self, places):
        for moment in (*BEFORE_A_STEP, *AFTER_A_STEP, *AROUND):
            setattr(self, f"on_{moment}", lambda *_, m=moment: places.reach(m))


BEFORE_A_STEP = ("train_batch_begin",)
AFTER_A_STEP = ("train_batch_end",)
AROUND = (
    "train_begin", "epoch_begin", "test_begin", "test_batch_begin", "test_batch_end", "test_end", "epoch_end",
    "train_end",
)  # fmt: skip
WITHIN_A_STEP = (
    "forward early", "forward late", "backward early", "backward late", "loss", "metric", "regularizer",
    "constraint", "schedule", "data",
)  # fmt: skip


def made():
    """A model and the places where it may fail."""
    set_random_seed(5)
    places = Places()

    def regularizer(w):
        places.reach("regularizer")
        return 0.01 * np.sum(np.square(w))

    def constraint(w):
        places.reach("constraint")
        return as_array(w) * 0.999

    def loss(y_true, y_pred):
        places.reach("loss")
        return losses.mean_squared_error(y_true, y_pred)

    def metric(y_true, y_pred):
        places.reach("metric")
        return np.abs(y_true - y_pred)

    model = Sequential([
        Input(shape=(4,)), Dense(8, kernel_regularizer=regularizer), Probe(places, "early"),
        BatchNormalization(momentum=0.7), Dropout(0.3), Probe(places, "late"), Dense(1, kernel_constraint=constraint),
    ])  # fmt: skip
    model.compile(optimizers.Adam(Schedule(places)), loss, metrics=[metric])
    return model, places


class Batches:
    """The data as a sequence of batches, some of which may fail or be wrong."""

    def __init__(self, places=None, wrong=None):
        self.places, self.wrong, self.calls = places or Places(), wrong or {}, -1

    def __len__(self):
        return STEPS

    def __getitem__(self, i):
        self.calls += 1
        self.places.reach("data")
        x, y = X[6 * i : 6 * i + 6], Y[6 * i : 6 * i + 6]
        return self.wrong[self.calls](x, y) if self.calls in self.wrong else (x, y)


def stopped_after(steps):
    """A clean run that ends after this many steps."""

    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = int(self.model.optimizer.iterations) == steps

    model, _ = made()
    if steps:
        model.fit(Batches(), epochs=9, verbose=0, callbacks=[Stop()])
    return model


def check(model, steps):
    """The model is that of `steps` finished steps, and of no part of another; and it goes on as that one would."""
    assert int(model.optimizer.iterations) == steps
    clean = stopped_after(steps)
    if steps == 0:
        clean.optimizer.build(clean.trainable_weights)
        model.optimizer.build(model.trainable_weights)
    assert same(state(model), state(clean))
    assert (context.mode.context, context.mode.training, graph.mode.grad_enabled) == (None, False, True)
    assert np.array_equal(model.predict(X, verbose=0), clean.predict(X, verbose=0))
    assert model.evaluate(X, Y, verbose=0) == clean.evaluate(X, Y, verbose=0)
    histories = [m.fit(Batches(), epochs=2, verbose=0).history for m in (model, clean)]
    assert histories[0] == histories[1]
    assert same(state(model), state(clean))


def fail(where, nth, error, **arguments):
    """A model that failed at a place when it was reached after `nth` times."""
    model, places = made()
    places.arm(where, nth, error)
    with pytest.raises(type(error)) as caught:
        model.fit(Batches(places), epochs=3, verbose=0, callbacks=[At(places)], **arguments)
    assert caught.value is error
    return model


ERRORS = [RuntimeError("boom"), KeyboardInterrupt(), MemoryError()]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("where", WITHIN_A_STEP)
def test_a_step_that_fails_half_way_has_not_happened(where, error):
    check(fail(where, 5, error), 5)


@pytest.mark.parametrize("where", [w for w in WITHIN_A_STEP if w != "data"])
def test_the_first_step_fails(where):
    check(fail(where, 0, RuntimeError("boom")), 0)


@pytest.mark.parametrize("nth", [0, 3, 4, 7])
def test_a_callback_fails_around_a_step(nth):
    check(fail("train_batch_begin", nth, RuntimeError("boom")), nth)
    check(fail("train_batch_end", nth, KeyboardInterrupt()), nth + 1)


@pytest.mark.parametrize(
    ("where", "nth", "steps"),
    [
        ("train_begin", 0, 0), ("epoch_begin", 0, 0), ("epoch_begin", 2, 8), ("test_begin", 0, 4),
        ("test_batch_begin", 1, 4), ("test_batch_end", 4, 8), ("test_end", 1, 8), ("epoch_end", 0, 4),
        ("epoch_end", 2, 12), ("train_end", 0, 12),
    ],
)  # fmt: skip
def test_a_callback_fails_around_an_epoch(where, nth, steps):
    for error in ERRORS:
        check(fail(where, nth, error, validation_data=(X, Y), validation_batch_size=6), steps)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, y: (x[:, :3], y),
        lambda x, y: (x[..., None, None], y),
        lambda x, y: (x, y[:1]),
        lambda x, y: (x, np.repeat(y, 3, axis=1)),
        lambda x, y: (x, None),
        lambda x, y: (x, np.array(["a"] * len(x))),
        lambda x, y: (x.astype(complex), y),
        lambda x, y: (x[:0], y[:0]),
        lambda x, y: (x, y, np.ones(99)),
        lambda x, y: (x, y, np.full(len(x), np.nan)),
        lambda x, y: (x, y, y, y),
        lambda x, y: None,
    ],
    ids=[
        "features", "rank", "fewer y", "wide y", "no y", "text", "complex", "empty", "weights", "NaN weights", "four",
        "None",
    ],
)  # fmt: skip
@pytest.mark.parametrize("nth", [0, 6])
def test_a_batch_that_does_not_fit(wrong, nth):
    model, _ = made()
    with pytest.raises((ValueError, TypeError)):
        model.fit(Batches(wrong={nth + 1: wrong} if nth == 0 else {nth: wrong}), epochs=3, verbose=0)
    check(model, 1 if nth == 0 else nth)


@pytest.mark.parametrize("wrong", [-1, 3, 0.5, np.nan])
def test_a_label_that_is_no_class(wrong):
    def model():
        set_random_seed(2)
        made = Sequential([Input(shape=(4,)), BatchNormalization(), Dense(3, activation="softmax")])
        made.compile("adam", "sparse_categorical_crossentropy")
        return made

    labels = np.arange(20) % 3.0
    clean, failed = model(), model()
    clean.fit(X[:12], labels[:12], batch_size=6, shuffle=False, verbose=0)
    labels[13] = wrong
    batches = ((X[i : i + 6], labels[i : i + 6]) for i in range(0, 20, 6))
    with pytest.raises(ValueError, match=r"sparse_categorical_crossentropy.* at row 1 of this batch"):
        failed.fit(batches, verbose=0)
    assert same(state(failed), state(clean))
    before = state(failed)
    with pytest.raises(ValueError, match=r"sparse_categorical_crossentropy.* at row 13, but"):
        failed.fit(X, labels, batch_size=6, verbose=0)
    assert same(state(failed), before)


def test_a_constraint_that_changes_the_shape():
    model, _ = made()
    model.fit(Batches(), verbose=0)
    variable = model.layers[-1].kernel
    right, variable.constraint = variable.constraint, lambda w: np.zeros((2, 2))
    with pytest.raises(ValueError, match="must keep its shape"):
        model.fit(Batches(), verbose=0)
    variable.constraint = right
    check(model, STEPS)


def test_a_state_of_the_wrong_shape_is_told_before_the_step_is_taken():
    class Counting(Layer):
        def build(self, input_shape):
            self.mean = self.add_weight((input_shape[-1],), "zeros", trainable=False)

        def call(self, x, training=False):
            if training:
                context.update(self.mean, x.numpy().mean(axis=0)[:width])
            return x

    model = Sequential([Input(shape=(4,)), Counting(), BatchNormalization(), Dense(1)])
    model.compile("adam", "mse")
    width = 4
    model.fit(X, Y, batch_size=5, verbose=0)
    assert model.layers[0].mean.numpy().any()
    before, width = state(model), 3
    with pytest.raises(ValueError, match=r"has shape \(4,\), cannot take a value of shape \(3,\)"):
        model.fit(X, Y, batch_size=5, verbose=0)
    assert same(state(model), before)


def test_wrong_arguments_change_nothing():
    model = stopped_after(5)
    for arguments in (
        {"batch_size": 0},
        {"epochs": -1},
        {"validation_split": 2},
        {"verbose": "loud"},
        {"callbacks": [3]},
        {"validation_freq": 0, "validation_data": (X, Y)},
        {"class_weight": {0: 1.0}, "sample_weight": np.ones(20)},
        {"sample_weight": np.ones(3)},
        {"steps_per_epoch": 0},
    ):
        with pytest.raises((ValueError, TypeError)):
            model.fit(X, Y, **arguments)
    for call in (
        lambda: model.evaluate(X[:, :2], Y, verbose=0),
        lambda: model.predict(X[:, :2], verbose=0),
        lambda: model.predict_on_batch(X[:, :2]),
        lambda: model.train_on_batch(X, Y[:3]),
        lambda: model.train_on_batch(X[:, :2], Y),
        lambda: model.test_on_batch(X, np.repeat(Y, 2, axis=1)),
        lambda: model.compile("adm"),
        lambda: model.compile("adam", "msee"),
        lambda: model.compile("adam", "mse", metrics=["nothing"]),
        lambda: model.compile("adam", "mse", loss_weights="heavy"),
        lambda: model.compile(None, "mse"),
        lambda: model.set_weights(model.get_weights()[:-1]),
    ):
        with pytest.raises((ValueError, TypeError)):
            call()
    check(model, 5)


@pytest.mark.parametrize("where", ["forward early", "forward late", "loss", "metric", "test_batch_end"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_an_evaluation_that_fails(where, error):
    model = stopped_after(5)
    places = model.layers[1].places
    places.arm(where, 1, error)
    with pytest.raises(type(error)):
        model.evaluate(X, Y, batch_size=6, verbose=0, callbacks=[At(places)])
    check(model, 5)
    if where.startswith("forward"):
        model = stopped_after(5)
        model.layers[1].places.arm(where, 1, error)
        with pytest.raises(type(error)):
            model.predict(X, batch_size=6, verbose=0)
        check(model, 5)


# --- Ctrl-C -----------------------------------------------------------------------------------------------


def interrupted(call, after):
    """Run `call`, and send this process a Ctrl-C when `after` seconds have passed."""
    arrived = threading.Event()

    def press():  # for the main thread and no other: through another one it would arrive some time later
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    def send():
        time.sleep(after)
        press()
        while not arrived.wait(1):  # Python loses an interrupt in a callback of its garbage collector
            press()

    sender = threading.Thread(target=send)
    try:
        sender.start()
        call()
    except KeyboardInterrupt:
        arrived.set()
        sender.join()
    else:
        arrived.set()
        pytest.fail("was not interrupted")


main_thread_only = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals reach the main thread only"
)


@pytest.fixture
def no_garbage_collector_hooks():
    """Python drops an interrupt that arrives in such a hook, and hypothesis has one."""
    hooks = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks.extend(hooks)


@main_thread_only
@pytest.mark.usefixtures("no_garbage_collector_hooks")
def test_ctrl_c_at_any_time_leaves_whole_steps(record_property):
    rng = np.random.default_rng(0)
    model = with_everything(7, metrics=["mae"])
    model.fit(X, Y, batch_size=6, verbose=0)
    seen = []
    for _ in range(150):
        interrupted(lambda: model.fit(X, Y, batch_size=6, epochs=10**6, verbose=0), rng.uniform(0, 0.006))
        assert (context.mode.context, context.mode.training, graph.mode.grad_enabled) == (None, False, True)
        seen.append((int(model.optimizer.iterations), state(model)))

    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = int(self.model.optimizer.iterations) == steps

    clean = with_everything(7, metrics=["mae"])
    clean.fit(X, Y, batch_size=6, verbose=0)
    for steps, wanted in seen:
        if steps > int(clean.optimizer.iterations):
            clean.fit(X, Y, batch_size=6, epochs=10**6, verbose=0, callbacks=[Stop()])
        assert int(clean.optimizer.iterations) == steps
        assert same(state(clean), wanted)
    assert seen[-1][0] > STEPS + 50  # the interrupts came while it was training
    record_property("survived: Ctrl-C at a random moment of fit, evaluate or predict", 150)


@main_thread_only
@pytest.mark.usefixtures("no_garbage_collector_hooks")
def test_ctrl_c_while_evaluating_and_predicting(record_property):
    rng = np.random.default_rng(1)
    model = with_everything(7)
    model.fit(X, Y, batch_size=6, verbose=0)
    before, wanted = state(model), model.predict(X, verbose=0)
    many = np.tile(X, (5000, 1))
    for _ in range(20):
        interrupted(lambda: model.predict(many, batch_size=2, verbose=0), rng.uniform(0, 0.01))
        interrupted(lambda: model.evaluate(many, many[:, :1], batch_size=2, verbose=0), rng.uniform(0, 0.01))
        assert (context.mode.context, context.mode.training, graph.mode.grad_enabled) == (None, False, True)
    assert same(state(model), before)
    assert np.array_equal(model.predict(X, verbose=0), wanted)
    record_property("survived: Ctrl-C at a random moment of fit, evaluate or predict", 40)
