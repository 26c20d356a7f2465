"""The area under the ROC and precision-recall curves."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from minidl import metrics

RNG = np.random.default_rng(5)
Y = RNG.integers(0, 2, 300)
P = np.clip(0.2 * Y + RNG.random(300) * 0.8, 0, 1)
W = RNG.random(300)
Y3, P3 = RNG.integers(0, 2, (300, 3)), RNG.random((300, 3))


@pytest.mark.parametrize("weights", [None, W])
def test_roc_against_scikit_learn(weights):
    expected = roc_auc_score(Y, P, sample_weight=weights)
    assert metrics.AUC()(Y, P, weights) == pytest.approx(expected, abs=2e-3)
    assert metrics.AUC(num_thresholds=20_000)(Y, P, weights) == pytest.approx(expected, abs=1e-5)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=2, max_size=30))
@settings(deadline=None, max_examples=60)
def test_roc_is_exact_when_a_threshold_lies_between_all_scores(pairs):
    y, scores = np.array(pairs).T
    if 0 < y.sum() < len(y):
        between = (np.arange(8) + 0.5) / 8
        assert metrics.AUC(thresholds=between.tolist())(y, scores / 8) == pytest.approx(
            roc_auc_score(y, scores), abs=1e-12
        )


def test_pr_lies_between_its_bounds_and_near_average_precision():
    low, mid, high = (
        metrics.AUC(curve="PR", summation_method=m)(Y, P) for m in ("minoring", "interpolation", "majoring")
    )
    assert low < mid < high
    assert metrics.AUC(20_000, curve="PR")(Y, P) == pytest.approx(average_precision_score(Y, P), abs=5e-3)


def test_davis_and_goadrich_against_integration():
    """Between two thresholds tp and fp run linearly: sum the thin strips of precision over recall."""
    y, p, inner = (
        np.array([0, 1, 1, 0, 1, 0, 1]),
        np.array([0.1, 0.3, 0.35, 0.6, 0.7, 0.8, 0.9]),
        [0.2, 0.5, 0.75],
    )
    edges = [-1, *inner, 2]
    points = [((y[p > t] == 1).sum(), (y[p > t] == 0).sum()) for t in edges]
    area = 0.0
    for (tp_a, fp_a), (tp_b, fp_b) in itertools.pairwise(points):
        share = (np.arange(100_000) + 0.5) / 100_000
        tp, fp = tp_b + share * (tp_a - tp_b), fp_b + share * (fp_a - fp_b)
        area += np.mean(tp / (tp + fp)) * (tp_a - tp_b) / 4
    assert metrics.AUC(curve="PR", thresholds=inner)(y, p) == pytest.approx(area, rel=1e-6)


def test_the_example_of_three_thresholds():
    metric = metrics.AUC(num_thresholds=3)
    assert metric([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]) == 0.75
    assert [v.numpy()[:, 0].tolist() for v in metric.variables] == [
        [2, 1, 0],
        [2, 0, 0],
        [0, 2, 2],
        [0, 1, 2],
    ]
    metric.reset_state()
    assert metric([0, 0, 1, 1], [0, 0.5, 0.3, 0.9], [1, 0, 0, 1]) == 1.0


@pytest.mark.parametrize("curve", ["ROC", "PR"])
@pytest.mark.parametrize("method", ["interpolation", "minoring", "majoring"])
def test_several_labels_are_the_mean_of_single_ones(curve, method):
    alone = [metrics.AUC(curve=curve, summation_method=method)(Y3[:, i], P3[:, i], W) for i in range(3)]
    several = metrics.AUC(curve=curve, summation_method=method, multi_label=True)
    for part in (slice(0, 120), slice(120, 300)):
        several.update_state(Y3[part], P3[part], W[part])
    assert several.result() == pytest.approx(np.mean(alone))
    weighted = metrics.AUC(
        curve=curve, summation_method=method, multi_label=True, num_labels=3, label_weights=[1, 0, 3]
    )
    assert weighted(Y3, P3, W) == pytest.approx((alone[0] + 3 * alone[2]) / 4)


def test_label_weights_of_flattened_labels():
    ours = metrics.AUC(num_thresholds=5000, label_weights=[1, 2, 0])(Y3, P3)
    theirs = roc_auc_score(Y3.ravel(), P3.ravel(), sample_weight=np.tile([1, 2, 0], 300))
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_logits():
    logits = np.log(P / (1 - P + 1e-12))
    assert metrics.AUC(from_logits=True)(Y, logits) == pytest.approx(metrics.AUC()(Y, P), abs=1e-9)


def test_nothing_or_one_kind_only_gives_zero():
    assert metrics.AUC().result() == 0.0
    assert metrics.AUC(multi_label=True).result() == 0.0
    assert metrics.AUC(curve="PR")([0, 0], [0.1, 0.2]) == 0.0


def test_a_batch_that_fails_does_not_settle_the_number_of_labels():
    metric = metrics.AUC(multi_label=True)
    with pytest.raises(ValueError, match="sample_weight"):
        metric.update_state(Y3, P3, [1.0, 2.0])
    assert metric.variables == []
    metric.update_state(Y3[:, :2], P3[:, :2])
    with pytest.raises(ValueError, match="expects 2 labels"):
        metric.update_state(Y3, P3)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: metrics.AUC(num_thresholds=1), "num_thresholds"),
        (lambda: metrics.AUC(curve="RCO"), "Unknown curve of AUC 'RCO'. Did you mean 'ROC'"),
        (lambda: metrics.AUC(summation_method="middle"), "summation_method"),
        (lambda: metrics.AUC(thresholds=[2.0]), "thresholds"),
        (lambda: metrics.AUC(num_labels=3), "multi_label=True"),
        (lambda: metrics.AUC(label_weights=[-1.0]), "label_weights"),
        (lambda: metrics.AUC(label_weights=[1.0, 2.0])(Y3, P3), "2 label_weights"),
        (lambda: metrics.AUC(multi_label=True)(Y, P), r"\(N, L\)"),
        (lambda: metrics.AUC()([0, 1], [0.5, 1.5]), r"AUC expects probabilities in \[0, 1\], got 1.5"),
        (lambda: metrics.AUC()([0, 1], [[0.5, 0.1, 0.2], [0.5, 0.1, 0.2]]), "AUC expects y_true"),
    ],
)
def test_errors(call, text):
    with pytest.raises((ValueError, TypeError), match=text) as caught:
        call()
    assert len(str(caught.value)) < 400
