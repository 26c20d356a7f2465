"""The history of a training, kept in the file of the model."""

import json
import math
import zipfile

import numpy as np
import pytest
from hostile_files import archive

import minidl
from minidl import layers, saving
from minidl.callbacks import LambdaCallback

pytest.importorskip("h5py")


def trained(epochs=3, callbacks=()):
    model = minidl.Sequential([layers.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(
        np.ones((8, 3)),
        np.ones((8, 2)),
        epochs=epochs,
        verbose=0,
        validation_split=0.25,
        callbacks=list(callbacks),
    )
    return model


def members(path):
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_it_comes_back_and_is_kept_again(tmp_path):
    model, path = trained(), tmp_path / "model.keras"
    model.save(path)
    again = saving.load_model(path)
    assert again.history.history == model.history.history
    assert list(again.history.history) == ["loss", "mae", "val_loss", "val_mae"]
    assert again.history.epoch == [0, 1, 2]
    assert again.history.model is again
    again.save(tmp_path / "second.keras")
    assert members(tmp_path / "second.keras")["history.json"] == members(path)["history.json"]
    assert saving.load_model(path, compile=False).history.epoch == [0, 1, 2]


def test_training_goes_on_with_a_history_of_its_own(tmp_path):
    trained().save(tmp_path / "model.keras")
    again = saving.load_model(tmp_path / "model.keras")
    again.fit(np.ones((4, 3)), np.ones((4, 2)), epochs=1, verbose=0)
    assert again.history.epoch == [0]
    assert len(again.history.history["loss"]) == 1


def test_without_training_there_is_none(tmp_path):
    path = tmp_path / "model.keras"
    minidl.Sequential([layers.Input((3,)), layers.Dense(2)]).save(path)
    assert "history.json" not in members(path)
    assert getattr(saving.load_model(path), "history", None) is None


def test_values_that_json_does_not_have(tmp_path):
    odd = [
        float("nan"),
        float("inf"),
        -float("inf"),
        np.float32(0.5),
        np.int64(3),
        [1.0, math.nan],
        np.ones(2),
    ]
    model = trained(1)
    model.history.history["odd"] = odd
    model.save(tmp_path / "model.keras")
    found = saving.load_model(tmp_path / "model.keras").history.history["odd"]
    expected = [math.nan, math.inf, -math.inf, 0.5, 3, [1.0, math.nan], [1.0, 1.0]]
    np.testing.assert_equal(found, expected)
    assert "NaN" in json.loads(members(tmp_path / "model.keras")["history.json"])["history"]["odd"]


def test_what_is_no_number_stays_out_with_a_warning(tmp_path):
    def note(epoch, logs):
        logs["remark"] = "rather good"

    model = trained(2, [LambdaCallback(on_epoch_end=note)])
    with pytest.warns(UserWarning, match="'remark' out of the history"):
        model.save(tmp_path / "model.keras")
    assert list(saving.load_model(tmp_path / "model.keras").history.history) == [
        "loss",
        "mae",
        "val_loss",
        "val_mae",
    ]


def test_a_history_too_long_to_be_read_again_is_not_written(tmp_path, monkeypatch):
    model = trained(1)
    monkeypatch.setattr("minidl.saving.training_history.MAX_CONFIG", 20)
    with pytest.warns(UserWarning, match="leaves the history out of the file: it has"):
        model.save(tmp_path / "model.keras")
    assert getattr(saving.load_model(tmp_path / "model.keras"), "history", None) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"epoch": [0]}',
        b'{"epoch": [0.5], "history": {}}',
        b'{"epoch": [true], "history": {}}',
        b'{"epoch": [0], "history": [1]}',
        b'{"epoch": [0], "history": {"loss": 1}}',
        b'{"epoch": [0], "history": {"loss": ["1"]}}',
        b'{"epoch": [0], "history": {"loss": [{"a": 1}]}}',
        b'{"epoch": [0], "history": {"loss": [null]}}',
        b'{"epoch": [0], "history": {"loss": [NaN]}}',
        b'{"epoch": [0], "history": {"loss": [1e400]}}',
        b'{"epoch": [0], "history": {"loss": [1' + b"0" * 400 + b"]}}",
        b'{"epoch": [1' + b"0" * 400 + b'], "history": {"loss": [1]}}',
        b'{"epoch": [0], "history": {"loss": [1], "loss": [2]}}',
        b'{"epoch": [0], "history": {"loss": [' + b"[" * 100 + b"]" * 100 + b"]}}",
        b"\xff\xfe",
    ],
)
def test_a_damaged_history_is_refused(tmp_path, text):
    model = trained(1)
    model.save(tmp_path / "model.keras")
    parts = members(tmp_path / "model.keras")
    del parts["manifest.json"]  # as in a file of Keras: nothing else guards the member
    parts["history.json"] = text
    path = tmp_path / "other.keras"
    path.write_bytes(archive(parts.items()))
    with pytest.raises(ValueError, match=r"other\.keras: expected .*history\.json"):
        saving.load_model(path)


def test_a_history_that_the_manifest_does_not_know_is_refused(tmp_path):
    trained(1).save(tmp_path / "model.keras")
    parts = members(tmp_path / "model.keras")
    parts["history.json"] += b" "
    (tmp_path / "other.keras").write_bytes(archive(parts.items()))
    with pytest.raises(ValueError, match=r"history\.json as manifest\.json says"):
        saving.load_model(tmp_path / "other.keras")


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_keras_reads_a_file_with_history(tmp_path):
    keras = pytest.importorskip("keras")
    model = trained()
    model.save(tmp_path / "model.keras")
    theirs = keras.saving.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).random((4, 3)).astype(np.float32)
    np.testing.assert_allclose(theirs.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5)
    theirs.save(tmp_path / "theirs.keras")
    assert getattr(saving.load_model(tmp_path / "theirs.keras"), "history", None) is None
