"""Conv2D: forward and backward against lists of single products, differences and the complex step."""

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
from minidl.layers import Conv2D
from minidl.layers.convolutional.conv2d import Conv2DFunction, Conv2DReLU
from minidl.symbolic import SymbolicTensor


class Setting:
    """A convolution: its options, as the op and as the oracle take them, and arrays for it."""

    def __init__(self, window, groups, seen, per_group, batch, biased, seed):
        shapes = [(batch, *window.sizes, groups * seen), (*window.window, seen, groups * per_group)]
        self.x, self.w, b = normal(seed, *shapes, (groups * per_group,))
        self.b = b if biased else None
        padding = window.padding
        edges = zip(window.sizes, window.window, window.strides, window.dilation, strict=True)
        borders = tuple(oracles.border(n, k, s, padding, r) for n, k, s, r in edges)
        self.op = {
            "strides": window.strides, "padding": borders, "dilation": window.dilation, "groups": groups,
        }  # fmt: skip
        self.loops = {**self.op, "padding": padding}

    @property
    def arrays(self):
        return self.x, self.w, self.b

    def dy(self, seed):
        size, _ = oracles.conv2d_terms(self.x.shape, self.w.shape, **self.loops)
        return normal(seed + 1, size)[0]


small = st.integers(1, 2)
convolutions = st.builds(
    Setting, windows(), groups=small, seen=small, per_group=small, batch=st.integers(0, 2), biased=st.booleans(),
    seed=seeds,
)  # fmt: skip
layouts = st.sampled_from(LAYOUTS)


@KERNELS
@settings(deadline=None, max_examples=60)
@given(setting=convolutions, seed=seeds)
def test_convolution_is_a_sum_of_products(kernels, setting, seed):
    dy = setting.dy(seed)
    with using(kernels, Conv2DFunction):
        y, (dx, dw, db) = run(Conv2DFunction, setting.arrays, dy, **setting.op)
    assert_close(y, oracles.conv2d(*setting.arrays, **setting.loops))
    wanted = oracles.conv2d_gradients(dy, setting.x, setting.w, **setting.loops)
    assert_close(dx, wanted[0])
    assert_close(dw, wanted[1])
    assert setting.b is None or assert_close(db, wanted[2]) is None


@KERNELS
@settings(deadline=None, max_examples=40)
@given(setting=convolutions, seed=seeds)
def test_fused_relu_is_the_convolution_cut_off_at_zero(kernels, setting, seed):
    dy = setting.dy(seed)
    with using(kernels, Conv2DReLU):
        y, (dx, dw, db) = run(Conv2DReLU, setting.arrays, dy, **setting.op)
    z = oracles.conv2d(*setting.arrays, **setting.loops)
    assert_close(y, np.where(z > 0, z, 0))
    wanted = oracles.conv2d_gradients(np.where(z > 0, dy, 0), setting.x, setting.w, **setting.loops)
    assert_close(dx, wanted[0])
    assert_close(dw, wanted[1])
    assert setting.b is None or assert_close(db, wanted[2]) is None


@KERNELS
@pytest.mark.parametrize("function", [Conv2DFunction, Conv2DReLU])
@settings(deadline=None, max_examples=40)
@given(setting=convolutions, seed=seeds, x=layouts, w=layouts, dy=layouts, dtype=st.sampled_from("fd"))
def test_memory_layout_and_type(kernels, function, setting, seed, x, w, dy, dtype):
    arrays = [a if a is None else a.astype(dtype) for a in setting.arrays]
    gradient = setting.dy(seed).astype(dtype)
    odd = [laid_out(arrays[0], x), laid_out(arrays[1], w), arrays[2]]
    with using(kernels, function):
        plain_y, plain = run(function, arrays, gradient, **setting.op)
        y, found = run(function, odd, laid_out(gradient, dy), **setting.op)
    assert y.dtype == dtype
    tolerance = 1e-5 if dtype == "f" else 1e-12
    assert_close(y, plain_y, tolerance)
    for a, b, given_array in zip(found, plain, arrays, strict=True):
        if given_array is not None:
            assert a.dtype == dtype
            assert_close(a, b, tolerance)


@KERNELS
def test_one_number_repeated_with_stride_0(kernels):
    x = np.broadcast_to(np.float64(0.5), (2, 4, 4, 2))
    dy = np.broadcast_to(np.float64(2.0), (2, 2, 2, 3))
    (w,) = normal(0, (3, 3, 2, 3))
    options = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    with using(kernels, Conv2DFunction):
        y, (dx, dw, _) = run(Conv2DFunction, (x, w, None), dy, **options)
    assert_close(y, oracles.conv2d(x, w))
    wanted = oracles.conv2d_gradients(dy, x, w)
    assert_close(dx, wanted[0])
    assert_close(dw, wanted[1])


@KERNELS
@settings(deadline=None, max_examples=25)
@given(setting=convolutions, fused=st.booleans())
def test_every_entry_of_the_jacobian(kernels, setting, fused):
    function = Conv2DReLU if fused else Conv2DFunction
    with using(kernels, function):
        arrays = [a for a in setting.arrays if a is not None]
        gradcheck(lambda x, w, b=None: function.apply(x, w, b, **setting.op), *arrays)


@settings(deadline=None, max_examples=25)
@given(setting=convolutions, seed=seeds)
def test_complex_step(setting, seed):
    dy = setting.dy(seed)
    arrays = [a for a in setting.arrays if a is not None]

    def total(x, w, b=None):
        return np.sum(Conv2DFunction.forward(x, w, b, **setting.op)[0] * dy)

    _, gradients = run(Conv2DFunction, setting.arrays, dy, **setting.op)
    for exact, gradient in zip(complex_step(total, *arrays), gradients, strict=False):
        assert_close(gradient, exact, 1e-12)


@KERNELS
def test_inner_product_of_a_large_convolution(kernels):
    x, w = normal(0, (2, 17, 23, 6), (5, 4, 3, 8))
    options = {"strides": (2, 3), "padding": ((2, 1), (0, 2)), "dilation": (1, 1), "groups": 2}
    with using(kernels, Conv2DFunction):
        by_x = inner_product(lambda x: Conv2DFunction.apply(x, w, None, **options), x, linear=True)
        by_w = inner_product(lambda w: Conv2DFunction.apply(x, w, None, **options), w, linear=True)
    assert max(by_x, by_w) < 1e-12


@KERNELS
def test_bias_gradient_of_float32_is_summed_in_float64(kernels):
    x = np.zeros((1, 512, 512, 1), np.float32)
    arrays = (x, np.zeros((1, 1, 1, 2), np.float32), np.zeros(2, np.float32))
    options = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    dy = np.full((1, 512, 512, 2), 0.1, np.float32)
    with using(kernels, Conv2DFunction):
        _, (_, _, db) = run(Conv2DFunction, arrays, dy, **options)
    assert db[1] == pytest.approx(512 * 512 * float(np.float32(0.1)), rel=1e-7)


@KERNELS
@pytest.mark.parametrize("function", [Conv2DFunction, Conv2DReLU])
@settings(deadline=None, max_examples=20)
@given(setting=convolutions, seed=seeds, wanted=st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_gradients_that_nobody_wants_change_nothing(kernels, function, setting, seed, wanted):
    dy = setting.dy(seed)
    with using(kernels, function):
        _, all_of_them = run(function, setting.arrays, dy, **setting.op)
        tensors = [
            None if a is None else Tensor(a, requires_grad=want)
            for a, want in zip(setting.arrays, wanted, strict=True)
        ]
        y = function.apply(*tensors, **setting.op)
        if y.requires_grad:
            y.backward(gradient=dy)
    for t, want, gradient in zip(tensors, wanted, all_of_them, strict=True):
        if t is not None:
            assert want or t.grad is None
            assert not want or assert_close(t.grad, gradient, 1e-12) is None


# --- the layer ---------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(
    window=windows(both=False, largest=3), groups=small, activation=st.sampled_from([None, "relu", "tanh"])
)
def test_layer_is_the_op_and_the_activation(window, groups, activation):
    layer = Conv2D(
        2 * groups, window.window, window.strides, window.padding, dilation_rate=window.dilation, groups=groups,
        activation=activation, dtype="float64", bias_initializer="ones",
    )  # fmt: skip
    (x,) = normal(1, (2, *window.sizes, 2 * groups))
    y = layer(x).numpy()
    w, b = layer.get_weights()
    z = oracles.conv2d(
        x, w, b, strides=window.strides, padding=window.padding, dilation=window.dilation, groups=groups
    )
    assert_close(y, {None: z, "relu": np.maximum(z, 0), "tanh": np.tanh(z)}[activation])


@pytest.mark.parametrize(
    ("k", "s", "wanted"),
    [
        (2, 1, [3, 5, 7, 9, 11, 13, 7]),
        (4, 1, [6, 10, 14, 18, 22, 18, 13]),
        (3, 2, [3, 9, 15, 13]),
        (2, 3, [3, 9, 7]),
        (3, 3, [3, 12, 13]),
    ],
)
def test_same_padding_as_keras(k, s, wanted):
    layer = Conv2D(1, (k, 1), (s, 1), padding="same", kernel_initializer="ones")
    assert layer(np.arange(1.0, 8.0).reshape(1, 7, 1, 1)).numpy().ravel().tolist() == wanted
    turned = Conv2D(1, (1, k), (1, s), padding="same", kernel_initializer="ones")
    assert turned(np.arange(1.0, 8.0).reshape(1, 1, 7, 1)).numpy().ravel().tolist() == wanted


def test_cross_correlation_without_a_flip():
    layer = Conv2D(1, (1, 2), kernel_initializer=np.array([1.0, 10.0]).reshape(1, 2, 1, 1))
    assert layer(np.arange(3.0).reshape(1, 1, 3, 1)).numpy().ravel().tolist() == [10.0, 21.0]


def test_weights():
    layer = Conv2D(8, 3, groups=2)
    layer.build((None, 5, 5, 4))
    assert [(v.name, v.shape, v.path) for v in layer.weights] == [
        ("kernel", (3, 3, 2, 8), "conv2d/kernel"), ("bias", (8,), "conv2d/bias"),
    ]  # fmt: skip
    assert layer.parameter_formula() == "(3·3·2 + 1)·8"
    limit = np.sqrt(6 / (3 * 3 * 2 + 3 * 3 * 8))  # Glorot: fans over the receptive field
    assert 0.8 * limit < np.abs(layer.kernel.numpy()).max() <= limit
    assert not layer.bias.numpy().any()
    bare = Conv2D(8, 3, use_bias=False)
    bare.build((None, 5, 5, 4))
    assert [v.name for v in bare.weights] == ["kernel"]


def test_strides_and_dilation_exclude_each_other():
    with pytest.raises(ValueError, match=r"expects strides 1 where dilation_rate > 1, got strides \(2, 1\)"):
        Conv2D(1, 3, strides=(2, 1), dilation_rate=(1, 2))


def test_a_kernel_larger_than_the_image_leaves_nothing_behind():
    layer = Conv2D(2, 5, name="eye")
    with pytest.raises(
        ValueError, match=r"eye \(Conv2D\) has a window that spans \(5, 5\).*\(3, 9\).*padding='same'"
    ):
        layer(np.zeros((1, 3, 9, 1)))
    assert not layer.built
    assert layer.weights == []
    assert layer(np.zeros((1, 5, 9, 1))).shape == (1, 1, 5, 2)
    with pytest.raises(ValueError, match="more than its input"):
        layer(np.zeros((1, 4, 9, 1)))
    assert Conv2D(2, 5, padding="same")(np.zeros((1, 3, 1, 1))).shape == (1, 3, 1, 2)


def test_groups_must_divide():
    with pytest.raises(ValueError, match="filters divisible by groups, got 3 and 2"):
        Conv2D(3, 1, groups=2)
    with pytest.raises(ValueError, match=r"channels that 2 groups divide, got shape \(None, 4, 4, 3\)"):
        Conv2D(2, 1, groups=2)(np.zeros((1, 4, 4, 3)))


def test_unknown_sizes():
    layer = Conv2D(2, 3)
    assert layer(SymbolicTensor((None, None, 7, 1))).shape == (None, None, 5, 2)
    with pytest.raises(ValueError, match="needs to know its number of channels"):
        Conv2D(2, 3).build((None, 7, 7, None))


def test_formulas_after_data_and_after_laying_out():
    layer = Conv2D(2, 3, strides=2)
    with pytest.raises(ValueError, match=r"has no weights yet.*build\(input_shape\)"):
        layer.shape_formulas()
    layer(np.zeros((1, 28, 7, 1)))
    assert layer.shape_formulas() == ["⌊(28 − 3 + 2·0)/2⌋ + 1 = 13", "(7 − 3 + 2·0)/2 + 1 = 3"]
    layer(SymbolicTensor((None, 5, 5, 1)))
    assert layer.shape_formulas() == ["(5 − 3 + 2·0)/2 + 1 = 2"]


def test_gradients_reach_the_weights_through_the_layer():
    layer = Conv2D(2, 2, activation="relu")
    x = Tensor(np.ones((1, 3, 3, 1), np.float32), requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.shape == (1, 3, 3, 1)
    assert [v.grad.shape for v in layer.weights] == [(2, 2, 1, 2), (2,)]
