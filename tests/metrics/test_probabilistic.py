"""Cross-entropies, KL divergence, Poisson, hinges."""

import math

import numpy as np
import pytest
from sklearn.metrics import hinge_loss, log_loss, mean_poisson_deviance

from minidl import metrics

RNG = np.random.default_rng(2)
LOGITS = RNG.normal(size=(30, 4))
P = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
CLASSES = RNG.integers(0, 4, 30)
W = RNG.random(30)


@pytest.mark.parametrize("weights", [None, W])
def test_crossentropies_against_scikit_learn(weights):
    expected = log_loss(CLASSES, P, labels=range(4), sample_weight=weights)
    assert metrics.SparseCategoricalCrossentropy()(CLASSES, P, weights) == pytest.approx(expected)
    assert metrics.SparseCategoricalCrossentropy(from_logits=True)(CLASSES, LOGITS, weights) == pytest.approx(
        expected
    )
    assert metrics.CategoricalCrossentropy()(np.eye(4)[CLASSES], P, weights) == pytest.approx(expected)
    assert metrics.CategoricalCrossentropy(from_logits=True)(
        np.eye(4)[CLASSES], LOGITS, weights
    ) == pytest.approx(expected)


def test_binary_crossentropy_against_scikit_learn():
    y, x = (CLASSES > 1).astype(int), LOGITS[:, 0]
    p = 1 / (1 + np.exp(-x))
    assert metrics.BinaryCrossentropy()(y, p) == pytest.approx(log_loss(y, p))
    assert metrics.BinaryCrossentropy(from_logits=True)(y[:, None], x) == pytest.approx(log_loss(y, p))


def test_probabilities_are_made_to_sum_to_one():
    assert metrics.CategoricalCrossentropy()([[0, 1, 0]], [[0.2, 0.2, 0.2]]) == pytest.approx(math.log(3))


@pytest.mark.parametrize(
    ("metric", "y", "p"),
    [
        (metrics.BinaryCrossentropy, [[1.0]], [[0.0]]),
        (metrics.BinaryCrossentropy, [[0.0]], np.ones((1, 1), dtype=np.float32)),
        (metrics.CategoricalCrossentropy, [[0.0, 1.0]], [[1.0, 0.0]]),
        (metrics.SparseCategoricalCrossentropy, [1], [[1.0, 0.0]]),
    ],
)
def test_certain_and_wrong_costs_the_clip(metric, y, p):
    assert metric()(y, p) == pytest.approx(-math.log(1e-7), rel=1e-6)


def test_logits_need_no_clip():
    assert metrics.BinaryCrossentropy(from_logits=True)([[1.0]], [[-1e4]]) == 1e4
    assert metrics.SparseCategoricalCrossentropy(from_logits=True)([1], [[1e4, 0.0, -1e4]]) == 1e4


def test_label_smoothing():
    p = np.array([[0.7, 0.2, 0.1]])
    y = np.array([1 - 0.3 * 2 / 3, 0.1, 0.1])
    expected = -np.sum(y * np.log(p[0]))
    assert metrics.CategoricalCrossentropy(label_smoothing=0.3)([[1, 0, 0]], p) == pytest.approx(expected)
    binary = -(0.85 * math.log(0.6) + 0.15 * math.log(0.4))
    assert metrics.BinaryCrossentropy(label_smoothing=0.3)([1], [0.6]) == pytest.approx(binary)


def test_ignored_classes_are_left_out_of_the_mean():
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=-1)
    metric.update_state([0, -1, 1, -1], [[0.5, 0.5], [0.1, 0.9], [0.75, 0.25], [0.9, 0.1]], [1, 1, 3, 5])
    assert metric.result() == pytest.approx((math.log(2) + 3 * math.log(4)) / 4)


def test_axis_of_the_classes():
    y, p = np.moveaxis(np.eye(4)[CLASSES], -1, 0), np.moveaxis(P, -1, 0)
    expected = metrics.CategoricalCrossentropy()(np.eye(4)[CLASSES], P)
    assert metrics.CategoricalCrossentropy(axis=0)(y, p) == pytest.approx(expected)
    assert metrics.SparseCategoricalCrossentropy(axis=0)(CLASSES, p) == pytest.approx(expected)


def test_kl_divergence_by_hand():
    y, p = [[0.5, 0.5], [1.0, 0.0]], [[0.25, 0.75], [0.5, 0.5]]
    first = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    second = math.log(2) + 1e-7 * math.log(1e-7 / 0.5)
    assert metrics.KLDivergence()(y, p) == pytest.approx((first + second) / 2, rel=1e-12)


def test_poisson_is_half_the_deviance_up_to_the_same_constant():
    y, a, b = RNG.poisson(4.0, 30), RNG.uniform(1, 6, 30), RNG.uniform(1, 6, 30)
    ours = metrics.Poisson()(y, a) - metrics.Poisson()(y, b)
    theirs = mean_poisson_deviance(y, a) - mean_poisson_deviance(y, b)
    assert ours == pytest.approx(theirs / 2, abs=1e-6)
    with pytest.raises(ValueError, match=r"rates >= 0, got -0.5"):
        metrics.Poisson()([1.0], [-0.5])


@pytest.mark.parametrize("labels", [(-1, 1), (0, 1)])
def test_hinge_against_scikit_learn(labels):
    y, x = np.array(labels)[(CLASSES > 1).astype(int)], LOGITS[:, 0]
    assert metrics.Hinge()(y, x) == pytest.approx(hinge_loss(y, x))
    margins = [max(1 - (1 if c > 1 else -1) * v, 0) for c, v in zip(CLASSES, x, strict=True)]
    assert metrics.SquaredHinge()(y, x) == pytest.approx(sum(m**2 for m in margins) / 30)


def test_categorical_hinge_by_hand():
    assert metrics.CategoricalHinge()([[0, 1, 0], [1, 0, 0]], [[0.5, 0.25, 0.75], [3.0, 1.0, 0.0]]) == 0.75


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: metrics.BinaryCrossentropy(label_smoothing=2), "label_smoothing"),
        (lambda: metrics.CategoricalCrossentropy(label_smoothing=-0.1), "label_smoothing"),
        (lambda: metrics.CategoricalCrossentropy()(CLASSES, P), "to_categorical"),
        (lambda: metrics.SparseCategoricalCrossentropy()([0, 4], P[:2]), "class numbers 0 ... 3, got 4"),
        (lambda: metrics.SparseCategoricalCrossentropy()(np.eye(4), P[:4]), "one-hot"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text) as caught:
        call()
    assert len(str(caught.value)) < 400
