"""Training by captured steps: the numbers of plain steps, bit for bit, and a reason wherever a step cannot be captured.

Kernels run in the emulator and streams are those of the stand-in (`streams`), where a graph that reads or writes memory that
is not its own is found out.
"""

import contextlib
import gc
import re
import signal
import sys

import numpy as np
import pytest
from gpu import standin, streams

from minidl import Sequential, callbacks, config, kernels_off, layers, metrics, optimizers, regularizers
from minidl.devices import device
from minidl.models.captured import Captured
from minidl.utils import set_random_seed

RNG = np.random.default_rng(7)
IMAGES = RNG.normal(size=(22, 6, 6, 1)).astype("float32")
SERIES = RNG.normal(size=(22, 5, 3)).astype("float32")
FLAT = RNG.normal(size=(22, 6)).astype("float32")
LABELS = RNG.integers(0, 3, 22)
ONE_HOT = np.eye(3, dtype="float32")[LABELS]


pytestmark = pytest.mark.usefixtures("_stream_of_the_standin")


@pytest.fixture
def _stream_of_the_standin(cupy):
    if not hasattr(cupy, "is_standin"):
        pytest.skip("what runs on a GPU is compared in test_on_gpu.py")


def cnn():
    return [
        layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(5, activation="relu"),
        layers.Dense(3, activation="softmax"),
    ]  # fmt: skip


def lstm():
    return [layers.LSTM(4), layers.Dense(3, activation="softmax")]


def dropout():
    return [layers.Dense(8, activation="relu"), layers.Dropout(0.5), layers.Dense(3), layers.Dropout(0.2)]


def model_of(chain, x, optimizer="adam", loss="sparse_categorical_crossentropy", metrics=("accuracy",)):
    with device("gpu"):
        set_random_seed(3)
        model = Sequential([layers.Input(x.shape[1:]), *chain()])
    model.compile(optimizer() if callable(optimizer) else optimizer, loss, metrics=list(metrics))
    return model


def fit(model, x, y=LABELS, epochs=3, batch_size=4, **options):
    return model.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0, **options)


def outcome(model, history):
    state = [v.numpy() for v in (*model.weights, *model.optimizer.variables)]
    return history.history, [w.tobytes() for w in state]


def plainly(monkeypatch, run):
    """The same with no step captured."""
    with monkeypatch.context() as patch:
        patch.setattr("minidl.models.steps.why_not", lambda *_: "for comparison")
        return run()


def both(monkeypatch, chain, x, y=LABELS, compiled=None, **options):
    """Outcomes of captured and plain training."""

    def run():
        model = model_of(chain, x, **(compiled or {}))
        history = fit(model, x, y, **options)
        return history.captured, outcome(model, history)

    (how, got), (other, wanted) = run(), plainly(monkeypatch, run)
    assert how == "yes"
    assert other == "for comparison"
    assert got[0] == wanted[0]
    assert got[1] == wanted[1]
    return got


@pytest.mark.parametrize(
    ("chain", "x"), [(cnn, IMAGES), (lstm, SERIES), (dropout, FLAT)], ids=["cnn", "lstm", "dropout"]
)
@pytest.mark.parametrize("shuffle", [True, False])
def test_the_numbers_of_plain_steps(monkeypatch, chain, x, shuffle):
    compiled = {} if chain is not dropout else {"loss": "mse", "metrics": ["mae"]}
    both(monkeypatch, chain, x, LABELS if chain is not dropout else ONE_HOT, compiled, shuffle=shuffle)


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD, lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True), optimizers.RMSprop, optimizers.Adagrad,
        optimizers.Adadelta, optimizers.AdamW, lambda: optimizers.Adam(clipvalue=0.01),
        lambda: optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)),
    ],
    ids=["sgd", "momentum", "rmsprop", "adagrad", "adadelta", "adamw", "clipvalue", "schedule"],
)  # fmt: skip
def test_optimizers(monkeypatch, optimizer):
    both(monkeypatch, dropout, FLAT, ONE_HOT, {"loss": "mse", "optimizer": optimizer, "metrics": []})


def test_other_losses_and_metrics(monkeypatch):
    scores = ["accuracy", "categorical_crossentropy", metrics.MeanSquaredError]
    compiled = {"loss": "categorical_crossentropy", "metrics": [m() if callable(m) else m for m in scores]}
    history, _ = both(monkeypatch, lstm, SERIES, ONE_HOT, compiled)
    assert len(history) == 4


def normed():
    return [
        layers.Dense(8, activation="relu"),
        layers.LayerNormalization(),
        layers.Dense(3, activation="softmax"),
    ]


def without_scale():
    return [layers.LayerNormalization(center=False), layers.LayerNormalization(scale=False), *normed()]


def with_penalties():
    return [
        layers.Dense(8, activation="relu", kernel_regularizer="l2", bias_regularizer=regularizers.L1L2(0.01, 0.02)),
        layers.Dense(3, activation="softmax", kernel_regularizer=regularizers.L1(0.03)),
    ]  # fmt: skip


@pytest.mark.parametrize("chain", [normed, without_scale, with_penalties])
def test_normalised_samples_and_penalties_on_weights(monkeypatch, chain):
    both(monkeypatch, chain, FLAT)


def statistics():
    return [
        layers.Conv2D(4, 3), layers.BatchNormalization(momentum=0.8), layers.ReLU(), layers.Flatten(),
        layers.BatchNormalization(scale=False), layers.Dense(3, activation="softmax"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [{}, {"validation_split": 0.25}, {"callbacks": [callbacks.LearningRateScheduler(lambda e: 0.01)]}],
)
def test_running_averages(monkeypatch, options):
    both(monkeypatch, statistics, IMAGES, **options)


METRICS = [
    metrics.Precision, metrics.Recall, lambda: metrics.Precision([0.7, 0.2]), lambda: metrics.Recall(class_id=1), metrics.AUC,
    lambda: metrics.AUC(curve="PR", num_thresholds=9, label_weights=[1.0, 2.0, 0.5]), lambda: metrics.AUC(5, multi_label=True),
    metrics.TruePositives, metrics.FalseNegatives, lambda: metrics.PrecisionAtRecall(0.5, 7), metrics.BinaryAccuracy,
    metrics.CategoricalAccuracy, lambda: metrics.TopKCategoricalAccuracy(2), metrics.F1Score,
    lambda: metrics.FBetaScore("macro", 2.0, 0.4), metrics.R2Score, metrics.KLDivergence, metrics.CosineSimilarity,
    metrics.RootMeanSquaredError,
]  # fmt: skip


@pytest.mark.parametrize("start", range(0, len(METRICS), 4))
def test_metrics_that_count(monkeypatch, start):
    def run():
        chosen = [make() for make in METRICS[start : start + 4]]
        model = model_of(normed, FLAT, loss="categorical_crossentropy", metrics=chosen)
        history = fit(model, FLAT, ONE_HOT)
        return history.captured, [np.asarray(v).tobytes() for v in history.history.values()]

    (how, got), (_, wanted) = run(), plainly(monkeypatch, run)
    assert how == "yes"
    assert got == wanted
    assert len(got) >= 4


def test_thresholds_are_brought_along_once_for_each_type_of_numbers():
    metric = metrics.Precision([0.7, 0.2])
    cp = sys.modules["cupy"]
    for dtype in ("float32", "float64", "float32"):
        metric.update_state(cp.asarray(ONE_HOT), cp.asarray(np.where(ONE_HOT > 0, 0.7, 0.1).astype(dtype)))
    with standin.counted_waits() as count:
        recorded(cp, lambda: metric.update_state(cp.ones(3, "float32"), cp.ones(3, "float32")))
    assert count[0] == 0
    # 0.7 as float32 is above no 0.7 of float32: thresholds have the type of what they are compared with
    assert metric.result().tolist() == [0.0, 1.0]


def graphs_of(monkeypatch, run):
    """How many graphs were launched."""
    launched, launch = [], streams.Graph.launch
    with monkeypatch.context() as patch:
        patch.setattr(streams.Graph, "launch", lambda self, *_: launched.append(self) or launch(self))
        run()
    return len(set(map(id, launched)))


OWN = [
    lambda: callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True),
    lambda: callbacks.ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=10),
    lambda: callbacks.LearningRateScheduler(lambda e: 0.1 / (e + 1)),
]  # fmt: skip


@pytest.mark.parametrize("make", OWN)
def test_callbacks_of_minidl_keep_the_graph(monkeypatch, make):
    assert graphs_of(monkeypatch, lambda: both(monkeypatch, lstm, SERIES, callbacks=[make()], epochs=4)) == 1


def test_a_callback_of_ones_own_makes_a_new_graph_each_epoch(monkeypatch):
    class Changed(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.layers[1].rate = 0.1

    options = {"compiled": {"loss": "mse", "metrics": []}, "callbacks": [Changed()]}
    assert graphs_of(monkeypatch, lambda: both(monkeypatch, dropout, FLAT, ONE_HOT, **options)) == 3

    class Stopping(callbacks.EarlyStopping):
        on_epoch_end = Changed.on_epoch_end

    options["callbacks"] = [Stopping("loss")]
    assert graphs_of(monkeypatch, lambda: both(monkeypatch, dropout, FLAT, ONE_HOT, **options)) == 3


def test_a_launch_a_step(monkeypatch):
    launches, launch = [], streams.Graph.launch
    monkeypatch.setattr(streams.Graph, "launch", lambda self, *_: launches.append(self) or launch(self))
    model = model_of(lstm, SERIES)
    with standin.counted_waits() as count:
        fit(model, SERIES, epochs=1, batch_size=8)
    few = count[0]
    assert len(launches) == 0  # two full batches: one through the layers, one from the tape
    with standin.counted_waits() as count:
        fit(model, SERIES, epochs=3, batch_size=2)
    assert len(launches) == 3 * 11 - 2
    assert len(set(map(id, launches))) == 1
    assert count[0] <= few + 2 * 8  # the end of an epoch, and none of its steps


class Slower(callbacks.Callback):
    """Another learning rate for each epoch."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.1 / (epoch + 2)


def test_a_learning_rate_that_changes(monkeypatch):
    both(monkeypatch, lstm, SERIES, callbacks=[Slower()])


def test_a_callback_that_changes_weights(monkeypatch):
    class Shaken(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.set_weights([w * 0.5 for w in self.model.get_weights()])
            self.model.evaluate(SERIES, LABELS, verbose=0)

    both(monkeypatch, lstm, SERIES, callbacks=[Shaken()])


def test_validation_between(monkeypatch):
    both(monkeypatch, lstm, SERIES, validation_split=0.25)


def test_two_fits(monkeypatch):
    def run():
        model = model_of(lstm, SERIES)
        fit(model, SERIES, epochs=1)
        model.train_on_batch(SERIES[:3], LABELS[:3])
        return outcome(model, fit(model, SERIES, epochs=2, batch_size=5))

    assert run() == plainly(monkeypatch, run)


def test_an_interrupt_leaves_the_last_finished_step(monkeypatch):
    def run(count):
        model, launch = model_of(lstm, SERIES), streams.Graph.launch
        seen = []

        def interrupted(self, *_):
            seen.append(1)
            if len(seen) == count:
                signal.raise_signal(signal.SIGINT)
            launch(self)

        with monkeypatch.context() as patch:
            patch.setattr(streams.Graph, "launch", interrupted)
            with pytest.raises(KeyboardInterrupt):
                fit(model, SERIES, batch_size=2, shuffle=False)
        return model

    model = run(4)
    assert int(model.optimizer.iterations) == 6
    other = model_of(lstm, SERIES)
    plainly(monkeypatch, lambda: fit(other, SERIES[:12], LABELS[:12], epochs=1, batch_size=2, shuffle=False))
    assert [w.tobytes() for w in model.get_weights()] == [w.tobytes() for w in other.get_weights()]


def test_precision_is_that_of_convolutions_and_products(monkeypatch):
    exact, _ = both(monkeypatch, cnn, IMAGES)
    config.set_precision("tf32")
    try:
        rounded, _ = both(monkeypatch, cnn, IMAGES)
    finally:
        config.set_precision("float32")
    assert rounded["loss"] != exact["loss"]
    np.testing.assert_allclose(rounded["loss"], exact["loss"], rtol=0.01)


# --- what cannot be captured ------------------------------------------------------------------------------------------


def words():
    return [layers.Embedding(9, 4), layers.Flatten(), layers.Dense(3, activation="softmax")]


IDS = RNG.integers(0, 9, (22, 5))


class Watcher(callbacks.Callback):
    """Sees every batch."""

    def on_train_batch_end(self, batch, logs=None):
        pass


def own_metric(y, p):
    return abs(y - p[:, 0])


def own_penalty(w):
    return 0.1 * np.sum(w * w)


def penalised(**options):
    return lambda: [layers.Dense(3, **options), *normed()]


class Doubled(layers.Layer):
    def call(self, inputs):
        return inputs * 2


REASONS = [
    (lambda: fit(model_of(words, IDS), IDS), "^embedding.*: a Embedding is not captured"),
    (lambda: fit(model_of(lstm, SERIES), SERIES, callbacks=[Watcher()]), "looks at every batch"),
    (lambda: fit(model_of(lstm, SERIES), SERIES, class_weight={0: 1.0, 1: 2.0, 2: 1.0}), "weights"),
    (lambda: fit(model_of(lstm, SERIES, metrics=[own_metric]), SERIES), "metric"),
    (lambda: fit(model_of(lstm, SERIES, optimizer="nadam"), SERIES), "number of the step"),
    (lambda: fit(model_of(lstm, SERIES, optimizer=lambda: optimizers.Adam(clipnorm=1.0)), SERIES), "norm"),
    (lambda: fit(model_of(lambda: [Doubled(), *lstm()], SERIES), SERIES), "doubled.* computes something of your own"),
    (lambda: fit(model_of(lambda: [layers.LSTM(3, dropout=0.5), *normed()], SERIES), SERIES), "lstm.* draws on the host"),
    (lambda: fit(model_of(penalised(bias_regularizer=own_penalty), FLAT), FLAT), "dense.* a regularizer other than L1 and L2"),
    (lambda: fit(model_of(penalised(activity_regularizer="l2"), FLAT), FLAT), "dense.* has an activity_regularizer"),
    (
        lambda: fit(model_of(lstm, SERIES, metrics=[metrics.Precision(top_k=2)], loss="mse"), SERIES, ONE_HOT),
        "^the step cannot be recorded: something in it",
    ),
    (lambda: fit(model_of(lstm, SERIES), SERIES, epochs=1, batch_size=22), "too few"),
    (
        lambda: model_of(lstm, SERIES).fit(iter([(SERIES, LABELS)] * 3), epochs=1, verbose=0),
        "generator",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("run", "reason"), REASONS, ids=[reason for _, reason in REASONS])
def test_the_reason_is_told(monkeypatch, run, reason):
    history = run()
    assert history.captured != "yes"
    assert re.search(reason, history.captured), history.captured


def test_references_are_not_captured(monkeypatch):
    def run():
        with kernels_off():
            model = model_of(dropout, FLAT, loss="mse", metrics=("mae",))
            history = fit(model, FLAT, ONE_HOT)
        return history.captured, outcome(model, history)

    (how, got), (_, wanted) = run(), plainly(monkeypatch, run)
    assert how.startswith("the step cannot be recorded: something in it")
    assert "cuda" not in how.lower()
    assert got == wanted


def test_data_that_does_not_stay_there_is_brought_batch_by_batch(monkeypatch):
    wanted = outcome(model := model_of(lstm, SERIES), fit(model, SERIES))
    cp = sys.modules["cupy"]
    free = [2 * (SERIES.nbytes + LABELS.nbytes)]
    monkeypatch.setattr(streams.MemoryPool, "free_bytes", lambda self: 0)
    monkeypatch.setattr(cp.cuda.runtime, "memGetInfo", lambda: (free[0], 2**40))
    assert fit(model_of(lstm, SERIES), SERIES).captured == "yes"
    free[0] -= 2
    history = fit(model := model_of(lstm, SERIES), SERIES)
    assert "too large" in history.captured
    assert outcome(model, history) == wanted


def test_memory_that_cupy_keeps_for_later_is_free(monkeypatch):
    monkeypatch.setattr(sys.modules["cupy"].cuda.runtime, "memGetInfo", lambda: (0, 2**40))
    monkeypatch.setattr(streams.MemoryPool, "free_bytes", lambda self: 2**20)
    assert fit(model_of(lstm, SERIES), SERIES).captured == "yes"


@pytest.mark.parametrize("call", ["train_on_batch", "test_on_batch", "fit"])
def test_batches_that_are_there_already_are_not_brought_back(monkeypatch, call):
    cp = sys.modules["cupy"]
    model = model_of(lstm, SERIES)
    x, y = cp.asarray(SERIES), cp.asarray(LABELS)
    brought, get = [], cp.ndarray.get
    monkeypatch.setattr(cp.ndarray, "get", lambda self, *a, **k: brought.append(self) or get(self, *a, **k))
    if call == "fit":
        model.fit(iter([(x, y)] * 3), epochs=1, verbose=0)
    else:
        getattr(model, call)(x, y)
    assert not any(array.shape in (x.shape, y.shape) for array in brought)


def test_arrays_that_are_there_already_are_looked_at_once_in_a_fit():
    cp = sys.modules["cupy"]
    with pytest.raises(ValueError, match="label"):
        fit(model_of(lstm, SERIES), cp.asarray(SERIES), cp.asarray(LABELS + 3))
    model = model_of(normed, FLAT, loss="categorical_crossentropy")
    with pytest.raises(ValueError, match="targets"):
        fit(model, cp.asarray(FLAT), cp.asarray(ONE_HOT * 2))


def test_weights_begin_at_multiples_of_four_numbers():
    """Behind an odd weight too: a convolution fetches its numbers by fours."""
    odd = lambda: [layers.PReLU(shared_axes=[1, 2]), *cnn()]  # noqa: E731
    model = model_of(odd, IMAGES)
    model.train_on_batch(IMAGES[:2], LABELS[:2])
    flat = model.optimizer.flat.groups[0]
    assert flat.variables[0].size % 4
    assert all((w.data.data.ptr - flat.values.data.ptr) % 16 == 0 for w in flat.variables)
    with device("cpu"):
        other = Sequential([layers.Input(IMAGES.shape[1:]), *odd()])
    other.compile("adam", "sparse_categorical_crossentropy")
    other.train_on_batch(IMAGES[:2], LABELS[:2])
    sizes = [v.shape for v in other.optimizer.variables]
    assert [v.shape for v in model.optimizer.variables] == sizes
    assert other.optimizer.flat.groups[0].values.size == sum(w.size for w in other.trainable_weights)
    fit(model, IMAGES)
    numbers = flat.values.get()
    for part in flat.slices:
        numbers[part] = 0
    assert not numbers.any()


def test_on_the_cpu_nothing_is_said():
    model = Sequential([layers.Input((6,)), layers.Dense(3)])
    model.compile("adam", "mse")
    assert fit(model, FLAT, ONE_HOT).captured is None


# --- the stand-in finds out -------------------------------------------------------------------------------------------


@pytest.fixture
def cp():
    return sys.modules["cupy"]


def recorded(cp, work):
    stream = cp.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        try:
            result = work()
        finally:
            graph = stream.end_capture()
    return graph, result


def test_nothing_runs_before_the_launch(cp):
    x = cp.ones(3)
    view = x[1:]
    graph, y = recorded(cp, lambda: (x.__iadd__(1), x * 2, view.sum())[1])
    assert x.get().tolist() == [1, 1, 1]
    graph.launch()
    assert (x.get().tolist(), y.get().tolist()) == ([2, 2, 2], [4, 4, 4])
    graph.launch()
    assert y.get().tolist() == [6, 6, 6]


@pytest.mark.parametrize(
    "work",
    [
        lambda cp, x: x.get(), lambda cp, x: float(x.sum()), lambda cp, x: bool(x[0] > 0), lambda cp, x: cp.asarray([1.0]),
        lambda cp, x: x @ x, lambda cp, x: cp.matmul(x, x), lambda cp, x: np.dot(x, x), lambda cp, x: cp.flatnonzero(x),
        lambda cp, x: x[x > 0], lambda cp, x: cp.argsort(x), lambda cp, x: cp.cuda.get_current_stream().synchronize(),
    ],
)  # fmt: skip
def test_what_waits_is_refused(cp, work):
    x = cp.ones(3)
    with pytest.raises((RuntimeError, NotImplementedError)):
        recorded(cp, lambda: work(cp, x))


def test_the_default_stream_cannot_be_captured(cp):
    with pytest.raises(RuntimeError, match="default stream"):
        cp.cuda.get_current_stream().begin_capture()


def test_a_graph_that_reads_what_was_freed(cp):
    held = [cp.ones(3), cp.ones(3)]
    graph, y = recorded(cp, lambda: held[0] + held[1])
    graph.launch()
    assert y.get().tolist() == [2, 2, 2]
    held.clear()
    graph.launch()
    assert np.isnan(y.get()).all()


def test_a_graph_that_shares_its_memory_with_others(cp):
    x = cp.ones(3)
    graph, _ = recorded(cp, lambda: ((x + 1) * 2)[:0])
    mine = cp.zeros(3)  # in the memory that x + 1 had
    graph.launch()
    assert mine.get().tolist() != [0, 0, 0]


class Hoarder(optimizers.schedules.LearningRateSchedule):
    """Makes an array at every step and keeps it: in memory that was free, so it must not be the graph's."""

    def __init__(self):
        self.arrays = []

    def __call__(self, step):
        self.arrays += [sys.modules["cupy"].zeros((4, 3), "float32") for _ in range(20)]
        return 0.1


@pytest.mark.parametrize("of_its_own", [True, False])
def test_a_graph_writes_into_nobody_elses_memory(monkeypatch, of_its_own):
    hoarder = Hoarder()
    gc.collect()
    streams.default_pool.free_all_blocks()
    if not of_its_own:  # the fault that `Graph` must not have
        monkeypatch.setattr(sys.modules["cupy"].cuda, "using_allocator", lambda *_: contextlib.nullcontext())
    model = model_of(lstm, SERIES, optimizer=lambda: optimizers.SGD(hoarder))
    assert fit(model, SERIES).captured == "yes"
    assert all((a.get() == 0).all() for a in hoarder.arrays) == of_its_own


def test_without_moving_on_the_step_is_wrong(monkeypatch):
    """So would be a graph whose batch, or number of the step, stays."""
    work = Captured._work

    def forgetful(self):
        work(self)
        self.rows -= self.n

    monkeypatch.setattr(Captured, "_work", forgetful)
    with pytest.raises(AssertionError):
        both(monkeypatch, lstm, SERIES)
