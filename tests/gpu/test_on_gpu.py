"""On a real GPU: models give what they give on the CPU, captured steps what plain ones give, and no memory is lost.

    python -m pytest -n 0 -m gpu tests/gpu

also runs all tests of kernels and of the engine that otherwise run on the stand-in, with CuPy in its place.
`benchmarks/on_gpu.py` runs these too, and whole data sets.
"""

import numpy as np
import pytest
from gpu.conftest import _real

from minidl import Sequential, callbacks, config, datasets, device, layers, metrics, to_device
from minidl.utils import set_random_seed

pytestmark = pytest.mark.gpu
RNG = np.random.default_rng(2)
IMAGES = RNG.normal(size=(210, 28, 28, 1)).astype("float32")
SERIES = RNG.normal(size=(210, 128, 9)).astype("float32")


@pytest.fixture(scope="module", autouse=True)
def cp():
    """CuPy, or the reason why these tests are skipped."""
    return _real()


def cnn(dropout=0.0):
    return [
        layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2), layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2), layers.Flatten(), layers.Dropout(dropout), layers.Dense(128, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]  # fmt: skip


def recurrent(kind, units=64):
    return [kind(units), layers.Dense(6, activation="softmax")]


def conv1d():
    return [
        layers.Conv1D(64, 5, activation="relu"), layers.MaxPooling1D(2), layers.Dropout(0.2), layers.LSTM(32),
        layers.Dense(6, activation="softmax"),
    ]  # fmt: skip


MODELS = {
    "cnn": (cnn, IMAGES),
    "cnn with dropout": (lambda: cnn(0.5), IMAGES),
    "lstm": (lambda: recurrent(layers.LSTM), SERIES),
    "gru": (lambda: recurrent(layers.GRU), SERIES),
    "simple_rnn": (lambda: recurrent(layers.SimpleRNN), SERIES),
    "wide lstm": (lambda: recurrent(layers.LSTM, 200), SERIES),
    "conv1d": (conv1d, SERIES),
}
EVERY = pytest.mark.parametrize(("chain", "x"), MODELS.values(), ids=MODELS.keys())


def trained(chain, x, where, epochs=3, batch_size=32, y=None, **options):
    """A model, and its history."""
    with device(where):
        set_random_seed(5)
        model = Sequential([layers.Input(x.shape[1:]), *chain()])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    classes = model.output.shape[-1]
    y = np.arange(len(x)) % classes if y is None else y
    return model, model.fit(x, y, batch_size, epochs, verbose=0, **options)


class Watcher(callbacks.Callback):
    """Sees every batch, so that no step is captured."""

    def on_train_batch_end(self, batch, logs=None):
        pass


@EVERY
def test_captured_steps_are_plain_steps(chain, x):
    model, history = trained(chain, x, "gpu")
    plain, other = trained(chain, x, "gpu", callbacks=[Watcher()])
    assert history.captured == "yes"
    assert "every batch" in other.captured
    np.testing.assert_allclose(history.history["loss"], other.history["loss"], rtol=1e-6)
    for got, wanted in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-5 * max(1.0, np.abs(wanted).max()))


class FromTheHost(metrics.Metric):
    """Brings an array from the host at every batch, which CuPy records rather than refuses."""

    def __init__(self):
        super().__init__(name="from_the_host")
        self.total = self.add_variable(name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        there = to_device(np.arange(4096.0))
        self.total.data = to_device(self.total.data) + there.sum()

    def result(self):
        return float(self.total.data)


@pytest.mark.parametrize("own", [True, False], ids=["told before", "found out"])
def test_a_step_that_cannot_be_captured_is_a_plain_one(own, cp, monkeypatch):
    if not own:  # so that it is tried
        monkeypatch.setattr("minidl.models.not_captured._is_own_metric", lambda metric: True)

    def run(**options):
        with device("gpu"):
            set_random_seed(5)
            model = Sequential([layers.Input((28, 28, 1)), *cnn()])
            model.compile("adam", "sparse_categorical_crossentropy", metrics=[FromTheHost()])
            history = model.fit(IMAGES, np.arange(len(IMAGES)) % 10, 32, 3, verbose=0, **options)
        return history, model

    history, model = run()
    plain, other = run(callbacks=[Watcher()])
    assert history.captured not in ("yes", None)
    assert "cuda" not in history.captured.lower()
    np.testing.assert_allclose(history.history["loss"], plain.history["loss"], rtol=1e-6)
    assert history.history["from_the_host"] == plain.history["from_the_host"]
    for got, wanted in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-5 * max(1.0, np.abs(wanted).max()))
    for n in (1, 4096, 2**20):  # nothing of the recording that failed stands in the way
        numbers = np.arange(float(n))
        np.testing.assert_array_equal(cp.asarray(numbers).get(), numbers)
    assert trained(cnn, IMAGES, "gpu", epochs=2)[1].captured == "yes"


@EVERY
def test_a_model_learns_as_on_the_cpu(chain, x):
    history = trained(chain, x, "gpu", epochs=2)[1].history
    wanted = trained(chain, x, "cpu", epochs=2)[1].history
    np.testing.assert_allclose(history["loss"], wanted["loss"], rtol=2e-3)


@EVERY
def test_the_same_predictions(chain, x):
    model, _ = trained(chain, x, "gpu", epochs=1)
    with device("cpu"):
        other = Sequential([layers.Input(x.shape[1:]), *chain()])
    other.set_weights(model.get_weights())
    np.testing.assert_allclose(model.predict(x, verbose=0), other.predict(x, verbose=0), atol=1e-4)


def test_tf32_learns_as_well():
    config.set_precision("tf32")
    try:
        history = trained(cnn, IMAGES, "gpu", epochs=2)[1]
    finally:
        config.set_precision("float32")
    wanted = trained(cnn, IMAGES, "gpu", epochs=2)[1].history
    assert history.captured == "yes"
    np.testing.assert_allclose(history.history["loss"], wanted["loss"], rtol=0.05)


def _mnist():
    try:
        (x, y), (x_test, y_test) = datasets.mnist.load_data()
    except OSError as error:
        pytest.skip(f"MNIST is not here: {error!s:.80}")
    x, x_test = (a[..., None].astype("float32") / 255 for a in (x, x_test))
    return x, y.astype("int64"), x_test, y_test.astype("int64"), cnn, 2


def _har():
    try:
        (x, y), (x_test, y_test) = datasets.uci_har.load_data()
    except OSError as error:
        pytest.skip(f"UCI HAR is not here: {error!s:.80}")
    chain = lambda: recurrent(layers.LSTM)  # noqa: E731
    return x.astype("float32"), y, x_test.astype("float32"), y_test, chain, 3


@pytest.mark.parametrize("load", [_mnist, _har])
def test_data_sets_to_the_accuracy_of_the_cpu(load):
    """At most one point behind what the same weights learn there."""
    x, y, x_test, y_test, chain, epochs = load()
    model, history = trained(chain, x, "gpu", epochs, 64, y)
    other, _ = trained(chain, x, "cpu", epochs, 64, y)
    assert history.captured == "yes"
    accuracy, wanted = (m.evaluate(x_test, y_test, verbose=0)[1] for m in (model, other))
    assert accuracy >= wanted - 0.01


def test_no_memory_growth(cp):
    def held():
        cp.get_default_memory_pool().free_all_blocks()
        free, total = cp.cuda.runtime.memGetInfo()
        return total - free

    x, y = np.tile(IMAGES, (5, 1, 1, 1)), np.arange(1050) % 10
    model, _ = trained(cnn, x, "gpu", y=y)
    sizes = []
    for _ in range(5):
        model.fit(x, y, 20, 10, verbose=0)
        model.fit(x, y, 20, 4, verbose=0, callbacks=[callbacks.Callback()])
        model.predict(x, verbose=0)
        sizes.append(held())
    assert sizes[-1] - sizes[1] < 8 << 20
