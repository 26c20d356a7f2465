"""ModelCheckpoint: which files it makes, when, and what it refuses. (test_decisions.py compares it with Keras.)"""

import math

import numpy as np
import pytest
from small_models import linear, rows

from minidl.callbacks import Callback, ModelCheckpoint

X, Y = rows(10)


class Feed(Callback):
    """Puts given values into the logs, and makes the bias the number of the epoch."""

    def __init__(self, **values):
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs.update({key: values[epoch] for key, values in self.values.items() if values[epoch] is not None})
        self.model.layers[-1].bias.assign([epoch])


def saving(model):
    """The model, whose saving writes the bias as a text."""

    def save(path, overwrite):
        assert overwrite
        with open(path, "w") as file:
            file.write(str(float(model.layers[-1].bias.numpy()[0])))

    model.save = model.save_weights = save
    return model


def fit(*callbacks, epochs=4, model=None, **options):
    model = model or saving(linear(metrics=["mae"]))
    model.fit(X, Y, batch_size=4, epochs=epochs, verbose=0, callbacks=list(callbacks), **options)
    return model


def files(folder):
    """The path of every file, and the epoch it is of."""
    return {str(p.relative_to(folder)): int(float(p.read_text())) for p in folder.rglob("*") if p.is_file()}


def test_a_file_for_every_epoch(tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "new/{epoch:02d}-{val_loss:.1f}.keras")
    fit(Feed(val_loss=[3, 2, math.nan, 2.25]), checkpoint)
    assert files(tmp_path) == {
        "new/01-3.0.keras": 0,
        "new/02-2.0.keras": 1,
        "new/03-nan.keras": 2,
        "new/04-2.2.keras": 3,
    }


def test_the_best_of_all(tmp_path):
    best = ModelCheckpoint(tmp_path / "{epoch}.keras", save_best_only=True)
    model = fit(Feed(val_loss=[3, 2, 2, 1]), best)
    assert files(tmp_path) == {"1.keras": 0, "2.keras": 1, "4.keras": 3}
    assert best.best == 1
    fit(Feed(val_loss=[1.5, 0.5, 0.75]), best, model=model, epochs=3)  # a second run goes on from there
    assert files(tmp_path) == {"1.keras": 0, "2.keras": 1, "4.keras": 3}
    assert best.best == 0.5


def test_a_value_to_beat(tmp_path):
    fit(
        Feed(mae=[0.3, 0.4, 0.6, 0.5]),
        ModelCheckpoint(
            tmp_path / "{epoch}.keras", "mae", mode="max", save_best_only=True, initial_value_threshold=0.35
        ),
    )
    assert files(tmp_path) == {"2.keras": 1, "3.keras": 2}


def test_every_so_many_batches_through_the_epochs(tmp_path):
    path = tmp_path / "{epoch}-{batch}-{loss:.0f}.weights.h5"
    checkpoint = ModelCheckpoint(path, save_weights_only=True, save_freq=2)
    fit(checkpoint, epochs=3)  # 3 batches each
    assert [name.rsplit("-", 1)[0] for name in sorted(files(tmp_path))] == ["1-2", "2-1", "2-3", "3-2"]


def test_within_an_epoch_by_the_loss_so_far(tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "{batch}.keras", "loss", save_best_only=True, save_freq=1)
    logs = iter([3.0, 4.0, 2.0])

    checkpoint.set_model(saving(linear()))
    for batch, loss in enumerate(logs):
        checkpoint.on_train_batch_end(batch, {"loss": loss})
    assert sorted(files(tmp_path)) == ["1.keras", "3.keras"]


def test_without_save_freq_nobody_makes_logs_for_each_batch(tmp_path):
    from minidl.callbacks import CallbackList

    assert not CallbackList([ModelCheckpoint("a.keras")], None).watches("on_train_batch_end")
    assert CallbackList([ModelCheckpoint("a.keras", save_freq=2)], None).watches("on_train_batch_end")


def test_a_metric_that_is_missing_or_an_array_saves_every_time_and_warns_once(tmp_path):
    with pytest.warns(UserWarning, match="watches 'val_loss', which is not in the logs") as caught:
        fit(Feed(), ModelCheckpoint(tmp_path / "a{epoch}.keras", save_best_only=True))
    assert len(caught) == 1
    with pytest.warns(UserWarning, match="'f1' is not one number") as caught:
        fit(
            Feed(f1=[np.ones(2)] * 4),
            ModelCheckpoint(tmp_path / "b{epoch}.keras", "f1", mode="max", save_best_only=True),
        )
    assert len(caught) == 1
    assert len(files(tmp_path)) == 8


def test_a_number_of_unknown_direction_is_told_even_where_it_is_missing(tmp_path):
    with pytest.raises(ValueError, match="cannot tell whether 'strange' should become more or less"):
        fit(ModelCheckpoint(tmp_path / "a.keras", monitor="strange", save_best_only=True))
    with pytest.raises(ValueError, match="Did you mean 'val_loss'"):
        fit(ModelCheckpoint(tmp_path / "a.keras", monitor="val_los", save_best_only=True))


def test_it_says_what_it_does(tmp_path, capsys):
    fit(
        Feed(val_loss=[2, 1, 3, 3]),
        ModelCheckpoint(tmp_path / "best.keras", save_best_only=True, verbose=1),
        epochs=3,
    )
    path = tmp_path / "best.keras"
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 1: val_loss is 2.00000, better than none.",
        f"Epoch 1: the model is saved in {path}.",
        "Epoch 2: val_loss is 1.00000, better than 2.00000.",
        f"Epoch 2: the model is saved in {path}.",
        "Epoch 3: val_loss is 3.00000, not better than 1.00000.",
    ]


def test_a_name_that_cannot_be_made(tmp_path):
    with pytest.raises(
        ValueError, match=r"there is no 'val_loss' at this moment, but 'epoch', 'loss', 'mae'"
    ):
        fit(ModelCheckpoint(tmp_path / "{val_loss}.keras"))
    with pytest.raises(ValueError, match=r"there is no 'batch'"):
        fit(ModelCheckpoint(tmp_path / "{batch}.keras"))
    for wrong in ("{epoch:.2q}.keras", "{epoch.keras", "{}.keras", "{loss.mean}.keras"):
        with pytest.raises(ValueError, match=r"ModelCheckpoint cannot make a name of .* Write, for example"):
            fit(ModelCheckpoint(tmp_path / wrong))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"filepath": 5}, TypeError, "filepath to be a path, got 5"),
        (
            {"filepath": "model.h5"},
            ValueError,
            r"end in '.keras' with save_weights_only=False, got 'model.h5'",
        ),
        (
            {"filepath": "a.keras", "save_weights_only": True},
            ValueError,
            r"end in '.weights.h5' or '.npz' or '.safetensors'",
        ),
        ({"save_freq": "batch"}, ValueError, "save_freq to be 'epoch' or a number of batches, got 'batch'"),
        ({"save_freq": 0}, ValueError, "save_freq to be a whole number >= 1, got 0"),
        ({"save_freq": 1.5}, TypeError, "save_freq"),
        ({"mode": "up"}, ValueError, "mode"),
        ({"initial_value_threshold": "1"}, TypeError, "initial_value_threshold"),
        ({"save_best_only": "yes"}, TypeError, "save_best_only"),
        ({"verbose": "yes"}, TypeError, "verbose"),
    ],
)
def test_what_is_refused(options, error, message):
    with pytest.raises(error, match=message) as caught:
        ModelCheckpoint(**({"filepath": "a.keras"} | options))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["{epoch}.weights.h5", "{epoch}.npz", "{epoch}.keras"])
def test_what_is_saved_can_be_loaded(tmp_path, name):
    pytest.importorskip("h5py")
    model = linear()
    if not hasattr(model, "save"):
        pytest.skip("models cannot be saved yet")
    model.fit(
        X, Y, epochs=2, verbose=0,
        callbacks=[ModelCheckpoint(tmp_path / name, save_weights_only="keras" not in name), kept := Keep()],
    )  # fmt: skip
    for epoch in (1, 0):
        model.load_weights(tmp_path / name.format(epoch=epoch + 1))
        assert np.array_equal(model.get_weights()[0], kept.kernels[epoch])


class Keep(Callback):
    def __init__(self):
        self.kernels = []

    def on_epoch_end(self, epoch, logs=None):
        self.kernels.append(self.model.get_weights()[0])
