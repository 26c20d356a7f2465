"""LambdaCallback: each moment reaches its function, with its arguments, and nothing else is accepted."""

import pytest
from small_models import linear, rows

from minidl.callbacks import Callback, LambdaCallback
from minidl.utils import set_random_seed

X, Y = rows(6)
MOMENTS = [name for name in vars(Callback) if name.startswith("on_")]


def used(callback):
    """Train, evaluate and predict with it."""
    set_random_seed(1)
    model = linear()
    model.fit(X, Y, batch_size=4, epochs=2, validation_data=(X, Y), verbose=0, callbacks=[callback])
    model.evaluate(X, Y, verbose=0, callbacks=[callback])
    model.predict(X, verbose=0, callbacks=[callback])


def recorder(moments, base=LambdaCallback):
    """A callback that writes down moments, and what it has written."""
    seen = []
    functions = {name: lambda *args, name=name: seen.append((name, args)) for name in moments}
    if base is LambdaCallback:
        return LambdaCallback(**functions), seen
    methods = {name: lambda self, *args, f=f: f(*args) for name, f in functions.items()}
    return type("Derived", (Callback,), methods)(), seen


@pytest.mark.parametrize("moments", [[name] for name in MOMENTS] + [MOMENTS])
def test_a_function_is_called_as_a_method_would_be(moments):
    function, seen = recorder(moments)
    method, wanted = recorder(moments, Callback)
    used(function)
    used(method)
    assert wanted
    for (name, args), (right, right_args) in zip(seen, wanted, strict=True):
        assert name == right
        assert [type(a) for a in args] == [type(a) for a in right_args]
        if name != "on_predict_batch_end":  # its logs are arrays
            assert args == right_args


def test_by_position_as_in_keras():
    seen = []
    first_six = [lambda *args, n=n: seen.append((n, len(args))) for n in range(6)]
    linear().fit(X, Y, verbose=0, callbacks=[LambdaCallback(*first_six)])
    assert seen == [(2, 1), (0, 2), (4, 2), (5, 2), (1, 2), (3, 1)]


def test_it_may_stop_training():
    model = linear()

    def stop(batch, logs):
        model.stop_training = batch == 1

    history = model.fit(
        X, Y, batch_size=1, epochs=5, verbose=0, callbacks=[LambdaCallback(on_batch_end=stop)]
    )
    assert len(history.epoch) == 1
    assert int(model.optimizer.iterations) == 2


def test_nothing_given_does_nothing():
    used(LambdaCallback())
    used(LambdaCallback(None, on_test_end=None))


def test_what_is_refused():
    with pytest.raises(TypeError, match="no moment 'on_epoch_ends': did you mean 'on_epoch_end'"):
        LambdaCallback(on_epoch_ends=print)
    with pytest.raises(TypeError, match="no moment 'set_model'"):
        LambdaCallback(set_model=print)
    with pytest.raises(TypeError, match="expects on_train_begin to be a function, got 5"):
        LambdaCallback(on_train_begin=5)
    with pytest.raises(TypeError, match="expects on_predict_end to be a function, got 'x'"):
        LambdaCallback(on_predict_end="x")


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside Keras
def test_keras_calls_the_same_functions(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    moments = [name for name in MOMENTS if "predict" not in name]

    def record(kind):
        seen = []
        note = {
            name: (lambda n, logs, name=name: seen.append((name, n)))
            if "batch" in name or "epoch" in name
            else (lambda logs, name=name: seen.append((name,)))
            for name in moments
        }
        return kind(**note), seen

    theirs, wanted = record(keras.callbacks.LambdaCallback)
    model = keras.Sequential([keras.Input(shape=(4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=4, epochs=2, validation_data=(X, Y), verbose=0, callbacks=[theirs])
    mine, seen = record(LambdaCallback)
    linear().fit(X, Y, batch_size=4, epochs=2, validation_data=(X, Y), verbose=0, callbacks=[mine])
    assert seen == wanted
