"""From compile(metrics=[...]) to metric objects, and names."""

import functools

import numpy as np
import pytest

from minidl import losses, metrics
from minidl.metrics.resolve import METRICS


@pytest.mark.parametrize("name", ["accuracy", "acc", "Accuracy", "ACC"])
@pytest.mark.parametrize(
    ("y", "p", "kind"),
    [
        ((8, 1), (8, 1), metrics.BinaryAccuracy),
        ((8,), (8, 1), metrics.BinaryAccuracy),
        ((8,), (8,), metrics.BinaryAccuracy),
        ((8, 5), (8, 5, 1), metrics.BinaryAccuracy),
        ((8,), (8, 3), metrics.SparseCategoricalAccuracy),
        ((8, 1), (8, 3), metrics.SparseCategoricalAccuracy),
        ((8, 5), (8, 5, 3), metrics.SparseCategoricalAccuracy),
        ((8, 5, 1), (8, 5, 3), metrics.SparseCategoricalAccuracy),
        ((8, 3), (8, 3), metrics.CategoricalAccuracy),
        ((8, 5, 3), (8, 5, 3), metrics.CategoricalAccuracy),
    ],
)
def test_accuracy_by_shape(name, y, p, kind):
    metric = metrics.resolve(name, y, p)
    assert type(metric) is kind
    assert metric.name == name
    assert 0 <= metric(np.zeros(y), np.zeros(p)) <= 1


@pytest.mark.parametrize(
    ("y", "p", "kind"),
    [
        ((8, 1), (8, 1), metrics.BinaryCrossentropy),
        ((8,), (8, 3), metrics.SparseCategoricalCrossentropy),
        ((8, 3), (8, 3), metrics.CategoricalCrossentropy),
    ],
)
def test_crossentropy_by_shape(y, p, kind):
    for name in ("crossentropy", "ce"):
        metric = metrics.resolve(name, y, p)
        assert (type(metric), metric.name) == (kind, name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mse", metrics.MeanSquaredError),
        ("MSE", metrics.MeanSquaredError),
        ("mean_squared_error", metrics.MeanSquaredError),
        ("MeanSquaredError", metrics.MeanSquaredError),
        ("mae", metrics.MeanAbsoluteError),
        ("mape", metrics.MeanAbsolutePercentageError),
        ("msle", metrics.MeanSquaredLogarithmicError),
        ("rmse", metrics.RootMeanSquaredError),
        ("cosine", metrics.CosineSimilarity),
        ("kld", metrics.KLDivergence),
        ("logcosh", metrics.LogCoshError),
        ("r2_score", metrics.R2Score),
        ("auc", metrics.AUC),
        ("AUC", metrics.AUC),
        ("precision", metrics.Precision),
        ("recall", metrics.Recall),
        ("f1_score", metrics.F1Score),
        ("top_k_categorical_accuracy", metrics.TopKCategoricalAccuracy),
        ("binary_accuracy", metrics.BinaryAccuracy),
    ],
)
def test_a_name_keeps_its_spelling_as_the_key(name, kind):
    metric = metrics.resolve(name, (8, 1), (8, 1))
    assert (type(metric), metric.name) == (kind, name)


def coeffDetermination(y_true, y_pred):
    return 1 - np.sum((y_true - y_pred) ** 2) / np.sum((y_true - np.mean(y_true)) ** 2)


def test_accuracy_in_an_odd_spelling_goes_by_shape_too():
    assert type(metrics.resolve("Cross_Entropy", (8,), (8, 3))) is metrics.SparseCategoricalCrossentropy


def test_functions_get_their_name_in_snake_case():
    metric = metrics.resolve(coeffDetermination, (4, 1), (4, 1))
    assert metric.name == "coeff_determination"
    assert metric([[1.0], [2.0], [3.0]], [[1.0], [2.0], [2.0]]) == 0.5
    assert metrics.resolve(lambda y, p: 0.0, (4,), (4,)).name == "lambda"
    assert metrics.resolve(functools.partial(coeffDetermination), (4,), (4,)).name == "partial"


def test_losses_are_functions_too_and_go_down():
    metric = metrics.resolve(losses.mean_squared_error, (4, 1), (4, 1))
    assert (metric.name, metric.direction) == ("mean_squared_error", "down")
    assert metric([[1.0], [2.0]], [[1.0], [4.0]]) == 2.0
    metric = metrics.resolve(losses.MeanAbsoluteError(), (4, 1), (4, 1))
    assert (metric.name, metric.direction) == ("mean_absolute_error", "down")
    assert metric([[1.0], [2.0]], [[1.0], [4.0]]) == 1.0


def test_objects_are_returned_as_they_are():
    metric = metrics.AUC(name="area")
    assert metrics.resolve(metric, (4, 1), (4, 1)) is metric
    config = {"class_name": "TopKCategoricalAccuracy", "config": {"k": 2, "name": "top2"}}
    metric = metrics.resolve(config, (4, 3), (4, 3))
    assert (metric.k, metric.name) == (2, "top2")


@pytest.mark.parametrize(
    "name", ["accuracy", "binary_accuracy", "precision", "auc", "crossentropy", "recall"]
)
def test_a_loss_on_logits_makes_metrics_by_name_read_logits(name):
    logits = np.array([[0.3], [-0.2], [2.0], [-3.0]])
    y, p = [[1], [1], [1], [0]], 1 / (1 + np.exp(-logits))
    on_logits = metrics.resolve(name, (4, 1), (4, 1), losses.BinaryCrossentropy(from_logits=True))
    on_probabilities = metrics.resolve(name, (4, 1), (4, 1), losses.BinaryCrossentropy())
    assert on_logits(y, logits) == pytest.approx(on_probabilities(y, p))


@pytest.mark.parametrize(
    ("identifier", "error", "text"),
    [
        ("acuracy", ValueError, "Unknown metric 'acuracy'. Did you mean 'accuracy'"),
        ("crosentropy", ValueError, "Did you mean 'crossentropy'"),
        ("", ValueError, "Unknown metric"),
        (metrics.AUC, TypeError, r"got the class AUC. Write AUC\(\)"),
        (None, TypeError, "got None"),
        (3, TypeError, "Expected a metric"),
        ("sensitivity_at_specificity", ValueError, r"SensitivityAtSpecificity\(...\)"),
        ({"class_name": "AUC", "config": {"nonsense": 1}}, ValueError, "AUC"),
    ],
)
def test_errors(identifier, error, text):
    with pytest.raises(error, match=text) as caught:
        metrics.resolve(identifier, (4, 1), (4, 1))
    assert len(str(caught.value)) < 400


def test_get():
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert metrics.get("mse").name == "mean_squared_error"
    assert metrics.get(coeffDetermination) is coeffDetermination
    assert metrics.get(None) is None
    assert isinstance(metrics.get(metrics.AUC), metrics.AUC)


def test_the_table_holds_every_public_metric():
    public = {
        name
        for name, value in vars(metrics).items()
        if isinstance(value, type) and issubclass(value, metrics.Metric) and value is not metrics.Metric
    }
    assert set(METRICS) == public
    assert set(metrics.__all__) >= public | {"get", "serialize", "deserialize", "resolve"}


def test_names_are_those_of_the_class_even_for_a_second_object():
    assert [metrics.AUC().name, metrics.AUC().name, metrics.Precision().name] == ["auc", "auc", "precision"]


def test_the_functions_of_losses_are_here_too():
    for name in (
        "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "log_cosh", "hinge",
        "mean_squared_logarithmic_error", "binary_crossentropy", "categorical_crossentropy", "squared_hinge",
        "sparse_categorical_crossentropy", "categorical_hinge", "kl_divergence", "poisson", "huber",
    ):  # fmt: skip
        assert name in metrics.__all__
        assert getattr(metrics, name) is getattr(losses, name)
    assert metrics.hinge([[1.0, -1.0]], [[0.5, -3.0]]).numpy().tolist() == [0.25]
