"""Long float32 sums. A million terms of 0.1 added in float32, row after row, are off by 1 %; here they must be exact.

Each reference and each kernel that adds along its first axes is given that many rows, and has to come within a few
parts in a million of the true sum, that of whole numbers times 0.1.
"""

import numpy as np
import pytest
from kernel_cases import FUNCTIONS
from running import KERNELS, run, using

from minidl import Tensor, layers, losses, metrics, ops, optimizers, regularizers
from minidl.layers.convolutional.conv2d_transpose import Conv2DTransposeFunction
from minidl.layers.convolutional.depthwise_conv2d import DepthwiseFunction
from minidl.models import Sequential
from minidl.optimizers.clipping import clip_by_global_norm, clip_by_norm, scaled_norm
from minidl.variable import Variable

N = 1_000_000
TENTH = float(np.float32(0.1))
SLIDING = {"dilation": (1, 1), "strides": (1, 1), "padding": ((0, 0), (0, 0))}
SLIDING_1D = {"dilation": (1,), "strides": (1,), "padding": ((0, 0),), "groups": 1}


def tenths(*shape):
    return np.full(shape, 0.1, np.float32)


def test_the_error_that_is_meant():
    rows = tenths(N, 2).sum(axis=0)
    assert abs(rows[0] / (N * TENTH) - 1) > 5e-3


# --- gradients of weights and biases ----------------------------------------------------------------------------------

ONES = (1, 1)
BIASED = {  # function, arrays, options: the bias is the last input, and every dy is 0.1
    "dense": (FUNCTIONS["dense"], (tenths(N, 1), tenths(1, 2), tenths(2)), {}),
    "conv1d": (FUNCTIONS["conv1d"], (tenths(1000, 1000, 1), tenths(1, 1, 2), tenths(2)), SLIDING_1D),
    "conv1d, few": (FUNCTIONS["conv1d"], (tenths(1, N, 1), tenths(1, 1, 2), tenths(2)), SLIDING_1D),
    "conv1d_relu": (FUNCTIONS["conv1d_relu"], (tenths(1000, 1000, 1), tenths(1, 1, 2), tenths(2)), SLIDING_1D),
    "conv2d": (
        FUNCTIONS["conv2d"], (tenths(100, 100, 100, 1), tenths(1, 1, 1, 2), tenths(2)), SLIDING | {"groups": 1}
    ),
    "conv2d, wide": (
        FUNCTIONS["conv2d"], (tenths(25, 200, 200, 1), tenths(1, 1, 1, 20), tenths(20)), SLIDING | {"groups": 1}
    ),
    "conv2d_relu": (
        FUNCTIONS["conv2d_relu"], (tenths(100, 100, 100, 1), tenths(1, 1, 1, 2), tenths(2)), SLIDING | {"groups": 1}
    ),
    "depthwise": (DepthwiseFunction, (tenths(100, 100, 100, 1), tenths(1, 1, 1, 2), tenths(2)), SLIDING),
    "conv2d_transpose": (Conv2DTransposeFunction, (tenths(100, 100, 100, 1), tenths(1, 1, 2, 1), tenths(2)), None),
}  # fmt: skip


@KERNELS
@pytest.mark.parametrize("name", BIASED)
def test_gradients_of_biases(kernels, name):
    function, arrays, options = BIASED[name]
    if options is None:
        layer = layers.Conv2DTranspose(2, 1)
        y = layer(Tensor(arrays[0]))
        y.backward(gradient=tenths(*y.shape))
        d_bias = layer.bias.grad
    else:
        with using(kernels, function):
            y, _ = run(function, arrays, **options)
            _, gradients = run(function, arrays, tenths(*y.shape), **options)
        d_bias = gradients[2]
    assert d_bias == pytest.approx(arrays[0].size * TENTH, rel=1e-6)


def test_gradient_of_a_depthwise_kernel():
    arrays = tenths(100, 100, 100, 1), tenths(1, 1, 1, 2), tenths(2)
    _, (_, dw, _) = run(DepthwiseFunction, arrays, tenths(100, 100, 100, 2), **SLIDING)
    assert dw == pytest.approx(N * TENTH**2, rel=1e-6)


@KERNELS
@pytest.mark.parametrize("gates", [1, 3, 4], ids=["simple_rnn", "gru", "lstm"])
def test_gradients_of_recurrent_biases(kernels, gates):
    """The same sample 100,000 times, against one sample in float64."""
    n, steps = 100_000, 10
    function = FUNCTIONS[{1: "simple_rnn", 3: "gru", 4: "lstm"}[gates]]
    options = {"activation": "tanh", "sequences": True, "mask": None}
    options |= {"recurrent_activation": "sigmoid"} if gates > 1 else {}
    options |= {"reset_after": True} if gates == 3 else {}
    bias = (2, 3) if gates == 3 else (gates,)

    def arrays(n, dtype):
        shapes = [(n, steps, 1), *[(n, 1)] * (1 + (gates == 4)), (1, gates), (1, gates), bias]
        return [np.full(shape, np.float32(0.1), dtype) for shape in shapes]

    with using(kernels, function):
        _, got = run(function, arrays(n, "float32"), np.full((n, steps, 1), np.float32(0.1)), **options)
    _, one = run(function, arrays(1, "float64"), np.full((1, steps, 1), TENTH), **options)
    assert got[-1] == pytest.approx(n * one[-1], rel=3e-6)


@KERNELS
@pytest.mark.parametrize(
    ("name", "axis"), [("batch_normalization", {"axis": 1}), ("layer_normalization", {"axes": (1,)})]
)
def test_normalisations(kernels, name, axis):
    function = FUNCTIONS[name]
    x = np.tile(np.array([[0.1, 0.3], [0.3, 0.1]], np.float32), (N // 2, 1))
    gamma, beta = np.ones(2, np.float32), np.zeros(2, np.float32)
    with using(kernels, function):
        outputs, (_, d_gamma, d_beta) = run(function, (x, gamma, beta), tenths(N, 2), **axis, epsilon=1e-12)
    assert d_beta == pytest.approx(N * TENTH, rel=1e-6)
    assert np.abs(d_gamma).max() < 1e-2 * N * TENTH * 1e-3  # x̂ is −1 as often as 1
    if name == "batch_normalization":
        assert outputs[1] == pytest.approx(0.2, rel=1e-6)
        assert outputs[2] == pytest.approx(0.01, rel=1e-5)
    with using(kernels, function):
        _, (_, d_gamma, _) = run(
            function, (x, gamma, beta), tenths(N, 2) * np.sign(x - 0.2), **axis, epsilon=1e-12
        )
    assert d_gamma == pytest.approx(N * TENTH, rel=1e-5)


@KERNELS
def test_rows_of_an_embedding(kernels):
    function = FUNCTIONS["embedding"]
    ids = np.zeros(N, np.int64)
    ids[::2] = 3
    with using(kernels, function):
        table = Tensor(tenths(5, 2), requires_grad=True)
        function.apply(Tensor(ids), table).backward(gradient=tenths(N, 2))
    gradient = np.asarray(table.grad)
    assert gradient[[0, 3]] == pytest.approx(N / 2 * TENTH, rel=1e-6)
    assert not gradient[[1, 2, 4]].any()


def test_weights_that_are_broadcast():
    alpha = Tensor(tenths(2), requires_grad=True)
    (alpha * Tensor(tenths(N, 2))).backward(gradient=tenths(N, 2))
    assert alpha.grad == pytest.approx(N * TENTH**2, rel=1e-6)
    prelu = layers.PReLU(alpha_initializer="ones", shared_axes=[1])
    y = prelu(Tensor(-tenths(1000, 1000, 2)))
    y.backward(gradient=tenths(*y.shape))
    assert prelu.alpha.grad == pytest.approx(-N * TENTH**2, rel=1e-6)


# --- sums and means ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5 * N,), (N, 2), (2, N)])
@pytest.mark.parametrize("order", "CF")
def test_sums_and_means(shape, order):
    x = np.asarray(tenths(*shape), order=order)
    for axis in (None, 0, len(shape) - 1):
        n = x.size if axis is None else shape[axis]
        assert ops.sum(x, axis=axis).numpy() == pytest.approx(n * TENTH, rel=1e-6)
        assert ops.mean(x, axis=axis).numpy() == pytest.approx(TENTH, rel=1e-6)
        assert np.abs(ops.var(x, axis=axis).numpy()).max() < 1e-12


@KERNELS
def test_a_softmax_over_a_million_classes(kernels):
    z, labels = np.zeros((2, N), np.float32), np.array([0, N - 1])
    softmax, loss = FUNCTIONS["softmax"], FUNCTIONS["sparse_softmax_cross_entropy"]
    with using(kernels, softmax):
        y, _ = run(softmax, (z,), axis=-1)
    assert y[0, :5] == pytest.approx(1e-6, rel=1e-6)
    with using(kernels, loss):
        y, _ = run(loss, (z, labels))
    assert y == pytest.approx(np.log(N), rel=1e-6)


@pytest.mark.parametrize("name", ["MeanSquaredError", "MeanAbsoluteError", "BinaryCrossentropy", "Huber"])
def test_losses_of_many_samples(name):
    loss, y = getattr(losses, name)(), np.zeros((N, 1), np.float32)
    one = float(loss(y[:1], tenths(1, 1)))
    assert float(loss(y, tenths(N, 1))) == pytest.approx(one, rel=1e-6)
    weighted = loss(y, tenths(N, 1), sample_weight=tenths(N))
    assert float(weighted) == pytest.approx(one * TENTH, rel=1e-6)


def test_metrics_of_many_samples():
    x, zeros = tenths(N, 1), np.zeros((N, 1), np.float32)
    mean = metrics.Mean()
    errors = [metrics.MeanSquaredError(), metrics.MeanAbsoluteError(), metrics.RootMeanSquaredError()]
    for _ in range(5):
        mean.update_state(x)
        for metric in errors:
            metric.update_state(zeros, x)
    assert float(mean.result()) == pytest.approx(TENTH, rel=1e-6)
    assert [float(m.result()) for m in errors] == pytest.approx([TENTH**2, TENTH, TENTH], rel=1e-6)


@pytest.mark.parametrize("make", [metrics.BinaryAccuracy, metrics.Precision, metrics.Recall, metrics.AUC])
def test_counts_beyond_what_float32_can_count(make):
    """From 2²⁴ on, x + 1 is x in float32."""
    metric = make()
    metric.update_state([[1.0], [0.0]], [[0.9], [0.1]], sample_weight=[2.0**24, 2.0**24])
    wrong = np.array([[1.0], [0.0]]), np.array([[0.1], [0.9]])
    for _ in range(40):
        metric.update_state(*wrong, sample_weight=[1.0, 1.0])
    assert float(metric.result()) == pytest.approx(1 - 40 / 2.0**24, abs=2e-7)


def test_penalties_and_norms():
    w = Variable(tenths(N, 5))
    assert float(regularizers.L2(0.5)(w)) == pytest.approx(0.5 * 5 * N * TENTH**2, rel=1e-6)
    assert float(regularizers.L1(0.5)(w)) == pytest.approx(0.5 * 5 * N * TENTH, rel=1e-6)
    flat = w.numpy().ravel()
    top, rest = scaled_norm(flat)
    norm = TENTH * (5 * N) ** 0.5
    assert top * rest == pytest.approx(norm, rel=1e-6)
    assert clip_by_norm(flat, [slice(0, None)], 1.0)[0] == pytest.approx(TENTH / norm, rel=1e-6)
    assert clip_by_global_norm([flat, flat], 1.0)[1][0] == pytest.approx(TENTH / norm / 2**0.5, rel=1e-6)


def test_clipping_where_the_norm_overflows():
    for dtype, size in (("float32", 3e38), ("float64", 1e308)):
        for clip in ({"clipnorm": 1.0}, {"global_clipnorm": 1.0}):
            w = Variable(np.zeros(4, dtype))
            optimizers.SGD(1.0, **clip).apply([np.full(4, size)], [w])
            assert w.numpy() == pytest.approx(-0.5, rel=1e-6)


def test_the_loss_of_an_epoch_of_many_batches():
    model = Sequential([layers.Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(optimizers.SGD(0.0), "mae")
    x = tenths(3000, 1)
    history = model.fit(x, np.zeros_like(x), batch_size=1, verbose=0).history
    assert history["loss"] == pytest.approx([TENTH], rel=1e-7)
    assert model.evaluate(x, np.zeros_like(x), batch_size=7, verbose=0) == pytest.approx(TENTH, rel=1e-7)
