"""The engine on arrays of a GPU: every differentiable thing gives what it gives on the CPU, and nothing is copied silently.

Kernels are off: here the references run, through NumPy's own functions, on CuPy's arrays or those that stand in for them.
"""

import numpy as np
import pytest
from gpu import standin
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry.entry import LayerExample
from registry.every import ENTRIES
from registry.running import assert_close, flat, gradients_for

from minidl import Model, Sequential, backend, layers, metrics, optimizers
from minidl.devices import device, home, on_gpu, to_device, to_numpy
from minidl.graph import whole
from minidl.random import training_step
from minidl.saving import load_model
from minidl.tensor import Function, Tensor
from minidl.utils import set_random_seed


@pytest.fixture(autouse=True)
def _references(cupy):
    with backend.kernels_off():
        yield


class Joined(Function):
    """One end behind several outputs, which hands each the gradient it is given."""

    @staticmethod
    def forward(*ys, dys):
        return ys[0].sum() * 0, dys

    @staticmethod
    def backward(dy, dys):
        return tuple(dys)


def run(example, where, dys=None):
    """Outputs and gradients as NumPy arrays; the gradients `dys` of the outputs, drawn here where None."""
    with device(where), training_step(0):
        arrays = [a if a is None or a.dtype == np.uint64 else to_device(a.copy()) for a in example.arrays]
        if isinstance(example, LayerExample):
            leaves = begun(example, arrays, where)
            masks = 1 if example.masked else 0
            xs = leaves[: example.inputs]
            made = example.called(
                example.layer(kind(example)), xs, arrays[-1] if masks else None, example.training
            )
        else:
            leaves, call = example.begin(arrays)
            made = call()
    outputs = flat(made)
    assert all(home(y.data) == ("cpu" if where == "cpu" else "gpu:0") for y in outputs)
    floats = [y for y in outputs if y.dtype.kind == "f"]
    dys = gradients_for(floats, np.random.default_rng(0)) if dys is None else dys
    tracked = [(y, to_device(dy, where)) for y, dy in zip(floats, dys, strict=True) if y.requires_grad]
    if tracked:
        Joined.apply(*(y for y, _ in tracked), dys=[dy for _, dy in tracked]).backward()
    gradients = [None if leaf is None or leaf.grad is None else whole(leaf.grad) for leaf in leaves]
    assert all(g is None or on_gpu(g) == (where != "cpu") for g in gradients)
    return [y.numpy() for y in outputs], [None if g is None else to_numpy(g) for g in gradients], dys


def kind(example):
    floats = [a.dtype for a in example.arrays if a is not None and a.dtype.kind in "fc"]
    return "float32" if floats and floats[0] == np.float32 else "float64"


def begun(example, arrays, where):
    """The leaves of a layer, with all of its weights where they belong."""
    with device("cpu"):
        layer = example.layer(kind(example))
    xs, _ = super(LayerExample, example).begin(arrays[: example.inputs])
    for v, a in zip(
        layer.trainable_weights, arrays[example.inputs : len(arrays) - example.masked], strict=True
    ):
        v.data, v.grad = a, None
    for v in layer.weights:
        v.data = to_device(v.data, where)
    example.layer = lambda dtype: layer
    leaves = [*xs, *layer.trainable_weights]
    del example.layer
    example.__dict__["layer"] = lambda dtype: layer
    return leaves


HOLDS_ARRAYS = {"ops: where"}  # in its call, on the CPU; np.where itself is among the primitives


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if e.name not in HOLDS_ARRAYS], ids=lambda entry: entry.name
)
def test_the_same_as_on_the_cpu(entry):
    @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def check(data):
        example = data.draw(entry.examples)
        outputs, gradients, dys = run(example, "cpu")
        example.__dict__.pop("layer", None)
        on_device, gradients_there, _ = run(example, "gpu", dys)
        for i, (a, b) in enumerate(zip(on_device, outputs, strict=True)):
            assert_close(a, b, 1e-9, f"output {i}")
        for i, (a, b) in enumerate(zip(gradients_there, gradients, strict=True)):
            assert_close(a, b, 1e-9, f"gradient {i}")

    check()


# --- models ---------------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(3)
IMAGES = RNG.normal(size=(24, 8, 8, 1)).astype("float32")
SERIES = RNG.normal(size=(24, 6, 3)).astype("float32")
IDS = RNG.integers(0, 12, (24, 6))
LABELS = RNG.integers(0, 3, 24)


def cnn():
    return Sequential([
        layers.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(),
        layers.BatchNormalization(), layers.Dropout(0.3), layers.Dense(3, activation="softmax"),
    ])  # fmt: skip


def lstm():
    return Sequential([layers.Input((6, 3)), layers.LSTM(5), layers.Dense(3, activation="softmax")])


def words():
    return Sequential([
        layers.Input((6,)), layers.Embedding(12, 4, mask_zero=True),
        layers.GRU(4, return_sequences=True, dropout=0.2, recurrent_dropout=0.2), layers.SimpleRNN(4),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip


def functional():
    x = layers.Input((6, 3))
    one, other = (
        layers.Conv1D(4, 2, padding="causal")(x),
        layers.Bidirectional(layers.GRU(2, return_sequences=True))(x),
    )
    joined = layers.LayerNormalization()(layers.concatenate([one, other]))
    return Model(x, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(joined)))


MODELS = [(cnn, IMAGES), (lstm, SERIES), (words, IDS), (functional, SERIES)]


def trained(make, x, where, optimizer="adam", metrics=("accuracy",), **options):
    """A model after two epochs there, its history, predictions and scores."""
    with device(where):
        set_random_seed(5)
        model = make()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=list(metrics))
    history = model.fit(x, LABELS, epochs=2, batch_size=8, verbose=0, **options).history
    return model, history, model.predict(x, verbose=0), model.evaluate(x, LABELS, verbose=0)


def assert_same_history(got, wanted):
    assert got.keys() == wanted.keys()
    for name, values in wanted.items():
        assert got[name] == pytest.approx(values, rel=1e-5), name


@pytest.mark.parametrize(("make", "x"), MODELS, ids=[make.__name__ for make, _ in MODELS])
def test_a_model_learns_as_on_the_cpu(make, x):
    _, history, predicted, scores = trained(make, x, "cpu", validation_split=0.25)
    model, history_there, predicted_there, scores_there = trained(make, x, "gpu", validation_split=0.25)
    assert all(on_gpu(v.data) for v in model.weights)
    assert type(predicted_there) is np.ndarray
    assert all(type(value) is float for values in history_there.values() for value in values)
    assert_same_history(history_there, history)
    np.testing.assert_allclose(predicted_there, predicted, atol=1e-5)
    assert scores_there == pytest.approx(scores, rel=1e-5)


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_saved_there_loaded_anywhere(tmp_path, ending):
    model = trained(cnn, IMAGES, "gpu")[0]
    weights = model.get_weights()
    assert all(type(w) is np.ndarray for w in weights)
    file = tmp_path / f"model{ending}"
    for where in ("cpu", "gpu"):
        with device(where):
            if ending == ".keras":
                model.save(file)
                other = load_model(file)
            else:
                model.save_weights(file)
                other = cnn()
                other.load_weights(file)
        assert {home(v.data) for v in other.weights} == {"cpu" if where == "cpu" else "gpu:0"}
        np.testing.assert_array_equal(other.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))


@pytest.mark.parametrize(
    "optimizer",
    [
        "sgd", "adam", "adamw", "adamax", "nadam", "rmsprop", "adagrad", "adadelta",
        optimizers.Adam(clipnorm=0.1), optimizers.SGD(0.1, momentum=0.9, global_clipnorm=0.1), optimizers.Adam(amsgrad=True),
        optimizers.SGD(0.1, clipvalue=0.01, weight_decay=0.01),
    ],
    ids=str,
)  # fmt: skip
def test_every_optimizer(optimizer):
    def fresh():
        return (
            optimizer if isinstance(optimizer, str) else type(optimizer).from_config(optimizer.get_config())
        )

    wanted = trained(lstm, SERIES, "cpu", fresh())[2]
    np.testing.assert_allclose(trained(lstm, SERIES, "gpu", fresh())[2], wanted, atol=1e-5)


METRICS = [
    metrics.SparseTopKCategoricalAccuracy(2), metrics.SparseCategoricalCrossentropy(), metrics.SparseCategoricalAccuracy(),
]  # fmt: skip


def test_metrics_of_classes():
    wanted = trained(lstm, SERIES, "cpu", metrics=METRICS)[1]
    assert_same_history(trained(lstm, SERIES, "gpu", metrics=METRICS)[1], wanted)


@pytest.mark.parametrize(
    "metric",
    [
        metrics.BinaryAccuracy, metrics.AUC, metrics.Precision, metrics.Recall, metrics.MeanSquaredError,
        metrics.MeanAbsoluteError, metrics.F1Score, metrics.R2Score, metrics.Mean, metrics.Sum, metrics.TruePositives,
        metrics.BinaryCrossentropy, metrics.CosineSimilarity, metrics.LogCoshError, metrics.RootMeanSquaredError,
        metrics.SpecificityAtSensitivity,
    ],
    ids=lambda metric: metric.__name__,
)  # fmt: skip
def test_every_metric_on_arrays_of_the_device(metric):
    y, p = RNG.integers(0, 2, (10, 2)).astype("float32"), RNG.random((10, 2)).astype("float32")
    weights = RNG.random(10).astype("float32")
    arguments = (0.5,) if metric is metrics.SpecificityAtSensitivity else ()
    here, there = metric(*arguments), metric(*arguments)
    for part in (slice(0, 6), slice(6, 10)):
        given = (
            [p[part], weights[part]]
            if metric in (metrics.Mean, metrics.Sum)
            else [y[part], p[part], weights[part]]
        )
        here.update_state(*given)
        there.update_state(*(to_device(a, "gpu") for a in given))
    np.testing.assert_allclose(there.result(), here.result(), rtol=1e-6)
    assert not on_gpu(there.result())
    there.reset_state()
    here.reset_state()
    np.testing.assert_allclose(there.result(), here.result())


def test_nobody_waits_at_every_batch(cupy):
    if not hasattr(cupy, "is_standin"):
        pytest.skip("waits are counted by the stand-in")

    def waits(batch_size):
        with device("gpu"):
            model = Sequential([layers.Input((6, 3)), layers.Flatten(), layers.Dense(1)])
        model.compile("adam", "mse", metrics=["mae"])
        model.fit(SERIES, LABELS, epochs=1, verbose=0)
        with standin.counted_waits() as count:
            model.fit(SERIES, LABELS, batch_size=batch_size, epochs=1, verbose=0)
        return count[0]

    assert waits(2) == waits(12)


def test_generators_class_weights_and_single_batches():
    def batches():
        while True:
            yield SERIES[:8], LABELS[:8]

    results = []
    for where in ("cpu", "gpu"):
        with device(where):
            set_random_seed(5)
            model = lstm()
        model.compile("adam", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
        history = model.fit(batches(), steps_per_epoch=2, epochs=2, verbose=0).history
        weighted = model.fit(
            SERIES, LABELS, class_weight={0: 2.0, 1: 1.0, 2: 0.5}, epochs=1, verbose=0
        ).history
        weights = np.linspace(0, 1, 24)
        single = (
            model.train_on_batch(SERIES, LABELS, sample_weight=weights),
            model.test_on_batch(SERIES, LABELS),
        )
        results.append((history, weighted, single[0], single[1], model.predict_on_batch(SERIES).tolist()))
    (*here_histories, here_1, here_2, here_3), (*there_histories, there_1, there_2, there_3) = results
    for got, wanted in zip(there_histories, here_histories, strict=True):
        assert_same_history(got, wanted)
    for got, wanted in ((there_1, here_1), (there_2, here_2), (there_3, here_3)):
        np.testing.assert_allclose(got, wanted, atol=1e-5)


# --- mixtures -------------------------------------------------------------------------------------------------------


def test_mixtures_are_refused():
    here, there = Tensor(np.ones(3)), Tensor(to_device(np.ones(3), "gpu"))
    with pytest.raises(TypeError, match=r"add got arrays on cpu and gpu:0\. .*minidl\.to_device"):
        here + there
    with pytest.raises(TypeError, match="multiply got arrays"):
        there * np.ones(3)
    with pytest.raises(TypeError, match="Concatenate got arrays"):
        np.concatenate([here, there])


def test_one_number_goes_everywhere():
    there = Tensor(to_device(np.ones(3, "float32"), "gpu"))
    made = there * Tensor(np.float32(2.0)) + 1 - np.float32(1.0)
    assert on_gpu(made.data)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made.numpy(), [2, 2, 2])
    np.testing.assert_array_equal(np.asarray(made), [2, 2, 2])


def test_numbers_and_lists_go_to_the_current_device():
    with device("gpu"):
        assert on_gpu(Tensor([1.0, 2.0]).data)
        assert not on_gpu(Tensor(np.ones(2)).data)
    assert not on_gpu(Tensor([1.0]).data)


def test_an_array_times_a_tensor_is_a_tensor():
    array = to_device(np.ones(3), "gpu")
    assert isinstance(array * Tensor(array, requires_grad=True), Tensor)
