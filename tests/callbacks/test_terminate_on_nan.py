"""TerminateOnNaN: the batch in which it stops, what of that epoch still happens, and the model afterwards."""

import numpy as np
import pytest
from small_models import linear, rows, same, state

from minidl.callbacks import Callback, EarlyStopping, TerminateOnNaN

X, Y = rows(8)
pytestmark = pytest.mark.filterwarnings("ignore:The loss of")  # fit says why, whoever ends it


def broken(bad, at=3):
    """x with a value in row `at` that makes the loss NaN or infinite."""
    x = X.copy()
    x[at] = bad
    return x


class Batches(Callback):
    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(("batch", batch))

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(("epoch", epoch))

    def on_train_end(self, logs=None):
        self.seen.append(("end",))


def fit(x, model=None, callbacks=(), terminate=None, **options):
    model, batches = model or linear(), Batches()
    options = {"epochs": 3, "batch_size": 2, "shuffle": False, "verbose": 0} | options
    stop = [TerminateOnNaN() if terminate is None else terminate]
    return model.fit(x, Y, callbacks=[*stop, *callbacks, batches], **options), batches.seen, model


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_it_stops_in_the_batch(bad, capsys):
    history, seen, _ = fit(broken(bad))
    assert seen == [("batch", 0), ("batch", 1), ("epoch", 0), ("end",)]
    assert not np.isfinite(history.history["loss"][0])
    assert history.epoch == [0]
    assert capsys.readouterr().out.startswith("Batch 2: the loss is ")


def test_that_epoch_is_validated():
    history, _, _ = fit(broken(np.nan), validation_data=(X, Y))
    assert list(history.history) == ["loss", "val_loss"]
    assert len(history.history["val_loss"]) == 1


def test_in_a_later_epoch():
    class Spoil(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.layers[0].bias.assign([np.nan])

    history, seen, _ = fit(X, callbacks=[Spoil()])
    assert history.epoch == [0, 1]
    assert seen[-3:] == [("batch", 0), ("epoch", 1), ("end",)]


def test_validation_alone_does_not_stop_it(capsys):
    history, _, _ = fit(X, validation_data=(broken(np.nan), Y))
    assert len(history.epoch) == 3
    assert np.isnan(history.history["val_loss"]).all()
    assert np.isnan(linear().evaluate(broken(np.nan), Y, verbose=0, callbacks=[TerminateOnNaN()]))
    assert capsys.readouterr().out == ""


def test_where_all_is_well_nothing_changes():
    watched, plain = fit(X)[2], linear()
    plain.fit(X, Y, epochs=3, batch_size=2, shuffle=False, verbose=0)
    assert same(state(watched), state(plain))


def test_the_model_goes_on_from_good_weights():
    model = linear()
    start = model.get_weights()
    fit(broken(np.nan), model)
    assert all(np.isnan(w).all() for w in model.get_weights())
    model.set_weights(start)
    assert model.stop_training
    again, fresh = fit(X, model)[0], fit(X)[0]
    assert again.history == fresh.history


def test_the_best_weights_come_back():
    class Spoil(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.model.layers[0].bias.assign([np.nan])

    kept = []
    keep = type("Keep", (Callback,), {"on_epoch_end": lambda s, e, logs: kept.append(s.model.get_weights())})
    stopping = EarlyStopping("loss", patience=9, restore_best_weights=True)
    history, _, model = fit(X, callbacks=[Spoil(), keep(), stopping], epochs=9)
    assert len(history.epoch) == 3
    for now, best in zip(model.get_weights(), kept[stopping.best_epoch], strict=True):
        np.testing.assert_array_equal(now, best)
    assert np.isfinite(model.get_weights()[0]).all()


def test_as_an_error():
    with pytest.raises(RuntimeError, match=r"Batch 2: the loss is nan, training ends.*clipnorm"):
        fit(broken(np.nan), terminate=TerminateOnNaN(raise_error=True))
    assert len(fit(X, terminate=TerminateOnNaN(raise_error=True))[0].epoch) == 3


def test_no_loss_is_no_reason_to_stop():
    model, terminate = linear(), TerminateOnNaN()
    terminate.set_model(model)
    for logs in (None, {}, {"mae": np.nan}, {"loss": 1.0}):
        terminate.on_batch_end(0, logs)
    assert not model.stop_training


def test_what_is_refused():
    with pytest.raises(TypeError, match="TerminateOnNaN expects raise_error to be True or False, got 'yes'"):
        TerminateOnNaN("yes")


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside Keras
@pytest.mark.parametrize(
    ("bad", "validation"), [(np.nan, None), (np.inf, None), (np.nan, X), (1.0, X * np.nan)]
)
def test_keras_stops_in_the_same_batch(monkeypatch, bad, validation):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    options = {} if validation is None else {"validation_data": (validation, Y)}
    model = keras.Sequential([keras.Input(shape=(4,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse")
    batches = type("KerasBatches", (keras.callbacks.Callback,), dict(vars(Batches)))()
    callbacks = [keras.callbacks.TerminateOnNaN(), batches]
    run = model.fit(
        broken(bad), Y, epochs=3, batch_size=2, shuffle=False, verbose=0, callbacks=callbacks, **options
    )
    history, seen, _ = fit(broken(bad), **options)
    assert seen == batches.seen
    assert list(history.history) == list(run.history)
    for key, values in run.history.items():
        finite = np.isfinite(values)
        np.testing.assert_array_equal(np.isfinite(history.history[key]), finite)
        np.testing.assert_allclose(
            np.array(history.history[key])[finite], np.array(values)[finite], rtol=1e-4
        )
