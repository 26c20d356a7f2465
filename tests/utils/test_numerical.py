"""One-hot rows and normalising."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minidl.utils import normalize, to_categorical

labels = hnp.arrays(
    np.int64, hnp.array_shapes(min_dims=0, max_dims=3, max_side=4), elements=st.integers(0, 6)
)


@settings(deadline=None, max_examples=60)
@given(labels, st.sampled_from(["int64", "uint8", "float32", ">i4"]), st.integers(0, 3))
def test_one_hot_has_its_one_at_the_label(x, dtype, more):
    y = to_categorical(x.astype(dtype), num_classes=int(x.max()) + 1 + more)
    shape = x.shape[:-1] if x.ndim > 1 and x.shape[-1] == 1 else x.shape
    assert y.shape == (*shape, x.max() + 1 + more)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y.sum(axis=-1), np.ones(shape))
    np.testing.assert_array_equal(y.argmax(axis=-1), x.reshape(shape))


@pytest.mark.parametrize(
    ("x", "shape"),
    [
        ([0, 1, 2], (3, 3)),
        ([[0], [2]], (2, 3)),
        ([[0, 1], [2, 1]], (2, 2, 3)),
        ([0], (1, 1)),
        (2, (3,)),
        ([True, False], (2, 2)),
        (np.zeros((2, 1, 1), int), (2, 1, 1)),
    ],
)
def test_classes_are_inferred_and_a_last_axis_of_one_is_dropped(x, shape):
    assert to_categorical(x).shape == shape


def test_no_labels_are_fine_where_the_classes_are_known():
    assert to_categorical(np.zeros((0,), int), num_classes=4).shape == (0, 4)
    assert to_categorical(np.zeros((0, 1)), num_classes=4).shape == (0, 4)


@pytest.mark.parametrize(
    ("x", "classes", "says"),
    [
        ([0, -1], None, "labels of 0 or more, got -1 at index 1"),
        ([0, 1, 0.5], None, "got 0.5 at index 2"),
        ([0, 3], 3, "from 0 to 2, got 3 at index 1"),
        ([[0, 1], [2, 7]], 3, r"got 7 at index \(1, 1\)"),
        ([0.0, np.nan], None, "got nan at index 1"),
        ([np.inf, 0.0], None, "got inf at index 0"),
        ([-np.inf], 3, "got -inf at index 0"),
        (-2, None, "got -2\\."),
        ([0, 1], 0, "num_classes to be a whole number >= 1, got 0"),
        ([0, 1], -4, "num_classes to be a whole number >= 1, got -4"),
        ([], None, "no labels to infer num_classes from"),
    ],
)
def test_wrong_labels_are_named(x, classes, says):
    with pytest.raises(ValueError, match=says):
        to_categorical(x, num_classes=classes)


def test_names_are_not_labels():
    with pytest.raises(TypeError, match="Number the classes first"):
        to_categorical(["cat", "dog"])


@pytest.mark.parametrize("classes", [3.0, "3", True])
def test_the_number_of_classes_is_whole(classes):
    with pytest.raises(TypeError, match="num_classes to be a whole number"):
        to_categorical([0], num_classes=classes)


def loop_norm(row, p):
    return max(abs(v) for v in row) if p == np.inf else sum(abs(v) ** p for v in row) ** (1 / p)


@settings(deadline=None, max_examples=60)
@given(
    hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=1, max_dims=3, max_side=4),
        elements=st.floats(-50, 50).map(lambda v: round(v, 3)),
    ),
    st.sampled_from([1, 2, 3, np.inf]),
    st.data(),
)
def test_normalize_divides_each_row_by_its_norm(x, order, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    got = np.moveaxis(normalize(x, axis, order), axis, -1)
    rows = np.moveaxis(x, axis, -1)
    for index in np.ndindex(rows.shape[:-1]):
        norm = loop_norm(rows[index].tolist(), order)
        np.testing.assert_allclose(got[index], rows[index] / (norm or 1), rtol=1e-12, atol=1e-300)


def test_normalize_keeps_the_type_and_counts_whole_numbers_as_float64():
    assert normalize(np.ones((2, 3), np.float32)).dtype == np.float32
    np.testing.assert_array_equal(normalize(np.array([-128, 0], np.int8)), [-1.0, 0.0])


def test_normalize_of_numbers_whose_squares_overflow_or_vanish():
    for size in (1e30, 1e-30):
        np.testing.assert_allclose(normalize(np.float32([3 * size, 4 * size])), [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(normalize([3e-200, 4e-200]), [0.6, 0.8])


def test_normalize_of_nothing_and_of_infinity():
    assert normalize(np.zeros((0, 3))).shape == (0, 3)
    assert normalize(np.zeros((2, 0))).shape == (2, 0)
    assert np.isnan(normalize([np.inf, 1.0])[0])


@pytest.mark.parametrize("order", [0, -1, np.nan])
def test_normalize_refuses_an_order_that_is_no_norm(order):
    with pytest.raises(ValueError, match="order to be a number > 0"):
        normalize([1.0, 2.0], order=order)
