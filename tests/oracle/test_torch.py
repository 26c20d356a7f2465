"""The core operations beside PyTorch: convolutions, pooling, recurrent layers, normalisation, embedding."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import normal, seeds, windows

import minidl
from minidl import Tensor, layers

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.oracle
TOLERANCE = {"float64": 1e-9, "float32": 1e-5}
drawn = settings(deadline=None, max_examples=15)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more of them wait for each other longer than they work
    yield
    torch.set_num_threads(threads)


def agree(layer, x, theirs, weights=(), **options):
    """`layer` in both precisions beside `theirs(x, *weights)` in PyTorch's float64: y, dx and the weights' gradients."""
    x, *weights = (np.float64(np.float32(a)) for a in (x, *weights))
    tx, *tw = (torch.tensor(a, requires_grad=True) for a in (x, *weights))
    wanted = theirs(tx, *tw)
    (dy,) = normal(1, tuple(wanted.shape))
    dy = np.float64(np.float32(dy))
    wanted.backward(torch.tensor(dy))
    expected = [wanted.detach().numpy(), tx.grad.numpy(), *(w.grad.numpy() for w in tw)]
    for dtype, tolerance in TOLERANCE.items():
        ours = layer(dtype)
        ours.build((None, *x.shape[1:]))
        trained = ours.trainable_weights
        assert len(trained) == len(weights)
        for v, w in zip(trained, weights, strict=True):
            v.assign(w.astype(dtype))
        t = Tensor(x.astype(dtype), requires_grad=True)
        y = ours(t, **options)
        y.backward(gradient=dy.astype(dtype))
        for got, right in zip([y.numpy(), t.grad, *(v.grad for v in trained)], expected, strict=True):
            assert got.shape == right.shape
            assert got.dtype == dtype
            assert np.abs(got - right).max(initial=0) <= tolerance * np.abs(right).max(initial=0.1)


def first(x):
    """Channels last to channels first."""
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


def same(sizes, window, strides, dilation):
    """How F.pad is told the border of Keras's "same": the last axis first, the extra cell at the end."""
    pads = []
    for n, k, s, r in reversed(list(zip(sizes, window, strides, dilation, strict=True))):
        total = max((-(-n // s) - 1) * s + (k - 1) * r + 1 - n, 0)
        pads += [total // 2, total - total // 2]
    return pads


@drawn
@given(window=windows(both=False), groups=st.integers(1, 2), seed=seeds)
def test_conv2d(window, groups, seed):
    sizes, kernel, strides, padding, dilation = window
    x, w, b = normal(seed, (2, *sizes, 2 * groups), (*kernel, 2, 2 * groups), (2 * groups,))
    pads = same(sizes, kernel, strides, dilation) if padding == "same" else [0] * 4

    def theirs(x, w, b):
        padded, k = F.pad(first(x), pads), w.permute(3, 2, 0, 1)
        return last(F.conv2d(padded, k, b, stride=strides, dilation=dilation, groups=groups))

    options = {"strides": strides, "padding": padding, "dilation_rate": dilation, "groups": groups}
    agree(lambda dtype: layers.Conv2D(2 * groups, kernel, dtype=dtype, **options), x, theirs, [w, b])


@drawn
@given(window=windows(both=False), causal=st.booleans(), seed=seeds)
def test_conv1d(window, causal, seed):
    (n, k, s, r), padding = (
        (v[0] for v in (window.sizes, window.window, window.strides, window.dilation)),
        window.padding,
    )
    x, w, b = normal(seed, (2, n, 3), (k, 3, 2), (2,))
    pads = [(k - 1) * r, 0] if causal else same([n], [k], [s], [r]) if padding == "same" else [0, 0]

    def theirs(x, w, b):
        return last(F.conv1d(F.pad(first(x), pads), w.permute(2, 1, 0), b, stride=s, dilation=r))

    options = {"strides": s, "padding": "causal" if causal else padding, "dilation_rate": r}
    agree(lambda dtype: layers.Conv1D(2, k, dtype=dtype, **options), x, theirs, [w, b])


@drawn
@given(window=windows(dilated=False), multiplier=st.integers(1, 2), seed=seeds)
def test_depthwise_conv2d(window, multiplier, seed):
    sizes, kernel, strides, padding, _ = window
    strides = (strides[0], strides[0])
    x, w, b = normal(seed, (2, *sizes, 3), (*kernel, 3, multiplier), (3 * multiplier,))
    pads = same(sizes, kernel, strides, (1, 1)) if padding == "same" else [0] * 4

    def theirs(x, w, b):
        k = w.permute(2, 3, 0, 1).reshape(3 * multiplier, 1, *kernel)
        return last(F.conv2d(F.pad(first(x), pads), k, b, stride=strides, groups=3))

    options = {"strides": strides, "padding": padding, "depth_multiplier": multiplier}
    agree(lambda dtype: layers.DepthwiseConv2D(kernel, dtype=dtype, **options), x, theirs, [w, b])


@drawn
@given(window=windows(dilated=False), seed=seeds)
def test_conv2d_transpose(window, seed):
    sizes, kernel, strides, _, _ = window
    x, w, b = normal(seed, (2, *sizes, 3), (*kernel, 2, 3), (2,))
    extra = [max(s - k, 0) for k, s in zip(kernel, strides, strict=True)]  # Keras fills the last stride, too

    def theirs(x, w, b):
        y = F.conv_transpose2d(first(x), w.permute(3, 2, 0, 1), None, stride=strides)
        return last(F.pad(y, [0, extra[1], 0, extra[0]])) + b

    agree(lambda dtype: layers.Conv2DTranspose(2, kernel, strides=strides, dtype=dtype), x, theirs, [w, b])


@drawn
@given(window=windows(dilated=False), kind=st.sampled_from(["Max", "Average"]), seed=seeds)
def test_pooling(window, kind, seed):
    sizes, pool, strides, padding, _ = window
    (x,) = normal(seed, (2, *sizes, 3))
    pads = same(sizes, pool, strides, (1, 1)) if padding == "same" else [0] * 4

    def theirs(x):
        if kind == "Max":
            return last(F.max_pool2d(F.pad(first(x), pads, value=-torch.inf), pool, strides))
        ones = torch.ones_like(first(x))
        total, cells = (F.avg_pool2d(F.pad(a, pads), pool, strides) for a in (first(x), ones))
        return last(total / cells)

    make = getattr(layers, f"{kind}Pooling2D")
    agree(lambda dtype: make(pool, strides=strides, padding=padding, dtype=dtype), x, theirs)


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
@drawn
@given(sizes=st.tuples(*[st.integers(1, 4)] * 3), seed=seeds)
def test_recurrent_layers(name, sizes, seed):
    """Gates in the order of PyTorch: i, f, c, o in LSTM, as here; r, z, h in GRU, where Keras has z, r, h."""
    steps, features, units = sizes
    gates = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[name]
    shape = (2, gates * units) if name == "GRU" else (gates * units,)
    x, w, u, b = normal(seed, (3, steps, features), (features, gates * units), (units, gates * units), shape)

    def reordered(a):
        if name != "GRU":
            return a
        z, r, h = a.chunk(3, -1)
        return torch.cat([r, z, h], -1)

    def theirs(x, w, u, b):
        module = getattr(torch.nn, {"SimpleRNN": "RNN"}.get(name, name))(
            features, units, batch_first=True
        ).double()
        b = reordered(b)
        given = {"weight_ih_l0": reordered(w).T, "weight_hh_l0": reordered(u).T,
                 "bias_ih_l0": b[0] if name == "GRU" else b,
                 "bias_hh_l0": b[1] if name == "GRU" else torch.zeros_like(b)}  # fmt: skip
        return torch.func.functional_call(module, given, (x,))[0]

    make = getattr(layers, name)
    agree(lambda dtype: make(units, return_sequences=True, dtype=dtype), x, theirs, [w, u, b])


@drawn
@given(channels=st.integers(1, 4), training=st.booleans(), seed=seeds)
def test_normalisation(channels, training, seed):
    assume(channels > 1)
    x, gamma, beta = normal(seed, (6, 3, channels), (channels,), (channels,))

    def batch(x, gamma, beta):
        still = torch.zeros(channels, dtype=x.dtype), torch.ones(channels, dtype=x.dtype)
        return last(F.batch_norm(first(x), *still, gamma, beta, training=training, eps=1e-3))

    agree(lambda dtype: layers.BatchNormalization(dtype=dtype), x, batch, [gamma, beta], training=training)

    def each(x, gamma, beta):
        return F.layer_norm(x, (channels,), gamma, beta, eps=1e-3)

    agree(lambda dtype: layers.LayerNormalization(dtype=dtype), x, each, [gamma, beta])


@drawn
@given(seed=seeds)
def test_embedding(seed):
    (w,) = normal(seed, (5, 3))
    ids = np.random.default_rng(seed).integers(0, 5, (4, 6))
    table = torch.tensor(w, requires_grad=True)
    wanted = F.embedding(torch.tensor(ids), table)
    (dy,) = normal(1, wanted.shape)
    wanted.backward(torch.tensor(dy))
    layer = layers.Embedding(5, 3, dtype="float64")
    layer.build((None, 6))
    layer.set_weights([w])
    y = layer(ids)
    y.backward(gradient=dy)
    assert np.array_equal(y.numpy(), wanted.detach().numpy())
    assert np.abs(layer.weights[0].grad - table.grad.numpy()).max() <= 1e-12


@drawn
@given(scale=st.sampled_from([0.1, 1.0, 30.0, 1e4]), seed=seeds)
def test_entropies_of_logits(scale, seed):
    z, chance = normal(seed, (6, 4), (6, 4))
    z, labels, soft = z * scale, np.arange(6) % 4, 1 / (1 + np.exp(-chance))
    pairs = [
        (minidl.losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float64"), labels,
         lambda t: F.cross_entropy(t, torch.tensor(labels))),
        (minidl.losses.BinaryCrossentropy(from_logits=True, dtype="float64"), soft,
         lambda t: F.binary_cross_entropy_with_logits(t, torch.tensor(soft))),
    ]  # fmt: skip
    for ours, y, theirs in pairs:
        leaf, t = Tensor(z, requires_grad=True), torch.tensor(z, requires_grad=True)
        got, wanted = ours(y, leaf), theirs(t)
        got.backward()
        wanted.backward()
        assert float(got.numpy()) == pytest.approx(wanted.item(), rel=1e-12)
        assert np.abs(leaf.grad - t.grad.numpy()).max() <= 1e-12
