"""Conv1D: against single products, the complex step, Keras's numbers, and what causal means."""

import inspect
from itertools import product

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import KERNELS, assert_close, run, using
from strategies import normal, seeds

from minidl.gradcheck import complex_step, gradcheck
from minidl.layers import Conv1D, Conv2D, Dense
from minidl.layers.convolutional.conv1d import Conv1DFunction, Conv1DReLU
from minidl.symbolic import SymbolicTensor

small = st.integers(1, 3)


class Setting:
    """A convolution: arrays, options for the op, and every product in it."""

    def __init__(self, n, k, s, r, padding, groups, seen, per_group, batch, biased, seed):
        n = max(n, (k - 1) * r + 1) if padding == "valid" else n
        filters = groups * per_group
        self.x, self.w, b = normal(seed, (batch, n, groups * seen), (k, seen, filters), (filters,))
        self.b = b if biased else None
        self.op = {
            "strides": (s,), "padding": (oracles.border(n, k, s, padding, r),), "dilation": (r,), "groups": groups,
        }  # fmt: skip
        begins = oracles.starts(n, k, s, padding, r)
        self.y = np.zeros((batch, len(begins), filters)) + (b if biased else 0)
        self.terms = [
            ((i, t, f), (i, first + m * r, f // per_group * seen + c), (m, c, f))
            for i, (t, first), f, m, c in product(
                range(batch), enumerate(begins), range(filters), range(k), range(seen)
            )
            if 0 <= first + m * r < n
        ]
        for at_y, at_x, at_w in self.terms:
            self.y[at_y] += self.x[at_x] * self.w[at_w]

    def gradients(self, dy):
        dx, dw = np.zeros(self.x.shape), np.zeros(self.w.shape)
        for at_y, at_x, at_w in self.terms:
            dx[at_x] += dy[at_y] * self.w[at_w]
            dw[at_w] += dy[at_y] * self.x[at_x]
        return dx, dw, np.array([sum(dy[..., f].ravel().tolist()) for f in range(dy.shape[-1])])


convolutions = st.builds(
    Setting, n=st.integers(1, 8), k=st.integers(1, 4), s=small, r=small,
    padding=st.sampled_from(["valid", "same", "causal"]),
    groups=st.integers(1, 2), seen=small, per_group=small, batch=st.integers(0, 3), biased=st.booleans(), seed=seeds,
)  # fmt: skip


@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 1), (1, 0), (1, 2)])
def test_a_window_of_one_step_over_a_border(before, after):
    x, w = np.array([[[2.0], [3.0]]]), np.array([[[5.0]]])
    options = {"strides": (1,), "padding": ((before, after),), "dilation": (1,), "groups": 1}
    dy = np.pad([7.0, 11.0], (before, after), constant_values=1000).reshape(1, -1, 1)
    y, (dx, dw, _) = run(Conv1DFunction, (x, w, None), dy, **options)
    assert y.ravel().tolist() == [0] * before + [10, 15] + [0] * after
    assert dx.ravel().tolist() == [35, 55]
    assert dw.ravel().tolist() == [2 * 7 + 3 * 11]


@KERNELS
@pytest.mark.parametrize("function", [Conv1DFunction, Conv1DReLU])
@settings(deadline=None, max_examples=60)
@given(setting=convolutions, seed=seeds)
def test_convolution_is_a_sum_of_products(kernels, function, setting, seed):
    (dy,) = normal(seed, setting.y.shape)
    with using(kernels, function):
        y, (dx, dw, db) = run(function, (setting.x, setting.w, setting.b), dy, **setting.op)
    passes = setting.y > 0 if function is Conv1DReLU else np.full(setting.y.shape, True)
    assert_close(y, np.where(passes, setting.y, 0))
    wanted = setting.gradients(np.where(passes, dy, 0))
    assert_close(dx, wanted[0])
    assert_close(dw, wanted[1])
    assert setting.b is None or assert_close(db, wanted[2]) is None


@settings(deadline=None, max_examples=20)
@given(setting=convolutions, seed=seeds)
def test_complex_step(setting, seed):
    (dy,) = normal(seed, setting.y.shape)
    arrays = [a for a in (setting.x, setting.w, setting.b) if a is not None]

    def total(x, w, b=None):
        return np.sum(Conv1DFunction.forward(x, w, b, **setting.op)[0] * dy)

    _, gradients = run(Conv1DFunction, (setting.x, setting.w, setting.b), dy, **setting.op)
    for exact, gradient in zip(complex_step(total, *arrays), gradients, strict=False):
        assert_close(gradient, exact, 1e-12)


@KERNELS
def test_a_long_series_in_float32(kernels):
    x, w, dy = normal(0, (1, 20000, 3), (5, 3, 4), (1, 19996, 4), dtype="float32")
    options = {"strides": (1,), "padding": ((0, 0),), "dilation": (1,), "groups": 1}
    _, (_, exact, _) = run(Conv1DFunction, (x.astype("d"), w.astype("d"), None), dy.astype("d"), **options)
    with using(kernels, Conv1DFunction):
        _, (_, dw, _) = run(Conv1DFunction, (x, w, None), dy, **options)
    assert_close(dw, exact, 1e-5)


# --- the layer ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"kernel_size": 2}, [3, 5, 7, 9, 11, 13, 7]),
        ({"kernel_size": 4}, [6, 10, 14, 18, 22, 18, 13]),
        ({"kernel_size": 3, "strides": 2}, [3, 9, 15, 13]),
        ({"kernel_size": 2, "strides": 3}, [3, 9, 7]),
        ({"kernel_size": 3, "strides": 3}, [3, 12, 13]),
        ({"kernel_size": 3, "padding": "causal", "dilation_rate": 2}, [1, 2, 4, 6, 9, 12, 15]),
    ],
)
def test_ones_over_1_to_7_as_keras(options, wanted):
    layer = Conv1D(1, kernel_initializer="ones", **{"padding": "same", **options})
    assert layer(np.arange(1.0, 8.0).reshape(1, 7, 1)).numpy().ravel().tolist() == wanted


@settings(deadline=None, max_examples=25)
@given(k=st.integers(1, 4), r=small, s=small, at=st.integers(0, 7))
def test_causal_output_does_not_see_later_steps(k, r, s, at):
    layer = Conv1D(
        2, k, strides=s if r == 1 else 1, dilation_rate=r, padding="causal", dtype="float64", activation="tanh"
    )  # fmt: skip
    (x,) = normal(0, (1, 8, 2))
    before = layer(x).numpy()
    x[:, at] += 1
    stride = layer.strides[0]
    changed = np.flatnonzero((layer(x).numpy() != before).any(axis=(0, 2))) * stride
    assert all(at <= t <= at + (k - 1) * r for t in changed)


def test_a_kernel_of_one_step_is_dense():
    conv, dense = Conv1D(32, 1, activation="relu", dtype="float64"), Dense(32, "relu", dtype="float64")
    (x,) = normal(0, (2, 4, 8))
    y = conv(x).numpy()
    dense.build(x.shape)
    dense.set_weights([conv.kernel.numpy()[0], conv.bias.numpy()])
    assert_close(y, dense(x).numpy(), 1e-12)
    assert conv.count_params() == 288
    assert conv.parameter_formula() == "(1·8 + 1)·32"


def test_weights_and_formulas():
    layer = Conv1D(64, 3, name="c")
    assert layer(SymbolicTensor((None, 128, 9))).shape == (None, 126, 64)
    assert [(v.path, v.shape) for v in layer.weights] == [("c/kernel", (3, 9, 64)), ("c/bias", (64,))]
    assert layer.parameter_formula() == "(3·9 + 1)·64"
    assert layer.shape_formulas() == ["(128 − 3 + 2·0)/1 + 1 = 126"]
    fans = Conv1D(8, 5)
    fans.build((None, 9, 4))
    assert 0.8 * np.sqrt(6 / 60) < np.abs(fans.kernel.numpy()).max() <= np.sqrt(6 / 60)  # fans 20 and 40
    assert fans.get_config()["kernel_size"] == (5,)
    assert Conv1D(8, [5], groups=2, use_bias=False)(np.zeros((1, 9, 4))).shape == (1, 5, 8)


def test_gradients_through_the_layer():
    gradcheck(Conv1D(3, 2, padding="causal", dilation_rate=2, activation="relu"), *normal(3, (2, 5, 2)))


def test_mistakes():
    with pytest.raises(
        ValueError, match=r"expects 3-D input \(batch, timesteps, channels\).*x\[\.\.\., None\]"
    ):
        Conv1D(2, 3)(np.zeros((4, 9)))
    with pytest.raises(ValueError, match="padding to be 'valid' or 'same' or 'causal', got 'full'"):
        Conv1D(2, 3, padding="full")
    with pytest.raises(ValueError, match="padding to be 'valid' or 'same', got 'causal'"):
        Conv2D(2, 3, padding="causal")
    with pytest.raises(ValueError, match=r"window that spans \(5,\) cells.*padding='same'"):
        Conv1D(2, 3, dilation_rate=2)(np.zeros((1, 4, 1)))
    with pytest.raises(ValueError, match="kernel_size to be one whole number or 1 of them"):
        Conv1D(2, (3, 3))
    with pytest.raises(TypeError, match="Did you mean 'kernel_size'"):
        Conv1D(2, 3, kernelsize=3)


@pytest.mark.parametrize("layer_class", [Conv1D, Conv2D])
def test_the_signature_lists_every_argument(layer_class):
    assert list(inspect.signature(layer_class).parameters) == [
        "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", "activation",
        "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer",
        "activity_regularizer", "kernel_constraint", "bias_constraint", "kwargs",
    ]  # fmt: skip
