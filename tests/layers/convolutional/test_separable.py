"""SeparableConv1D and SeparableConv2D: convolutions whose kernel is a product."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import assert_close
from strategies import LAYERS, normal, seeds

from minidl.layers import Conv1D, Conv2D, SeparableConv1D, SeparableConv2D


@pytest.mark.parametrize(("ours", "whole"), [(SeparableConv1D, Conv1D), (SeparableConv2D, Conv2D)])
@settings(deadline=None, max_examples=25)
@given(data=st.data(), seed=seeds)
def test_it_is_the_convolution_with_the_product_of_both_kernels(ours, whole, data, seed):
    case = data.draw(LAYERS[ours])
    layer = ours(**case.arguments, bias_initializer="random_normal", dtype="float64")
    (x,) = normal(seed, (2, *case.sample))
    y = layer(x).numpy()
    apart, mixing, *bias = layer.get_weights()
    mixing = mixing.reshape(*apart.shape[-2:], layer.filters)
    names = ("filters", "kernel_size", "strides", "padding", "dilation_rate", "activation", "use_bias")
    other = whole(**{n: case.arguments[n] for n in names if n in case.arguments}, dtype="float64")
    other.build(x.shape)
    other.set_weights([np.einsum("...cm,cmf->...cf", apart, mixing), *bias])
    assert_close(y, other(x).numpy())


def test_weights():
    layer = SeparableConv2D(4, (3, 2), depth_multiplier=2)
    layer(np.zeros((1, 5, 5, 3)))
    assert [(v.name, v.shape) for v in layer.weights] == [
        ("depthwise_kernel", (3, 2, 3, 2)), ("pointwise_kernel", (1, 1, 6, 4)), ("bias", (4,)),
    ]  # fmt: skip
    layer = SeparableConv1D(4, 3, use_bias=False, depthwise_initializer="zeros", pointwise_initializer="ones")
    layer(np.zeros((1, 5, 3)))
    assert [(v.name, v.shape) for v in layer.weights] == [
        ("depthwise_kernel", (3, 3, 1)), ("pointwise_kernel", (1, 3, 4)),
    ]  # fmt: skip
    assert [w.max() for w in layer.get_weights()] == [0, 1]


def test_mistakes():
    with pytest.raises(ValueError, match=r"expects equal strides down and across, got \(1, 2\). Use Conv2D"):
        SeparableConv2D(2, 3, strides=(1, 2))
    with pytest.raises(ValueError, match="SeparableConv1D expects depth_multiplier"):
        SeparableConv1D(2, 3, depth_multiplier=0)
    with pytest.raises(
        ValueError, match="SeparableConv1D expects padding to be 'valid' or 'same', got 'causal'"
    ):
        SeparableConv1D(2, 3, padding="causal")
    with pytest.raises(ValueError, match="SeparableConv2D expects filters"):
        SeparableConv2D(0, 3)
