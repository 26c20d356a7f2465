"""Counts, precision, recall, F scores and operating points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from minidl import metrics
from minidl.metrics.counts import Constant, confusion_counts, top_k_only

RNG = np.random.default_rng(4)
Y = RNG.integers(0, 2, 60)
P = np.clip(0.3 * Y + RNG.random(60) * 0.7, 0, 1)
W = RNG.random(60)
Y3, P3 = RNG.integers(0, 2, (60, 3)), RNG.random((60, 3))


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_counts_against_loops(data):
    grid = st.sampled_from([0.0, 0.2, 0.25, 0.5, 0.75, 1.0, np.nan])
    N, L = data.draw(st.integers(0, 6)), data.draw(st.integers(1, 3))
    scores = np.array(data.draw(st.lists(grid, min_size=N * L, max_size=N * L))).reshape(N, L)
    labels = RNG.random((N, L)) > 0.5
    weights = RNG.integers(0, 4, (N, L)).astype(float) if data.draw(st.booleans()) else None
    thresholds = np.array(sorted(data.draw(st.lists(grid.filter(lambda t: t == t), min_size=1, max_size=4))))
    counts = confusion_counts(labels, scores, Constant(thresholds), weights)
    for t, threshold in enumerate(thresholds):
        for column in range(L):
            four = dict.fromkeys(("tp", "fp", "tn", "fn"), 0.0)
            for n in range(N):
                yes = scores[n, column] > threshold
                right = yes == labels[n, column]
                four[f"{'t' if right else 'f'}{'p' if yes else 'n'}"] += (
                    1 if weights is None else weights[n, column]
                )
            assert {name: float(values[t, column]) for name, values in counts._asdict().items()} == four


@pytest.mark.parametrize("weights", [None, W])
@pytest.mark.parametrize("threshold", [None, 0.3, 0.8])
def test_precision_and_recall_against_scikit_learn(weights, threshold):
    yes = (0.5 if threshold is None else threshold) < P
    for ours, theirs in ((metrics.Precision, sk.precision_score), (metrics.Recall, sk.recall_score)):
        metric = ours(threshold)
        for part in (slice(0, 25), slice(25, 60)):
            metric.update_state(Y[part, None], P[part], None if weights is None else weights[part])
        assert metric.result() == pytest.approx(theirs(Y, yes, sample_weight=weights), rel=1e-12)


def test_several_thresholds_in_any_order():
    thresholds = [0.7, 0.2, 0.5]
    metric = metrics.Precision(thresholds)
    expected = [sk.precision_score(Y, t < P) for t in thresholds]
    np.testing.assert_allclose(metric(Y, P), expected)
    tp, fp, tn, fn = (
        kind(thresholds)(Y, P)
        for kind in (
            metrics.TruePositives,
            metrics.FalsePositives,
            metrics.TrueNegatives,
            metrics.FalseNegatives,
        )
    )
    for i, t in enumerate(thresholds):
        assert sk.confusion_matrix(Y, t < P).ravel().tolist() == [tn[i], fp[i], fn[i], tp[i]]


def test_no_positives_give_zero():
    assert metrics.Precision()([1, 1], [0.1, 0.2]) == 0.0
    assert metrics.Recall()([0, 0], [0.9, 0.2]) == 0.0
    assert metrics.Recall().result() == 0.0


def test_the_threshold_is_compared_in_the_type_of_the_predictions():
    p = np.array([0.3], dtype=np.float32)  # as float64 this is above 0.3
    assert metrics.TruePositives(0.3)([1], p) == 0.0


def test_class_id_looks_at_one_column():
    for c in range(3):
        expected = sk.precision_score(Y3[:, c], P3[:, c] > 0.5)
        assert metrics.Precision(class_id=c)(Y3, P3) == pytest.approx(expected)
        weighted = sk.recall_score(Y3[:, c], P3[:, c] > 0.5, sample_weight=W)
        assert metrics.Recall(class_id=c)(Y3, P3, W) == pytest.approx(weighted)


def test_top_k_keeps_the_first_of_equal_scores():
    scores = np.array([[0.5, 0.5, 0.1], [0.2, 0.9, 0.9]])
    assert (top_k_only(scores, 1) > -np.inf).tolist() == [[True, False, False], [False, True, False]]
    assert top_k_only(scores.astype(np.float32), 1).dtype == np.float32
    np.testing.assert_array_equal(top_k_only(scores, 5), scores)
    y = [[1, 0, 1], [0, 0, 1]]
    assert metrics.Precision(top_k=1)(y, scores) == 0.5
    assert metrics.Precision(top_k=2)(y, scores) == 0.5
    assert metrics.Recall(top_k=2)(y, scores) == pytest.approx(2 / 3)
    assert metrics.Precision(thresholds=0.6, top_k=2)(y, scores) == 0.5
    assert metrics.Precision(top_k=1, class_id=0)(y, scores) == 1.0


def test_logits_are_taken_with_threshold_zero_or_top_k():
    assert metrics.Precision(thresholds=0)([0, 1, 1], [-3.0, 2.0, -1.0]) == 1.0
    assert metrics.Recall(thresholds=0)([0, 1, 1], [-3.0, 2.0, -1.0]) == 0.5
    assert metrics.Precision(top_k=1)([[0, 1]], [[-3.0, 2.0]]) == 1.0


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: metrics.Precision()([0, 1], [-3.0, 2.0]), r"probabilities in \[0, 1\], got -3. .*sigmoid"),
        (lambda: metrics.Recall()([0, 1], [0.2, 2.0]), r"Recall expects probabilities .* got 2"),
        (lambda: metrics.Precision()([-1, 1], [0.2, 0.4]), r"labels in \[0, 1\], got -1"),
        (lambda: metrics.TruePositives()([0, 2], [0.2, 0.4]), r"labels in \[0, 1\], got 2"),
        (lambda: metrics.Precision()([0, 2, 1, 0], np.zeros((4, 3))), "to_categorical"),
        (lambda: metrics.Precision(class_id=3)(Y3, P3), r"Precision\(class_id=3\) expects .* \(60, 3\)"),
        (lambda: metrics.Precision(class_id=0)(Y, P), "column for that class"),
        (lambda: metrics.Precision(1.5), "thresholds"),
        (lambda: metrics.Precision([0.5, -1]), "thresholds"),
        (lambda: metrics.Precision([]), "at least one threshold"),
        (lambda: metrics.Recall(top_k=0), "top_k"),
        (lambda: metrics.Recall(class_id=-1), "class_id"),
        (lambda: metrics.F1Score("mean"), "average"),
        (lambda: metrics.FBetaScore(beta=0), "beta"),
        (lambda: metrics.F1Score(threshold=0), "threshold"),
        (lambda: metrics.F1Score()([0, 1], [0.1, 0.2]), r"\(N, C\)"),
        (lambda: metrics.F1Score()([[0], [1]], [[0.1], [0.2]]), r"F1Score\(threshold=0.5\)"),
        (lambda: metrics.SensitivityAtSpecificity(1.5), "specificity"),
        (lambda: metrics.RecallAtPrecision(0.5, num_thresholds=0), "num_thresholds"),
    ],
)
def test_errors(call, text):
    with pytest.raises((ValueError, TypeError), match=text) as caught:
        call()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
@pytest.mark.parametrize("weights", [None, W])
def test_f1_of_several_labels_against_scikit_learn(average, weights):
    metric = metrics.F1Score(average, threshold=0.4)
    for part in (slice(0, 25), slice(25, 60)):
        metric.update_state(Y3[part], P3[part], None if weights is None else weights[part])
    expected = sk.f1_score(Y3, P3 > 0.4, average=average, sample_weight=weights)
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-12)


@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
def test_fbeta_of_classes_against_scikit_learn(average):
    classes, guesses = RNG.integers(0, 3, 60), P3.argmax(axis=1)
    expected = sk.fbeta_score(classes, guesses, beta=2.0, average=average)
    assert metrics.FBetaScore(average, beta=2.0)(np.eye(3)[classes], P3) == pytest.approx(expected)


def test_a_class_without_anything_scores_zero_and_a_row_of_zeros_says_nothing():
    assert metrics.F1Score()([[1, 0], [1, 0]], [[0.9, 0.1], [0.0, 0.0]]).tolist() == [
        pytest.approx(2 / 3),
        0.0,
    ]
    assert metrics.F1Score("weighted").result() == 0.0


def test_a_change_in_the_number_of_classes_is_refused():
    metric = metrics.F1Score()
    metric.update_state(Y3, P3)
    with pytest.raises(ValueError, match="has counted 3 classes"):
        metric.update_state(Y3[:, :2], P3[:, :2])


@pytest.mark.parametrize("bound", [0.0, 0.4, 0.75, 1.0])
def test_operating_points_against_a_search(bound):
    best = dict.fromkeys(["sens", "spec", "prec", "rec"], 0.0)
    for t in np.linspace(0, 1, 200):
        tn, fp, fn, tp = sk.confusion_matrix(Y, t < P, sample_weight=W, labels=[0, 1]).ravel()
        recall, specificity = tp / (tp + fn), tn / (tn + fp)
        precision = tp / (tp + fp) if tp + fp else 0.0
        for key, kept, wanted in (
            ("sens", specificity, recall),
            ("spec", recall, specificity),
            ("prec", recall, precision),
            ("rec", precision, recall),
        ):
            if kept >= bound:
                best[key] = max(best[key], wanted)
    assert metrics.SensitivityAtSpecificity(bound)(Y, P, W) == pytest.approx(best["sens"])
    assert metrics.SpecificityAtSensitivity(bound)(Y, P, W) == pytest.approx(best["spec"])
    assert metrics.PrecisionAtRecall(recall=bound)(Y, P, W) == pytest.approx(best["prec"])
    assert metrics.RecallAtPrecision(bound)(Y, P, W) == pytest.approx(best["rec"])
