"""Pooling over windows: against lists of cells, differences, the complex step, and Keras's rules."""

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import LAYOUTS, laid_out
from running import KERNELS, assert_close, run, using
from strategies import normal, seeds, windows

from minidl import Tensor
from minidl.gradcheck import complex_step, gradcheck, inner_product
from minidl.layers import AveragePooling2D, MaxPooling2D
from minidl.layers.pooling.pooling2d import AveragePool2DFunction, MaxPool2DFunction

ORACLES = {MaxPool2DFunction: oracles.max_pool2d, AveragePool2DFunction: oracles.average_pool2d}
FUNCTIONS = pytest.mark.parametrize("function", list(ORACLES))
batches, channels = st.integers(0, 2), st.integers(1, 3)
undilated = windows(dilated=False)


def options(window):
    """The options of the op, and of the oracle."""
    edges = zip(window.sizes, window.window, window.strides, strict=True)
    borders = tuple(oracles.border(n, k, s, window.padding) for n, k, s in edges)
    loops = {"pool": window.window, "strides": window.strides, "padding": window.padding}
    return {**loops, "padding": borders}, loops


@KERNELS
@FUNCTIONS
@settings(deadline=None, max_examples=60)
@given(window=undilated, batch=batches, c=channels, seed=seeds, ties=st.booleans())
def test_windows_one_by_one(kernels, function, window, batch, c, seed, ties):
    op, loops = options(window)
    (x,) = normal(seed, (batch, *window.sizes, c))
    if ties:
        x = np.round(x)
    wanted = ORACLES[function](x, **loops)
    (dy,) = normal(seed + 1, wanted.shape)
    with using(kernels, function):
        y, (dx,) = run(function, (x,), dy, **op)
    assert_close(y, wanted)
    assert_close(dx, ORACLES[function](x, dy, **loops))


@KERNELS
@FUNCTIONS
@settings(deadline=None, max_examples=30)
@given(
    window=undilated, batch=batches, c=channels, seed=seeds, x_layout=st.sampled_from(LAYOUTS),
    dy_layout=st.sampled_from(LAYOUTS), dtype=st.sampled_from("fd"),
)  # fmt: skip
def test_memory_layout_and_type(kernels, function, window, batch, c, seed, x_layout, dy_layout, dtype):
    op, _ = options(window)
    (x,) = normal(seed, (batch, *window.sizes, c), dtype=dtype)
    with using(kernels, function):
        plain, _ = run(function, (x,), **op)
        (dy,) = normal(seed + 1, plain.shape, dtype=dtype)
        _, (plain_dx,) = run(function, (x,), dy, **op)
        y, (dx,) = run(function, (laid_out(x, x_layout),), laid_out(dy, dy_layout), **op)
    assert y.dtype == dx.dtype == dtype
    assert_close(y, plain, 1e-6)
    assert_close(dx, plain_dx, 1e-6)


@KERNELS
@FUNCTIONS
@settings(deadline=None, max_examples=20)
@given(window=undilated, c=channels, seed=seeds)
def test_every_entry_of_the_jacobian(kernels, function, window, c, seed):
    op, _ = options(window)
    with using(kernels, function):
        gradcheck(lambda x: function.apply(x, **op), *normal(seed, (2, *window.sizes, c)))


@settings(deadline=None, max_examples=20)
@given(window=undilated, c=channels, seed=seeds)
def test_complex_step_of_the_average(window, c, seed):
    op, _ = options(window)
    (x,) = normal(seed, (1, *window.sizes, c))
    dy = normal(seed + 1, AveragePool2DFunction.forward(x, **op)[0].shape)[0]
    (exact,) = complex_step(lambda x: np.sum(AveragePool2DFunction.forward(x, **op)[0] * dy), x)
    assert_close(run(AveragePool2DFunction, (x,), dy, **op)[1][0], exact, 1e-12)


@KERNELS
def test_inner_product_of_a_large_average(kernels):
    op = {"pool": (3, 2), "strides": (2, 2), "padding": ((1, 0), (0, 1))}
    with using(kernels, AveragePool2DFunction):
        apart = inner_product(
            lambda x: AveragePool2DFunction.apply(x, **op), np.ones((3, 40, 31, 5)), linear=True
        )
    assert apart < 1e-12


@KERNELS
def test_the_first_of_equal_cells_gets_the_whole_gradient(kernels):
    op = {"pool": (2, 2), "strides": (2, 2), "padding": ((0, 0), (0, 0))}
    x = np.array([[1.0, 3.0], [3.0, 3.0]]).reshape(1, 2, 2, 1)
    with using(kernels, MaxPool2DFunction):
        _, (dx,) = run(MaxPool2DFunction, (x,), np.full((1, 1, 1, 1), 5.0), **op)
    assert dx.ravel().tolist() == [0, 5, 0, 0]


@KERNELS
def test_nan_wins_and_infinity_counts(kernels):
    op = {"pool": (1, 3), "strides": (1, 3), "padding": ((0, 0), (0, 0))}
    x = np.array([1.0, np.nan, 2.0, np.inf, 0, 1, -np.inf, -np.inf, -3]).reshape(1, 1, 9, 1)
    with using(kernels, MaxPool2DFunction):
        t = Tensor(x, requires_grad=True)
        y = MaxPool2DFunction.apply(t, **op)
        y.backward(gradient=np.array([1.0, 2.0, 3.0]).reshape(y.shape))
    assert np.array_equal(y.numpy().ravel(), [np.nan, np.inf, -3], equal_nan=True)
    assert t.grad.ravel().tolist() == [0, 1, 0, 2, 0, 0, 0, 0, 3]


# --- the layers --------------------------------------------------------------------------------------------


def row(layer, values):
    return layer(np.array(values, float).reshape(1, 1, -1, 1)).numpy().ravel().tolist()


def test_defaults_as_keras():
    assert MaxPooling2D().pool_size == MaxPooling2D().strides == (2, 2)
    assert MaxPooling2D((3, 2)).strides == (3, 2)
    with pytest.raises(TypeError, match="pool_size"):
        AveragePooling2D()


def test_average_over_real_cells_only():
    layer = AveragePooling2D((1, 3), strides=(1, 2), padding="same")
    assert row(layer, range(1, 8)) == [1.5, 3, 5, 6.5]
    assert row(AveragePooling2D((1, 9), strides=(1, 1), padding="same"), [1, 2, 6]) == [3, 3, 3]


def test_padding_never_wins_a_maximum():
    layer = MaxPooling2D((1, 3), strides=(1, 2), padding="same")
    assert row(layer, [-5, -4, -3, -2, -1]) == [-4, -2, -1]


def test_a_window_larger_than_the_image():
    with pytest.raises(ValueError, match=r"pool \(MaxPooling2D\) has a window that spans \(3, 3\).*\(2, 2\)"):
        MaxPooling2D(3, name="pool")(np.zeros((1, 2, 2, 1)))
    assert MaxPooling2D(3, padding="same")(np.zeros((1, 2, 2, 1))).shape == (1, 1, 1, 1)


@pytest.mark.parametrize("layer_class", [MaxPooling2D, AveragePooling2D])
def test_size_1_axes_and_wholes(layer_class):
    assert layer_class(1)(np.full((1, 1, 1, 1), 3.0)).numpy().tolist() == [[[[3.0]]]]
    y = layer_class((4, 1))(np.arange(8.0).reshape(1, 4, 2, 1)).numpy()
    assert y.ravel().tolist() == ([6, 7] if layer_class is MaxPooling2D else [3, 4])


def test_whole_numbers_become_floats():
    y = MaxPooling2D(2)(np.array([[250, 7], [8, 9]], np.uint8).reshape(1, 2, 2, 1))
    assert y.dtype == np.float32
    assert y.numpy().item() == 250


def test_formulas():
    layer = MaxPooling2D(2)
    layer(np.zeros((1, 26, 13, 1)))
    assert layer.shape_formulas() == ["(26 − 2 + 2·0)/2 + 1 = 13", "⌊(13 − 2 + 2·0)/2⌋ + 1 = 6"]
    assert layer.parameter_formula() == "0"


@pytest.mark.parametrize("cls", [MaxPooling2D, AveragePooling2D])
def test_the_fifth_argument_is_the_name(cls):
    layer = cls((2, 2), 2, "same", "channels_last", "halved")
    assert layer.name == layer.get_config()["name"] == "halved"
