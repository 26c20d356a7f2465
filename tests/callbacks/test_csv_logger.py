"""CSVLogger: the text it writes, what it goes on from, and what is there when a run breaks off."""

import csv

import numpy as np
import pytest
from small_models import linear, rows

from minidl.callbacks import Callback, CSVLogger, ReduceLROnPlateau

X, Y = rows(8)


class Logs(Callback):
    """Puts given values into the logs of each epoch, in the place of all losses and metrics."""

    def __init__(self, *epochs):
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        validated = "val_loss" in logs
        logs.clear()
        logs.update(self.epochs[epoch % len(self.epochs)])
        if validated:
            logs["val_loss"] = 2.5


ONE = {"loss": 0.5, "accuracy": 0.25}
ODD = {
    "zz": np.float32(0.1), "array": np.arange(3), "empty": np.array([]), "text": 'a,b"c', "scalar": np.array(2.0),
    "list": [1, 2.5], "tiny": 1e-12, "whole": np.int64(3), "double": np.float64(1 / 3), "nan": np.nan,
}  # fmt: skip
FITS = [
    ([ONE], {}, {}),
    ([ONE], {"validation_data": (X, Y)}, {}),
    ([ONE], {"validation_data": (X, Y), "validation_freq": 2}, {}),
    ([ONE], {"initial_epoch": 2}, {}),
    ([ONE, {"loss": 1.0}], {}, {}),
    ([ODD], {}, {"separator": ";"}),
    ([ODD], {}, {"separator": "\t"}),
    ([ONE], {}, {"append": True}),
]


def written(path, logs, fit, options, before=None, runs=1):
    """The text in the file after training."""
    if before is not None:
        path.write_bytes(before.encode())
    model, logger = linear(), CSVLogger(path, **options)
    for _ in range(runs):
        model.fit(X, Y, **{"epochs": 3, "verbose": 0, "callbacks": [Logs(*logs), logger]} | fit)
    return path.read_bytes().decode()


def test_a_row_an_epoch(tmp_path):
    path = tmp_path / "log.csv"
    head, tail = "epoch,accuracy,loss,val_accuracy,val_loss\r\n", "0.25,0.5,NA,NA\r\n"
    text = head + "".join(f"{n},{tail}" for n in range(3))
    assert written(path, [ONE], {}, {}) == text
    assert written(path, [ONE], {}, {}, "something,else\r\n", runs=2) == text


def test_validation_in_some_epochs_only(tmp_path):
    text = written(tmp_path / "a", [ONE], {"validation_data": (X, Y), "validation_freq": 2}, {})
    assert text.splitlines()[1:] == ["0,0.25,0.5,NA,NA", "1,0.25,0.5,NA,2.5", "2,0.25,0.5,NA,NA"]


def test_the_numbers_come_back_exactly(tmp_path):
    history = (model := linear(metrics=["mae"])).fit(
        X, Y, epochs=3, verbose=0, validation_split=0.5, callbacks=[CSVLogger(tmp_path / "log")]
    )
    with open(tmp_path / "log", newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["epoch"] for row in found] == ["0", "1", "2"]
    for key, values in history.history.items():
        assert [float(row[key]) for row in found] == [float(str(v)) for v in values] == values
    assert set(found[0]) == {"epoch", *history.history}
    assert model.history is history


def test_the_learning_rate_has_a_column(tmp_path):
    model = linear()
    model.fit(X, Y, verbose=0, callbacks=[ReduceLROnPlateau("loss"), CSVLogger(tmp_path / "log")])
    header = (tmp_path / "log").read_text().splitlines()[0]
    assert header == "epoch,learning_rate,loss,val_learning_rate,val_loss"


def test_append(tmp_path):
    path = tmp_path / "log.csv"
    head, body = "epoch,accuracy,loss,val_accuracy,val_loss\r\n", "0,0.25,0.5,NA,NA\r\n"
    options = {"append": True}
    assert written(path, [ONE], {"epochs": 1}, options, runs=2) == head + body * 2
    assert written(path, [ONE], {"epochs": 1}, options) == head + body * 3
    assert written(path, [ONE], {"epochs": 1}, options, "") == head + body
    short = "epoch,loss,accuracy\r\n0,1,2\r\n"
    assert written(path, [ONE], {"epochs": 1}, options, short) == short + "0,0.5,0.25\r\n"
    torn = short.removesuffix("\r\n")
    assert written(path, [ONE], {"epochs": 1}, options, torn) == short + "0,0.5,0.25\r\n"
    with pytest.warns(UserWarning, match="CSVLogger leaves 'accuracy' out") as caught:
        assert written(path, [ONE], {}, options, "epoch,loss\r\n").count("0.5") == 3
    assert len(caught) == 1


def test_a_key_of_later_epochs_has_no_column(tmp_path):
    with pytest.warns(UserWarning, match="CSVLogger leaves 'new' out"):
        text = written(tmp_path / "a", [{"loss": 1}, {"loss": 2, "new": 3}], {}, {})
    assert text.splitlines() == ["epoch,loss,val_loss", "0,1,NA", "1,2,NA", "2,1,NA"]


@pytest.mark.parametrize("before", ["name,loss\r\n", "epoch;loss\r\n", "\r\nepoch,loss\r\n"])
def test_a_file_of_something_else_is_left_alone(tmp_path, before):
    with pytest.raises(ValueError, match=r"cannot append.*does not begin with 'epoch'"):
        written(tmp_path / "a", [ONE], {}, {"append": True}, before)
    assert (tmp_path / "a").read_bytes().decode() == before


def test_every_row_is_in_the_file_at_once_whatever_happens(tmp_path, monkeypatch):
    class Breaks(Callback):
        def on_epoch_end(self, epoch, logs=None):
            monkeypatch.chdir("/")
            texts.append((tmp_path / "log").read_text().splitlines()[1:])
            if epoch == 1:
                raise OSError("lost")

    texts = []
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="lost"):
        linear().fit(X, Y, epochs=9, verbose=0, callbacks=[Logs(ONE), CSVLogger("log"), Breaks()])
    assert texts == [["0,0.25,0.5,NA,NA"], ["0,0.25,0.5,NA,NA", "1,0.25,0.5,NA,NA"]]


def test_no_epochs_make_an_empty_file(tmp_path):
    assert written(tmp_path / "a", [ONE], {"epochs": 0}, {}, "old") == ""


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((5,), TypeError, "filename to be a path, got 5"),
        (("a", 5), TypeError, "separator to be one character, got 5"),
        (("a", ""), ValueError, "separator"),
        (("a", "::"), ValueError, "separator"),
        (("a", "\n"), ValueError, "separator"),
        (("a", '"'), ValueError, "separator"),
        (("a", ",", "yes"), TypeError, "append to be True or False"),
    ],
)
def test_what_is_refused(arguments, error, message):
    with pytest.raises(error, match=f"CSVLogger expects {message}"):
        CSVLogger(*arguments)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside Keras
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize(("logs", "fit", "options"), FITS)
@pytest.mark.parametrize("runs", [1, 2])
def test_keras_writes_the_same_text(tmp_path, monkeypatch, logs, fit, options, runs):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input(shape=(4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    feed = type("KerasLogs", (keras.callbacks.Callback,), dict(vars(Logs)))(*logs)
    logger = keras.callbacks.CSVLogger(str(tmp_path / "keras"), **options)
    for _ in range(runs):
        model.fit(X, Y, **{"epochs": 3, "verbose": 0, "callbacks": [feed, logger]} | fit)
    text = (tmp_path / "keras").read_bytes().decode()
    assert written(tmp_path / "own", logs, fit, options, runs=runs) == text
