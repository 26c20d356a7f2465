"""LearningRateScheduler and ReduceLROnPlateau: which rate each epoch is trained with, and what they refuse."""

import math

import numpy as np
import pytest
from small_models import linear, rows, same, state

import minidl
from minidl import Sequential
from minidl.callbacks import Callback, LearningRateScheduler, ReduceLROnPlateau
from minidl.layers import Dense, Input
from minidl.models.training import Trainer
from minidl.optimizers import SGD, Adam
from minidl.optimizers.schedules import ExponentialDecay

X, Y = rows(12)
NAN = math.nan


def fit(callbacks, epochs=4, optimizer=None, **options):
    """The history, and the model."""
    model = linear(optimizer=optimizer or SGD(0.5))
    run = model.fit(X, Y, batch_size=4, epochs=epochs, verbose=0, callbacks=callbacks, **options)
    return run.history, model


class Feed(Callback):
    """Puts given values into the logs."""

    def __init__(self, key, values):
        self.key, self.values = key, values

    def on_epoch_end(self, epoch, logs=None):
        logs[self.key] = self.values[epoch]


# --- LearningRateScheduler ----------------------------------------------------------------------------------


class Halves:
    def __call__(self, epoch, rate):
        return rate / 2


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (lambda epoch, rate: rate * 0.5, [0.25, 0.125, 0.0625]),
        (lambda epoch: 1.0 / (epoch + 1), [1, 1 / 2, 1 / 3]),
        (lambda epoch, rate=7.0: rate, [0.5, 0.5, 0.5]),
        (lambda *both: both[1] / 2, [0.25, 0.125, 0.0625]),
        (lambda epoch: np.float32(0.25), [0.25] * 3),
        (lambda epoch: np.float64(0.0), [0.0] * 3),
        (Halves(), [0.25, 0.125, 0.0625]),
        (math.pow, [0.0, 1.0, 2.0]),
        (ExponentialDecay(0.5, 1, 0.5), [0.5, 0.25, 0.125]),
    ],
)
def test_the_rates_of_a_schedule(schedule, rates):
    optimizer = Adam(0.5)
    history, _ = fit([LearningRateScheduler(schedule)], 3, optimizer)
    assert history["learning_rate"] == rates
    assert all(type(rate) is float for rate in history["learning_rate"])
    assert list(history)[-1] == "learning_rate"
    assert optimizer.learning_rate == rates[-1]


def test_epochs_count_on_in_a_run_that_is_continued():
    seen = []
    schedule = LearningRateScheduler(lambda epoch, rate: seen.append((epoch, rate)) or rate / 2)
    fit([schedule], 5, initial_epoch=3)
    assert seen == [(3, 0.5), (4, 0.25)]


def test_replayed_steps_take_the_new_rate(monkeypatch):
    """A step w -= rate · dw for each batch, by hand; and replays have been at work."""
    replays, repeat = [], Trainer._repeat_step
    monkeypatch.setattr(Trainer, "_repeat_step", lambda *a: replays.append(a) or repeat(*a))
    rates = [0.1, 0.01, 0.0, 0.2]
    _, model = fit([LearningRateScheduler(lambda epoch: rates[epoch])], shuffle=False)
    assert len(replays) == 8  # the first of three steps in each epoch is taken down
    kernel, bias = np.ones((4, 1)), 0.0
    for rate in rates:
        for rows_ in (slice(0, 4), slice(4, 8), slice(8, 12)):
            error = X[rows_] @ kernel + bias - Y[rows_]
            kernel, bias = kernel - rate * 2 * X[rows_].T @ error / 4, bias - rate * 2 * error.mean()
    np.testing.assert_allclose(model.layers[0].kernel.numpy(), kernel, rtol=1e-4)
    np.testing.assert_allclose(model.layers[0].bias.numpy(), bias, rtol=1e-4)


@pytest.mark.parametrize("make", [lambda: Adam(0.5), lambda: SGD(0.5, momentum=0.9)])
def test_replay_or_not_the_numbers_are_the_same(make):
    class Watcher(Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    results = []
    for more in ([], [Watcher()]):
        minidl.utils.set_random_seed(3)
        plateau = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=100)
        scheduler = LearningRateScheduler(lambda epoch, rate: rate * 0.75)
        results.append(fit([scheduler, plateau, *more], 5, make()))
    assert results[0][0] == results[1][0]
    assert same(state(results[0][1]), state(results[1][1]))


def test_the_scheduler_says_so(capsys):
    fit([LearningRateScheduler(lambda epoch: 0.25, verbose=1)], 2)
    assert capsys.readouterr().out == "".join(
        f"Epoch {n}: LearningRateScheduler sets the learning rate to 0.25.\n" for n in (1, 2)
    )
    fit([LearningRateScheduler(lambda epoch: 0.25)], 2)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("rate", [1, None, "0.1", np.array(0.1), True])
def test_a_schedule_must_return_a_float(rate):
    with pytest.raises(ValueError, match=r"schedule to return a float, got .* in epoch 1"):
        fit([LearningRateScheduler(lambda epoch: rate)])


@pytest.mark.parametrize("rate", [-0.1, NAN, math.inf])
def test_a_schedule_must_return_a_learning_rate(rate):
    with pytest.raises(
        ValueError, match="LearningRateScheduler expects what schedule returns to be a number >= 0"
    ):
        fit([LearningRateScheduler(lambda epoch: rate)])


@pytest.mark.parametrize("schedule", [0.1, None, lambda: 0.1, lambda a, b, c: 0.1, lambda *, epoch: 0.1])
def test_what_is_no_schedule(schedule):
    with pytest.raises(TypeError, match=r"function of \(epoch, rate\) or \(epoch\), got"):
        LearningRateScheduler(schedule)


def test_an_error_inside_of_a_schedule_is_not_hidden():
    def wrong(epoch, rate):
        return rate + "1"

    with pytest.raises(TypeError, match="unsupported operand"):
        fit([LearningRateScheduler(wrong)])


@pytest.mark.parametrize(
    "callback", [LearningRateScheduler(lambda epoch: 0.1), ReduceLROnPlateau("loss", patience=99)]
)
def test_two_cannot_steer(callback):
    model = linear(optimizer=SGD(ExponentialDecay(0.1, 10, 0.5)))
    before = state(model)
    with pytest.raises(TypeError, match=r"that of sgd follows ExponentialDecay.*SGD\(learning_rate=0.01\)"):
        model.fit(X, Y, verbose=0, callbacks=[callback])
    assert same(before, state(model))


# --- ReduceLROnPlateau --------------------------------------------------------------------------------------

CASES = [
    ([1] * 8, {"patience": 2}),
    ([1] * 12, {"patience": 2, "cooldown": 3}),
    ([1] * 12, {"patience": 1, "cooldown": 1}),
    ([1] * 9, {"patience": 1, "cooldown": 3}),
    ([1] * 8, {"patience": 1, "min_lr": 0.125}),
    ([1] * 8, {"patience": 1, "min_lr": 0.1}),
    ([1, 1, 0.5, 0.5, 0.5], {"patience": 0}),
    ([NAN] * 8, {"patience": 2}),
    ([3, NAN, 2, NAN, NAN, 1], {"patience": 2}),
    ([math.inf, math.inf, 1, 1, 1, 1], {"patience": 2}),
    ([1, 0.95, 0.9, 0.85, 0.8], {"patience": 2, "min_delta": 0.25}),
    ([1, 0.95, 0.9, 0.85, 0.8], {"patience": 2, "min_delta": -0.25}),
    ([1, 2, 3, 3, 3, 3], {"patience": 2, "mode": "max"}),
    ([3, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0], {"patience": 2, "cooldown": 2}),
    ([1] * 5, {"patience": 1, "factor": 0.0}),
]
# How often the rate has been halved before each epoch.
HALVINGS = [
    [0, 0, 0, 1, 1, 2, 2, 3],
    [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3],
    [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    [0, 0, 1, 1, 1, 2, 2, 2, 3],
    [0, 0, 1, 2, 2, 2, 2, 2],
    [0, 0, 1, 2, math.log2(5), math.log2(5), math.log2(5), math.log2(5)],
    [0, 0, 1, 1, 2],
    [0, 0, 0, 1, 1, 2, 2, 3],
    [0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, 1],
    [0, 0, 0, 1, 1],
    [0, 0, 0, 1, 1],
    [0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2],
    [0, 0, math.inf, math.inf, math.inf],
]


def reduced(values, epochs=None, key="loss", **options):
    """The rates of the epochs, the last one included that no epoch was trained with any more; and the callback."""
    plateau = ReduceLROnPlateau(key, **{"factor": 0.5} | options)
    history, model = fit([Feed(key, values), plateau], epochs or len(values))
    return [*history["learning_rate"], model.optimizer.learning_rate], plateau


@pytest.mark.parametrize(("case", "halvings"), list(zip(CASES, HALVINGS, strict=True)))
def test_when_it_reduces(case, halvings):
    values, options = case
    assert reduced(values, **options)[0][:-1] == pytest.approx([0.5 * 2.0**-n for n in halvings])


def test_not_below_min_lr():
    assert reduced([1] * 5, patience=1, min_lr=0.1)[0] == [0.5, 0.5, 0.25, 0.125, 0.1, 0.1]
    assert reduced([1] * 3, patience=1, min_lr=0.9)[0] == [0.5] * 4


def test_the_default_factor_is_a_tenth():
    history, model = fit([Feed("val_loss", [1] * 11), ReduceLROnPlateau()], 11)
    assert history["learning_rate"] == [0.5] * 11
    assert model.optimizer.learning_rate == 0.05


def test_the_metric_says_which_way_is_better():
    model = Sequential([Input((4,)), Dense(2, activation="softmax")])
    model.compile(SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    feed = Feed("val_accuracy", [0.1, 0.2, 0.3, 0.4])
    plateau = ReduceLROnPlateau("val_accuracy", patience=1)
    history = model.fit(X, Y[:, 0] > 0, epochs=4, verbose=0, callbacks=[feed, plateau]).history
    assert history["learning_rate"] == [0.5] * 4
    with pytest.raises(ValueError, match=r"cannot tell.*mode='max'"):
        reduced([1, 2, 3], key="loss_of_face")


def test_a_new_run_begins_anew():
    model, plateau = linear(optimizer=SGD(0.5)), ReduceLROnPlateau("loss", patience=2, factor=0.5, cooldown=9)
    for rate in (0.5, 0.25):
        callbacks = [Feed("loss", [1, 1, 1]), plateau]
        history = model.fit(X, Y, epochs=3, verbose=0, callbacks=callbacks).history
        assert history["learning_rate"] == [rate] * 3
        assert model.optimizer.learning_rate == rate / 2


def test_the_plateau_says_so(capsys):
    reduced([1] * 4, patience=2, verbose=1)
    wanted = "Epoch 3: ReduceLROnPlateau lowers the learning rate to 0.25.\n"
    assert capsys.readouterr().out == wanted
    reduced([1] * 4, patience=2)
    assert capsys.readouterr().out == ""


def test_a_name_that_is_not_in_the_logs_warns_and_reduces_nothing():
    with pytest.warns(UserWarning, match=r"'val_loss'.*There are: 'loss', 'learning_rate'") as caught:
        history, _ = fit([ReduceLROnPlateau(patience=0)])
    assert len(caught) == 1
    assert history["learning_rate"] == [0.5] * 4


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"factor": 1.0}, ValueError),
        ({"factor": 10}, ValueError),
        ({"factor": -0.1}, ValueError),
        ({"factor": "0.1"}, TypeError),
        ({"patience": -1}, ValueError),
        ({"patience": 1.5}, TypeError),
        ({"verbose": "yes"}, TypeError),
        ({"mode": "up"}, ValueError),
        ({"min_delta": NAN}, ValueError),
        ({"cooldown": -1}, ValueError),
        ({"min_lr": -1e-3}, ValueError),
        ({"monitor": 5}, TypeError),
    ],
)
def test_what_the_plateau_refuses(options, error):
    with pytest.raises(error, match=f"ReduceLROnPlateau expects {next(iter(options))}"):
        ReduceLROnPlateau(**options)


# --- against Keras ------------------------------------------------------------------------------------------


def keras_rates(keras, callbacks, epochs):
    """What `fit` gives in Keras: the rates of the epochs, and the last one."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    run = model.fit(X, Y, batch_size=4, epochs=epochs, verbose=0, callbacks=callbacks, shuffle=False)
    return run.history, float(model.optimizer.learning_rate)


@pytest.fixture
def keras(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    return pytest.importorskip("keras")


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside Keras
class TestAgainstKeras:
    def test_the_same_reductions(self, keras):
        rng = np.random.default_rng(0)
        drawn = [
            (
                rng.choice(
                    [0.25, 0.5, 1, 2, NAN, math.inf], 14, p=[0.2, 0.25, 0.25, 0.2, 0.05, 0.05]
                ).tolist(),
                {
                    "patience": int(rng.integers(0, 4)),
                    "cooldown": int(rng.integers(0, 4)),
                    "min_lr": float(rng.choice([0, 0.03, 0.125])),
                    "min_delta": float(rng.choice([0, 0.25, 0.3])),
                    "mode": str(rng.choice(["min", "max", "auto"])),
                },
            )
            for _ in range(12)
        ]
        feed = type("KerasFeed", (keras.callbacks.Callback,), dict(vars(Feed)))
        for values, options in CASES + drawn:
            plateau = keras.callbacks.ReduceLROnPlateau("loss", **{"factor": 0.5} | options)
            history, last = keras_rates(keras, [feed("loss", values), plateau], len(values))
            rates, mine = reduced(values, **options)
            assert rates == pytest.approx([*history["learning_rate"], last]), (values, options)
            assert (mine.wait, mine.cooldown_counter) == (plateau.wait, plateau.cooldown_counter)
            assert mine.best == pytest.approx(plateau.best, nan_ok=True)

    @pytest.mark.parametrize("schedule", [lambda e, r: r * 0.1, lambda e: 0.1 / (e + 1)])
    def test_the_same_history(self, keras, schedule):
        wanted, last = keras_rates(keras, [keras.callbacks.LearningRateScheduler(schedule)], 4)
        history, model = fit([LearningRateScheduler(schedule)], shuffle=False)
        assert list(history) == list(wanted)
        for key, values in wanted.items():
            assert history[key] == pytest.approx(values, rel=1e-5)
        assert model.optimizer.learning_rate == pytest.approx(last)
