"""DepthwiseConv2D: against single products, and against the grouped convolution that it is."""

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import assert_close, run
from strategies import normal, seeds, windows

from minidl.gradcheck import complex_step
from minidl.layers import Conv2D, DepthwiseConv2D
from minidl.layers.convolutional.depthwise_conv2d import DepthwiseFunction

small = st.integers(1, 3)


def options(window):
    edges = zip(window.sizes, window.window, window.strides, window.dilation, strict=True)
    borders = tuple(oracles.border(n, k, s, window.padding, r) for n, k, s, r in edges)
    return {"strides": window.strides, "padding": borders, "dilation": window.dilation}


@settings(deadline=None, max_examples=50)
@given(
    window=windows(), channels=small, multiplier=small, batch=st.integers(0, 2), biased=st.booleans(), seed=seeds
)  # fmt: skip
def test_it_is_a_convolution_with_as_many_groups_as_channels(
    window, channels, multiplier, batch, biased, seed
):
    filters = channels * multiplier
    x, w, b = normal(
        seed, (batch, *window.sizes, channels), (*window.window, channels, multiplier), (filters,)
    )
    b, grouped = b if biased else None, w.reshape(*window.window, 1, filters)
    loops = {**options(window), "padding": window.padding, "groups": channels}
    size, _ = oracles.conv2d_terms(x.shape, grouped.shape, **loops)
    (dy,) = normal(seed + 1, size)
    y, (dx, dw, db) = run(DepthwiseFunction, (x, w, b), dy, **options(window))
    assert_close(y, oracles.conv2d(x, grouped, b, **loops))
    wanted = oracles.conv2d_gradients(dy, x, grouped, **loops)
    assert_close(dx, wanted[0])
    assert_close(dw, wanted[1].reshape(w.shape))
    if biased:
        assert_close(db, dy.sum(axis=(0, 1, 2)))


@settings(deadline=None, max_examples=10)
@given(window=windows(), seed=seeds)
def test_complex_step(window, seed):
    arrays = normal(seed, (2, *window.sizes, 2), (*window.window, 2, 2), (4,))
    y, _ = DepthwiseFunction.forward(*arrays, **options(window))
    (dy,) = normal(seed + 1, y.shape)

    def total(*inputs):
        return np.sum(DepthwiseFunction.forward(*inputs, **options(window))[0] * dy)

    _, gradients = run(DepthwiseFunction, arrays, dy, **options(window))
    for exact, gradient in zip(complex_step(total, *arrays), gradients, strict=True):
        assert_close(gradient, exact, 1e-12)


def test_filter_m_of_channel_c_gives_channel_cM_plus_m():
    layer = DepthwiseConv2D(1, depth_multiplier=2, dtype="float64")
    layer.build((None, 1, 1, 3))
    layer.set_weights([np.arange(1.0, 7).reshape(1, 1, 3, 2), np.arange(6.0)])
    y = layer(np.array([1.0, 10, 100]).reshape(1, 1, 1, 3)).numpy()
    assert y.ravel().tolist() == [1 + 0, 2 + 1, 30 + 2, 40 + 3, 500 + 4, 600 + 5]


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_the_layer_beside_conv2d_with_groups(padding):
    ours = DepthwiseConv2D(3, 2, padding, depth_multiplier=2, activation="relu", dtype="float64")
    groups = Conv2D(6, 3, 2, padding, groups=3, activation="relu", dtype="float64")
    (x,) = normal(5, (2, 6, 7, 3))
    shape = ours(x).shape
    groups.build(x.shape)
    kernel, bias = ours.get_weights()
    groups.set_weights([kernel.reshape(3, 3, 1, 6), bias])
    assert groups(x).shape == shape
    assert_close(ours(x).numpy(), groups(x).numpy())


def test_float32_sums_over_many_pixels_stay_exact():
    x = np.ones((1, 400, 500, 1), "float32")
    w = np.ones((1, 1, 1, 1), "float32")
    dy = np.full((1, 400, 500, 1), 0.1, "float32")
    _, (_, dw, _) = run(
        DepthwiseFunction, (x, w, None), dy, strides=(1, 1), padding=((0, 0),) * 2, dilation=(1, 1)
    )
    assert dw.dtype == "float32"
    assert dw.item() == pytest.approx(20000, rel=1e-6)


def test_mistakes():
    with pytest.raises(ValueError, match=r"expects equal strides down and across, got \(1, 2\). Use Conv2D"):
        DepthwiseConv2D(3, strides=(1, 2))
    with pytest.raises(ValueError, match="expects strides 1 where dilation_rate > 1"):
        DepthwiseConv2D(3, strides=2, dilation_rate=2)
    with pytest.raises(ValueError, match="DepthwiseConv2D expects depth_multiplier"):
        DepthwiseConv2D(3, depth_multiplier=0)
    with pytest.raises(ValueError, match="a window that spans"):
        DepthwiseConv2D(5)(np.zeros((1, 4, 9, 1)))
    with pytest.raises(ValueError, match="needs to know its number of channels"):
        DepthwiseConv2D(1).build((None, 4, 4, None))
    layer = DepthwiseConv2D(1)
    layer(np.zeros((1, 2, 2, 3)))
    with pytest.raises(ValueError, match="was built for 3 channels"):
        layer(np.zeros((1, 2, 2, 4)))
