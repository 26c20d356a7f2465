"""Callbacks decide as Keras's do, on histories of all kinds: both are told the same story, epoch by epoch."""

import math
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import callbacks, optimizers

pytestmark = pytest.mark.oracle

FEW = settings(deadline=None, max_examples=150)
VALUES = st.one_of(
    st.integers(-24, 24).map(lambda n: n / 8),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.5, 0.5, 0.5]),
)
HISTORIES = st.lists(st.one_of(VALUES, VALUES, VALUES, VALUES, st.none()), max_size=14)  # None: no such key
DELTAS = st.sampled_from([0, 0.125, -0.25, 0.5, 1])
WATCHED = st.sampled_from(
    [
        ("loss", "auto"),
        ("val_loss", "auto"),
        ("val_loss", "max"),
        ("f1", "min"),
        ("f1", "max"),
        ("loss", "min"),
    ]
)


@pytest.fixture(autouse=True, scope="module")
def keras():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "jax")
        yield pytest.importorskip("keras")


class Model:
    """What these callbacks touch of a model."""

    stop_training = False
    metrics = ()

    def __init__(self, optimizer=None):
        self.optimizer = optimizer
        self.age = 0
        self.events = []

    def get_weights(self):
        return [self.age]

    def set_weights(self, weights):
        self.events.append(("set", weights))

    def save(self, path, overwrite):
        self.events.append(("save", str(path)))

    def save_weights(self, path, overwrite):
        self.events.append(("save_weights", str(path)))


class Rate:
    """An optimizer, as far as Keras's callbacks look."""

    def __init__(self, learning_rate):
        self.learning_rate = learning_rate


def both(keras, name, options, rate=0.5):
    """The callback of this name of both libraries, each with a model."""
    pair = []
    for library, optimizer in ((callbacks, optimizers.SGD(rate)), (keras.callbacks, Rate(rate))):
        callback = getattr(library, name)(**options)
        callback.set_model(Model(optimizer))
        pair.append(callback)
    return pair


def tell(callback, moment, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of keys that are missing
        getattr(callback, moment)(*arguments)


def looks(callback, names):
    """What can be seen of a callback and its model."""
    seen = {name: getattr(callback, name) for name in names}
    seen = {name: str(float(x)) if isinstance(x, float) else x for name, x in seen.items()}
    return (
        seen,
        bool(callback.model.stop_training),
        callback.model.events,
        callback.model.optimizer.learning_rate,
    )


def logs_of(key, value):
    return {"other": 1.0} if value is None else {key: value, "other": 1.0}


@given(
    runs=st.lists(HISTORIES, min_size=1, max_size=2),
    first=st.integers(0, 2),
    watched=WATCHED,
    options=st.fixed_dictionaries(
        {
            "min_delta": DELTAS,
            "patience": st.integers(0, 4),
            "baseline": st.one_of(st.none(), st.integers(-16, 16).map(lambda n: n / 8)),
            "restore_best_weights": st.booleans(),
            "start_from_epoch": st.integers(0, 4),
        }
    ),
)
@FEW
def test_early_stopping(keras, runs, first, watched, options):
    key, mode = watched
    pair = both(keras, "EarlyStopping", options | {"monitor": key, "mode": mode})
    for history in runs:
        for callback in pair:
            callback.model.stop_training = False
            tell(callback, "on_train_begin")
        for epoch, value in enumerate(history, first):
            for callback in pair:
                callback.model.age += 1
                tell(callback, "on_epoch_end", epoch, logs_of(key, value))
            mine, theirs = [looks(c, ("wait", "best", "stopped_epoch", "best_weights")) for c in pair]
            assert mine == theirs
            if mine[1]:
                break
        for callback in pair:
            tell(callback, "on_train_end")
        mine, theirs = [looks(c, ()) for c in pair]
        assert mine == theirs


@given(
    runs=st.lists(HISTORIES, min_size=1, max_size=2),
    watched=WATCHED,
    options=st.fixed_dictionaries(
        {
            "factor": st.sampled_from([0.5, 0.25, 0.0]),
            "patience": st.integers(0, 3),
            "min_delta": DELTAS,
            "cooldown": st.integers(0, 3),
            "min_lr": st.sampled_from([0.0, 0.03125, 0.2, 0.5, 1.0]),
        }
    ),
)
@FEW
def test_reduce_lr_on_plateau(keras, runs, watched, options):
    key, mode = watched
    pair = both(keras, "ReduceLROnPlateau", options | {"monitor": key, "mode": mode})
    for history in runs:
        for callback in pair:
            tell(callback, "on_train_begin")
        for epoch, value in enumerate(history):
            told = [logs_of(key, value) for _ in pair]
            for callback, logs in zip(pair, told, strict=True):
                tell(callback, "on_epoch_end", epoch, logs)
            mine, theirs = [looks(c, ("wait", "best", "cooldown_counter")) for c in pair]
            assert mine == theirs
            assert told[0].get("learning_rate") == told[1].get("learning_rate")


@given(
    epochs=st.lists(st.tuples(st.one_of(VALUES, st.none()), st.lists(VALUES, max_size=5)), max_size=6),
    watched=WATCHED,
    whole=st.booleans(),
    name=st.sampled_from(["a/{epoch:02d}", "best", "{epoch}-{other:.2f}", "{epoch}-{other}"]),
    options=st.fixed_dictionaries(
        {
            "save_best_only": st.booleans(),
            "save_freq": st.sampled_from(["epoch", "epoch", 1, 2, 3, 7]),
            "initial_value_threshold": st.one_of(st.none(), st.integers(-16, 16).map(lambda n: n / 8)),
        }
    ),
)
@FEW
def test_model_checkpoint(keras, tmp_path_factory, epochs, watched, whole, name, options):
    key, mode = watched
    folder = tmp_path_factory.getbasetemp()
    name = name.replace("{epoch}", "{epoch}-{batch}") if options["save_freq"] != "epoch" else name
    options |= {"monitor": key, "mode": mode, "save_weights_only": not whole}
    options["filepath"] = folder / f"{name}{'.keras' if whole else '.weights.h5'}"
    pair = both(keras, "ModelCheckpoint", options)
    pair[
        1
    ]._set_monitor_op()  # Keras forgets it if the first save is within the first epoch, and ends in a TypeError
    for callback in pair:
        tell(callback, "on_train_begin")
    for epoch, (value, batches) in enumerate(epochs):
        for callback in pair:
            tell(callback, "on_epoch_begin", epoch)
            for batch, of_batch in enumerate(batches):
                tell(callback, "on_train_batch_end", batch, logs_of(key, of_batch))
            tell(callback, "on_epoch_end", epoch, logs_of(key, value))
        mine, theirs = [looks(c, ("best",)) for c in pair]
        assert mine == theirs


@given(
    rates=st.lists(st.integers(0, 64).map(lambda n: n / 64), min_size=1, max_size=8),
    relative=st.booleans(),
    takes_rate=st.booleans(),
)
@FEW
def test_learning_rate_scheduler(keras, rates, relative, takes_rate):
    def next_rate(epoch, rate=1.0):
        return rates[epoch] * (rate if relative else 1.0)

    schedule = next_rate if takes_rate else lambda epoch: next_rate(epoch)
    pair = both(keras, "LearningRateScheduler", {"schedule": schedule})
    for epoch in range(len(rates)):
        seen = []
        for callback in pair:
            logs = {"loss": 1.0}
            tell(callback, "on_epoch_begin", epoch)
            tell(callback, "on_epoch_end", epoch, logs)
            seen.append((callback.model.optimizer.learning_rate, logs["learning_rate"]))
        assert seen[0] == seen[1]


@pytest.mark.parametrize("name", ["EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint"])
def test_a_name_without_a_known_direction_is_refused(keras, name):
    options = {"filepath": "a.keras", "save_best_only": True} if name == "ModelCheckpoint" else {}
    for callback in both(keras, name, options | {"monitor": "f1"}):
        tell(callback, "on_train_begin")
        tell(callback, "on_epoch_begin", 0)
        with pytest.raises(ValueError, match="f1"):
            tell(callback, "on_epoch_end", 0, {"loss": 1.0})


@pytest.mark.parametrize(
    ("path", "weights", "freq"),
    [("a.weights.h5", True, 1), ("a.keras", False, 2), ("a.keras", False, "epoch"), ("a.h5", True, 1), ("a", False, 1),
     ("a.npz", False, 1), ("a.keras", True, 1), ("a.keras", False, "batch")],
)  # fmt: skip
def test_the_same_paths_are_taken_and_refused(keras, path, weights, freq):
    taken = []
    for library in (callbacks, keras.callbacks):
        try:
            library.ModelCheckpoint(path, save_weights_only=weights, save_freq=freq)
        except ValueError:
            taken.append(False)
        else:
            taken.append(True)
    assert taken[0] == taken[1]
