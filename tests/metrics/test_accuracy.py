"""The accuracies: hand-made values, ties, shapes."""

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from minidl import Tensor, metrics


def test_binary_accuracy_is_strictly_above_the_threshold():
    values = metrics.binary_accuracy([[1], [1], [0], [0]], [[0.5], [0.51], [0.5], [0.6]])
    assert values.tolist() == [[0.0], [1.0], [1.0], [0.0]]
    assert metrics.BinaryAccuracy(threshold=0.0)([1, 0], [0.1, -0.1]) == 1.0


def test_binary_accuracy_threshold_is_compared_in_the_type_of_the_predictions():
    assert metrics.binary_accuracy([0], np.array([0.3], dtype=np.float32), threshold=0.3).tolist() == [1.0]


@pytest.mark.parametrize("y_shape", [(4,), (4, 1)])
@pytest.mark.parametrize("p_shape", [(4,), (4, 1)])
def test_binary_accuracy_never_compares_all_with_all(y_shape, p_shape):
    y, p = np.array([0, 1, 1, 0]).reshape(y_shape), np.array([0.1, 0.9, 0.2, 0.3]).reshape(p_shape)
    metric = metrics.BinaryAccuracy()
    assert metric(y, p) == 0.75
    assert float(metric.count) == 4


def test_categorical_accuracy_takes_the_first_of_equal_scores():
    assert metrics.categorical_accuracy(np.eye(2), [[0.5, 0.5], [0.5, 0.5]]).tolist() == [1.0, 0.0]


def test_sparse_categorical_accuracy_over_time_with_weights():
    y = np.array([[0, 1], [2, 2]])
    p = np.eye(3)[[[0, 1], [2, 0]]]
    assert metrics.SparseCategoricalAccuracy()(y, p) == 0.75
    assert metrics.SparseCategoricalAccuracy()(y[..., None], p) == 0.75
    assert metrics.SparseCategoricalAccuracy()(y, p, [[1, 1], [1, 0]]) == 1.0
    assert metrics.SparseCategoricalAccuracy()(y, p, [1, 3]) == pytest.approx((2 + 3) / 8)
    assert metrics.sparse_categorical_accuracy(y, Tensor(p)).tolist() == [[1.0, 1.0], [1.0, 0.0]]


def test_class_numbers_keep_their_digits_in_float16():
    scores = np.zeros((1, 4098), dtype=np.float16)
    scores[0, 4097] = 1
    assert metrics.SparseCategoricalAccuracy()([4097], scores) == 1.0
    assert metrics.SparseCategoricalAccuracy()([4096], scores) == 0.0


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_top_k_against_sorting(k):
    rng = np.random.default_rng(3)
    p, y = rng.random((50, 5)), rng.integers(0, 5, 50)
    expected = top_k_accuracy_score(y, p, k=k, labels=range(5)) if k < 5 else 1.0
    assert metrics.SparseTopKCategoricalAccuracy(k=k)(y, p) == pytest.approx(expected)
    assert metrics.TopKCategoricalAccuracy(k=k)(np.eye(5)[y], p) == pytest.approx(expected)


def test_top_k_counts_ties_as_right_and_nan_as_wrong():
    assert metrics.top_k_categorical_accuracy(np.eye(2), [[0.5, 0.5], [0.5, 0.5]], k=1).tolist() == [1.0, 1.0]
    assert metrics.sparse_top_k_categorical_accuracy([0], [[np.nan, 0.5]], k=2).tolist() == [0.0]


def test_top_k_of_sorted_ids():
    metric = metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True)
    assert metric([2, 1], [[1, 0, 2], [1, 2, 0]]) == 0.5


def test_accuracy_compares_floats_as_the_predictions_have_them():
    assert metrics.Accuracy()([0.1, 0.2, 7], np.array([0.1, 0.3, 7], dtype=np.float32)) == pytest.approx(
        2 / 3
    )


@pytest.mark.parametrize(
    ("metric", "y", "p", "text"),
    [
        (metrics.CategoricalAccuracy(), (4,), (4, 3), "one-hot y_true .* to_categorical\\(y, 3\\)"),
        (metrics.SparseCategoricalAccuracy(), (4, 3), (4, 3), "one class number per row .* one-hot"),
        (metrics.SparseCategoricalAccuracy(), (5,), (4, 3), "one class number per row"),
        (metrics.BinaryAccuracy(), (4,), (4, 3), "to_categorical"),
        (metrics.TopKCategoricalAccuracy(), (4, 1), (4, 3), "one-hot"),
    ],
)
def test_shapes_that_do_not_fit_say_how_to_mend_it(metric, y, p, text):
    with pytest.raises(ValueError, match=text) as caught:
        metric.update_state(np.zeros(y), np.zeros(p))
    assert len(str(caught.value)) < 400


def test_class_numbers_out_of_range():
    with pytest.raises(ValueError, match=r"class numbers 0 ... 2, got 7"):
        metrics.sparse_top_k_categorical_accuracy([0, 7], np.zeros((2, 3)))


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.TopKCategoricalAccuracy(k=0),
        lambda: metrics.SparseTopKCategoricalAccuracy(k=1.5),
        lambda: metrics.BinaryAccuracy(threshold="half"),
    ],
)
def test_arguments_are_checked(call):
    with pytest.raises((ValueError, TypeError), match="expects"):
        call()
