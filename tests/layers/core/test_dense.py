"""Dense: forward and backward against single products, differences and the complex step; weights; refusals."""

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import LAYOUTS, laid_out
from running import KERNELS, assert_close, run, using
from strategies import normal, seeds

from minidl import Tensor
from minidl.gradcheck import complex_step, gradcheck, inner_product
from minidl.layers import Dense
from minidl.layers.core.dense import DenseFunction

leading = st.lists(st.integers(0, 3), min_size=1, max_size=3)
few = st.integers(1, 4)
layouts = st.sampled_from(LAYOUTS)


@KERNELS
@settings(deadline=None, max_examples=60)
@given(leading=leading, i=few, u=few, biased=st.booleans(), seed=seeds)
def test_every_output_is_a_sum_over_inputs(kernels, leading, i, u, biased, seed):
    x, w, b, dy = normal(seed, (*leading, i), (i, u), (u,), (*leading, u))
    with using(kernels, DenseFunction):
        y, (dx, dw, db) = run(DenseFunction, (x, w, b if biased else None), dy)
    assert_close(y, oracles.dense(x, w, b if biased else None), 1e-12)
    wanted = oracles.dense_gradients(dy, x, w)
    assert_close(dx, wanted[0], 1e-12)
    assert_close(dw, wanted[1], 1e-12)
    assert not biased or assert_close(db, wanted[2], 1e-12) is None


@KERNELS
@settings(deadline=None, max_examples=40)
@given(
    leading=leading,
    i=few,
    u=few,
    seed=seeds,
    x_in=layouts,
    w_in=layouts,
    dy_in=layouts,
    dtype=st.sampled_from("fd"),
)
def test_memory_layout_and_type(kernels, leading, i, u, seed, x_in, w_in, dy_in, dtype):
    x, w, b, dy = normal(seed, (*leading, i), (i, u), (u,), (*leading, u), dtype=dtype)
    odd = laid_out(x, x_in), laid_out(w, w_in), laid_out(b, x_in)
    with using(kernels, DenseFunction):
        plain_y, plain = run(DenseFunction, (x, w, b), dy)
        y, gradients = run(DenseFunction, odd, laid_out(dy, dy_in))
    for a, wanted in zip((y, *gradients), (plain_y, *plain), strict=True):
        assert a.dtype == dtype
        assert_close(a, wanted, 1e-5 if dtype == "f" else 1e-12)


@KERNELS
@settings(deadline=None, max_examples=20)
@given(leading=leading, i=few, u=few, seed=seeds)
def test_every_entry_of_the_jacobian(kernels, leading, i, u, seed):
    with using(kernels, DenseFunction):
        gradcheck(DenseFunction.apply, *normal(seed, (*leading, i), (i, u), (u,)))


def test_complex_step():
    x, w, b, dy = normal(0, (2, 3, 4), (4, 5), (5,), (2, 3, 5))
    exact = complex_step(lambda *arrays: np.sum(DenseFunction.forward(*arrays)[0] * dy), x, w, b)
    for gradient, by_step in zip(run(DenseFunction, (x, w, b), dy)[1], exact, strict=True):
        assert_close(gradient, by_step, 1e-14)


def test_inner_product_of_a_large_layer():
    x, w = normal(0, (64, 300), (300, 200))
    assert inner_product(lambda x: DenseFunction.apply(x, w, None), x, linear=True) < 1e-13
    assert inner_product(lambda w: DenseFunction.apply(x, w, None), w, linear=True) < 1e-13


def test_bias_gradient_of_float32_is_summed_in_float64():
    x = np.zeros((300_000, 1), np.float32)
    dy = np.full((300_000, 2), 0.1, np.float32)
    _, (_, _, db) = run(DenseFunction, (x, np.zeros((1, 2), "f"), np.zeros(2, "f")), dy)
    assert db[0] == pytest.approx(300_000 * float(np.float32(0.1)), rel=1e-7)


# --- the layer ---------------------------------------------------------------------------------------------


def test_weights_of_a_new_layer():
    layer = Dense(3)
    layer.build((None, 4))
    assert [(v.name, v.shape, v.path) for v in layer.weights] == [
        ("kernel", (4, 3), "dense/kernel"), ("bias", (3,), "dense/bias"),
    ]  # fmt: skip
    limit = np.sqrt(6 / (4 + 3))
    assert 0.5 * limit < np.abs(layer.kernel.numpy()).max() <= limit
    assert layer.bias.numpy().tolist() == [0, 0, 0]
    assert layer.count_params() == 15
    assert layer.parameter_formula() == "(4 + 1)·3"


def test_without_bias():
    layer = Dense(3, use_bias=False)
    layer.build((None, 4))
    assert layer.bias is None
    assert layer.parameter_formula() == "4·3"
    assert [v.name for v in layer.weights] == ["kernel"]


def test_activation_and_initializers():
    layer = Dense(2, "relu", kernel_initializer=np.array([[1.0, -1.0]]), bias_initializer="ones")
    assert layer([[3.0], [-3.0]]).numpy().tolist() == [[4, 0], [0, 4]]


def test_regularizers_and_constraints_are_on_the_weights():
    layer = Dense(2, kernel_regularizer="l2", bias_constraint="non_neg")
    layer.build((None, 3))
    assert layer.kernel.regularizer is layer.kernel_regularizer
    assert layer.bias.constraint is layer.bias_constraint
    assert layer.kernel.constraint is layer.bias.regularizer is None


def test_sequences_and_images_go_through_the_last_axis():
    layer = Dense(2)
    x = normal(0, (2, 3, 5, 4))[0]
    y = layer(x).numpy()
    assert y.shape == (2, 3, 5, 2)
    assert np.allclose(y[1, 2, 3], layer(x[1, 2, 3:4]).numpy()[0], atol=1e-6)


def test_whole_numbers_and_lists_become_floats():
    layer = Dense(1, kernel_initializer="ones")
    for x in (
        [[1, 2]],
        np.array([[1, 2]], np.uint8),
        [[True, 2]],
        np.array([[1, 2]], ">f8"),
        Tensor([[1.0, 2.0]]),
    ):
        assert layer(x).numpy().tolist() == [[3]]
        assert layer(x).dtype == np.float32


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones(4), r"d \(Dense\) expects input of at least 2 axes, got shape \(4,\)"),
        (np.float32(1), r"at least 2 axes, got shape \(\)"),
        (np.ones((2, 5)), r"d \(Dense\) was built for 4 features \(axis -1\), got 5 in shape \(2, 5\)"),
        (np.ones((2, 0)), r"got input of shape \(2, 0\): only the batch axis may be empty"),
        ([np.ones((2, 4)), np.ones((2, 4))], r"expects one input, got a list of 2 arrays. Make one of them"),
        ([[1.0, 2.0], [3.0]], r"d \(Dense\) expects rows of equal length"),
    ],
)
def test_inputs_that_do_not_fit(x, message):
    layer = Dense(3, name="d")
    layer.build((None, 4))
    with pytest.raises(ValueError, match=message) as caught:
        layer(x)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("x", ["abc", None, [["1", "2"]], object()])
def test_inputs_that_are_no_numbers(x):
    with pytest.raises(TypeError, match=r"d \(Dense\) expects numbers, got .*np.asarray"):
        Dense(3, name="d")(x)


def test_unknown_number_of_features():
    with pytest.raises(ValueError, match=r"needs to know its number of features.*\(None, None\)"):
        Dense(3).build((None, None))
