"""Callbacks: which moments come in which order, what they are told, and how they stop a run."""

import numpy as np
import pytest
from small_models import linear, rows, same, state

from minidl.callbacks import Callback, History
from minidl.callbacks.base import CallbackList

X, Y = rows(10)
RUNS = ("train_begin", "train_end", "test_begin", "test_end", "predict_begin", "predict_end")
COUNTED = (
    "epoch_begin", "epoch_end", "train_batch_begin", "train_batch_end", "test_batch_begin", "test_batch_end",
    "predict_batch_begin", "predict_batch_end",
)  # fmt: skip


class Recorder(Callback):
    """Writes down every moment, its number, and the names in its logs."""

    def __init__(self):
        self.moments = []
        for moment in RUNS:
            setattr(self, f"on_{moment}", lambda logs=None, m=moment: self.moments.append((m, sorted(logs))))
        for moment in COUNTED:
            setattr(
                self, f"on_{moment}", lambda n, logs=None, m=moment: self.moments.append((m, n, sorted(logs)))
            )


def train(callback, **arguments):
    model = linear(metrics=["mae"])
    model.fit(X, Y, batch_size=4, verbose=0, callbacks=callback, **arguments)
    return model


# As Keras 3 calls them, written down from a run of it (there, as here, logs of a begin are empty).
NUMBERS = ["loss", "mae"]
EPOCH = [
    *[m for i in range(3) for m in (("train_batch_begin", i, []), ("train_batch_end", i, NUMBERS))],
    ("test_begin", []),
    *[m for i in range(2) for m in (("test_batch_begin", i, []), ("test_batch_end", i, NUMBERS))],
    ("test_end", NUMBERS),
]
ALL = ["loss", "mae", "val_loss", "val_mae"]
FIT = [
    ("train_begin", []),
    *[m for e in range(2) for m in (("epoch_begin", e, []), *EPOCH, ("epoch_end", e, ALL))],
    ("train_end", ALL),
]


def test_the_moments_of_fit():
    recorder = Recorder()
    train(recorder, epochs=2, validation_data=(X[:5], Y[:5]))
    assert recorder.moments == FIT


def test_the_moments_of_evaluate_and_predict():
    model, recorder = linear(metrics=["mae"]), Recorder()
    model.evaluate(X, Y, batch_size=5, verbose=0, callbacks=[recorder])
    assert recorder.moments == EPOCH[6:]
    recorder.moments.clear()
    model.predict(X, batch_size=5, verbose=0, callbacks=[recorder])
    batches = [
        m for i in range(2) for m in (("predict_batch_begin", i, []), ("predict_batch_end", i, ["outputs"]))
    ]
    assert recorder.moments == [("predict_begin", []), *batches, ("predict_end", [])]


@pytest.mark.oracle
def test_keras_calls_the_same_moments(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    recorder = type("Recorder", (keras.callbacks.Callback,), {"__init__": Recorder.__init__})()
    model = keras.Sequential([keras.Input(shape=(4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(X, Y, batch_size=4, epochs=2, validation_data=(X[:5], Y[:5]), verbose=0, callbacks=[recorder])
    assert [(m[0], *m[1:-1], m[-1] or []) for m in recorder.moments] == FIT
    mine = Recorder()
    mine.set_params(None)
    train(mine, epochs=2, validation_data=(X[:5], Y[:5]))
    assert mine.params == recorder.params


def test_logs_are_in_alphabetical_order_and_what_the_history_keeps():
    class Keep(Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept.append(logs)

    kept = []
    model = train([Keep()], epochs=2, validation_split=0.5)
    assert [list(logs) for logs in kept] == [ALL, ALL]
    assert model.history.history == {name: [logs[name] for logs in kept] for name in ALL}


def test_logs_of_a_batch_are_the_means_so_far():
    class Keep(Callback):
        def on_train_batch_end(self, batch, logs=None):
            kept.append(logs)

    kept = []
    model = train([Keep()], shuffle=False)
    assert len(kept) == 3
    assert kept[-1] == {name: values[0] for name, values in model.history.history.items()}
    assert kept[0] != kept[-1]


def test_a_callback_may_add_to_the_logs():
    class Add(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["extra"] = epoch * 10

    class Look(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(logs["extra"])

    seen = []
    model = train([Add(), Look()], epochs=2)
    assert seen == model.history.history["extra"] == [0, 10]


def test_callbacks_run_in_the_order_given():
    order = []

    class Note(Callback):
        def __init__(self, name):
            self.name = name

        def on_epoch_begin(self, epoch, logs=None):
            order.append(self.name)

    train((Note("a"), Note("b"), Note("c")))
    assert order == ["a", "b", "c"]


def test_they_know_model_and_params():
    callback = Callback()
    assert (callback.model, callback.params) == (None, None)
    model = train(callback, epochs=3)
    assert callback.model is model
    assert callback.params == {"epochs": 3, "steps": 3, "verbose": 0}
    model.evaluate(X, Y, batch_size=2, verbose=0, callbacks=[callback])
    assert callback.params == {"epochs": 1, "steps": 5, "verbose": 0}
    model.predict(X, verbose=0, callbacks=[callback])
    assert callback.params == {"epochs": 1, "steps": 1, "verbose": 0}
    model.fit(iter([(X, Y)]), verbose=0, callbacks=[callback])
    assert callback.params["steps"] is None


def test_on_batch_is_short_for_on_train_batch():
    seen = []

    class Old(Callback):
        def on_batch_begin(self, batch, logs=None):
            seen.append(("begin", batch, logs))

        def on_batch_end(self, batch, logs=None):
            seen.append(("end", batch, sorted(logs)))

    train([Old()], validation_data=(X, Y))
    assert seen == [m for i in range(3) for m in (("begin", i, {}), ("end", i, NUMBERS))]


def test_batch_moments_that_nobody_watches_cost_no_logs():
    class Epochs(Callback):
        def on_epoch_end(self, epoch, logs=None): ...

    class OnlyEnd(Callback):
        def on_train_batch_end(self, batch, logs=None): ...

    def watched(*callbacks):
        hooks = CallbackList(list(callbacks), None)
        return {m for m in COUNTED if hooks.watches(f"on_{m}")}

    assert watched(Epochs(), History()) == set()
    assert watched(OnlyEnd()) == {"train_batch_end"}
    assert {m for m in watched(Recorder()) if "batch" in m} == {m for m in COUNTED if "batch" in m}
    inherited = type("Inherited", (OnlyEnd,), {})()
    assert watched(inherited) == {"train_batch_end"}


@pytest.mark.parametrize(
    ("moment", "steps", "epochs"),
    [
        ("train_begin", 1, 1),
        ("epoch_begin", 1, 1),
        ("train_batch_begin", 1, 1),
        ("train_batch_end", 1, 1),
        ("test_begin", 3, 1),
        ("test_batch_end", 3, 1),
        ("epoch_end", 3, 1),
    ],
)
def test_stop_training_ends_after_the_batch_and_the_epoch_still_counts(moment, steps, epochs):
    class Stop(Callback): ...

    def stop(*_):
        callback.model.stop_training = True

    callback, recorder = Stop(), Recorder()
    setattr(callback, f"on_{moment}", stop)
    model = train([callback, recorder], epochs=5, validation_data=(X, Y))
    assert int(model.optimizer.iterations) == steps
    assert len(model.history.epoch) == len(model.history.history["val_loss"]) == epochs
    assert recorder.moments[-1][0] == "train_end"
    model.fit(X, Y, epochs=2, verbose=0)  # the next run begins unstopped
    assert len(model.history.epoch) == 2


def test_a_callback_may_change_weights_and_the_learning_rate():
    class Meddle(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 2:
                self.model.optimizer.learning_rate = 0.0
                self.model.set_weights([np.full((4, 1), 7.0), np.zeros(1)])

    model = train([Meddle()])
    assert (model.get_weights()[0] == 7).all()


def test_training_inside_a_callback():
    class Extra(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.train_on_batch(X, Y)

    class Seen(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            numbers.append(batch)

    numbers = []
    model = train([Extra(), Seen()], epochs=3)
    assert int(model.optimizer.iterations) == 3 * 4
    assert numbers == [0, 1, 2] * 3


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ([5], "got 5. Derive it from Callback"),
        ([Callback], r"got the class Callback. Make an instance: Callback\(...\)"),
        ("early_stopping", "got 'early_stopping'"),
        ([None], "got None"),
        ([[Callback()]], r"got \[<"),
        (lambda: None, "got the function <lambda>. Wrap a function"),
    ],
)
def test_only_callbacks(callbacks, message):
    model = linear()
    before = state(model)
    for call in (
        lambda: model.fit(X, Y, callbacks=callbacks, verbose=0),
        lambda: model.evaluate(X, Y, callbacks=callbacks, verbose=0),
        lambda: model.predict(X, callbacks=callbacks, verbose=0),
    ):
        with pytest.raises(TypeError, match=f"expect callbacks to be Callback objects, {message}") as caught:
            call()
        assert len(str(caught.value)) < 400
    assert same(state(model)[:2], before[:2])


def test_history_by_hand():
    history = History()
    history.on_train_begin()
    history.on_epoch_end(4, {"loss": 1.0})
    history.on_epoch_end(5, {"loss": 0.5, "val_loss": 2.0})
    history.on_epoch_end(6)
    assert history.epoch == [4, 5, 6]
    assert history.history == {"loss": [1.0, 0.5], "val_loss": [2.0]}


def test_a_history_of_ones_own_is_filled_too():
    mine = History()
    model = train([mine], epochs=2)
    assert mine.history == model.history.history
