"""Errors of numbers, and R²."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from minidl import metrics

RNG = np.random.default_rng(1)
Y = RNG.normal(size=(40, 3)) + 5
P = Y + RNG.normal(size=(40, 3))
W = RNG.random(40)


@pytest.mark.parametrize("weights", [None, W])
@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.MeanSquaredError, sk.mean_squared_error),
        (metrics.MeanAbsoluteError, sk.mean_absolute_error),
        (metrics.MeanSquaredLogarithmicError, sk.mean_squared_log_error),
        (
            metrics.MeanAbsolutePercentageError,
            lambda *a, **k: 100 * sk.mean_absolute_percentage_error(*a, **k),
        ),
    ],
)
def test_errors_against_scikit_learn(metric, expected, weights):
    assert metric()(Y, P, weights) == pytest.approx(expected(Y, P, sample_weight=weights), rel=1e-9)


def test_root_mean_squared_error_takes_the_root_at_the_end():
    metric = metrics.RootMeanSquaredError()
    metric.update_state([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    metric.update_state([0.0], [5.0])
    assert metric.result() == pytest.approx(math.sqrt(28 / 4))


def test_log_cosh_is_exact_and_does_not_overflow():
    assert metrics.LogCoshError()([0.0, 1.0], [0.5, -1.0]) == pytest.approx(
        (math.log(math.cosh(0.5)) + math.log(math.cosh(2.0))) / 2, rel=1e-12
    )
    assert metrics.LogCoshError()([0.0], [1e4]) == pytest.approx(1e4 - math.log(2))


def test_percentage_error_of_a_zero_target_is_finite():
    assert metrics.MeanAbsolutePercentageError()([0.0], [1.0]) == pytest.approx(1e9)


def test_cosine_similarity_by_hand():
    y, p = [[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]], [[4.0, 3.0], [-2.0, 0.0], [1.0, 1.0]]
    assert metrics.CosineSimilarity()(y, p) == pytest.approx((24 / 25 - 1 + 0) / 3)
    assert metrics.CosineSimilarity()(y, p, [1, 0, 0]) == pytest.approx(24 / 25)
    columns = metrics.CosineSimilarity(axis=0)(np.transpose(y), np.transpose(p))
    assert columns == pytest.approx((24 / 25 - 1 + 0) / 3)


def test_targets_without_an_axis_count_as_one_number_per_sample():
    metric = metrics.MeanSquaredError()
    metric.update_state([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    metric.update_state([0.0], [3.0], sample_weight=[2.0])
    assert metric.result() == pytest.approx((3 + 18) / 5)


def test_diverged_predictions_warn_nobody():
    for metric in (metrics.MeanSquaredError(), metrics.LogCoshError(), metrics.CosineSimilarity()):
        assert not math.isfinite(metric([[np.inf, 1.0]], [[np.inf, np.nan]]))
    assert metrics.MeanSquaredError()([[0.0]], [[1e300]]) == math.inf


@pytest.mark.parametrize("aggregation", [None, "uniform_average", "variance_weighted_average"])
@pytest.mark.parametrize("weights", [None, W])
def test_r2_against_scikit_learn(aggregation, weights):
    metric = metrics.R2Score(aggregation)
    for part in (slice(0, 7), slice(7, 8), slice(8, 40)):
        metric.update_state(Y[part], P[part], None if weights is None else weights[part])
    multioutput = {None: "raw_values", "variance_weighted_average": "variance_weighted"}
    expected = sk.r2_score(
        Y, P, sample_weight=weights, multioutput=multioutput.get(aggregation, "uniform_average")
    )
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-10)
    assert isinstance(metric.result(), np.ndarray if aggregation is None else float)


def test_r2_survives_a_large_mean():
    y, p = Y + 1e8, P + 1e8
    metric = metrics.R2Score()
    metric.update_state(y[:20], p[:20])
    metric.update_state(y[20:], p[20:])
    assert metric.result() == pytest.approx(sk.r2_score(Y, P), rel=1e-5)


@pytest.mark.parametrize(("p", "expected"), [([0.1] * 7, 1.0), ([0.1] * 6 + [0.2], 0.0)])
def test_r2_of_a_constant_target(p, expected):
    metric = metrics.R2Score()
    for value in p:
        metric.update_state([[0.1]], [[value]])
    assert metric.result() == expected
    assert metrics.R2Score("variance_weighted_average")([[0.1]] * 7, np.reshape(p, (7, 1))) == expected


def test_adjusted_r2():
    plain = sk.r2_score(Y[:, :1], P[:, :1])
    adjusted = metrics.R2Score(num_regressors=4)(Y[:, :1], P[:, :1])
    assert adjusted == pytest.approx(1 - (1 - plain) * 39 / 35)
    several = metrics.R2Score(None, num_regressors=4)(Y, P)
    assert several[0] == pytest.approx(adjusted)
    with pytest.warns(UserWarning, match="needs more than 40 samples"):
        assert metrics.R2Score(num_regressors=39)(Y[:, :1], P[:, :1]) == pytest.approx(plain)


def test_r2_before_and_after_and_with_no_weight():
    metric = metrics.R2Score()
    assert metric.result() == 0.0
    metric.update_state([[1.0], [2.0]], [[1.0], [2.0]])
    metric.update_state([[9.0]], [[0.0]], [0.0])
    assert metric.result() == 1.0
    metric.reset_state()
    assert metric.result() == 0.0


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: metrics.R2Score()([1.0], [1.0]), r"\(N, F\).*y\[:, None\]"),
        (lambda: metrics.R2Score("mean"), "class_aggregation"),
        (lambda: metrics.R2Score(num_regressors=-1), "num_regressors"),
        (lambda: metrics.CosineSimilarity(axis=0.5), "axis"),
        (lambda: metrics.MeanSquaredError()(Y, P[:, :2]), "mean_squared_error expects"),
    ],
)
def test_errors(call, text):
    with pytest.raises((ValueError, TypeError), match=text) as caught:
        call()
    assert len(str(caught.value)) < 400
