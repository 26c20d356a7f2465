"""What stands around a model that lives on a GPU: files, callbacks, states, tools, and the checks of what it is given.

Everything that leaves the model is made of NumPy's arrays, and what comes back goes where the model is.
"""

import sys

import numpy as np
import pytest
from gpu.classifiers import LABELS, X, Y, classifier

import minidl
from minidl import Model, Sequential, Variable, backend, callbacks, layers, metrics, optimizers
from minidl.devices import device, home, on_gpu, to_device
from minidl.models import clone_model, load_model
from minidl.tensor import Tensor
from minidl.utils import set_random_seed


@pytest.fixture(autouse=True)
def _references(cupy):
    with backend.kernels_off():
        yield


def net(where="gpu", optimizer="adam", **compiled):
    """Weights, running averages and random masks."""
    with device(where):
        set_random_seed(1)
        model = Sequential([
            layers.Input((4,)), layers.Dense(8, activation="tanh"), layers.BatchNormalization(), layers.Dropout(0.4),
            layers.Dense(1, kernel_regularizer="l2"),
        ])  # fmt: skip
    model.compile(optimizer, "mse", **compiled)
    return model


def places(model):
    return {home(v.data) for v in [*model.weights, *model.optimizer.variables[2:]]}


# --- files ----------------------------------------------------------------------------------------------------------

FORMATS = [".keras", ".weights.h5", ".npz", ".safetensors"]


@pytest.mark.parametrize("ending", FORMATS)
def test_a_file_made_there_is_read_where_there_is_none(tmp_path, ending, cupy, monkeypatch):
    model, file = net(), tmp_path / f"model{ending}"
    model.fit(X, Y, epochs=1, verbose=0)
    wanted = model.predict(X, verbose=0)
    whole = ending == ".keras"
    (model.save if whole else model.save_weights)(file)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "cupy", None)
        without.delitem(sys.modules, "cupy")
        if whole:
            other = load_model(file)
        else:
            other = net("cpu")
            other.load_weights(file)
        assert "cupy" not in sys.modules
        np.testing.assert_allclose(other.predict(X, verbose=0), wanted, atol=1e-6)
    assert home(other.weights[0].data) == "cpu"


@pytest.mark.parametrize("ending", FORMATS)
def test_a_file_made_here_is_read_there(tmp_path, ending):
    model, file = net("cpu"), tmp_path / f"model{ending}"
    whole = ending == ".keras"
    (model.save if whole else model.save_weights)(file)
    other = net()
    if whole:
        with device("gpu"):
            other = load_model(file)
    else:
        other.load_weights(file)
    assert all(on_gpu(v.data) for v in other.weights)
    np.testing.assert_allclose(other.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-6)


# --- callbacks ------------------------------------------------------------------------------------------------------


def test_checkpoints_boards_and_early_stopping(tmp_path):
    stopping = callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)
    model = net(metrics=["mae"])
    history = model.fit(
        X, Y, epochs=3, verbose=0, validation_split=0.25,
        callbacks=[
            callbacks.ModelCheckpoint(tmp_path / "best.keras", save_best_only=True, monitor="loss"),
            callbacks.ModelCheckpoint(tmp_path / "w.weights.h5", save_weights_only=True),
            callbacks.TensorBoard(tmp_path / "logs", histogram_freq=1),
            callbacks.CSVLogger(tmp_path / "log.csv"),
            callbacks.TerminateOnNaN(),
            stopping,
        ],
    )  # fmt: skip
    assert len(history.history["val_loss"]) == 3
    assert all(type(w) is np.ndarray for w in stopping.best_weights)
    assert places(model) == {"gpu:0"}
    assert home(load_model(tmp_path / "best.keras").weights[0].data) == "cpu"
    assert list((tmp_path / "logs").rglob("*"))


def test_the_best_weights_come_back_to_the_device():
    model = net(optimizer=optimizers.SGD(1.0))  # far too large: epochs get worse
    kept = []
    remember = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))
    stopping = callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)
    model.fit(X, Y, epochs=4, verbose=0, callbacks=[remember, stopping])
    assert all(on_gpu(v.data) for v in model.weights)
    assert len(kept) > stopping.best_epoch + 1
    for array, wanted in zip(model.get_weights(), kept[stopping.best_epoch], strict=True):
        np.testing.assert_array_equal(array, wanted)


def test_a_backup_goes_on_where_it_was_left(tmp_path):
    class Stops(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    whole = net()
    whole.fit(X, Y, epochs=3, batch_size=8, verbose=0)
    model = net()
    with pytest.raises(KeyboardInterrupt):
        model.fit(
            X, Y, epochs=3, batch_size=8, verbose=0,
            callbacks=[callbacks.BackupAndRestore(tmp_path / "backup"), Stops()],
        )  # fmt: skip
    other = net()
    other.fit(
        X, Y, epochs=3, batch_size=8, verbose=0, callbacks=[callbacks.BackupAndRestore(tmp_path / "backup")]
    )
    assert places(other) == {"gpu:0"}
    for a, b in zip(other.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


# --- states and parts -----------------------------------------------------------------------------------------------


def test_states_are_of_numpy_and_come_back():
    with device("gpu"):
        set_random_seed(1)
        model = Sequential([
            layers.Input(batch_shape=(6, 2, 2)), layers.LSTM(3, stateful=True), layers.Dense(1)
        ])  # fmt: skip
    x = X.reshape(12, 2, 4)[..., :2]
    before = model.predict(x, batch_size=6, verbose=0)
    state = model.layers[0].get_state()
    assert all(type(s) is np.ndarray for s in state)
    after = model.predict(x, batch_size=6, verbose=0)
    assert not np.allclose(before, after)
    model.layers[0].set_state(state)
    np.testing.assert_array_equal(model.predict(x, batch_size=6, verbose=0), after)


def test_the_state_of_scores_is_of_numpy():
    model = net(metrics=["mae", metrics.R2Score()])
    model.fit(X, Y, epochs=1, verbose=0)
    state = model.scores.get_state()
    assert not any(map(on_gpu, state.values()))
    model.scores.set_state(state)
    assert model.scores.get_state().keys() == state.keys()


def test_what_was_learnt_there_is_carried_over():
    base = net()
    base.fit(X, Y, epochs=1, verbose=0)
    base.trainable = False
    with device("gpu"):
        model = Sequential([base, layers.Dense(2), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    frozen = base.get_weights()
    model.fit(X, LABELS, epochs=1, verbose=0)
    assert places(model) == {"gpu:0"}
    for a, b in zip(base.get_weights(), frozen, strict=True):
        np.testing.assert_array_equal(a, b)
    features = Model(base.inputs, base.layers[0].output)
    np.testing.assert_allclose(
        features.predict(X, verbose=0), base.layers[0](to_device(X, "gpu")).numpy(), atol=1e-6
    )


@pytest.mark.parametrize("where", ["cpu", "gpu"])
def test_a_clone_is_made_on_the_current_device(where):
    model = net("gpu" if where == "cpu" else "cpu")
    with device(where):
        clone = clone_model(model)
    assert {home(v.data).partition(":")[0] for v in clone.weights} == {where}
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(clone.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-6)


def test_a_model_is_shown(capsys, tmp_path):
    model = net()
    model.fit(X, Y, epochs=1, verbose=0)
    model.summary()
    assert "Dense" in capsys.readouterr().out
    minidl.utils.plot_model(model, tmp_path / "model.svg")
    assert (tmp_path / "model.svg").stat().st_size
    assert "gpu" not in repr(model.weights[0].numpy())
    assert "0." in repr(model.weights[0])


def test_gradients_are_checked_there():
    with device("gpu"):
        layer = layers.Dense(2, activation="tanh", dtype="float64")
        layer.build((None, 4))
    assert all(on_gpu(v.data) for v in layer.weights)
    assert minidl.gradcheck(layer, to_device(X[:3].astype("float64"), "gpu"))


def test_the_doctor_sees_what_it_sees_on_the_cpu():
    found = []
    for where in ("cpu", "gpu"):
        model = classifier(where, last="relu", loss="sparse_categorical_crossentropy")
        report = minidl.doctor(model, X, LABELS, steps=3)
        found.append([finding.topic for finding in report.findings])
        assert {home(v.data).partition(":")[0] for v in model.weights} == {where}
    assert found[0] == found[1]


def test_an_optimizer_of_its_own_loop():
    with device("gpu"):
        w = Variable([1.0, 2.0])
        steps = optimizers.SGD(0.5, momentum=0.9)
    assert on_gpu(w.data)
    for _ in range(2):
        loss = np.sum(w * w)
        loss.backward()
        steps.apply([w.grad], [w])
        w.grad = None
    steps.apply([np.ones(2, "float32")], [w])
    assert on_gpu(w.data)
    assert not on_gpu(steps.iterations.data)
    np.testing.assert_allclose(w.numpy(), [-1.4 + 0.405, -2.8 + 0.81 + 0.0], atol=2)


# --- where new things go --------------------------------------------------------------------------------------------


def test_a_variable_of_numbers_is_made_on_the_current_device():
    with device("gpu"):
        assert on_gpu(Variable([1.0, 2.0]).data)
        assert on_gpu(Variable(1.0).data)
        assert not on_gpu(Variable(np.ones(2)).data)
    assert not on_gpu(Variable([1.0]).data)
    copied = to_device(np.ones(2), "gpu")
    variable = Variable(copied)
    assert variable.data is not copied
    assert on_gpu(variable.data)


def test_a_model_takes_arrays_of_the_host_and_a_layer_does_not():
    model = classifier()
    wanted = model.predict(X, verbose=0)
    for given in (X, X.tolist(), to_device(X, "gpu"), Tensor(to_device(X, "gpu"))):
        made = model(given)
        assert on_gpu(made.data)
        np.testing.assert_allclose(made.numpy(), wanted, atol=1e-6)
    with pytest.raises(TypeError, match=r"got arrays on cpu and gpu:0\. .*minidl\.to_device\(x, 'gpu'\)"):
        model.layers[0](X)
    with pytest.raises(TypeError, match="got arrays on cpu and gpu:0"):
        model(Tensor(X))


def test_a_model_of_several_inputs_takes_arrays_of_the_host():
    a, b = layers.Input((4,), name="a"), layers.Input((1,), name="b")
    with device("gpu"):
        model = Model([a, b], layers.Dense(2)(layers.concatenate([a, b])))
    made = model([X, Y])
    assert on_gpu(made.data)
    np.testing.assert_allclose(model({"a": X, "b": Y}).numpy(), made.numpy())


def test_one_number_without_axes():
    there = Tensor(to_device(np.float32(3.0), "gpu"), requires_grad=True)
    assert there.shape == ()
    made = np.square(there) + 1
    assert float(made) == 10
    made.backward()
    assert float(there.grad) == 6
    assert on_gpu(there.grad)
    assert f"{there:.1f}" == "3.0"
    assert int(there) == 3
    assert bool(there)
    assert there.item() == 3
    assert np.asarray(there).shape == ()
