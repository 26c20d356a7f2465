"""What holds for every metric: streaming, configs, failures, and agreement with Keras."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import Tensor, metrics
from minidl.metrics.resolve import METRICS

RNG = np.random.default_rng(6)
N, C = 37, 4
CLASSES = RNG.integers(0, C, N)
ONE_HOT = np.eye(C, dtype=np.float32)[CLASSES]
SCORES = RNG.random((N, C)).astype(np.float32)
PROBABILITIES = SCORES / SCORES.sum(axis=1, keepdims=True)
LABELS = RNG.integers(0, 2, (N, C)).astype(np.float32)
BINARY = RNG.integers(0, 2, (N, 1)).astype(np.float32)
CHANCE = RNG.random((N, 1)).astype(np.float32)
NUMBERS = RNG.normal(size=(N, C)).astype(np.float32) + 3
GUESSES = NUMBERS + RNG.normal(size=(N, C)).astype(np.float32)
POSITIVE = np.abs(GUESSES)
WEIGHTS = RNG.random(N).astype(np.float32)

CASES = [
    ("Accuracy", {}, CLASSES, RNG.integers(0, C, N)),
    ("BinaryAccuracy", {}, BINARY, CHANCE),
    ("BinaryAccuracy", {"threshold": 0.3}, LABELS, SCORES),
    ("CategoricalAccuracy", {}, ONE_HOT, SCORES),
    ("SparseCategoricalAccuracy", {}, CLASSES, SCORES),
    ("TopKCategoricalAccuracy", {"k": 2}, ONE_HOT, SCORES),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, CLASSES, SCORES),
    ("MeanSquaredError", {}, NUMBERS, GUESSES),
    ("RootMeanSquaredError", {}, NUMBERS, GUESSES),
    ("MeanAbsoluteError", {}, NUMBERS, GUESSES),
    ("MeanAbsolutePercentageError", {}, NUMBERS, GUESSES),
    ("MeanSquaredLogarithmicError", {}, NUMBERS, GUESSES),
    ("CosineSimilarity", {}, NUMBERS, GUESSES),
    ("LogCoshError", {}, NUMBERS, GUESSES),
    ("R2Score", {}, NUMBERS, GUESSES),
    ("R2Score", {"class_aggregation": None}, NUMBERS, GUESSES),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, NUMBERS, GUESSES),
    ("BinaryCrossentropy", {}, LABELS, SCORES),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, LABELS, GUESSES),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, ONE_HOT, PROBABILITIES),
    ("CategoricalCrossentropy", {"from_logits": True}, ONE_HOT, GUESSES),
    ("SparseCategoricalCrossentropy", {}, CLASSES, SCORES),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, CLASSES, GUESSES),
    ("KLDivergence", {}, PROBABILITIES[::-1], PROBABILITIES),
    ("Poisson", {}, np.floor(POSITIVE), POSITIVE),
    ("Hinge", {}, LABELS, GUESSES),
    ("SquaredHinge", {}, LABELS, GUESSES),
    ("CategoricalHinge", {}, ONE_HOT, GUESSES),
    ("AUC", {}, BINARY, CHANCE),
    ("AUC", {"curve": "PR"}, BINARY, CHANCE),
    ("AUC", {"curve": "PR", "summation_method": "majoring", "num_thresholds": 50}, BINARY, CHANCE),
    ("AUC", {"summation_method": "minoring", "thresholds": [0.2, 0.5, 0.9]}, BINARY, CHANCE),
    ("AUC", {"multi_label": True, "num_labels": C}, LABELS, SCORES),
    ("AUC", {"from_logits": True}, LABELS, GUESSES),
    ("Precision", {}, BINARY, CHANCE),
    ("Precision", {"thresholds": [0.2, 0.6]}, LABELS, SCORES),
    ("Precision", {"top_k": 2}, LABELS, SCORES),
    ("Recall", {"class_id": 2}, LABELS, SCORES),
    ("Recall", {"thresholds": 0}, LABELS, GUESSES),
    ("TruePositives", {}, LABELS, SCORES),
    ("FalsePositives", {"thresholds": [0.1, 0.5, 0.9]}, LABELS, SCORES),
    ("TrueNegatives", {"thresholds": 0.4}, LABELS, SCORES),
    ("FalseNegatives", {}, LABELS, SCORES),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, BINARY, CHANCE),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6}, BINARY, CHANCE),
    ("PrecisionAtRecall", {"recall": 0.6}, BINARY, CHANCE),
    ("RecallAtPrecision", {"precision": 0.5}, BINARY, CHANCE),
    ("F1Score", {}, ONE_HOT, SCORES),
    ("F1Score", {"average": "micro", "threshold": 0.5}, LABELS, SCORES),
    ("FBetaScore", {"average": "weighted", "beta": 0.5}, ONE_HOT, SCORES),
    ("FBetaScore", {"average": "macro", "beta": 2.0, "threshold": 0.3}, LABELS, SCORES),
]
IDS = [f"{name}-{'-'.join(f'{k}={v}' for k, v in options.items())}" for name, options, _, _ in CASES]
every = pytest.mark.parametrize(("name", "options", "y", "p"), CASES, ids=IDS)


def test_every_metric_is_a_case():
    assert {name for name, *_ in CASES} | {"Mean", "Sum", "MeanMetricWrapper"} == set(METRICS)


@every
@given(cuts=st.lists(st.integers(0, N), max_size=4), weighted=st.booleans())
@settings(deadline=None, max_examples=6)
def test_batches_give_what_the_whole_gives(name, options, y, p, cuts, weighted):
    weights = WEIGHTS if weighted else None
    whole, parts = METRICS[name](**options), METRICS[name](**options)
    whole.update_state(y, p, weights)
    edges = [0, *sorted(cuts), N]
    for a, b in itertools.pairwise(edges):
        parts.update_state(y[a:b], p[a:b], None if weights is None else weights[a:b])
    np.testing.assert_allclose(parts.result(), whole.result(), rtol=1e-9, atol=1e-12)


@every
def test_weights_of_one_change_nothing_and_a_weight_of_two_counts_twice(name, options, y, p):
    plain, ones, twice = METRICS[name](**options), METRICS[name](**options), METRICS[name](**options)
    doubled = METRICS[name](**options)
    np.testing.assert_allclose(ones(y, p, np.ones(N)), plain(y, p), rtol=1e-9, atol=1e-12)
    weights = np.where(np.arange(N) < 5, 2, 1)
    doubled.update_state(np.concatenate([y, y[:5]]), np.concatenate([p, p[:5]]))
    np.testing.assert_allclose(twice(y, p, weights), doubled.result(), rtol=1e-9, atol=1e-12)


@every
def test_tensors_lists_and_strided_arrays_give_the_same(name, options, y, p):
    expected = METRICS[name](**options)(y, p)
    np.testing.assert_allclose(
        METRICS[name](**options)(Tensor(y), Tensor(p, requires_grad=p.dtype.kind == "f")), expected
    )
    np.testing.assert_allclose(
        METRICS[name](**options)(y[::-1], np.asfortranarray(p)[::-1]), expected, rtol=1e-9
    )
    np.testing.assert_allclose(
        METRICS[name](**options)(y.tolist(), p.tolist()), expected, rtol=1e-6, atol=1e-9
    )


@every
def test_inputs_are_left_alone_and_state_is_float64(name, options, y, p):
    y, p = y.copy(), p.copy()
    before = y.tobytes(), p.tobytes()
    metric = METRICS[name](**options)
    result = metric(y, p, WEIGHTS)
    assert (y.tobytes(), p.tobytes()) == before
    assert {v.dtype for v in metric.variables} == {np.dtype(np.float64)}
    assert isinstance(result, float | np.ndarray)
    if isinstance(result, np.ndarray):
        result += 1
        np.testing.assert_array_equal(metric.result() + 1, result)


@every
def test_a_failing_update_leaves_the_state_as_it_was(name, options, y, p):
    metric = METRICS[name](**options)
    metric.update_state(y, p)
    before = [v.numpy().copy() for v in metric.variables]
    for wrong in ((y[:-1], p, None), (y, p, np.ones(N - 1)), (y, p.astype(complex), None), (y, p, ["a"] * N)):
        with pytest.raises((ValueError, TypeError)) as caught:
            metric.update_state(*wrong)
        assert len(str(caught.value)) < 400
    for variable, old in zip(metric.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), old)


@every
def test_reset_forgets(name, options, y, p):
    metric, fresh = METRICS[name](**options), METRICS[name](**options)
    metric.update_state(y[::-1], p)
    metric.reset_state()
    assert not any(v.numpy().any() for v in metric.variables)
    np.testing.assert_array_equal(metric(y, p), fresh(y, p))


@every
def test_the_config_survives_json(name, options, y, p):
    metric = METRICS[name](**options, name="mine")
    again = metrics.deserialize(json.loads(json.dumps(metrics.serialize(metric))))
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    assert again.name == "mine"
    np.testing.assert_array_equal(again(y, p), metric(y, p))


@every
def test_nan_predictions_raise_no_warning(name, options, y, p):
    if p.dtype.kind == "f":
        bad = p.copy()
        bad[0] = np.nan
        METRICS[name](**options)(y, bad)


@pytest.mark.oracle
@every
def test_keras_has_the_same_config_and_direction(
    name, options, y, p
):  # numbers: tests/oracle/test_metrics.py
    keras = pytest.importorskip("keras")
    theirs, ours = getattr(keras.metrics, name)(**options), METRICS[name](**options)
    assert ours.direction == getattr(theirs, "_direction", None)
    assert type(theirs).from_config(ours.get_config()).name == ours.name
    assert type(ours).from_config(theirs.get_config()).get_config() == {
        **ours.get_config(),
        "name": theirs.name,
    }


@pytest.mark.oracle
@pytest.mark.parametrize(
    "name",
    [*METRICS, "mse", "MSE", "mae", "mape", "msle", "accuracy", "acc", "auc", "top_k_categorical_accuracy"],
)
def test_keras_makes_the_same_key_of_a_name(name):
    keras = pytest.importorskip("keras")
    from keras.src.trainers.compile_utils import get_metric

    if name.endswith(("Wrapper", "AtRecall", "AtPrecision", "AtSpecificity", "AtSensitivity")):
        pytest.skip("needs arguments")
    theirs = get_metric(name, np.zeros((4,)), np.zeros((4, 3)))
    ours = metrics.resolve(name, (4,), (4, 3))
    assert (type(ours).__name__, ours.name) == (type(theirs).__name__, theirs.name)
    keras.utils.clear_session()  # else Keras counts: auc_1, auc_2 ...
    assert type(ours)().name == type(theirs)().name
