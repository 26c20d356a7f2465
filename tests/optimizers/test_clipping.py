"""Clipping by value, by norm and by global norm, also where the norm itself overflows."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import optimizers
from minidl.optimizers.clipping import clip_by_global_norm, clip_by_norm, largest, scaled_norm
from minidl.variable import Variable


def moved(gradients, dtype="float32", **clip):
    """What SGD with learning rate 1 subtracts from zeros."""
    variables = [Variable(np.zeros(np.shape(g), dtype)) for g in gradients]
    optimizers.SGD(learning_rate=1.0, **clip).apply(gradients, variables)
    return [-v.numpy() for v in variables]


def test_by_value():
    assert moved([[3.0, -0.5], [-7.0]], clipvalue=2.0)[0].tolist() == [2, -0.5]
    assert moved([[3.0, -0.5], [-7.0]], clipvalue=2.0)[1].tolist() == [-2]
    assert moved([[3.0]], dtype="float16", clipvalue=1e6)[0].tolist() == [3]


def test_by_norm_is_for_each_variable():
    long, short = moved([[[3.0], [4.0]], [0.6]], clipnorm=1.0)
    assert long == pytest.approx(np.array([[0.6], [0.8]]))
    assert short.tolist() == [np.float32(0.6)]


def test_by_global_norm_is_for_all_together_and_across_dtypes():
    variables = [Variable(np.zeros(2, "float32")), Variable(np.zeros(1, "float64"))]
    optimizers.SGD(1.0, global_clipnorm=6.5).apply([[3.0, 4.0], [12.0]], variables)
    assert variables[0].numpy() == pytest.approx([-1.5, -2.0])
    assert variables[1].numpy() == pytest.approx([-6.0])


def test_a_gradient_that_did_not_come_counts_nothing_in_the_global_norm():
    variables = [Variable([0.0]), Variable([0.0])]
    optimizer = optimizers.SGD(1.0, global_clipnorm=5.0)
    optimizer.apply([[4.0], [3.0]], variables)
    optimizer.apply([[4.0], None], variables)
    assert [v.numpy().tolist() for v in variables] == [[-8.0], [-3.0]]
    optimizer.apply([[1.0], [1000.0]], variables)  # leaves a long gradient in the flat array
    before = variables[0].numpy().copy()
    optimizer.apply([[4.0], None], variables)
    assert variables[0].numpy() - before == -4.0


def test_what_is_short_keeps_every_bit():
    rng = np.random.default_rng(0)
    g = [rng.normal(size=5).astype("float32"), rng.normal(size=3).astype("float32")]
    for clip in ({"clipnorm": 100.0}, {"global_clipnorm": 100.0}, {"clipvalue": 100.0}):
        assert all(np.array_equal(a, b) for a, b in zip(moved(g, **clip), g, strict=True))


@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e30), ("float32", 3e38), ("float64", 1.7e308)])
@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm"])
def test_overflowing_norms(dtype, size, clip):
    gradient = np.array([size, -size, size, size], dtype)
    (step,) = moved([gradient], dtype, **{clip: 1.0})
    assert step == pytest.approx([0.5, -0.5, 0.5, 0.5], rel=1e-6)


@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e-30), ("float64", 1e-200)])
def test_norms_that_would_underflow(dtype, size):
    (step,) = moved([np.array([size, size, size, size], dtype)], dtype, clipnorm=size)
    assert step == pytest.approx(np.full(4, size / 2), rel=1e-6)


@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_zero_stays_zero_and_nan_stays_nan(clip):
    assert moved([[0.0, 0.0]], **{clip: 1.0})[0].tolist() == [0, 0]
    assert np.isnan(moved([[np.nan, 5.0]], **{clip: 1.0})[0][0])
    assert math.isnan(largest(np.array([1.0, np.nan, -np.inf])))


@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm"])
def test_infinite_gradients_are_not_hidden(clip):
    assert not np.isfinite(moved([[np.inf, 5.0]], **{clip: 1.0})[0][0])


@given(
    st.lists(st.lists(st.floats(-1e100, 1e100), max_size=5), min_size=1, max_size=4),
    st.floats(1e-3, 1e3),
)
@settings(deadline=None, max_examples=100)
def test_against_hypot(gradients, limit):
    arrays = [np.array(g, dtype=np.float64) for g in gradients]
    flat = np.concatenate(arrays)
    ends = np.cumsum([0, *(a.size for a in arrays)])
    slices = [slice(a, b) for a, b in pairwise(ends)]
    for part, clipped in zip(arrays, np.split(clip_by_norm(flat, slices, limit), ends[1:-1]), strict=True):
        norm = math.hypot(*part)
        assert clipped == pytest.approx(part * min(1, limit / norm) if norm else part, rel=1e-12, abs=1e-300)
    norm = math.hypot(*flat)
    for part, clipped in zip(arrays, clip_by_global_norm(arrays, limit), strict=True):
        assert clipped == pytest.approx(part * min(1, limit / norm) if norm else part, rel=1e-12, abs=1e-300)
    top, rest = scaled_norm(flat)
    assert top * rest == pytest.approx(norm)


def test_the_gradient_itself_is_not_clipped():
    w = Variable([0.0, 0.0])
    optimizer = optimizers.SGD(1.0, clipnorm=1.0)
    optimizer.apply([[3.0, 4.0]], [w])
    assert w.grad.tolist() == [3, 4]
