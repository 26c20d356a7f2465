"""Conv2DTranspose: lengths, numbers worked out by hand, and the convolution whose way back it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import assert_close, run
from strategies import LAYERS, normal, seeds

from minidl import Tensor
from minidl.gradcheck import complex_step, gradcheck
from minidl.layers import Conv2D, Conv2DTranspose
from minidl.layers.convolutional.conv2d_transpose import Conv2DTransposeFunction


def laid_down(k, s, padding, extra=None, r=1):
    """What a column of 1, 10, 100 becomes under a window of 1, 2, 3 ..."""
    layer = Conv2DTranspose(
        1, (k, 1), (s, 1), padding, None if extra is None else (extra, 0), dilation_rate=(r, 1), use_bias=False
    )  # fmt: skip
    layer.build((None, 3, 1, 1))
    layer.set_weights([np.arange(1.0, k + 1).reshape(k, 1, 1, 1)])
    return layer(np.array([1.0, 10, 100]).reshape(1, 3, 1, 1)).numpy().ravel().tolist()


@pytest.mark.parametrize(
    ("k", "s", "padding", "extra", "wanted"),
    [
        (3, 1, "valid", None, [1, 12, 123, 230, 300]),
        (3, 2, "valid", None, [1, 2, 13, 20, 130, 200, 300]),
        (2, 3, "valid", None, [1, 2, 0, 10, 20, 0, 100, 200, 0]),
        (2, 3, "valid", 0, [1, 2, 0, 10, 20, 0, 100, 200]),
        (3, 2, "valid", 1, [1, 2, 13, 20, 130, 200, 300, 0]),
        (3, 1, "same", None, [12, 123, 230]),
        (4, 1, "same", None, [12, 123, 234]),
        (4, 2, "same", None, [2, 13, 24, 130, 240, 300]),
        (1, 2, "same", None, [1, 0, 10, 0, 100, 0]),
        (2, 2, "same", 0, [2, 10, 20, 100]),
        (2, 3, "same", 1, [1, 2, 0, 10, 20, 0, 100]),
        (5, 2, "same", 0, [13, 24, 135, 240, 350]),
        (1, 3, "same", 2, [1, 0, 0, 10, 0, 0, 100, 0, 0]),
    ],
)
def test_numbers(k, s, padding, extra, wanted):
    assert laid_down(k, s, padding, extra) == wanted


def test_numbers_with_dilation():
    assert laid_down(2, 1, "valid", r=3) == [1, 10, 100, 2, 20, 200]
    assert laid_down(2, 1, "same", r=3) == [10, 100, 2]
    assert laid_down(2, 1, "same", 0, r=3) == [100, 2]


@settings(deadline=None, max_examples=40)
@given(data=st.data(), seed=seeds)
def test_each_pixel_lays_down_a_window(data, seed):
    case = data.draw(LAYERS[Conv2DTranspose].filter(lambda c: c.arguments["padding"] == "valid"))
    layer = Conv2DTranspose(**{**case.arguments, "activation": None}, dtype="float64")
    (x,) = normal(seed, (2, *case.sample))
    y = layer(x).numpy()
    w, wanted = layer.get_weights()[0], np.zeros_like(y)
    (s, t), (r, q) = layer.strides, layer.dilation_rate
    for i, j in np.ndindex(x.shape[1:3]):
        for k, m in np.ndindex(w.shape[:2]):
            wanted[:, i * s + k * r, j * t + m * q] += x[:, i, j] @ w[k, m].T
    assert_close(y, wanted)


@settings(deadline=None, max_examples=40)
@given(
    sizes=st.tuples(st.integers(1, 7), st.integers(1, 7)), k=st.integers(1, 4), s=st.integers(1, 3),
    padding=st.sampled_from(["valid", "same"]), seed=seeds,
)  # fmt: skip
def test_it_is_what_a_convolution_sends_back(sizes, k, s, padding, seed):
    sizes = tuple(n * s for n in sizes) if padding == "same" else tuple(n + k - 1 for n in sizes)
    convolution = Conv2D(3, k, s, padding, use_bias=False, dtype="float64")
    (x,) = normal(seed, (2, *sizes, 2))
    t = Tensor(x, requires_grad=True)
    y = convolution(t)
    (dy,) = normal(seed + 1, y.shape)
    y.backward(gradient=dy)
    small, windows = y.shape[1:3], zip(y.shape[1:3], sizes, strict=True)
    extra = tuple(n - (m - 1) * s - k for m, n in windows) if padding == "valid" else None
    back = Conv2DTranspose(2, k, s, padding, extra, use_bias=False, dtype="float64")
    back.build((None, *small, 3))
    back.set_weights(convolution.get_weights())
    assert back.compute_output_shape(y.shape) == x.shape
    assert_close(back(dy).numpy(), t.grad)


@pytest.mark.parametrize("shape", [(0, 2, 3, 2), (2, 1, 2, 2), (2, 3, 2, 2)])
def test_gradients(shape):
    layer = Conv2DTranspose(3, (3, 2), 2, "same", output_padding=(1, 1), activation="tanh")
    gradcheck(layer, *normal(1, shape))


def test_complex_step():
    arrays = normal(2, (2, 2, 3, 2), (3, 2, 3, 2), (3,))
    options = {"lengths": (4, 6), "strides": (2, 2), "padding": ((0, 1), (0, 0)), "dilation": (1, 1)}
    (dy,) = normal(3, (2, 4, 6, 3))

    def total(*inputs):
        return np.sum(Conv2DTransposeFunction.forward(*inputs, **options)[0] * dy)

    _, gradients = run(Conv2DTransposeFunction, arrays, dy, **options)
    for exact, gradient in zip(complex_step(total, *arrays), gradients, strict=True):
        assert_close(gradient, exact, 1e-12)


def test_formulas():
    for arguments, lines in (
        ({}, ["(4 − 1)·2 + 3 = 9"]),
        ({"strides": 5}, ["(4 − 1)·5 + 5 = 20"]),
        ({"padding": "same"}, ["4·2 = 8"]),
        ({"padding": "same", "output_padding": (1, 0)}, [
            "(4 − 1)·2 + 3 − 2·⌊3/2⌋ + 1 = 8", "(4 − 1)·2 + 3 − 2·⌊3/2⌋ + 0 = 7",
        ]),
        ({"strides": 1, "dilation_rate": 2}, ["(4 − 1)·1 + ((3 − 1)·2 + 1) = 8"]),
    ):  # fmt: skip
        layer = Conv2DTranspose(1, 3, **{"strides": 2, **arguments})
        layer(np.zeros((1, 4, 4, 1)))
        assert layer.shape_formulas() == lines


def test_mistakes():
    with pytest.raises(
        ValueError, match=r"output_padding less than strides, got \(2, 2\) and strides \(2, 2\)"
    ):
        Conv2DTranspose(1, 3, strides=2, output_padding=2)
    with pytest.raises(ValueError, match="Conv2DTranspose expects output_padding"):
        Conv2DTranspose(1, 3, strides=2, output_padding=(1,))
    with pytest.raises(ValueError, match="down to nothing, with padding='same'"):
        Conv2DTranspose(1, 2, padding="same", output_padding=0)(np.zeros((1, 1, 1, 1)))
    with pytest.raises(ValueError, match="expects strides 1 where dilation_rate > 1"):
        Conv2DTranspose(1, 3, strides=2, dilation_rate=2)
