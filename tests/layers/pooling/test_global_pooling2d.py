"""Global pooling: means and maxima over whole images."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import assert_close
from strategies import normal, seeds

from minidl import Tensor
from minidl.gradcheck import complex_step, gradcheck
from minidl.layers import GlobalAveragePooling2D, GlobalMaxPooling2D

sizes = st.tuples(st.integers(0, 2), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
BOTH = pytest.mark.parametrize("layer_class", [GlobalAveragePooling2D, GlobalMaxPooling2D])


@BOTH
@settings(deadline=None, max_examples=40)
@given(shape=sizes, keepdims=st.booleans(), seed=seeds)
def test_image_by_image(layer_class, shape, keepdims, seed):
    (x,) = normal(seed, shape)
    wanted = np.zeros((shape[0], shape[3]))
    for n, c in np.ndindex(wanted.shape):
        pixels = [x[n, h, w, c] for h, w in np.ndindex(shape[1:3])]
        wanted[n, c] = max(pixels) if layer_class is GlobalMaxPooling2D else math.fsum(pixels) / len(pixels)
    y = layer_class(keepdims=keepdims, dtype="float64")(x).numpy()
    assert y.shape == ((shape[0], 1, 1, shape[3]) if keepdims else (shape[0], shape[3]))
    # Of the pixels: their mean may be next to nothing.
    assert np.max(np.abs(y.reshape(wanted.shape) - wanted), initial=0) <= 1e-14 * np.max(np.abs(x), initial=0)


@BOTH
@settings(deadline=None, max_examples=10)
@given(shape=sizes, keepdims=st.booleans(), seed=seeds)
def test_gradients(layer_class, shape, keepdims, seed):
    gradcheck(layer_class(keepdims=keepdims), *normal(seed, (2, *shape[1:])))


def test_complex_step():
    (x,) = normal(0, (2, 3, 2, 2))
    (jacobian,) = complex_step(GlobalAveragePooling2D(dtype="float64"), x)
    for n, c in np.ndindex(2, 2):
        wanted = np.zeros(x.shape)
        wanted[n, :, :, c] = 1 / 6
        assert_close(jacobian[n, c], wanted, 1e-15)


def test_equal_pixels_share_the_gradient():
    x = Tensor(np.array([[1.0, 2.0], [2.0, 0.0]]).reshape(1, 2, 2, 1), requires_grad=True)
    GlobalMaxPooling2D(dtype="float64")(x).sum().backward()
    assert x.grad.ravel().tolist() == [0, 0.5, 0.5, 0]


def test_the_mean_of_many_float32_pixels():
    x = np.full((1, 1000, 1000, 1), 0.1, np.float32)
    assert GlobalAveragePooling2D()(x).numpy().item() == np.float32(0.1)


@BOTH
def test_an_image_without_pixels_is_refused(layer_class):
    with pytest.raises(
        ValueError, match=r"got input of shape \(2, 0, 3, 1\): only the batch axis may be empty"
    ):
        layer_class()(np.zeros((2, 0, 3, 1)))
