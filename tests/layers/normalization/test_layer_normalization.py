"""LayerNormalization: against lists of numbers and the Jacobian written out, row by row."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import KERNELS, assert_close, run, using
from strategies import normal, seeds

from minidl.gradcheck import complex_step, gradcheck
from minidl.layers import LayerNormalization
from minidl.layers.normalization.layer_normalization import LayerNormFunction

shapes = st.lists(st.integers(1, 4), min_size=2, max_size=4).map(tuple)


@st.composite
def settings_of_the_op(draw):
    shape = (draw(st.integers(0, 3)), *draw(shapes)[1:])
    axes = draw(st.sets(st.integers(1, len(shape) - 1), min_size=1))
    return shape, tuple(sorted(axes)), draw(st.booleans()), draw(st.booleans()), draw(seeds)


def oracle(x, gamma, beta, dy, axes, epsilon):
    """y, dx, dgamma, dbeta: each row apart, its Jacobian n by n."""
    axes_last = range(-len(axes), 0)
    rows, dys = (np.moveaxis(a, axes, axes_last) for a in (x, dy))
    moved = rows.shape
    n = math.prod(x.shape[a] for a in axes)
    rows, dys = rows.reshape(math.prod(moved) // n, n), dys.reshape(math.prod(moved) // n, n)
    y, dx, d_gamma, d_beta = np.zeros(rows.shape), np.zeros(rows.shape), np.zeros(n), np.zeros(n)
    for i, row in enumerate(rows):
        mean = math.fsum(row) / n
        deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in row) / n + epsilon)
        hat = np.array([(v - mean) / deviation for v in row])
        jacobian = np.array(
            [[((a == b) - 1 / n - hat[a] * hat[b] / n) / deviation for a in range(n)] for b in range(n)]
        )
        y[i] = hat * gamma.ravel() + beta.ravel()
        dx[i] = jacobian @ (dys[i] * gamma.ravel())
        d_gamma += dys[i] * hat
        d_beta += dys[i]
    y, dx = (np.moveaxis(a.reshape(moved), axes_last, axes) for a in (y, dx))
    return y, dx, d_gamma.reshape(gamma.shape), d_beta.reshape(beta.shape)


@KERNELS
@settings(deadline=None, max_examples=60)
@given(given_setting=settings_of_the_op())
def test_row_by_row(kernels, given_setting):
    shape, axes, scaled, shifted, seed = given_setting
    x, dy, gamma, beta = normal(seed, shape, shape, *[[shape[a] for a in axes]] * 2)
    gamma, beta = gamma if scaled else np.ones(gamma.shape), beta if shifted else np.zeros(beta.shape)
    arrays = x, gamma if scaled else None, beta if shifted else None
    with using(kernels, LayerNormFunction):
        y, (dx, d_gamma, d_beta) = run(LayerNormFunction, arrays, dy, axes=axes, epsilon=1e-2)
    wanted = oracle(x, gamma, beta, dy, axes, 1e-2)
    np.testing.assert_allclose(y, wanted[0], atol=1e-10)
    np.testing.assert_allclose(dx, wanted[1], atol=1e-10)
    assert not scaled or np.allclose(d_gamma, wanted[2], atol=1e-10)
    assert not shifted or np.allclose(d_beta, wanted[3], atol=1e-10)


def test_complex_step():
    x, gamma, beta, dy = normal(0, (3, 2, 4), (4,), (4,), (3, 2, 4))

    def total(x, gamma, beta):
        return np.sum(LayerNormFunction.forward(x, gamma, beta, axes=(2,), epsilon=1e-3)[0] * dy)

    _, gradients = run(LayerNormFunction, (x, gamma, beta), dy, axes=(2,), epsilon=1e-3)
    for exact, gradient in zip(complex_step(total, x, gamma, beta), gradients, strict=True):
        assert_close(gradient, exact, 1e-12)


@KERNELS
def test_float32_at_a_large_mean(kernels):
    x = normal(0, (4, 50))[0] + 10_000
    with using(kernels, LayerNormFunction):
        y, _ = run(LayerNormFunction, (x.astype("float32"), None, None), axes=(1,), epsilon=1e-3)
    exact = x.astype("float32").astype("float64")
    exact = exact - exact.mean(axis=1, keepdims=True)
    assert_close(y, exact / np.sqrt((exact**2).mean(axis=1, keepdims=True) + 1e-3), 1e-5)


# --- the layer ---------------------------------------------------------------------------------------------


def test_each_sample_by_itself_and_equal_features_give_beta():
    y = LayerNormalization(beta_initializer="ones")(np.array([[1.0, 3.0], [5.0, 5.0]])).numpy()
    deviation = math.sqrt(1.001)
    np.testing.assert_allclose(y, [[1 - 1 / deviation, 1 + 1 / deviation], [1, 1]], atol=1e-6)


def test_weights_follow_the_input_and_the_mask_passes():
    layer = LayerNormalization(axis=[-1, 1])
    y = layer(np.zeros((2, 3, 4, 5)), mask=np.ones((2, 3), bool))
    assert [(v.name, v.shape) for v in layer.weights] == [("gamma", (3, 5)), ("beta", (3, 5))]
    assert layer.parameter_formula() == "2·3·5"
    assert y.mask.shape == (2, 3)
    bare = LayerNormalization(center=False, scale=False)
    bare.build((None, 3))
    assert (bare.weights, bare.parameter_formula()) == ([], "0")
    assert layer.get_config()["axis"] == [-1, 1]


def test_gradients():
    gradcheck(LayerNormalization(axis=(1, 2), gamma_initializer="random_normal"), *normal(1, (2, 2, 3)))


def test_any_number_of_axes_in_front():
    layer = LayerNormalization()
    layer.build((None, 4))
    (x,) = normal(0, (2, 3, 4))
    assert_close(layer(x).numpy()[1], layer(x[1]).numpy())


@pytest.mark.parametrize("axis", [1, -1, [1]])
def test_features_alone_are_no_batch(axis):
    layer = LayerNormalization(axis=axis)
    layer(np.ones((2, 3)))
    with pytest.raises(ValueError, match="at least 2 axes"):
        layer(np.ones(3))


def test_mistakes():
    for axis in (0, 3, -3, (1, -1), (1, 1)):
        with pytest.raises(ValueError, match="expects axis to name"):
            LayerNormalization(axis=axis)(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="expects axis to name at least one axis"):
        LayerNormalization(axis=[])
    with pytest.raises(ValueError, match="epsilon"):
        LayerNormalization(epsilon=0)
    with pytest.raises(ValueError, match="rms_scaling to be False"):
        LayerNormalization(rms_scaling=True)
    with pytest.raises(ValueError, match="needs to know the sizes"):
        LayerNormalization().build((None, None))
