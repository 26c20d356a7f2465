"""TensorBoard: what stands in the event files, read back with the records of the library that writes them."""

import builtins
import struct

import numpy as np
import pytest
from small_models import linear, rows

from minidl.callbacks import BackupAndRestore, Callback, CallbackList, EarlyStopping, TensorBoard

X, Y = rows(10)


def events(folder):
    """(tag, step) -> value, of all event files in a folder; a histogram is (number of values, smallest, largest)."""
    event = pytest.importorskip("tensorboardX.proto.event_pb2").Event
    found = {}
    for path in sorted(folder.glob("events*")):
        content = path.read_bytes()
        while content:  # length (8 bytes), its checksum (4), the event, its checksum (4)
            (length,) = struct.unpack("<Q", content[:8])
            record = event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
            for value in record.summary.value:
                histogram = (value.histo.num, value.histo.min, value.histo.max)
                is_histogram = value.WhichOneof("value") == "histo"
                found[value.tag, record.step] = histogram if is_histogram else value.simple_value
    return found


def fit(folder, epochs=2, callbacks=(), **options):
    pytest.importorskip("tensorboardX")
    model = linear(metrics=["mae"])
    board = TensorBoard(folder, **options)
    history = model.fit(
        X,
        Y,
        batch_size=4,
        epochs=epochs,
        validation_data=(X[:5], Y[:5]),
        verbose=0,
        callbacks=[*callbacks, board],
    )
    return model, history.history, board


def test_losses_and_metrics_of_the_epochs_as_keras_names_them(tmp_path):
    _, history, _ = fit(tmp_path)
    train, validation = events(tmp_path / "train"), events(tmp_path / "validation")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["train", "validation"]
    assert {tag for tag, _ in train} == {"epoch_loss", "epoch_mae", "epoch_learning_rate"}
    assert {tag for tag, _ in validation} == {
        "epoch_loss", "epoch_mae", "evaluation_loss_vs_iterations", "evaluation_mae_vs_iterations",
    }  # fmt: skip
    for epoch in range(2):
        assert train["epoch_loss", epoch] == pytest.approx(history["loss"][epoch])
        assert train["epoch_learning_rate", epoch] == pytest.approx(0.01)
        assert validation["epoch_mae", epoch] == pytest.approx(history["val_mae"][epoch])
        assert validation["evaluation_mae_vs_iterations", 3 * (epoch + 1)] == validation["epoch_mae", epoch]


@pytest.mark.parametrize(("every", "steps"), [("batch", [1, 2, 3, 4, 5, 6]), (2, [2, 4, 6]), (4, [4])])
def test_within_the_epochs(tmp_path, every, steps):
    fit(tmp_path, update_freq=every)
    train = events(tmp_path / "train")
    assert [step for tag, step in train if tag == "batch_loss"] == steps
    assert [step for tag, step in train if tag == "batch_mae"] == steps
    assert not any(tag.startswith("batch") for tag, _ in events(tmp_path / "validation"))


def test_histograms_of_the_weights(tmp_path):
    model, _, _ = fit(tmp_path, epochs=5, histogram_freq=2)
    train = events(tmp_path / "train")
    assert [step for tag, step in train if tag == "dense/kernel/histogram"] == [0, 2, 4]
    number, smallest, largest = train["dense/kernel/histogram", 4]
    kernel = model.get_weights()[0]
    assert (number, smallest, largest) == (4, pytest.approx(kernel.min()), pytest.approx(kernel.max()))


@pytest.mark.filterwarnings("ignore:The loss of")
def test_weights_that_are_no_numbers_do_no_harm(tmp_path):
    board = TensorBoard(tmp_path, histogram_freq=1)
    pytest.importorskip("tensorboardX")
    model = linear(optimizer="sgd")
    model.set_weights([np.full((4, 1), np.nan), np.zeros(1)])
    model.fit(X, Y, verbose=0, callbacks=[board])
    assert np.isnan(events(tmp_path / "train")["epoch_loss", 0])


def test_steps_per_second(tmp_path):
    fit(tmp_path, write_steps_per_second=True, update_freq=3)
    train = events(tmp_path / "train")
    assert [step for tag, step in train if tag == "batch_steps_per_second"] == [3, 6]
    assert all(train["epoch_steps_per_second", epoch] > 0 for epoch in (0, 1))


def test_several_numbers_become_several_curves(tmp_path):
    pytest.importorskip("tensorboardX")
    board = TensorBoard(tmp_path)
    board.set_model(linear())
    board.on_epoch_begin(0)
    board.on_epoch_end(0, {"f1": np.array([0.25, 0.5])})
    board.on_train_end()
    train = events(tmp_path / "train")
    assert (train["epoch_f1/0", 0], train["epoch_f1/1", 0]) == (0.25, 0.5)


def test_evaluate(tmp_path):
    model, _, board = fit(tmp_path / "a", epochs=1)
    board = TensorBoard(tmp_path / "b")
    results = model.evaluate(X, Y, verbose=0, callbacks=[board], return_dict=True)
    validation = events(tmp_path / "b" / "validation")
    assert validation == {(f"evaluation_{k}_vs_iterations", 3): pytest.approx(v) for k, v in results.items()}


def test_a_second_run_counts_from_the_beginning(tmp_path):
    model, _, board = fit(tmp_path, epochs=1, update_freq=2)
    board.log_dir = str(tmp_path / "second")
    model.fit(X, Y, batch_size=4, verbose=0, callbacks=[board, EarlyStopping("loss")])
    assert [step for tag, step in events(tmp_path / "second" / "train") if tag == "batch_loss"] == [2]


def test_an_interrupted_run_counts_on(tmp_path):
    class Crash(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == 5:
                raise KeyboardInterrupt

    for crash in ([Crash()], []):
        try:
            fit(tmp_path / "logs", callbacks=[BackupAndRestore(tmp_path / "backup"), *crash], update_freq=2)
        except KeyboardInterrupt:
            assert crash
    train = events(tmp_path / "logs" / "train")
    assert sorted(step for tag, step in train if tag == "batch_loss") == [2, 4, 6]
    assert sorted(step for tag, step in train if tag == "epoch_loss") == [0, 1]


def test_without_update_freq_nobody_makes_logs_for_each_batch():
    hooks = CallbackList([TensorBoard("logs")], None)
    assert not hooks.watches("on_train_batch_end")
    assert not hooks.watches("on_train_batch_begin")


def test_without_the_library_it_says_what_to_install(monkeypatch, tmp_path):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("tensorboardX"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    model = linear()
    before = model.get_weights()[0].copy()
    with pytest.raises(ImportError, match="pip install tensorboardX"):
        model.fit(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path)])
    assert np.array_equal(model.get_weights()[0], before)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"write_images": True}, ValueError, "does not serve write_images=True"),
        ({"profile_batch": (2, 5)}, ValueError, "does not serve profile_batch=.2, 5."),
        ({"embeddings_freq": 1}, ValueError, "does not serve embeddings_freq"),
        ({"embeddings_metadata": "names.tsv"}, ValueError, "does not serve embeddings_metadata"),
        ({"update_freq": "epochs"}, ValueError, "update_freq"),
        ({"update_freq": 0}, ValueError, "update_freq"),
        ({"histogram_freq": -1}, ValueError, "histogram_freq"),
        ({"log_dir": 3}, TypeError, "log_dir"),
    ],
)
def test_what_is_refused(options, error, message):
    with pytest.raises(error, match=message) as caught:
        TensorBoard(**options)
    assert len(str(caught.value)) < 400


@pytest.mark.oracle
def test_keras_takes_the_same_arguments():
    keras = pytest.importorskip("keras")
    import inspect

    mine, theirs = (inspect.signature(c).parameters for c in (TensorBoard, keras.callbacks.TensorBoard))
    assert {k: p.default for k, p in mine.items()} == {k: p.default for k, p in theirs.items()}
