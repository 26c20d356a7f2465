"""Pooling over series: windows one by one, Keras's rules, masks in the global mean."""

import math
import warnings
from itertools import product

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import KERNELS, assert_close, run, using
from strategies import normal, seeds

from minidl import Tensor
from minidl.gradcheck import gradcheck
from minidl.layers import AveragePooling1D, GlobalAveragePooling1D, GlobalMaxPooling1D, MaxPooling1D
from minidl.layers.pooling.pooling1d import AveragePool1DFunction, MaxPool1DFunction


@KERNELS
@pytest.mark.parametrize("function", [MaxPool1DFunction, AveragePool1DFunction])
@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 9), k=st.integers(1, 4), s=st.integers(1, 4), padding=st.sampled_from(["valid", "same"]),
    batch=st.integers(0, 3), seed=seeds, ties=st.booleans(),
)  # fmt: skip
def test_windows_one_by_one(kernels, function, n, k, s, padding, batch, seed, ties):
    n = max(n, k) if padding == "valid" else n
    begins = oracles.starts(n, k, s, padding)
    x, dy = normal(seed, (batch, n, 3), (batch, len(begins), 3))
    x = np.round(x) if ties else x
    y, dx = np.zeros(dy.shape), np.zeros(x.shape)
    for i, (t, first), c in product(range(batch), enumerate(begins), range(3)):
        cells = [u for u in range(first, first + k) if 0 <= u < n]
        if function is MaxPool1DFunction:
            winner = max(cells, key=lambda u: x[i, u, c])
            y[i, t, c] = x[i, winner, c]
            dx[i, winner, c] += dy[i, t, c]
        else:
            y[i, t, c] = math.fsum(x[i, u, c] for u in cells) / len(cells)
            for u in cells:
                dx[i, u, c] += dy[i, t, c] / len(cells)
    with using(kernels, function):
        got, (d_got,) = run(
            function, (x,), dy, pool=(k,), strides=(s,), padding=(oracles.border(n, k, s, padding),)
        )
    assert_close(got, y)
    assert_close(d_got, dx)


def row(layer, values):
    return layer(np.array(values, float).reshape(1, -1, 1)).numpy().ravel().tolist()


def test_as_keras():
    assert MaxPooling1D().pool_size == MaxPooling1D().strides == (2,)
    assert MaxPooling1D(3).get_config()["strides"] == (3,)
    with pytest.raises(TypeError, match="pool_size"):
        AveragePooling1D()
    assert row(AveragePooling1D(3, strides=2, padding="same"), range(1, 8)) == [1.5, 3, 5, 6.5]
    assert row(MaxPooling1D(3, 2, "same"), [-5, -4, -3, -2, -1]) == [-4, -2, -1]
    assert row(MaxPooling1D(1), [3, 1, 2]) == [3, 1, 2]
    assert MaxPooling1D(2, 2, "same", "channels_last", "halved").name == "halved"


@pytest.mark.parametrize("layer_class", [MaxPooling1D, AveragePooling1D])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_window_of_one_step_changes_nothing(layer_class, padding):
    x = Tensor(np.array([[[1.0, np.nan], [-np.inf, 0.0], [-0.0, 2.0]]]), requires_grad=True)
    y = layer_class(1, padding=padding, dtype="float64")(x)
    assert y.numpy().tobytes() == x.numpy().tobytes()
    y.backward(np.arange(6.0).reshape(1, 3, 2))
    np.testing.assert_array_equal(x.grad, np.arange(6.0).reshape(1, 3, 2))
    assert layer_class(1, 2)(x).shape == (1, 2, 2)


def test_formulas_and_a_window_that_does_not_fit():
    layer = MaxPooling1D(2)
    layer(np.zeros((1, 126, 64)))
    assert layer.shape_formulas() == ["(126 − 2 + 2·0)/2 + 1 = 63"]
    with pytest.raises(ValueError, match=r"window that spans \(3,\) cells, more than its input of \(2,\)"):
        MaxPooling1D(3)(np.zeros((1, 2, 1)))


# --- global ------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(seed=seeds, keepdims=st.booleans(), masked=st.booleans(), batch=st.integers(0, 3), n=st.integers(1, 5))
def test_the_mean_over_the_steps_that_count(seed, keepdims, masked, batch, n):
    (x,) = normal(seed, (batch, n, 2))
    counts = np.random.default_rng(seed).random((batch, n)) < (0.5 if masked else 2)
    x[~counts] = np.nan  # whatever lies there must not matter
    layer = GlobalAveragePooling1D(keepdims=keepdims, dtype="float64")
    t = Tensor(x, requires_grad=True)
    y = layer(t, mask=counts if masked else None)
    y.backward(gradient=np.ones(y.shape))
    assert y.shape == ((batch, 1, 2) if keepdims else (batch, 2))
    for i in range(batch):
        steps = [u for u in range(n) if counts[i, u]]
        for c in range(2):
            wanted = math.fsum(x[i, u, c] for u in steps) / len(steps) if steps else 0
            assert y.numpy().reshape(batch, 2)[i, c] == pytest.approx(wanted, abs=1e-12)
            assert t.grad[i, :, c].tolist() == [1 / len(steps) if u in steps else 0 for u in range(n)]


def test_masks_end_here_without_a_warning():
    x = Tensor(np.array([[[1.0], [3.0], [50.0]], [[1.0], [1.0], [1.0]]], np.float32))
    x.mask = np.array([[True, True, False], [False, False, False]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mean, largest = GlobalAveragePooling1D()(x), GlobalMaxPooling1D()(x)
    assert mean.numpy().tolist() == [[2], [0]]
    assert largest.numpy().tolist() == [[50], [1]]
    assert mean.mask is None
    assert largest.mask is None
    assert mean.dtype == np.float32
    with pytest.raises(ValueError, match=r"expects mask of shape \(2, 3\).*got \(2, 2\)"):
        GlobalAveragePooling1D()(x.numpy(), mask=np.ones((2, 2), bool))


def test_equal_steps_share_the_gradient_of_the_maximum():
    x = Tensor(np.array([[[2.0], [1.0], [2.0]]]), requires_grad=True)
    GlobalMaxPooling1D(keepdims=True, dtype="float64")(x).sum().backward()
    assert x.grad.ravel().tolist() == [0.5, 0, 0.5]


def test_gradients_with_a_mask():
    mask = np.array([[True, False, True], [True, True, True]])
    gradcheck(lambda x: GlobalAveragePooling1D(dtype="float64")(x, mask=mask), *normal(0, (2, 3, 2)))
