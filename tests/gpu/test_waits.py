"""What is looked at before it moves to a GPU, and that nobody waits for the GPU while a model learns.

To look at a number on a GPU is to wait until all that was asked of it is done. So targets and ids are looked at on the
host, as long as they are there, and losses and metrics decide nothing by what they see.
"""

import numpy as np
import pytest
from gpu import standin
from gpu.classifiers import LABELS, RNG, X, Y, classifier

from minidl import Sequential, backend, layers, losses, metrics
from minidl.devices import device, on_gpu, to_device, to_numpy
from minidl.tensor import Tensor


@pytest.fixture(autouse=True)
def _references(cupy):
    with backend.kernels_off():
        yield


# --- what is looked at before it moves ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "last", "y", "message"),
    [
        ("sparse_categorical_crossentropy", "softmax", np.r_[LABELS[:-1], 3], r"got label 3 at row 23, but 3 units"),
        ("sparse_categorical_crossentropy", "softmax", np.r_[LABELS[:-1], -1], r"got label -1 at row 23"),
        ("categorical_crossentropy", "softmax", np.full((24, 3), 2.0), r"expects targets from 0 to 1, got 2"),
        ("binary_crossentropy", "sigmoid", np.full((24, 3), -1.0), r"expects targets from 0 to 1, got -1"),
        ("poisson", "softplus", np.full((24, 3), -1.0), r"expects targets >= 0, got -1"),
    ],
)  # fmt: skip
def test_targets_that_cannot_be_are_refused_before_they_move(loss, last, y, message):
    model = classifier(last=last, loss=loss)
    before = model.get_weights()
    for call in (
        lambda: model.fit(X, y, verbose=0),
        lambda: model.evaluate(X, y, verbose=0),
        lambda: model.train_on_batch(X, y),
        lambda: model.test_on_batch(X, y),
        lambda: model.fit(iter([(X, y)]), verbose=0),
        lambda: model.fit(to_device(X, "gpu"), to_device(y, "gpu"), verbose=0),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_ids_that_are_not_in_the_table_are_refused_before_they_move():
    with device("gpu"):
        model = Sequential([layers.Input((2,)), layers.Embedding(5, 3), layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    ids = np.array([[0, 1], [2, 5]])
    for call in (
        lambda: model.fit(ids, Y[:2], verbose=0),
        lambda: model.predict(ids, verbose=0),
        lambda: model.predict_on_batch(ids),
        lambda: model.train_on_batch(ids, Y[:2]),
    ):
        with pytest.raises(ValueError, match=r"expects ids from 0 to 4 .*got 5 at position"):
            call()


def counts_waits(cupy):
    if not hasattr(cupy, "is_standin"):
        pytest.skip("waits are counted by the stand-in")


LOSSES = [
    losses.BinaryCrossentropy(), losses.BinaryCrossentropy(from_logits=True),
    losses.CategoricalCrossentropy(), losses.CategoricalCrossentropy(label_smoothing=0.1), losses.KLDivergence(),
    losses.Poisson(), losses.Hinge(), losses.SquaredHinge(), losses.CategoricalHinge(), losses.CosineSimilarity(),
    losses.Huber(), losses.LogCosh(), losses.MeanSquaredError(), losses.MeanAbsoluteError(),
    losses.MeanAbsolutePercentageError(), losses.MeanSquaredLogarithmicError(),
]  # fmt: skip


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_no_loss_waits(loss, cupy):
    counts_waits(cupy)
    y, p = np.eye(3, dtype="float32")[LABELS], RNG.random((24, 3)).astype("float32")
    p /= p.sum(axis=1, keepdims=True)
    y_there, p_there = to_device(y, "gpu"), Tensor(to_device(p, "gpu"), requires_grad=True)
    with standin.counted_waits() as count:
        made = loss(y_there, p_there)
        made.backward()
    assert count[0] == 0
    np.testing.assert_allclose(made.numpy(), loss(y, p).numpy(), rtol=1e-5)


def test_no_loss_of_labels_waits(cupy):
    counts_waits(cupy)
    p = RNG.random((24, 3)).astype("float32")
    for loss in (
        losses.SparseCategoricalCrossentropy(from_logits=True),
        losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1),
    ):
        y_there, p_there = to_device(LABELS, "gpu"), Tensor(to_device(p, "gpu"), requires_grad=True)
        with standin.counted_waits() as count:
            made = loss(y_there, p_there)
        assert count[0] == 0
        np.testing.assert_allclose(made.numpy(), loss(LABELS, p).numpy(), rtol=1e-5)


METRICS = [
    metrics.BinaryAccuracy, metrics.CategoricalAccuracy, metrics.TopKCategoricalAccuracy, metrics.AUC, metrics.Precision,
    metrics.Recall, metrics.TruePositives, metrics.FalseNegatives, metrics.F1Score, metrics.R2Score,
    metrics.MeanSquaredError, metrics.RootMeanSquaredError, metrics.CosineSimilarity, metrics.BinaryCrossentropy,
    metrics.CategoricalCrossentropy, metrics.KLDivergence, metrics.Hinge,
    lambda: metrics.Precision(thresholds=[0.7, 0.2, 0.5]), lambda: metrics.Recall(top_k=2),
    lambda: metrics.Precision(class_id=1), lambda: metrics.AUC(multi_label=True, curve="PR"),
    lambda: metrics.AUC(label_weights=[1.0, 2.0, 0.5]), lambda: metrics.F1Score(threshold=0.4, average="macro"),
    lambda: metrics.SensitivityAtSpecificity(0.5),
]  # fmt: skip


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: getattr(metric, "__name__", "of several"))
def test_no_metric_waits(metric, weighted, cupy):
    counts_waits(cupy)
    y, p = np.eye(3, dtype="float32")[LABELS], RNG.random((24, 3)).astype("float32")
    p[3, 1] = 0.5
    weights = np.linspace(0, 1, 24).astype("float32") if weighted else None
    here, there = metric(), metric()
    arrays = [y, p] if weights is None else [y, p, weights]
    moved = [to_device(a, "gpu") for a in arrays]
    for part in (slice(0, 10), slice(10, 24)):
        here.update_state(*(a[part] for a in arrays))
        with standin.counted_waits() as count:
            there.update_state(*(a[part] for a in moved))
        assert count[0] == 0
    result = there.result()
    assert not on_gpu(result)
    np.testing.assert_allclose(result, here.result(), rtol=1e-6)
    there.update_state(*arrays)  # and then a batch of the host
    here.update_state(*arrays)
    np.testing.assert_allclose(to_numpy(there.result()), here.result(), rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "y", "named"),
    [
        ("sparse_categorical_crossentropy", LABELS, ["accuracy"]),
        ("categorical_crossentropy", np.eye(3, dtype="float32")[LABELS], ["accuracy", "auc", "precision", "r2_score"]),
        ("kl_divergence", np.eye(3, dtype="float32")[LABELS], ["cosine_similarity", "recall"]),
    ],
)  # fmt: skip
def test_batches_of_a_generator_are_not_waited_for(loss, y, named, cupy):
    counts_waits(cupy)

    def waits(batch_size):
        model = classifier(loss=loss, metrics=named)
        for _ in range(2):  # the first makes what there is to make
            batches = [
                (X[i : i + batch_size], y[i : i + batch_size], np.ones(batch_size, "float32"))
                for i in range(0, 24, batch_size)
            ]
            with standin.counted_waits() as count:
                model.fit(iter(batches), epochs=1, verbose=0)
        return count[0]

    assert waits(2) == waits(12)


def test_an_embedding_of_batches_on_the_device_is_not_waited_for_on_the_way_there(cupy):
    counts_waits(cupy)
    ids = to_device(np.array([[0, 1], [2, 3]]), "gpu")
    with device("gpu"):
        layer = layers.Embedding(5, 3)
        layer.build((None, 2))
    with standin.counted_waits() as count:
        made = layer(ids)
    assert count[0] == 0
    np.testing.assert_array_equal(made.numpy(), layer.embeddings.numpy()[[[0, 1], [2, 3]]])
