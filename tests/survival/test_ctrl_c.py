"""Ctrl-C at any line of minidl: a step is finished or has not happened, and the model goes on as if nothing had been.

A trace function presses Ctrl-C (a real SIGINT to this process) when a certain line comes up. A first run lists the
lines that a call passes; then the call is made again and again, and interrupted at another one each time: at every
line in the `deep` profile, at a share of them otherwise.
"""

import random
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from counts import DEEP
from small_models import rows, same, state

import minidl
from minidl import graph
from minidl import layers as L
from minidl.callbacks import Callback
from minidl.layers import context
from minidl.models import Model, Sequential
from minidl.random import streams
from minidl.utils import set_random_seed

pytestmark = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals reach the main thread only"
)
MINIDL = str(Path(minidl.__file__).parent)
PRESSES = 100_000 if DEEP else 60  # for each call of each model
X, Y = rows(12)
FIT = {"batch_size": 4, "epochs": 1, "verbose": 0, "shuffle": False}


def steady():
    return Sequential([L.Input((4,)), L.Dense(8, "relu"), L.Dense(1)])  # its steps are replayed


def unbuilt():
    return Sequential(
        [L.Dense(8), L.BatchNormalization(), L.Dropout(0.4), L.Dense(1, kernel_regularizer="l2")]
    )


def stateful():
    recurrent = [L.LSTM(3, stateful=True, return_sequences=True), L.GRU(2, stateful=True)]
    return Sequential([L.Input((4,), batch_size=4), L.Reshape((4, 1)), *recurrent, L.Dense(1)])


def branching():
    x = L.Input((4,))
    shared = L.Dense(4, kernel_constraint="non_neg")
    y = L.Concatenate()([shared(x), L.Conv1D(2, 2)(L.Reshape((4, 1))(x))[:, 0]])
    return Model(x, L.Dense(1)(L.LayerNormalization()(shared(y[:, :4]))))


MODELS = [steady, unbuilt, stateful, branching]
CALLS = {
    "fit": lambda model, *more: model.fit(X, Y, **FIT, callbacks=list(more)),
    "train_on_batch": lambda model: model.train_on_batch(X[:4], Y[:4]),
    "evaluate": lambda model, *more: model.evaluate(X, Y, batch_size=4, verbose=0, callbacks=list(more)),
    "predict": lambda model, *more: model.predict(X, batch_size=4, verbose=0, callbacks=list(more)),
}


def made(make):
    set_random_seed(3)
    model = make()
    model.compile("adam", "mse", metrics=["mae"])
    return model


def whole_state(model):
    """All that a batch may change; `state`, and what stateful layers keep."""
    kept = [layer.get_state() for layer in model.layers if getattr(layer, "stateful", False)]
    return state(model) + [a for arrays in kept for a in (arrays or [np.zeros((4, n)) for n in (0,)])]


class Press:
    """Presses Ctrl-C at the line number `at` of minidl that runs; notes the places of all lines before."""

    def __init__(self, at=None):
        self.at, self.places = at, []

    def __call__(self, frame, event, argument):
        name = frame.f_code.co_filename
        return self.line if name.startswith(MINIDL) or name.endswith("contextlib.py") else None

    def line(self, frame, event, argument):
        if event == "line":
            self.places.append((frame.f_code.co_filename, frame.f_lineno))
            if len(self.places) == self.at:
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return self.line

    def during(self, call):
        """Whether `call` was interrupted."""
        before = sys.gettrace()
        try:
            sys.settrace(self)
            call()
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
        return False


def moments(places, how_many, chance):
    """Numbers of lines to press at: each place once at least, if so many may be."""
    by_place = {}
    for number, place in enumerate(places, 1):
        by_place.setdefault(place, []).append(number)
    first = [chance.choice(numbers) for numbers in by_place.values()]
    chance.shuffle(first)
    others = list(set(range(1, len(places) + 1)) - set(first))
    chance.shuffle(others)
    return (first + others)[:how_many]


class Note(Callback):
    """The state behind every batch."""

    def __init__(self, notes):
        def note(*_):
            notes.append(whole_state(self.model))

        self.on_train_batch_end = self.on_test_batch_end = self.on_predict_batch_end = note


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("make", MODELS)
def test_at_any_line(make, call, counted):
    run = CALLS[call]

    def begun():
        model = made(make)
        if make is not unbuilt:
            model.fit(X, Y, **FIT)
        return model

    clean, notes = begun(), []
    if clean.built:
        notes.append(whole_state(clean))
    run(clean, *([] if call == "train_on_batch" else [Note(notes)]))
    notes.append(whole_state(clean))
    run(begun())  # whatever is made only once
    press, model = Press(), begun()
    assert not press.during(lambda: run(model))
    after = {}

    def afterwards(model):
        """The model has made so many steps; what becomes of it from there is known."""
        model.fit(X, Y, **FIT)
        return [*whole_state(model), model.predict(X, batch_size=4, verbose=0)]

    chance, lost = random.Random(f"{make.__name__} {call}"), 0  # noqa: S311
    for at in moments(press.places, PRESSES, chance):
        model = begun()
        pressed = Press(at)
        lost += not pressed.during(lambda model=model: run(model))
        where = pressed.places[at - 1]
        modes = context.mode.context, context.mode.training, graph.mode.grad_enabled, graph.mode.tape
        assert (*modes, streams.current_step()) == (None, False, True, None, None), where
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, where
        if model.built and len(state(model)) == len(notes[-1]) and make is not unbuilt:
            assert any(same(whole_state(model), note) for note in notes), where
        steps = int(model.optimizer.iterations)
        got = afterwards(model)
        if call in ("fit", "train_on_batch"):
            if steps not in after:
                after[steps] = afterwards(stopped_after(begun(), steps))
            assert same(got, after[steps]), where
    assert lost == 0
    counted("Ctrl-C at a line of minidl", min(PRESSES, len(press.places)))


def stopped_after(model, steps):
    """`model` trained until it has made that many steps."""

    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = int(self.model.optimizer.iterations) == steps

    if int(model.optimizer.iterations) < steps:
        model.fit(X, Y, **FIT | {"epochs": 9}, callbacks=[Stop()])
    return model
