"""ZeroPadding2D: a border of zeros, and its three ways of saying how wide."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import normal, seeds

from minidl.gradcheck import gradcheck
from minidl.layers import ZeroPadding2D

sides = st.integers(0, 3)


@pytest.mark.parametrize(
    ("padding", "meaning"),
    [
        (2, ((2, 2), (2, 2))),
        ((1, 3), ((1, 1), (3, 3))),
        ([[1, 0], [2, 3]], ((1, 0), (2, 3))),
        ((1, (2, 3)), ((1, 1), (2, 3))),
        (np.int64(1), ((1, 1), (1, 1))),
    ],
)
def test_ways_to_say_it(padding, meaning):
    assert ZeroPadding2D(padding).padding == meaning


@settings(deadline=None, max_examples=40)
@given(top=sides, bottom=sides, left=sides, right=sides, h=st.integers(1, 3), w=st.integers(1, 3), seed=seeds)
def test_zeros_around_the_image(top, bottom, left, right, h, w, seed):
    (x,) = normal(seed, (2, h, w, 2))
    y = ZeroPadding2D(((top, bottom), (left, right)), dtype="float64")(x).numpy()
    assert y.shape == (2, top + h + bottom, left + w + right, 2)
    for n, i, j, c in np.ndindex(y.shape):
        inside = 0 <= i - top < h and 0 <= j - left < w
        assert y[n, i, j, c] == (x[n, i - top, j - left, c] if inside else 0)


def test_gradients():
    gradcheck(ZeroPadding2D(((1, 0), (2, 3))), *normal(0, (2, 2, 3, 2)))


@pytest.mark.parametrize(
    ("padding", "error"),
    [
        (-1, ValueError), ((1, -1), ValueError), (1.5, TypeError), ("same", TypeError), (True, TypeError),
        ((1, 2, 3), ValueError), (((1, 2, 3), 1), ValueError), (None, TypeError), ((), ValueError),
    ],
)  # fmt: skip
def test_what_is_no_padding(padding, error):
    with pytest.raises(error, match="ZeroPadding2D expects padding"):
        ZeroPadding2D(padding)


def test_formulas():
    layer = ZeroPadding2D(((1, 0), (2, 3)))
    layer(np.zeros((1, 4, 4, 1)))
    assert layer.shape_formulas() == ["4 + 1 + 0 = 5", "4 + 2 + 3 = 9"]
