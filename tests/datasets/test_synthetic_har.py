"""synthetic_har.load_data: the physics it promises, and that it is neither too easy nor too hard."""

import random
import time

import numpy as np
import pytest

from minidl.datasets import synthetic_har
from minidl.random import global_seed
from minidl.utils import set_random_seed

WALKING, UP, DOWN, SITTING, STANDING, LAYING = range(6)


@pytest.fixture(scope="module")
def data():
    return synthetic_har.load_data(n_train=1800, n_test=900)


def test_shapes_dtypes_and_labels(data):
    (x_train, y_train), (x_test, y_test) = data
    assert (x_train.shape, x_test.shape) == ((1800, 128, 9), (900, 128, 9))
    assert {x_train.dtype, x_test.dtype} == {np.dtype(np.float32)}
    assert {y_train.dtype, y_test.dtype} == {np.dtype(np.int64)}
    assert np.bincount(y_train).tolist() == [300] * 6
    assert np.isfinite(x_train).all()
    assert np.abs(x_train).max() < 10
    assert (np.diff(y_train) != 0).any()
    assert (np.diff(y_train) < 0).any()  # in any order


def test_the_same_seed_gives_the_same_numbers_whatever_the_global_one_is():
    first = synthetic_har.load_data(30, 12, seed=4)
    set_random_seed(77)
    state = random.getstate()
    again = synthetic_har.load_data(30, 12, seed=4)
    other = synthetic_har.load_data(30, 12, seed=5)
    for (x, y), (x_again, y_again), (x_other, _) in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(x, x_again)
        np.testing.assert_array_equal(y, y_again)
        assert not np.array_equal(x, x_other)
    assert random.getstate() == state
    assert global_seed() == 77


def test_the_test_part_does_not_depend_on_the_size_of_the_training_part():
    for got, expected in zip(
        synthetic_har.load_data(7, 20)[1], synthetic_har.load_data(60, 20)[1], strict=True
    ):
        np.testing.assert_array_equal(got, expected)


def test_total_acceleration_is_body_acceleration_and_one_g_that_stands_still(data):
    (x, _), _ = data
    gravity = x[..., 6:].astype(np.float64) - x[..., :3]
    np.testing.assert_allclose(np.linalg.norm(gravity, axis=-1), 1, atol=2e-6)
    np.testing.assert_allclose(gravity, np.broadcast_to(gravity[:, :1], gravity.shape), atol=2e-6)


def test_walking_moves_the_phone_ten_times_as_much_as_rest(data):
    (x, y), _ = data
    moved = [x[y == activity, :, :3].std(axis=1).mean() for activity in range(6)]
    assert min(moved[:3]) > 10 * max(moved[3:])
    assert moved[DOWN] > 1.1 * moved[WALKING]


def test_the_body_rises_twice_in_each_stride(data):
    """Most power of the upward acceleration lies near 2 Hz: two steps in a stride of a second."""
    (x, y), _ = data
    up = x[y == WALKING, :, 0]
    power = (np.abs(np.fft.rfft(up, axis=1)) ** 2).mean(axis=0)
    frequency = np.fft.rfftfreq(128, 1 / 50)
    assert 1.4 < frequency[power.argmax()] < 2.4


def test_posture_is_the_direction_of_gravity(data):
    (x, y), _ = data
    along = [x[y == activity, :, 6].mean() for activity in (SITTING, STANDING, LAYING)]
    assert along[0] > 0.85
    assert along[1] > 0.95
    assert along[2] < 0.5


def test_people_differ_more_than_windows_of_one_person():
    one, _ = synthetic_har.load_data(600, 6, people_train=1)
    many, _ = synthetic_har.load_data(600, 6, people_train=50)
    spread = [x[y == STANDING, :, 6:].mean(axis=1).std(axis=0)[1:].mean() for x, y in (one, many)]
    assert spread[1] > 1.7 * spread[0]


def nearest(x_train, y_train, x_test):
    """Labels of the nearest training rows."""
    distance = (x_train**2).sum(1) - 2 * x_test @ x_train.T
    return y_train[distance.argmin(axis=1)]


def test_raw_numbers_do_not_tell_the_gaits_but_spectra_do(data):
    """A linear model on raw windows guesses (a third is chance); on the spectrum it does much better."""
    scores = []
    for features in (
        lambda x: x.reshape(len(x), -1),
        lambda x: np.log(np.abs(np.fft.rfft(x, axis=1)[:, 1:24])).reshape(len(x), -1),
    ):
        (x, y), (x_test, y_test) = [(features(x[y < 3, :, :6].astype(np.float64)), y[y < 3]) for x, y in data]
        mean, std = x.mean(0), x.std(0)
        x, x_test = (x - mean) / std, (x_test - mean) / std
        # ridge regression onto one-hot labels
        weights = np.linalg.solve(x.T @ x + 300 * np.eye(x.shape[1]), x.T @ (np.eye(3)[y] - 1 / 3))
        scores.append(((x_test @ weights).argmax(axis=1) == y_test).mean())
    assert scores[0] < 0.5
    assert scores[1] > scores[0] + 0.15


def test_sitting_and_standing_are_confused_with_each_other_and_lying_is_not(data):
    (x, y), (x_test, y_test) = data
    posture = [part[..., 6:].mean(axis=1) for part in (x, x_test)]
    still = y_test >= SITTING
    read = nearest(posture[0][y >= SITTING], y[y >= SITTING], posture[1][still])
    right = {k: (read[y_test[still] == k] == k).mean() for k in (SITTING, STANDING, LAYING)}
    assert right[LAYING] > 0.97
    assert 0.4 < right[SITTING] < 0.95
    assert 0.4 < right[STANDING] < 0.95


def test_the_size_of_uci_har_takes_seconds_at_most():
    begin = time.perf_counter()
    (x_train, _), (x_test, _) = synthetic_har.load_data()
    assert (len(x_train), len(x_test)) == (7352, 2947)
    assert time.perf_counter() - begin < 10  # 0.7 s on an idle machine


@pytest.mark.parametrize("argument", ["n_train", "n_test", "people_train", "people_test"])
@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (-3, ValueError), (2.5, TypeError)])
def test_sizes_are_checked(argument, value, error):
    with pytest.raises(error, match=f"synthetic_har expects {argument} to be a whole number"):
        synthetic_har.load_data(**{argument: value})


def test_a_seed_that_is_none_is_refused():
    with pytest.raises(ValueError, match="seed"):
        synthetic_har.load_data(6, 6, seed=-1)


def test_one_window_of_each_is_enough():
    (x_train, y_train), (x_test, _) = synthetic_har.load_data(1, 1)
    assert x_train.shape == x_test.shape == (1, 128, 9)
    assert y_train.tolist() == [0]
