"""For every op that has a kernel: its reference, and arguments to try both with.

`CASES` must have an entry for each registered kernel. An entry draws arrays of float64 (they are converted to the
type under test) and options. Sizes lie on both sides of those at which compiled code changes its ways: whole and
broken tiles of rows and columns, one panel and several.
"""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from layouts import LAYOUTS, laid_out
from minidl_kernels.cpu import KERNELS
from strategies import normal, seeds, windows

import minidl.layers.pooling.pooled_convolution
import minidl.losses  # noqa: F401
from minidl.backend import Pair
from minidl.layers.convolutional.conv2d import Conv2DFunction
from minidl.layers.convolutional.windows import borders
from minidl.optimizers.adam import adam
from minidl.tensor import Function


def _functions(base=Function):
    for function in base.__subclasses__():
        yield function
        yield from _functions(function)


FUNCTIONS = {f.kernel: f for f in _functions() if f.kernel in KERNELS and f.__module__.startswith("minidl.")}
REFERENCES = {name: Pair(f.forward, f.backward) for name, f in FUNCTIONS.items()} | {"adam": Pair(adam, None)}


class Case(NamedTuple):
    """Arguments of an op."""

    arrays: tuple
    options: dict


BATCH = st.integers(1, 5)
WIDE = st.sampled_from([1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 40])
FEW = st.integers(1, 2)
SHAPES = st.lists(st.integers(1, 7), min_size=1, max_size=4).map(tuple)
maybe = st.booleans()


def _leading(wide):
    """Shapes; small ones where `wide` is not WIDE."""
    return SHAPES if wide is WIDE else st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple)


def _rows(wide):
    return st.tuples(st.lists(st.integers(1, 5), min_size=1, max_size=2).map(tuple), wide).map(
        lambda s: (*s[0], s[1])
    )


@st.composite
def _conv2d(draw, wide):
    image = draw(windows(largest=3))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    channels, filters = draw(wide), draw(wide)
    shape = (*image.window, channels, filters * groups)
    x, w, b = normal(
        draw(seeds),
        (draw(BATCH if wide is WIDE else FEW), *image.sizes, channels * groups),
        shape,
        shape[-1:],
    )
    border = borders(image.sizes, image.window, image.strides, image.padding, image.dilation)
    options = {"strides": image.strides, "padding": border, "dilation": image.dilation, "groups": groups}
    return Case((x, w, b if draw(maybe) else None), options)


@st.composite
def _pool2d(draw, wide):
    image = draw(windows(dilated=False))
    if draw(maybe):  # the kernel has loops of its own for this one
        image = image._replace(window=(2, 2), strides=(2, 2), sizes=tuple(n + 1 for n in image.sizes))
    (x,) = normal(draw(seeds), (draw(BATCH if wide is WIDE else FEW), *image.sizes, draw(wide)))
    if draw(maybe):
        x = np.round(x)  # ties
    border = borders(image.sizes, image.window, image.strides, image.padding, (1, 1))
    return Case((x,), {"pool": image.window, "strides": image.strides, "padding": border})


@st.composite
def _conv2d_max_pool(draw, wide):
    arrays, options = draw(_conv2d(wide))
    seen = Conv2DFunction.forward(*arrays, **options)[0].shape[1:3]
    pool = tuple(draw(st.integers(1, min(3, n))) for n in seen)
    return Case(arrays, {**options, "pool": pool, "rectify": draw(maybe)})


@st.composite
def _conv1d(draw, wide):
    (x, w, b), options = draw(_conv2d(wide))
    options = {n: v if n == "groups" else v[1:] for n, v in options.items()}
    return Case((x[:, 0], w[0], b), options)


@st.composite
def _pool1d(draw, wide):
    (x,), options = draw(_pool2d(wide))
    return Case((x[:, 0],), {n: v[1:] for n, v in options.items()})


@st.composite
def _dense(draw, wide):
    inputs, units = draw(wide), draw(wide)
    x, w, b = normal(draw(seeds), (*draw(_leading(wide)), inputs), (inputs, units), (units,))
    return Case((x, w, b if draw(maybe) else None), {})


@st.composite
def _batch_normalization(draw, wide):
    shape = (2, *draw(_leading(wide)))
    x, gamma, beta = normal(draw(seeds), shape, shape[-1:], shape[-1:])
    x = x + draw(st.sampled_from([0, 3]))
    options = {
        "axis": draw(st.sampled_from([-1, len(shape) - 1])),
        "epsilon": draw(st.sampled_from([1e-3, 0.1])),
    }
    return Case((x, gamma if draw(maybe) else None, beta if draw(maybe) else None), options)


@st.composite
def _layer_normalization(draw, wide):
    shape = (*draw(_leading(wide)), draw(wide))
    axes = tuple(range(draw(st.integers(1, len(shape) - 1)), len(shape)))
    x, gamma, beta = normal(draw(seeds), shape, *[shape[axes[0] :]] * 2)
    x = x + draw(st.sampled_from([0, 3]))
    options = {"axes": axes, "epsilon": draw(st.sampled_from([1e-3, 0.1]))}
    return Case((x, gamma if draw(maybe) else None, beta if draw(maybe) else None), options)


@st.composite
def _elementwise(draw, wide):
    (x,) = normal(draw(seeds), draw(_leading(wide)))
    return Case((x * draw(st.sampled_from([1, 30])),), {})


@st.composite
def _dropout(draw, wide):
    shape = draw(_leading(wide))
    coordinates = np.array(draw(st.lists(st.integers(0, 2**64 - 1), min_size=4, max_size=4)), np.uint64)
    rate = draw(st.sampled_from([0.1, 0.25, 0.5, 0.9, 1.0]))
    return Case((*normal(draw(seeds), shape), coordinates), {"rate": rate, "shared": ()})


@st.composite
def _softmax(draw, wide):
    shape = draw(_rows(wide))
    (x,) = normal(draw(seeds), shape)
    return Case((x * draw(st.sampled_from([1, 30])),), {"axis": draw(st.sampled_from([-1, len(shape) - 1]))})


@st.composite
def _softmax_cross_entropy(draw, wide):
    shape = draw(_rows(wide))
    z, t = normal(draw(seeds), shape, shape)
    t = np.abs(t) if draw(maybe) else (t == t.max(axis=-1, keepdims=True)).astype(t.dtype)
    return Case((5 * z, t), {})


@st.composite
def _sparse_softmax_cross_entropy(draw, wide):
    shape, seed = draw(_rows(wide)), draw(seeds)
    kind = draw(st.sampled_from(["int64", "int32", "uint8"]))
    labels = np.random.default_rng(seed).integers(0, shape[-1], shape[:-1]).astype(kind)
    return Case((5 * normal(seed, shape)[0], labels), {})


@st.composite
def _sigmoid_cross_entropy(draw, wide):
    shape = draw(_leading(wide))
    z, t = normal(draw(seeds), shape, shape)
    return Case((5 * z, np.abs(np.tanh(t))), {})


@st.composite
def _adam(draw):
    arrays = normal(draw(seeds), *[(draw(st.integers(1, 100)),)] * 4)
    options = {
        "learning_rate": draw(st.sampled_from([0.001, 1.0])), "beta_1": draw(st.sampled_from([0.0, 0.9])),
        "beta_2": draw(st.sampled_from([0.9, 0.999])), "epsilon": draw(st.sampled_from([1e-7, 0.1])),
        "step": draw(st.integers(1, 1000)), "weight_decay": draw(st.sampled_from([0.0, 0.01])),
    }  # fmt: skip
    return Case((*arrays[:3], np.abs(arrays[3])), options)


@st.composite
def _embedding(draw, wide):
    rows, seed = draw(wide), draw(seeds)
    ids = np.random.default_rng(seed).integers(0, rows, draw(_leading(wide)))
    kind = draw(st.sampled_from(["int64", "int32", "uint8"]))
    return Case((ids.astype(kind), *normal(seed, (rows, draw(wide)))), {})


@st.composite
def _recurrent(draw, gates, wide):
    """`gates` says which: 1 simple_rnn, 3 gru, 4 lstm."""
    batch, time = draw(st.sampled_from([1, 3, 8, 9, 17])), draw(st.sampled_from([1, 2, 5, 9, 17]))
    arrays = _sequence(draw(seeds), gates, batch, time, draw(wide), draw(wide), draw(maybe))
    curves = st.sampled_from(["tanh", "sigmoid", "relu", "hard_sigmoid", "linear", "softsign"])
    mask = np.random.default_rng(draw(seeds)).random((batch, time)) < 0.6
    options = {"activation": draw(curves), "sequences": draw(maybe), "mask": mask if draw(maybe) else None}
    if gates > 1:
        options["recurrent_activation"] = draw(
            st.sampled_from(["sigmoid", "hard_sigmoid", "tanh", "softsign"])
        )
    if gates == 3:
        options["reset_after"] = True
    return Case(arrays, options)


def _sequence(seed, gates, batch, time, inputs, units, biased=True):
    """Weights small enough that rounding does not grow from step to step."""
    state, bias = (batch, units), (2, 3 * units) if gates == 3 else (gates * units,)
    x, *states, w, u, b = normal(
        seed,
        (batch, time, inputs),
        *[state] * (1 + (gates == 4)),
        (inputs, gates * units),
        (units, gates * units),
        bias,
    )
    return (x, *states, w / (2 * inputs**0.5), u / (2 * units**0.5), b if biased else None)


def cases(wide):
    """For each kernel that is no update rule a strategy, for sizes up to those in `wide`."""
    return {
        "average_pool1d": _pool1d(wide),
        "average_pool2d": _pool2d(wide),
        "batch_normalization": _batch_normalization(wide),
        "conv1d": _conv1d(wide),
        "conv1d_relu": _conv1d(wide),
        "conv2d": _conv2d(wide),
        "conv2d_max_pool": _conv2d_max_pool(wide),
        "conv2d_relu": _conv2d(wide),
        "dense": _dense(wide),
        "dropout": _dropout(wide),
        "embedding": _embedding(wide),
        "gru": _recurrent(3, wide),
        "layer_normalization": _layer_normalization(wide),
        "lstm": _recurrent(4, wide),
        "max_pool1d": _pool1d(wide),
        "max_pool2d": _pool2d(wide),
        "relu": _elementwise(wide),
        "sigmoid": _elementwise(wide),
        "sigmoid_cross_entropy": _sigmoid_cross_entropy(wide),
        "simple_rnn": _recurrent(1, wide),
        "softmax": _softmax(wide),
        "softmax_cross_entropy": _softmax_cross_entropy(wide),
        "sparse_softmax_cross_entropy": _sparse_softmax_cross_entropy(wide),
    }


CASES = cases(WIDE) | {"adam": _adam()}

_plain = {"strides": (1, 1), "padding": ((1, 0), (0, 1)), "dilation": (1, 1), "groups": 1}
_pooled = {"pool": (2, 2), "strides": (2, 2), "padding": ((0, 0), (0, 0))}
_merged = {"pool": (2, 2), "rectify": True}
_plain1d = {"strides": (1,), "padding": ((1, 1),), "dilation": (1,), "groups": 1}
_pooled1d = {"pool": (2,), "strides": (2,), "padding": ((0, 0),)}
_labels = np.random.default_rng(0).integers(0, 10, 9000)
_words = np.array([3, 2**63 + 5, 1, 7], np.uint64)
_steps = {"activation": "tanh", "sequences": True, "mask": None}
_gated = _steps | {"recurrent_activation": "sigmoid"}
_masked = {"sequences": False, "mask": np.random.default_rng(1).random((70, 40)) < 0.7}
LARGE = [  # enough for several parts, blocks and threads
    ("conv2d", Case(normal(1, (3, 40, 30, 3), (3, 3, 3, 40), (40,)), _plain)),
    ("conv2d_relu", Case(normal(2, (2, 3, 600, 9), (2, 3, 9, 70), (70,)), _plain)),
    ("conv2d", Case(normal(3, (1, 9, 9, 128), (3, 3, 128, 66), (66,)), _plain)),
    ("conv2d_relu", Case(normal(16, (9, 12, 11, 5), (3, 3, 5, 33), (33,)), _plain)),
    (
        "conv2d",
        Case(normal(17, (5, 4, 4, 230), (3, 3, 230, 260), (260,)), _plain),
    ),  # weights too large for shares
    ("conv2d_max_pool", Case(normal(24, (9, 29, 30, 5), (3, 3, 5, 40), (40,)), _plain | _merged)),
    (
        "conv2d_max_pool",
        Case(
            normal(25, (3, 40, 31, 8), (3, 2, 4, 70), (70,)), _plain | _merged | {"groups": 2, "pool": (3, 4)}
        ),
    ),
    ("conv1d", Case(normal(18, (40, 64, 9), (3, 9, 40), (40,)), _plain1d)),
    ("conv1d_relu", Case(normal(19, (2, 3000, 9), (5, 9, 33), (33,)), _plain1d | {"dilation": (2,)})),
    ("dense", Case(normal(4, (700, 600), (600, 70), (70,)), {})),
    ("dropout", Case((*normal(23, (301, 303)), _words), {"rate": 0.3, "shared": ()})),
    ("embedding", Case((np.random.default_rng(0).integers(0, 300, (60, 50)), *normal(18, (300, 70))), {})),
    ("max_pool2d", Case(normal(5, (6, 40, 41, 16)), _pooled)),
    ("max_pool2d", Case(normal(6, (6, 40, 41, 16)), _pooled | {"pool": (3, 3), "padding": ((1, 1), (1, 0))})),
    ("average_pool2d", Case(normal(7, (6, 40, 41, 16)), _pooled)),
    ("max_pool1d", Case(normal(20, (40, 131, 33)), _pooled1d)),
    ("average_pool1d", Case(normal(21, (40, 131, 33)), _pooled1d | {"pool": (3,), "padding": ((1, 1),)})),
    ("layer_normalization", Case(normal(22, (30, 40, 70), (70,), (70,)), {"axes": (2,), "epsilon": 1e-3})),
    ("batch_normalization", Case(normal(8, (50, 40, 40), (40,), (40,)), {"axis": -1, "epsilon": 1e-3})),
    ("relu", Case(normal(9, (300, 301)), {})),
    ("sigmoid", Case(normal(10, (300, 301)), {})),
    ("softmax", Case(normal(11, (9000, 10)), {"axis": -1})),
    ("softmax", Case(normal(12, (30, 3001)), {"axis": -1})),
    ("softmax_cross_entropy", Case((normal(13, (9000, 10))[0], np.eye(10)[_labels]), {})),
    ("sparse_softmax_cross_entropy", Case((normal(14, (9000, 10))[0], _labels), {})),
    ("sigmoid_cross_entropy", Case((normal(15, (300, 301))[0], np.eye(300, 301)), {})),
    ("gru", Case(_sequence(30, 3, 70, 40, 11, 40), _gated | {"reset_after": True})),
    ("gru", Case(_sequence(31, 3, 70, 40, 40, 33), _gated | _masked | {"reset_after": True})),
    ("lstm", Case(_sequence(32, 4, 70, 40, 11, 40), _gated)),
    ("lstm", Case(_sequence(33, 4, 70, 40, 40, 33), _gated | _masked)),
    ("simple_rnn", Case(_sequence(34, 1, 70, 40, 11, 90), _steps)),
    ("simple_rnn", Case(_sequence(35, 1, 70, 40, 40, 70), _steps | _masked)),
]


def converted(arrays, dtype):
    """The arrays with floats as `dtype`; whole numbers and None stay."""
    return [a if a is None or a.dtype.kind != "f" else a.astype(dtype) for a in arrays]


def in_memory(x, layout):
    """`laid_out`, and one layout more: "repeated", the first row at stride 0 (other numbers, if there are more)."""
    if x is None or layout == "repeated":
        return x if x is None or x.ndim == 0 else np.broadcast_to(x[:1].copy(), x.shape)
    return laid_out(x, "c" if x.dtype.kind != "f" and layout in ("gaps", "middle") else layout)


layouts = st.sampled_from(["c", *LAYOUTS, "repeated"])
