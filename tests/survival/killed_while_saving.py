"""Processes that are killed (SIGKILL) while they save; and what their files are then.

    python killed_while_saving.py <kills> <seed> [way ...]

For each way to write a file a child saves over and over, and is killed at a random moment. It tells through a pipe of
every save that is done. So the file must hold the number of the last save that was told, or that of the next one, in
all of its arrays: complete, and old or new. Beside it may lie one unfinished file, which the next save removes.
A child is made by fork from this process, which has imported everything; so a kill takes a few milliseconds.
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
from minidl.callbacks import BackupAndRestore, Callback, ModelCheckpoint
from minidl.callbacks.backup_file import read_state
from minidl.layers import Dense, Input
from minidl.models import load_model
from minidl.optimizers import SGD


def made():
    model = Sequential([Input((8,)), Dense(64, "relu"), Dense(64), Dense(8)])
    model.compile(SGD(0.0), "mse")
    return model


def numbered(model, n):
    """All weights are `n`: a file that is half of one save and half of another shows it."""
    for variable in model.weights:
        variable.assign(np.full(variable.shape, n, "float32"))


class Saver:
    """`model.save` or `model.save_weights`, again and again."""

    def __init__(self, name, method):
        self.name, self.method = name, method

    def go(self, folder, first, done):
        model, n = made(), first
        while True:
            numbered(model, n)
            getattr(model, self.method)(folder / self.name)
            done(n)
            n += 1

    def read(self, folder):
        if self.method == "save":
            return load_model(folder / self.name).get_weights()
        model = made()
        model.load_weights(folder / self.name)
        return model.get_weights()

    def files(self, folder):
        return os.listdir(folder)


class Run(Saver):
    """A `fit` without end, with a callback that writes after each epoch."""

    def __init__(self, name, callback):
        super().__init__(name, "save")
        self.callback = callback

    def go(self, folder, first, done):
        class Number(Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch > first:
                    done(epoch - 1)
                numbered(self.model, epoch)

        x = np.ones((4, 8), "float32")
        callbacks = [Number(), self.callback(folder / self.name)]
        made().fit(x, x, epochs=10**9, initial_epoch=first, verbose=0, callbacks=callbacks)


class Backup(Run):
    def __init__(self):
        super().__init__("backup", BackupAndRestore)

    def read(self, folder):
        return read_state(folder / self.name / "latest.npz")["model"]["weights"]

    def files(self, folder):
        return os.listdir(folder / self.name)


WAYS = {
    "keras": Saver("model.keras", "save"),
    "h5": Saver("model.weights.h5", "save_weights"),
    "npz": Saver("model.npz", "save_weights"),
    "safetensors": Saver("model.safetensors", "save_weights"),
    "ModelCheckpoint": Run("best.keras", ModelCheckpoint),
    "BackupAndRestore": Backup(),
}


def start(way, folder, first):
    """A child that saves. Returns its number, and the end of the pipe through which it tells."""
    reader, writer = os.pipe()
    number = os.fork()
    if number == 0:
        try:
            os.close(reader)
            way.go(folder, first, lambda n: os.write(writer, n.to_bytes(4, "little")))
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(1)
    os.close(writer)
    return number, reader


def killed(way, folder, first, delay):
    """The number of the last save that was done before the kill."""
    number, reader = start(way, folder, first)
    told = os.read(reader, 4)  # the loop runs
    time.sleep(delay)
    os.kill(number, signal.SIGKILL)
    _, status = os.waitpid(number, 0)
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL or not told:
        raise RuntimeError("the child ended by itself")
    while more := os.read(reader, 4096):
        told += more
    os.close(reader)
    return int.from_bytes(told[-4:], "little")


def warm_up():
    """Import and compile here what each child would have to otherwise."""
    x = np.ones((4, 8), "float32")
    model = made()
    model.fit(x, x, verbose=0)
    with tempfile.TemporaryDirectory() as home:
        model.save(f"{home}/model.keras")
        model.save_weights(f"{home}/model.npz")
        model.save_weights(f"{home}/model.safetensors")


def main(kills, seed, *names):
    """Kill so many, one way after the other. Returns how many left an unfinished file behind."""
    chance, halves = random.Random(seed), 0  # noqa: S311
    warm_up()
    names = names or list(WAYS)
    for name in names:
        way = WAYS[name]
        with tempfile.TemporaryDirectory() as home:
            folder, last = Path(home), 0
            for kill in range(kills // len(names) + (list(names).index(name) < kills % len(names))):
                last = killed(way, folder, last + 1, chance.uniform(0, 0.01))
                found = {float(x) for array in way.read(folder) for x in np.unique(array)}
                beside = [file for file in way.files(folder) if file.endswith(".tmp")]
                halves += bool(beside)
                if found not in ({last}, {last + 1}) or len(beside) > 1:
                    print(
                        f"{name}, kill {kill}: the file has {found} after save {last}; {beside}", flush=True
                    )
                last = int(max(found))
    return halves


if __name__ == "__main__":
    began = time.perf_counter()
    halves = main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
    seconds = time.perf_counter() - began
    print(f"{sys.argv[1]} kills, {halves} of them in the middle of a file, {seconds:.1f} s", file=sys.stderr)
