"""BackupAndRestore: a run that was interrupted ends like one that was not; a backup that does not fit is refused."""

import os
from pathlib import Path

import interrupted
import numpy as np
import pytest
from counts import DEEP
from processes import python
from small_models import linear, rows, same, state, with_everything

import minidl
from minidl.callbacks import (
    BackupAndRestore,
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ReduceLROnPlateau,
)
from minidl.callbacks.backup_file import read_state, write_state
from minidl.callbacks.model_state import check_model, model_state, set_model_state
from minidl.layers import LSTM, Dense, Input
from minidl.utils import set_random_seed

X, Y = rows(20)


class CrashError(Exception):
    """What ends a run here."""


class Crasher(Callback):
    """Raises when `moment` has come so many times."""

    def __init__(self, moment="on_train_batch_end", calls=1):
        self.left = calls
        setattr(self, moment, self.count)

    def count(self, *_):
        self.left -= 1
        if self.left == 0:
            raise CrashError


def fit(*callbacks, model=None, epochs=4, **options):
    model = model or with_everything()
    history = model.fit(
        X, Y, **{"batch_size": 8, "epochs": epochs, "verbose": 0} | options, callbacks=list(callbacks)
    )
    return model, history.history


# --- killed and started again -------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are made by fork")
@pytest.mark.parametrize("kind", interrupted.KINDS)
def test_killed_anywhere_it_ends_the_same(kind, record_property):
    """Hundreds of processes that end without a goodbye, many by SIGKILL; see tests/interrupted.py."""
    runs = 100 if DEEP else 12
    out, err = python(interrupted.__file__, kind, runs, 7, timeout=590, options=["-W", "ignore"])
    assert out == ""
    kills = int(err.split()[-2])
    assert kills >= runs, "that many processes were killed"
    record_property("survived: SIGKILL in fit, then resumed bit by bit", kills)


@pytest.mark.parametrize("save_freq", ["epoch", 1, 4])
@pytest.mark.parametrize("crash", [1, 2, 5, 9, 12])
def test_in_one_process_too_and_without_a_seed(tmp_path, save_freq, crash):
    """The script draws its seeds from the system: the second start has others than the first."""
    expected = state(fit(model=with_everything(seed=5))[0])
    with pytest.raises(CrashError):
        fit(BackupAndRestore(tmp_path / "b", save_freq), Crasher(calls=crash), model=with_everything(seed=5))
    began = (tmp_path / "b" / "latest.npz").exists()
    model, history = fit(
        BackupAndRestore(tmp_path / "b", save_freq), model=with_everything(seed=6 if began else 5)
    )
    assert same(state(model), expected)
    assert len(history["loss"]) == 4
    assert not (tmp_path / "b").exists()


def test_the_same_model_may_go_on(tmp_path):
    expected = state(fit()[0])
    model = with_everything()
    with pytest.raises(CrashError):
        fit(BackupAndRestore(tmp_path), Crasher(calls=5), model=model)
    assert int(model.optimizer.iterations) == 5
    fit(BackupAndRestore(tmp_path), model=model)
    assert same(state(model), expected)


def test_a_model_made_anew_in_a_notebook_goes_on(tmp_path):
    """Its layers have other names then, and other streams of random numbers."""

    def made_as_the(number):
        set_random_seed(3)
        for _ in range(number):
            model = minidl.Sequential([Input((4,)), Dense(5), minidl.layers.Dropout(0.5), Dense(1)])
        model.set_weights([np.full(w.shape, 0.1) for w in model.get_weights()])
        model.compile("adam", "mse")
        return model

    expected = state(fit(model=made_as_the(1))[0])
    with pytest.raises(CrashError):
        fit(BackupAndRestore(tmp_path), Crasher(calls=5), model=made_as_the(1))
    assert same(state(fit(BackupAndRestore(tmp_path), model=made_as_the(2))[0]), expected)


def test_what_draws_without_a_seed_goes_on_too(tmp_path):
    class Noise(minidl.layers.Layer):
        def __init__(self):
            super().__init__()
            self.sources = {"of its own": [minidl.random.SeedGenerator()]}

        def call(self, x):
            own = self.sources["of its own"][0].next().random()
            return x * own + minidl.random.normal(x.shape) * 0.1

    def noisy(seed):
        set_random_seed(seed)
        model = minidl.Sequential([Input((4,)), Noise(), Dense(1)])
        model.compile("adam", "mse")
        return model

    expected = state(fit(model=noisy(1))[0])
    with pytest.raises(CrashError):
        fit(BackupAndRestore(tmp_path, 2), Crasher(calls=5), model=noisy(1))
    assert same(state(fit(BackupAndRestore(tmp_path, 2), model=noisy(2))[0]), expected)


def test_states_that_were_not_there_yet_are_away_again():
    """A stateful layer has states from its first batch on; a state of the model from before has none of them."""

    def recurrent():
        model = minidl.Sequential([LSTM(2, stateful=True, batch_input_shape=(4, 3, 1)), Dense(1)])
        model.compile("sgd", "mse")
        return model

    x, y = rows(12, 1)[0].reshape(4, 3, 1), np.zeros((4, 1))
    model = recurrent()
    fresh = model_state(model)
    assert fresh["kept"] == [None]
    first = model.predict(x, verbose=0)
    later = model_state(model)
    second = model.predict(x, verbose=0)
    assert not np.array_equal(first, second)
    set_model_state(model, fresh)
    assert np.array_equal(model.predict(x, verbose=0), first)
    other = recurrent()
    assert check_model(other, later) is None
    set_model_state(other, later)
    assert np.array_equal(other.predict(x, verbose=0), second)
    model.train_on_batch(x, y)
    assert not np.array_equal(model.layers[0].states[0].numpy(), later["kept"][0][0]), (
        "what was kept is a copy"
    )


def test_what_happens_at_the_begin_of_an_epoch_happens_once(tmp_path):
    def halve():
        return LearningRateScheduler(lambda epoch, rate: rate / 2)

    expected = state(fit(halve())[0])
    with pytest.raises(CrashError):
        fit(BackupAndRestore(tmp_path, 2), Crasher(calls=6), halve())
    assert same(state(fit(BackupAndRestore(tmp_path, 2), halve())[0]), expected)


def test_within_an_epoch_everybody_is_told_which_one_it_is(tmp_path):
    class Note(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            seen.append((self.epoch, batch))

    seen = []
    with pytest.raises(CrashError):
        fit(BackupAndRestore(tmp_path, 1), Crasher(calls=6), Note())
    fit(Note(), BackupAndRestore(tmp_path, 1), epochs=3)  # 5 batches have a backup
    assert seen[-4:] == [(1, 2), (2, 0), (2, 1), (2, 2)]
    assert len(seen) == 5 + 4


def test_an_epoch_that_is_broken_off_is_not_gone_on_with(tmp_path):
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = int(self.model.optimizer.iterations) == 5

    expected, history = fit(Stop())
    with pytest.raises(CrashError):
        fit(Stop(), Crasher("on_epoch_end", 2), BackupAndRestore(tmp_path, 1))
    model, told = fit(Stop(), BackupAndRestore(tmp_path, 1))
    assert same(state(model), state(expected))
    assert told == history


def test_one_run_through_several_processes_and_attempts(tmp_path):
    expected = state(fit()[0])
    model = with_everything()
    for calls in (4, 4):  # the second time it goes on with the same model, from epoch 1
        with pytest.raises(CrashError):
            fit(BackupAndRestore(tmp_path), Crasher(calls=calls), model=model)
    assert same(state(fit(BackupAndRestore(tmp_path))[0]), expected)


# --- other callbacks ----------------------------------------------------------------------------------------


class Counter(Callback):
    """A callback of one's own with something to remember."""

    def __init__(self):
        self.seen, self.best = 0, None

    def on_train_begin(self, logs=None):
        self.seen = 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        self.best = np.float32(logs["loss"]), (batch,)

    def get_state(self):
        return {"seen": self.seen, "best": self.best}

    def set_state(self, state):
        self.seen, self.best = state["seen"], state["best"]


def test_a_callback_of_ones_own_remembers(tmp_path):
    whole = Counter()
    fit(whole)
    with pytest.raises(CrashError):
        fit(BackupAndRestore(tmp_path, 2), Crasher(calls=8), Counter())
    counter = Counter()
    fit(BackupAndRestore(tmp_path, 2), counter)
    assert (counter.seen, counter.best) == (whole.seen, whole.best) == (12, whole.best)
    assert type(counter.best[0]) is np.float32


@pytest.mark.parametrize(
    "make",
    [
        lambda: EarlyStopping("loss", patience=3, baseline=0.4),
        lambda: ReduceLROnPlateau("loss", patience=2, cooldown=3, min_delta=0.1),
    ],
)
def test_the_state_is_all_that_decides(make):
    """At whatever epoch a second callback takes over, it does what the first one would have done."""
    losses = [0.9, 0.8, 0.85, 0.85, 0.7, 0.75, 0.75, 0.75, 0.75, 0.6, 0.8, 0.8, 0.8, 0.8, 0.8]

    def go(callback, epochs):
        for epoch in epochs:
            callback.on_epoch_end(epoch, {"loss": losses[epoch]})
        return callback.get_state(), callback.model.stop_training, callback.model.optimizer.learning_rate

    def begun():
        callback = make()
        callback.set_model(linear())
        callback.on_train_begin()
        return callback

    expected = go(begun(), range(15))
    for epoch in range(1, 15):
        first, second = begun(), begun()
        go(first, range(epoch))
        second.set_model(first.model)
        second.set_state(first.get_state())
        assert go(second, range(epoch, 15)) == expected


def test_it_saves_what_the_others_have_become_wherever_it_stands(tmp_path):
    stopping, backup = EarlyStopping("loss", patience=3), BackupAndRestore(tmp_path)
    hooks = CallbackList([backup, stopping], None)
    assert hooks.callbacks == [stopping, backup]
    with pytest.raises(CrashError):
        fit(BackupAndRestore(tmp_path), Crasher("on_epoch_begin", 3), EarlyStopping("loss", patience=3))
    states = dict(read_state(tmp_path / "latest.npz")["callbacks"])
    assert states["EarlyStopping"]["best"] == states["History"]["history"]["loss"][1]


def test_callbacks_that_remember_nothing_may_come_and_go(tmp_path):
    with pytest.raises(CrashError):
        fit(BackupAndRestore(tmp_path), Crasher(calls=8), LearningRateScheduler(lambda epoch: 0.001))
    assert len(fit(BackupAndRestore(tmp_path))[1]["loss"]) == 4


def test_the_rows_of_a_csv_file_are_there_once(tmp_path):
    fit(CSVLogger(tmp_path / "whole.csv"))
    with pytest.raises(CrashError):  # the row of epoch 2 is written, its backup is not
        fit(CSVLogger(tmp_path / "a.csv"), Crasher("on_epoch_end", 3), BackupAndRestore(tmp_path / "b"))
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 4
    fit(CSVLogger(tmp_path / "a.csv"), BackupAndRestore(tmp_path / "b"))
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "whole.csv").read_text()


def test_a_run_that_a_callback_has_ended_is_over(tmp_path):
    def run(*callbacks):
        stopping = EarlyStopping("loss", patience=1, mode="max", restore_best_weights=True)
        return fit(stopping, *callbacks, epochs=9), stopping

    (model, history), _ = run()
    assert len(history["loss"]) == 2
    run(BackupAndRestore(tmp_path, delete_checkpoint=False))
    (again, told), stopping = run(BackupAndRestore(tmp_path, delete_checkpoint=False))
    assert same(again.get_weights(), model.get_weights())
    assert told == history
    assert (stopping.stopped_epoch, stopping.best_epoch) == (1, 0)


# --- the file -----------------------------------------------------------------------------------------------


def test_when_it_writes(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(
        "minidl.callbacks.backup_and_restore.write_state",
        lambda path, state: written.append((state["epoch"], state["batch"], state["first_step"])),
    )
    fit(BackupAndRestore(tmp_path), epochs=2)
    assert written == [(1, 0, 0), (2, 0, 3)]
    written.clear()
    fit(BackupAndRestore(tmp_path, 2), epochs=3)
    assert written == [(0, 2, 0), (1, 1, 3), (1, 3, 3), (2, 2, 6)]
    hooks = CallbackList([BackupAndRestore(tmp_path)], None)
    assert not hooks.watches("on_train_batch_end"), "nobody need make logs for each batch"


def test_a_backup_that_is_kept(tmp_path):
    kept = BackupAndRestore(tmp_path, delete_checkpoint=False)
    model, history = fit(kept)
    again, told = fit(BackupAndRestore(tmp_path, delete_checkpoint=False), model=with_everything(seed=3))
    assert told == history
    assert same(state(again), state(model))
    longer = fit(BackupAndRestore(tmp_path), model=with_everything(seed=3), epochs=6)
    whole = fit(epochs=6)
    assert same(state(longer[0]), state(whole[0]))
    assert longer[1] == whole[1]
    assert not tmp_path.exists()


def test_files_of_others_stay_where_they_are(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    fit(BackupAndRestore(tmp_path, double_checkpoint=True))
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_the_backup_before_the_last_one(tmp_path):
    expected = state(fit()[0])
    for damage in (lambda path: path.write_bytes(path.read_bytes()[:-100]), Path.unlink):
        with pytest.raises(CrashError):
            fit(BackupAndRestore(tmp_path, 2, double_checkpoint=True), Crasher(calls=9))
        damage(tmp_path / "latest.npz")
        resume = lambda: fit(BackupAndRestore(tmp_path, 2, double_checkpoint=True))  # noqa: E731
        if (tmp_path / "latest.npz").exists():
            with pytest.warns(UserWarning, match="takes the backup before the last one"):
                model, _ = resume()
        else:
            model, _ = resume()
        assert same(state(model), expected)


def refused(folder, message, *callbacks, model=None, **options):
    """Fit is refused, and has changed nothing."""
    model = model or with_everything(seed=8)
    model.train_on_batch(X, Y)
    model.optimizer.iterations.assign(options.pop("iterations", 0))
    before, rng = state(model), model._shuffler.seed
    content = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    with pytest.raises(ValueError, match=message) as caught:
        fit(*callbacks, BackupAndRestore(folder), model=model, **options)
    assert len(str(caught.value)) < 500
    assert same(state(model), before)
    assert model._shuffler.seed == rng
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == content
    return str(caught.value)


@pytest.fixture
def backup(tmp_path):
    """The folder of a backup that was left behind."""
    with pytest.raises(CrashError):
        fit(BackupAndRestore(tmp_path, 2), EarlyStopping("loss", patience=9), Crasher(calls=6))
    return tmp_path


def test_a_damaged_backup_is_refused(backup):
    stopping, path = EarlyStopping("loss", patience=9), backup / "latest.npz"
    sound = path.read_bytes()
    (backup / "log.csv").write_text("epoch,loss\r\n")
    for content in (b"", b"nonsense" * 20, sound[:200], sound[:-1], sound[:400] + b"\0" + sound[401:]):
        path.write_bytes(content)
        refused(backup, "latest.npz: expected", stopping, CSVLogger(backup / "log.csv"))


def test_a_backup_of_another_run_is_refused(backup):
    mine = EarlyStopping("loss", patience=9)
    text = refused(
        backup, "is a backup of another run: it has 8 weights", mine, model=linear(optimizer="adam")
    )
    assert "Give each fit a backup_dir of its own" in text
    refused(backup, "a state of Adam, the model has SGD", mine, model=with_everything(optimizer="sgd"))
    refused(backup, "the callbacks EarlyStopping, History, this run has History")
    refused(backup, "the callbacks", mine, ReduceLROnPlateau("loss"))
    refused(backup, "3 batches in an epoch, this run has 4", mine, batch_size=5)
    write_state(backup / "latest.npz", {"weights": [1.0]})
    refused(backup, "None in the place of 'minidl backup 1'", mine)


@pytest.mark.parametrize("inside", ["", "/deeper"])
def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path, inside):
    place = tmp_path / "model.keras"
    place.write_bytes(b"content")
    model = with_everything()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"expects backup_dir to be a folder, .*model\.keras"):
        fit(BackupAndRestore(f"{place}{inside}"), model=model)
    assert same(model.get_weights(), before)
    assert place.read_bytes() == b"content"


def test_a_later_fit_of_the_same_script_is_another_run(tmp_path):
    """The second fit is killed; when the script starts again, its first fit must not take that backup for its own."""
    model, _ = fit()
    with pytest.raises(CrashError):
        fit(BackupAndRestore(tmp_path), Crasher(calls=7), model=model)
    refused(tmp_path, "a run that began with step 12, this one begins with 0")


def test_a_full_disk_leaves_the_backup_before(backup, monkeypatch):
    content = (backup / "latest.npz").read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.lib.format.write_array", full)
    with pytest.raises(OSError, match="No space left"):
        fit(BackupAndRestore(backup), EarlyStopping("loss", patience=9))
    assert (backup / "latest.npz").read_bytes() == content
    assert [p.name for p in backup.iterdir()] == ["latest.npz"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("",), ValueError, "backup_dir"),
        ((5,), TypeError, "backup_dir"),
        (("a", "batch"), ValueError, "save_freq"),
        (("a", 0), ValueError, "save_freq"),
        (("a", False), TypeError, "save_freq"),
        (("a", "epoch", "yes"), TypeError, "double_checkpoint"),
        (("a", "epoch", False, "yes"), TypeError, "delete_checkpoint"),
    ],
)
def test_what_is_refused(arguments, error, message):
    with pytest.raises(error, match=f"BackupAndRestore expects {message}"):
        BackupAndRestore(*arguments)
