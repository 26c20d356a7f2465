"""Training really learns: small problems with known answers, and the same training by PyTorch and by Keras."""

import numpy as np
import pytest
from small_models import rows

import minidl
from minidl import metrics, optimizers
from minidl.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from minidl.models import Sequential
from minidl.utils import set_random_seed

X, Y = rows(60)


def test_linear_regression_finds_the_least_squares():
    x = np.random.default_rng(0).normal(size=(60, 3))
    y = x @ [[1.0], [-2.0], [0.5]] + 3 + np.random.default_rng(1).normal(size=(60, 1))
    model = Sequential([Input(shape=(3,)), Dense(1, dtype="float64")])
    model.compile(optimizers.SGD(0.2), "mse")
    model.fit(x, y, batch_size=60, epochs=300, verbose=0)
    wanted = np.linalg.lstsq(np.hstack([x, np.ones((60, 1))]), y, rcond=None)[0]
    kernel, bias = model.get_weights()
    assert np.allclose(np.vstack([kernel, bias[None]]), wanted, atol=1e-9)


def test_ridge_regression():
    x = np.random.default_rng(0).normal(size=(60, 3))
    y = x @ [[1.0], [-2.0], [0.5]]
    model = Sequential(
        [Input(shape=(3,)), Dense(1, use_bias=False, kernel_regularizer="l2", dtype="float64")]
    )
    model.compile(optimizers.SGD(0.2), "mse")
    model.fit(x, y, batch_size=60, epochs=300, verbose=0)
    wanted = np.linalg.solve(
        x.T @ x / 60 + 0.01 * np.eye(3), x.T @ y / 60
    )  # d/dw: 2/N·xᵀ(xw − y) + 2·l2·w = 0
    assert np.allclose(model.get_weights()[0], wanted, atol=1e-9)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "nadam", "adamax"])
def test_exclusive_or(optimizer):
    set_random_seed(1)
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    model = Sequential([Input(shape=(2,)), Dense(8, activation="tanh"), Dense(1, activation="sigmoid")])
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.05
    model.fit(x, y, epochs=200, verbose=0)
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert accuracy == 1
    assert loss < 0.1


def blobs(n=150):
    rng = np.random.default_rng(3)
    labels = np.arange(n) % 3
    return (rng.normal(size=(n, 2)) + np.array([[0, 4], [4, -2], [-4, -2]])[labels]).astype("float32"), labels


def test_softmax_classification_learns_from_labels_and_from_one_hot_rows_alike():
    x, labels = blobs()
    results = []
    for loss, y in (
        ("sparse_categorical_crossentropy", labels),
        ("categorical_crossentropy", np.eye(3)[labels]),
    ):
        set_random_seed(2)
        model = Sequential([Input(shape=(2,)), Dense(3, activation="softmax")])
        model.compile(optimizers.SGD(0.1), loss, metrics=["accuracy"])
        model.fit(x, y, batch_size=10, epochs=10, verbose=0)
        results.append([*model.evaluate(x, y, verbose=0), *model.get_weights()])
        assert results[-1][1] > 0.97
        assert np.array_equal(
            model.predict(x, verbose=0).argmax(axis=1) == labels, model(x).numpy().argmax(1) == labels
        )
    for one, other in zip(*results, strict=True):
        assert np.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    ("activation", "loss", "y"),
    [
        ("sigmoid", "binary_crossentropy", (X[:, :1] > 0).astype("float32")),
        ("sigmoid", "binary_crossentropy", (X[:, :3] > 0).astype("float32")),
        (None, "mse", X[:, :1] * 3),
        (None, "mae", X[:, :2] * 3),
        ("sigmoid", "mse", np.abs(X[:, :1]) / 4),
        (None, "huber", X[:, :1]),
        ("softplus", "poisson", np.round(np.abs(X[:, :1]))),
        ("tanh", "hinge", np.sign(X[:, :1])),
        ("softmax", "kl_divergence", np.abs(X[:, :3]) / np.abs(X[:, :3]).sum(axis=1, keepdims=True)),
    ],
)
def test_every_kind_of_answer_is_learned(activation, loss, y):
    set_random_seed(4)
    model = Sequential([Input(shape=(4,)), Dense(y.shape[1], activation=activation)])
    model.compile(optimizers.Adam(0.02), loss)
    losses = model.fit(X, y, epochs=10, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


def test_a_label_out_of_many_is_learned_by_heart():
    """More weights than samples: the loss goes to nothing, which it would not if a gradient were wrong."""
    set_random_seed(5)
    rng = np.random.default_rng(5)
    x, labels = rng.normal(size=(12, 6, 6, 1)), rng.integers(0, 4, 12)
    model = Sequential(
        [
            Input(shape=(6, 6, 1)),
            Conv2D(6, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(4, activation="softmax"),
        ]
    )
    model.compile(optimizers.Adam(0.03), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, labels, batch_size=6, epochs=60, verbose=0).history
    assert history["accuracy"][-1] == 1
    assert history["loss"][-1] < 0.02


# --- kernels, PyTorch, Keras ------------------------------------------------------------------------------

IMAGES = np.random.default_rng(7).normal(size=(24, 9, 8, 2))
LABELS = np.arange(24) % 3
BATCH = 8
STEPS = 20


def cnn(lib, dtype, dropout=0.0):
    """The same small network in minidl or Keras."""
    layers = lib.layers
    options = {"dtype": dtype}
    return lib.models.Sequential([
        layers.Input(shape=(9, 8, 2)),
        layers.Conv2D(4, 3, padding="same", use_bias=False, **options),  # the next layer takes it out again
        layers.BatchNormalization(**options),
        layers.Activation("relu", **options),
        layers.MaxPooling2D(2, **options),
        layers.Conv2D(5, 3, activation="relu", strides=(2, 1), **options),
        layers.Flatten(**options),
        layers.Dropout(dropout, **options),
        layers.Dense(7, activation="tanh", **options),
        layers.Dense(3, activation="softmax", **options),
    ])  # fmt: skip


def trained(model, optimizer, steps=STEPS):
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        IMAGES,
        LABELS,
        batch_size=BATCH,
        epochs=-(-steps // 3),
        steps_per_epoch=None,
        shuffle=False,
        verbose=0,
    )
    return model.get_weights()


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_with_and_without_kernels(dropout):
    set_random_seed(8)
    model = cnn(minidl, "float32", dropout)
    start = model.get_weights()
    fast = trained(model, optimizers.Adam(0.01))
    set_random_seed(8)
    model = cnn(minidl, "float32", dropout)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), start, strict=True))
    with minidl.kernels_off():
        slow = trained(model, optimizers.Adam(0.01))
    for a, b, first in zip(fast, slow, start, strict=True):
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(a).max(), 1)
        assert np.abs(a - first).max() > 1e-3  # it has moved


def torch_steps(torch, weights, make_optimizer, before_step):
    """20 steps of the same network in PyTorch, in its own words: channels first, its own losses and rules."""
    names = ["k1", "gamma", "beta", "mean", "variance", "k2", "b2", "w3", "b3", "w4", "b4"]
    p = {n: torch.tensor(w, dtype=torch.float64) for n, w in zip(names, weights, strict=True)}
    learned = [p[n].requires_grad_() for n in names if n not in ("mean", "variance")]
    optimizer = make_optimizer(learned)
    functional = torch.nn.functional
    for step in range(STEPS + 1):
        rows = slice(step % 3 * BATCH, step % 3 * BATCH + BATCH)
        x = torch.tensor(IMAGES[rows]).permute(0, 3, 1, 2)
        x = functional.conv2d(x, p["k1"].permute(3, 2, 0, 1), padding=1)
        with torch.no_grad():
            p["mean"] = p["mean"] * 0.99 + x.mean((0, 2, 3)) * 0.01
            p["variance"] = p["variance"] * 0.99 + x.var((0, 2, 3), unbiased=False) * 0.01
        x = functional.batch_norm(x, None, None, p["gamma"], p["beta"], training=True, eps=1e-3)
        x = functional.max_pool2d(torch.relu(x), 2)
        x = torch.relu(functional.conv2d(x, p["k2"].permute(3, 2, 0, 1), p["b2"], stride=(2, 1)))
        x = x.permute(0, 2, 3, 1).reshape(len(x), -1)
        x = torch.tanh(x @ p["w3"] + p["b3"]) @ p["w4"] + p["b4"]
        loss = functional.cross_entropy(x, torch.tensor(LABELS[rows]))
        optimizer.zero_grad()
        loss.backward()
        before_step(optimizer, step)
        optimizer.step()
    return [p[n].detach().numpy() for n in names]


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adam"])
def test_pytorch_arrives_at_the_same_weights(name):
    torch = pytest.importorskip("torch")
    set_random_seed(9)
    model = cnn(minidl, "float64")
    start = model.get_weights()

    def same_epsilon(optimizer, step):
        """Keras adds epsilon to √v before its bias is corrected, PyTorch after: ε/√(1 − β₂ᵗ) there is ε here."""
        if name == "adam":
            optimizer.param_groups[0]["eps"] = 1e-7 / np.sqrt(1 - 0.999 ** (step + 1))

    ours, theirs = {
        "sgd": (optimizers.SGD(0.05), lambda p: torch.optim.SGD(p, 0.05)),
        "momentum": (optimizers.SGD(0.05, 0.9), lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
        "nesterov": (
            optimizers.SGD(0.05, 0.9, nesterov=True),
            lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True),
        ),
        "adam": (optimizers.Adam(0.01), lambda p: torch.optim.Adam(p, 0.01)),
    }[name]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more of them wait for each other longer than they work
    wanted = torch_steps(torch, start, theirs, same_epsilon)
    torch.set_num_threads(threads)
    for got, right, first in zip(trained(model, ours), wanted, start, strict=True):
        assert np.abs(got - right).max() <= 1e-9
        assert np.abs(got - first).max() > 1e-3


@pytest.fixture
def keras(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    return pytest.importorskip("keras")


keras_only = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # inside Keras
]


class TestAgainstKeras:
    pytestmark = keras_only

    @pytest.mark.parametrize(
        ("name", "options"),
        [("SGD", {"learning_rate": 0.05}), ("Adam", {}), ("RMSprop", {}), ("Adagrad", {})],
    )
    def test_the_same_weights_after_twenty_steps(self, keras, name, options):
        set_random_seed(10)
        ours, theirs = cnn(minidl, "float32"), cnn(keras, "float32")
        theirs.set_weights(ours.get_weights())
        got = trained(ours, getattr(optimizers, name)(**options))
        wanted = trained(theirs, getattr(keras.optimizers, name)(**options))
        for a, b in zip(got, wanted, strict=True):
            assert np.abs(a - b).max() <= 2e-5 * max(np.abs(b).max(), 1)
        assert np.allclose(ours.predict(IMAGES, verbose=0), theirs.predict(IMAGES, verbose=0), atol=2e-5)

    @pytest.mark.parametrize(
        "arguments",
        [
            {},
            {"batch_size": 7},
            {"validation_split": 0.3},
            {"class_weight": {0: 0.5, 2: 3.0}},
            {"sample_weight": np.linspace(0, 2, 60), "validation_split": 0.25},
            {"class_weight": {1: 2.0}, "validation_split": 0.25, "validation_freq": 2, "epochs": 4},
            {"initial_epoch": 1, "epochs": 3, "steps_per_epoch": 2, "batch_size": 10},
        ],
        ids=lambda a: " ".join(a) or "plain",
    )
    @pytest.mark.filterwarnings("ignore:class_weight has no weight")
    def test_the_same_history_and_evaluation(self, keras, arguments):
        labels = np.arange(60) % 3
        arguments = {"epochs": 2, "shuffle": False, "verbose": 0, **arguments}
        results = []
        for lib in (minidl, keras):
            model = lib.models.Sequential([
                lib.layers.Input(shape=(4,)),
                lib.layers.Dense(5, activation="relu", kernel_regularizer="l2", kernel_initializer="ones"),
                lib.layers.Dense(3, activation="softmax", activity_regularizer="l1", kernel_initializer="ones"),
            ])  # fmt: skip
            model.set_weights(
                [w + np.arange(w.size).reshape(w.shape) / 9 for w in map(np.array, model.get_weights())]
            )
            model.compile(
                lib.optimizers.SGD(0.1),
                "sparse_categorical_crossentropy",
                metrics=["accuracy", "sparse_categorical_crossentropy"],
                weighted_metrics=["accuracy"],
            )
            history = model.fit(X, labels, **arguments)
            weights = np.linspace(1, 0, 60)
            results.append((
                history.epoch,
                history.history,
                model.evaluate(X, labels, sample_weight=weights, verbose=0, return_dict=True),
                model.train_on_batch(X[:9], labels[:9], return_dict=True),
                model.test_on_batch(X[:9], labels[:9], return_dict=True),
            ))  # fmt: skip
        ours, theirs = results
        assert ours[0] == theirs[0]
        assert list(ours[1]) == list(theirs[1])
        for name in ours[1]:
            assert ours[1][name] == pytest.approx(theirs[1][name], rel=2e-5)
        for got, wanted in zip(ours[2:], theirs[2:], strict=True):
            assert got == pytest.approx({k: float(v) for k, v in wanted.items()}, rel=2e-5)

    def test_the_list_that_evaluate_gives(self, keras):
        def lists(lib):
            model = lib.models.Sequential(
                [lib.layers.Input(shape=(4,)), lib.layers.Dense(1, kernel_initializer="ones")]
            )
            model.compile(
                "sgd", "mse", metrics=["mae", lib.metrics.RootMeanSquaredError()], weighted_metrics=["mape"]
            )
            return model.evaluate(X, Y, verbose=0)

        assert lists(minidl) == pytest.approx(lists(keras), rel=2e-5)
        assert len(lists(minidl)) == 4


@pytest.mark.filterwarnings("ignore:class_weight has no weight")
def test_a_run_of_everything_together():
    """Convolution, normalisation, dropout, penalties, weights of classes, validation: it learns and ends finite."""
    set_random_seed(11)
    model = Sequential([
        Input(shape=(9, 8, 2)), Conv2D(8, 3, activation="relu", kernel_regularizer="l1_l2"), BatchNormalization(),
        MaxPooling2D(), Dropout(0.2), Flatten(), Dense(16, activation="relu", kernel_constraint="max_norm"),
        Dense(3, activation="softmax"),
    ])  # fmt: skip
    x = IMAGES + np.eye(3)[LABELS].sum(-1).reshape(-1, 1, 1, 1) * LABELS.reshape(-1, 1, 1, 1)
    model.compile(
        "adam",
        "sparse_categorical_crossentropy",
        metrics=["accuracy", metrics.SparseTopKCategoricalAccuracy(2)],
    )
    history = model.fit(
        x, LABELS, batch_size=5, epochs=15, validation_split=0.25, class_weight={0: 2.0}, verbose=0
    ).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert history["loss"][-1] < history["loss"][0] / 2
    assert (np.linalg.norm(model.layers[5].get_weights()[0], axis=0) <= 2 + 1e-5).all()
