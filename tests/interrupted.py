"""Runs that are killed somewhere and started again, until they end; and what has become of them then.

As a script, `python interrupted.py <kind> <number of runs> <seed>`, it kills that many runs at random places and prints
what differs from a run that was never interrupted: nothing, if all is well.
"""

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from minidl import Sequential
from minidl.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from minidl.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Concatenate,
    Dense,
    Dropout,
    Input,
    LayerNormalization,
    SimpleRNN,
)
from minidl.models import Model
from minidl.optimizers import SGD, Adadelta, Adam, AdamW, RMSprop
from minidl.optimizers.schedules import CosineDecayRestarts, ExponentialDecay
from minidl.utils import PyDataset, set_random_seed

EPOCHS = 4
MOMENTS = {  # and how often they come, about
    "on_train_begin": 1, "on_epoch_begin": EPOCHS, "on_train_batch_begin": 5 * EPOCHS, "on_train_batch_end": 5 * EPOCHS,
    "on_test_begin": EPOCHS, "on_test_batch_end": EPOCHS, "on_epoch_end": EPOCHS, "on_train_end": 1,
}  # fmt: skip
FREQUENCIES = ("epoch", 1, 2, 3, 5, 7)


class Killer(Callback):
    """Ends the process, without a goodbye, when it has been called so many times."""

    def __init__(self, moment, calls):
        self.left = calls
        setattr(self, moment, self.count)

    def count(self, *_):
        self.left -= 1
        if self.left == 0:
            os._exit(9)


class Slow(Callback):
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.002)


class Batches(PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return 5

    def __getitem__(self, i):
        return self.x[i * 8 : i * 8 + 8], self.y[i * 8 : i * 8 + 8]


def rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(42, 4)).astype("float32")
    return x, (x[:, :1] > 0).astype("float32")


def dense(optimizer):
    model = Sequential(
        [Input((4,)), Dense(6, "relu"), BatchNormalization(), Dropout(0.4), Dense(1, activation="sigmoid")]
    )
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy", "auc"])
    return model


class Twice(Model):
    """A model with a call of its own, that is built by the first batch."""

    def __init__(self):
        super().__init__()
        self.inner, self.drops, self.out = Dense(5, "tanh"), [Dropout(0.2), Dropout(0.3)], Dense(1)

    def call(self, x, training=False):
        return self.out(self.drops[1](self.inner(self.drops[0](x))))


def scheduled(folder):
    x, y = rows()
    model = dense(Adam(ExponentialDecay(0.05, 3, 0.9)))
    callbacks = [EarlyStopping(patience=1, restore_best_weights=True), CSVLogger(folder / "log.csv")]
    return model, {"x": x, "y": y, "batch_size": 8, "validation_split": 0.25}, callbacks


def lowered(folder):
    x, y = rows()
    model = dense(SGD(0.5, momentum=0.9, nesterov=True))
    model.save_weights = lambda path, overwrite: Path(path).write_bytes(model.get_weights()[0].tobytes())
    callbacks = [
        LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        ReduceLROnPlateau(monitor="loss", patience=1, min_delta=0.2, cooldown=1),
        ModelCheckpoint(
            folder / "{epoch}-{batch}.weights.h5",
            "loss",
            save_best_only=True,
            save_weights_only=True,
            save_freq=4,
        ),
        ModelCheckpoint(
            folder / "{epoch}.weights.h5", "accuracy", save_best_only=True, save_weights_only=True
        ),
    ]
    data = {"x": x, "y": y, "batch_size": 8, "validation_data": (x[:9], y[:9]), "validation_freq": 2}
    return model, data, callbacks


def some_steps(folder):
    x, y = rows()
    model = Twice()
    model.compile("adam", "mse", metrics=["mae"])
    return (
        model,
        {"x": x, "y": y, "batch_size": 8, "steps_per_epoch": 4, "class_weight": {0: 1.0, 1: 3.0}},
        [],
    )


def numbered(folder):
    return dense("nadam"), {"x": Batches(*rows())}, [EarlyStopping("loss", patience=0, start_from_epoch=2)]


def generated(folder):
    x, y = rows()

    def batches():
        while True:
            for i in range(6):
                yield x[i * 7 : i * 7 + 7], y[i * 7 : i * 7 + 7]

    return dense("rmsprop"), {"x": batches(), "steps_per_epoch": 5}, []


class Loader:
    """Can be gone through as often as one likes, but not asked for a batch."""

    def __iter__(self):
        x, y = rows()
        return ((x[i : i + 7], y[i : i + 7]) for i in range(0, 42, 7))


def loaded(folder):
    return dense("adamax"), {"x": Loader()}, []


def stateful(folder):
    x, y = rows()
    model = Sequential([Input((4, 1), batch_size=7), LSTM(3, stateful=True, dropout=0.3), Dense(1)])
    model.compile("adagrad", "mse")
    return model, {"x": x[..., None], "y": y, "batch_size": 7, "shuffle": False}, []


class Augmented(Batches):
    """Draws with the global generators of Python and NumPy."""

    def __getitem__(self, i):
        x, y = super().__getitem__(i)
        return (x + np.random.normal(size=x.shape) * random.random()).astype("float32"), y  # noqa: NPY002, S311


def augmented(folder):
    schedule = CosineDecayRestarts(0.1, 4)
    return dense(AdamW(schedule, amsgrad=True, clipnorm=0.5)), {"x": Augmented(*rows())}, []


def drawn(folder):
    """A generator that draws, and everything else that has states."""
    x, y = rows()

    def batches():
        while True:
            i = random.randrange(35)  # noqa: S311
            yield x[i : i + 7, :, None], y[i : i + 7] + np.random.rand()  # noqa: NPY002

    layers = [
        GRU(3, stateful=True, return_sequences=True, recurrent_dropout=0.3),
        SimpleRNN(2, stateful=True),
    ]
    model = Sequential([Input((4, 1), batch_size=7), *layers, LayerNormalization(), Dense(1)])
    model.compile(Adadelta(0.5, global_clipnorm=1.0), "mse", metrics=["mae"])
    return model, {"x": batches(), "steps_per_epoch": 5}, []


def centered(folder):
    x, y = rows()
    data = {"x": x, "y": y, "sample_weight": np.linspace(0, 2, len(x)), "batch_size": 8}
    return dense(RMSprop(0.01, momentum=0.5, centered=True, weight_decay=0.01)), data, []


def several(folder):
    x, y = rows()
    a, b = Input((4,), name="a"), Input((2,), name="b")
    shared = Dropout(0.3)(Dense(5, "relu")(a))
    second = Dense(1, activation="sigmoid", name="second")(Concatenate()([shared, b]))
    outputs = [Dense(1, name="first")(shared), second]
    model = Model([a, b], outputs)
    model.compile("adam", ["mse", "binary_crossentropy"], metrics={"first": "mae", "second": ["accuracy"]})
    callbacks = [ReduceLROnPlateau("first_mae", patience=0, min_delta=0.1, mode="min")]
    return (
        model,
        {"x": {"b": x[:, :2], "a": x}, "y": [y, y], "batch_size": 8, "validation_split": 0.25},
        callbacks,
    )


KINDS = {
    f.__name__: f
    for f in (
        scheduled,
        lowered,
        some_steps,
        numbered,
        generated,
        loaded,
        stateful,
        several,
        augmented,
        drawn,
        centered,
    )
}


def run(kind, folder, seed, save_freq=None, extra=()):
    """The end of a run: weights, state of the optimizer, history, files; and the callbacks."""
    set_random_seed(seed)
    model, data, callbacks = KINDS[kind](folder)
    backup = [] if save_freq is None else [BackupAndRestore(folder / "backup", save_freq)]
    history = model.fit(**data, epochs=EPOCHS, verbose=0, callbacks=[*extra, *backup, *callbacks])
    known = [{k: v for k, v in vars(c).items() if isinstance(v, int | float | None)} for c in callbacks]
    return {
        "weights": [v.numpy().tobytes() for v in model.weights],
        "slots": [v.numpy().tobytes() for v in model.optimizer.variables],
        "history": repr(history.history),
        "epochs": history.epoch,
        "files": {
            p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.name not in ("end", "backup")
        },
        "callbacks": repr(known),
    }


def differences(expected, got):
    return [key for key in expected if expected[key] != got[key]]


def start(kind, folder, seed, save_freq, extra, expected):
    """Run in a process of its own; it ends with 0 if all is as expected, 1 if not. Returns its number."""
    number = os.fork()
    if number == 0:
        status = 2
        try:
            found = differences(expected, run(kind, folder, seed, save_freq, extra))
            for name in found:
                print(kind, save_freq, name, "differs", flush=True)
            status = 1 if found else 0
        finally:
            os._exit(status)
    return number


def main(kind, runs, seed):
    chance = random.Random(seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as home:
        expected = run(kind, Path(home), seed=1)
    kills = 0
    for i in range(runs):
        save_freq = FREQUENCIES[i % len(FREQUENCIES)]
        with tempfile.TemporaryDirectory() as home:
            places, status = [], 9
            while status == 9:  # killed once, twice ... and left in peace the fourth time
                moment = chance.choice([*MOMENTS, *["signal"] * 4])
                killer = Slow() if moment == "signal" else Killer(moment, chance.randint(1, MOMENTS[moment]))
                extra = [killer] if len(places) < 3 else []
                begun = Path(home, "backup", "latest.npz").exists()
                child = start(kind, Path(home), 100 + i if begun else 1, save_freq, extra, expected)
                if extra and moment == "signal":
                    time.sleep(chance.random() * 0.1)
                    os.kill(child, signal.SIGKILL)
                status = abs(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
                places.append((moment, getattr(killer, "left", None)))
                kills += status == 9
            if status:
                print(kind, save_freq, "killed at", places[:-1], flush=True)
            elif Path(home, "backup").exists():
                print(kind, save_freq, places, "leaves a backup behind", flush=True)
    print(kills, "kills", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
