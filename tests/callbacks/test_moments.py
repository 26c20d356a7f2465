"""Every moment comes in Keras's order, with the names Keras has in its logs, whatever is run."""

import numpy as np
import pytest
from small_models import rows

import minidl

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:.*shuffle=True:UserWarning"),  # of Keras, for generators
    pytest.mark.filterwarnings("ignore:Your input ran out of data:UserWarning"),
]

X, Y = rows(10)
MOMENTS = [name for name in vars(minidl.callbacks.Callback) if name.startswith("on_")]


@pytest.fixture(scope="module")
def keras():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "jax")
        yield pytest.importorskip("keras")


def recorder(base, notes, **also):
    """A callback that writes down every moment, its numbers, and the names in its logs; `also` runs behind it."""

    def noting(moment):
        def note(self, *arguments, logs=None):
            *numbers, logs = (*arguments, logs)[: 2 if "batch" in moment or "epoch" in moment else 1]
            notes.append((moment, *map(int, numbers), sorted(logs or {})))
            if moment in also:
                also[moment](self, *numbers)

        return note

    return type("Recorder", (base,), {moment: noting(moment) for moment in MOMENTS})()


def batches(size=4, n=None):
    i = 0
    while n is None or i < n:
        yield X[:size], Y[:size]
        i += 1


def stop(self, *numbers):
    self.model.stop_training = numbers[-1] == 1


RUNS = {
    "fit": lambda m, c: m.fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=c),
    "validation": lambda m, c: m.fit(
        X, Y, batch_size=4, epochs=2, validation_data=(X, Y), validation_batch_size=5, verbose=0, callbacks=c
    ),
    "split": lambda m, c: m.fit(X, Y, batch_size=3, validation_split=0.4, verbose=0, callbacks=c),
    "validation now and then": lambda m, c: m.fit(
        X, Y, epochs=4, validation_data=(X, Y), validation_freq=2, verbose=0, callbacks=c
    ),
    "later epochs": lambda m, c: m.fit(X, Y, initial_epoch=3, epochs=5, verbose=0, callbacks=c),
    "no epochs": lambda m, c: m.fit(X, Y, initial_epoch=3, epochs=3, verbose=0, callbacks=c),
    "steps": lambda m, c: m.fit(batches(), steps_per_epoch=3, epochs=2, verbose=0, callbacks=c),
    "validation steps": lambda m, c: m.fit(
        X, Y, validation_data=batches(), validation_steps=2, verbose=0, callbacks=c
    ),
    "evaluate": lambda m, c: m.evaluate(X, Y, batch_size=4, verbose=0, callbacks=c),
    "evaluate steps": lambda m, c: m.evaluate(batches(), steps=2, verbose=0, callbacks=c),
    "predict": lambda m, c: m.predict(X, batch_size=4, verbose=0, callbacks=c),
    "predict steps": lambda m, c: m.predict(X, batch_size=4, steps=2, verbose=0, callbacks=c),
}


def noted(library, run, **also):
    model = library.Sequential([library.layers.Input(shape=(4,)), library.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae", "mape"])
    notes = []
    RUNS[run](model, [recorder(library.callbacks.Callback, notes, **also)])
    return notes


@pytest.mark.parametrize("run", RUNS)
def test_moments_and_logs(keras, run):
    mine = noted(minidl, run)
    assert len(mine) > 1
    assert mine == noted(keras, run)


def test_a_generator_that_ends(keras, monkeypatch):
    """Keras announces one batch more, which does not come."""
    monkeypatch.setitem(RUNS, "to the end", lambda m, c: m.fit(batches(n=3), verbose=0, callbacks=c))
    theirs = noted(keras, "to the end")
    theirs.remove(("on_train_batch_begin", 3, []))
    assert noted(minidl, "to the end") == theirs


@pytest.mark.parametrize("run", ["fit", "validation"])
@pytest.mark.parametrize(
    "moment",
    ["on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_test_batch_end", "on_epoch_end"],
)
def test_a_run_that_is_ended(keras, run, moment):
    assert noted(minidl, run, **{moment: stop}) == noted(keras, run, **{moment: stop})


def test_the_numbers_in_the_logs(keras):
    told = []
    for library in (minidl, keras):
        model = library.Sequential([library.layers.Input(shape=(4,)), library.layers.Dense(1)])
        model.compile(library.optimizers.SGD(0.05), "mse", metrics=["mae"])
        model.set_weights([np.ones((4, 1), "float32"), np.zeros(1, "float32")])
        numbers = []

        def keep(moment, numbers=numbers):
            return lambda self, i, logs=None: numbers.append([moment, i, *(logs or {}).items()])

        moments = ("on_train_batch_end", "on_test_batch_end", "on_epoch_end")
        callback = type("Keep", (library.callbacks.Callback,), {m: keep(m) for m in moments})()
        model.fit(
            X,
            Y,
            batch_size=4,
            epochs=2,
            shuffle=False,
            validation_data=(X, Y),
            verbose=0,
            callbacks=[callback],
        )
        told.append(numbers)
    assert len(told[0]) == len(told[1]) == 14
    for mine, theirs in zip(*told, strict=True):
        assert mine[:2] == theirs[:2]
        assert dict(mine[2:]) == pytest.approx({k: float(v) for k, v in theirs[2:]}, rel=1e-5)
        assert [key for key, _ in mine[2:]] == [key for key, _ in theirs[2:]]
