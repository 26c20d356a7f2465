"""UpSampling2D and Cropping2D: images made larger or smaller."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import normal, seeds

from minidl import Tensor
from minidl.gradcheck import complex_step
from minidl.layers import Cropping2D, UpSampling2D, ZeroPadding2D
from minidl.layers.convolutional.up_sampling2d import Bilinear, lines_between
from minidl.symbolic import SymbolicTensor

few, times, sides = st.integers(1, 4), st.integers(1, 3), st.integers(0, 3)


def row(layer, values):
    return layer(np.array(values, float).reshape(1, 1, -1, 1)).numpy().ravel().tolist()


@settings(deadline=None, max_examples=25)
@given(down=times, across=times, h=few, w=few, seed=seeds)
def test_nearest_is_the_pixel_that_covers_the_place(down, across, h, w, seed):
    (x,) = normal(seed, (2, h, w, 2))
    y = UpSampling2D((down, across), dtype="float64")(x).numpy()
    assert y.shape == (2, h * down, w * across, 2)
    for n, i, j, c in np.ndindex(y.shape):
        assert y[n, i, j, c] == x[n, i // down, j // across, c]


def test_bilinear_numbers():
    assert row(UpSampling2D((1, 2), interpolation="bilinear"), [0, 4, 8]) == [0, 1, 3, 5, 7, 8]
    assert row(UpSampling2D((1, 4), interpolation="bilinear"), [0, 8]) == [0, 0, 1, 3, 5, 7, 8, 8]
    assert row(UpSampling2D((1, 3), interpolation="bilinear"), [5]) == [5, 5, 5]
    square = UpSampling2D(2, interpolation="bilinear")(np.array([[0.0, 4], [8, 12]]).reshape(1, 2, 2, 1))
    assert square.numpy()[0, ..., 0].tolist() == [[0, 1, 3, 4], [2, 3, 5, 6], [6, 7, 9, 10], [8, 9, 11, 12]]


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 6), times=st.integers(1, 5))
def test_a_line_stays_a_line_and_flat_stays_flat(n, times):
    a = lines_between(n, times)
    assert np.allclose(a.sum(axis=1), 1)
    line = np.interp((np.arange(n * times) + 0.5) / times - 0.5, np.arange(n), np.arange(n) * 3.0 + 1)
    assert np.allclose(a @ (np.arange(n) * 3.0 + 1), line)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_the_gradient_is_the_transposed_map(interpolation):
    layer = UpSampling2D((2, 3), interpolation=interpolation, dtype="float64")
    x, dy = normal(3, (2, 3, 2, 2), (2, 6, 6, 2))
    t = Tensor(x, requires_grad=True)
    y = layer(t)
    y.backward(gradient=dy)
    assert np.sum(t.grad * x) == pytest.approx(np.sum(dy * y.numpy()))


def test_the_gradient_of_a_pixel_is_the_sum_over_its_copies():
    t = Tensor(np.zeros((1, 1, 2, 1)), requires_grad=True)
    UpSampling2D((2, 2), dtype="float64")(t).backward(gradient=np.arange(8.0).reshape(1, 2, 4, 1))
    assert t.grad.ravel().tolist() == [0 + 1 + 4 + 5, 2 + 3 + 6 + 7]


def test_bilinear_takes_complex_numbers():
    (x,) = normal(0, (1, 2, 2, 1))
    (jacobian,) = complex_step(lambda x: Bilinear.forward(x, size=(2, 1))[0], x)
    by_hand = np.kron(lines_between(2, 2), np.eye(2))
    assert np.allclose(jacobian.reshape(8, 4), by_hand)


@settings(deadline=None, max_examples=25)
@given(top=sides, bottom=sides, left=sides, right=sides)
def test_cropping_undoes_padding(top, bottom, left, right):
    (x,) = normal(0, (2, 3, 4, 2), dtype="float32")
    border = ((top, bottom), (left, right))
    padded = ZeroPadding2D(border)(x)
    assert np.array_equal(Cropping2D(border)(padded).numpy(), x)


def test_what_is_cut_off_has_gradient_0():
    t = Tensor(np.ones((1, 3, 3, 1)), requires_grad=True)
    Cropping2D(((1, 0), (0, 2)), dtype="float64")(t).sum().backward()
    assert t.grad[0, ..., 0].tolist() == [[0, 0, 0], [1, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("cropping", "meaning"),
    [(2, ((2, 2), (2, 2))), ((1, 3), ((1, 1), (3, 3))), ([[1, 0], [2, 3]], ((1, 0), (2, 3)))],
)
def test_ways_to_say_how_much(cropping, meaning):
    assert Cropping2D(cropping).cropping == meaning


def test_formulas_and_unknown_sizes():
    for layer, lines in (
        (Cropping2D(((1, 2), (0, 1))), ["4 − 1 − 2 = 1", "5 − 0 − 1 = 4"]),
        (UpSampling2D((2, 3)), ["4·2 = 8", "5·3 = 15"]),
    ):
        assert layer(SymbolicTensor((None, None, None, 2))).shape == (None, None, None, 2)
        assert layer.shape_formulas() == []
        again = type(layer).from_config(layer.get_config())
        again(SymbolicTensor((None, 4, 5, 2)))
        assert again.shape_formulas() == lines


def test_mistakes():
    with pytest.raises(ValueError, match=r"takes 2 \+ 2 pixels away and nothing is left of 4"):
        Cropping2D(2)(np.zeros((1, 5, 4, 1)))
    with pytest.raises(ValueError, match="Cropping2D expects cropping"):
        Cropping2D((1, 2, 3))
    with pytest.raises(ValueError, match="Cropping2D expects cropping"):
        Cropping2D(-1)
    with pytest.raises(ValueError, match="UpSampling2D expects size"):
        UpSampling2D(0)
    with pytest.raises(ValueError, match="interpolation to be 'nearest' or 'bilinear', got 'bicubic'"):
        UpSampling2D(2, interpolation="bicubic")
    for layer_class in (UpSampling2D, Cropping2D):
        with pytest.raises(ValueError, match="channels_last"):
            layer_class(data_format="channels_first")
