"""What the kernels of the GPU are tried with, beside small draws of `kernel_cases`: sizes at which they change their ways,
and faults to be planted in their sources."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from kernel_cases import CASES as WIDE_CASES
from kernel_cases import Case, _sequence, cases
from strategies import normal

from minidl.optimizers.adam import adam
from minidl.optimizers.rmsprop import rmsprop
from minidl.optimizers.sgd import sgd, sgd_momentum

NARROW = st.sampled_from([1, 2, 3, 5, 31, 33])


@st.composite
def _descent(draw, slots, **options):
    arrays = normal(draw(st.integers(0, 99)), *[(draw(st.integers(1, 100)),)] * 5)
    v, mean = np.abs(arrays[2]), arrays[4] / 2
    given = {"m": arrays[3], "v": v, "mean": mean, "none": None}
    drawn = {name: draw(st.sampled_from(values)) for name, values in options.items()}
    return Case(
        (*arrays[:2], *(given[slot] for slot in slots)),
        {"learning_rate": draw(st.sampled_from([0.001, 1.0]))} | drawn,
    )


_momenta = {"momentum": [0.5, 0.9], "nesterov": [False, True]}
_spreads = {"rho": [0.0, 0.9], "momentum": [0.5, 0.9], "epsilon": [1e-7, 0.1]}
CASES = cases(NARROW) | {
    "adam": WIDE_CASES["adam"],
    "sgd": _descent([]),
    "sgd_momentum": _descent(["m"], **_momenta),
    "rmsprop": st.one_of(*(
        _descent(["v", m, mean], **_spreads) for m in ("m", "none") for mean in ("mean", "none")
    )),
}  # fmt: skip

RULES = {
    "adam": adam,
    "sgd": sgd,
    "sgd_momentum": sgd_momentum,
    "rmsprop": rmsprop,
}  # kernels that work in place

_rule = {
    "learning_rate": 0.01,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-7,
    "step": 3,
    "weight_decay": 0.01,
}

_words = np.array([3, 2**63 + 5, 1, 2**64 - 7], np.uint64)
_rng = np.random.default_rng(0)


_window = {"strides": (1, 1), "padding": ((1, 0), (0, 1)), "dilation": (1, 1), "groups": 1}
_series = _window | {n: _window[n][1:] for n in ("strides", "padding", "dilation")}
_apart = {"strides": (2, 1), "padding": ((1, 1), (0, 2)), "dilation": (1, 2), "groups": 2}
_pool = {"pool": (3, 2), "strides": (2, 1), "padding": ((1, 1), (0, 1))}


def _targets(*shape):
    return np.eye(shape[-1])[_rng.integers(0, shape[-1], shape[:-1])]


_gated = {"activation": "tanh", "recurrent_activation": "sigmoid", "sequences": True, "mask": None}


def _recurrent(gates, seed):
    """A small block, with a mask; one with two samples, of which the last has one; more units than a block has."""
    usual = {"activation": "tanh", "sequences": True, "mask": None}
    if gates > 1:
        usual["recurrent_activation"] = "sigmoid"
    if gates == 3:
        usual["reset_after"] = True
    found = []
    for batch, time, inputs, units in ((3, 4, 3, 6), (133, 2, 1, 2), (2, 3, 2, 130)):
        mask = np.random.default_rng(seed).random((batch, time)) < 0.7
        others = {"mask": mask, "sequences": units == 6}
        found.append(Case(_sequence(seed, gates, batch, time, inputs, units), usual | others))
    return [Case(found[0].arrays, usual), *found]


_five = normal(42, *[(700,)] * 5)

# For each op one fixed case at least, of a usual size; and others, where small ones do not lead everywhere.
SIZES = {
    "adam": [Case((*normal(2, (700,), (700,), (700,)), np.abs(normal(3, (700,))[0])), _rule)],
    "sgd": [Case(normal(40, (700,), (700,)), {"learning_rate": 0.1})],
    "sgd_momentum": [
        Case(normal(41, *[(700,)] * 3), {"learning_rate": 0.1, "momentum": 0.9, "nesterov": nesterov})
        for nesterov in (False, True)
    ],
    "rmsprop": [
        Case(
            (*_five[:2], np.abs(_five[2]), m, mean),
            {"learning_rate": 0.1, "rho": 0.9, "momentum": 0.5, "epsilon": 1e-3},
        )
        for m in (None, _five[3])
        for mean in (None, _five[4])
    ],
    "average_pool1d": [Case(normal(28, (2, 9, 3)), {"pool": (3,), "strides": (2,), "padding": ((1, 1),)})],
    "average_pool2d": [Case(normal(30, (2, 7, 6, 5)), _pool)],  # two blocks of threads
    "batch_normalization": [  # rows in three chunks, the last of two rows; features in two blocks
        Case(normal(31, (130, 2), (2,), (2,)), {"axis": -1, "epsilon": 1e-3}),
        Case((1e4 + normal(32, (5, 14, 33))[0], None, None), {"axis": -1, "epsilon": 1e-3}),
    ],
    "conv1d": [Case(normal(26, (2, 9, 4), (3, 4, 4), (4,)), _series)],
    "conv1d_relu": [Case(normal(27, (2, 9, 3), (3, 3, 5), (5,)), _series)],
    "conv2d": [  # by fours: several tiles, the last ones broken; groups; the weight gradient in two parts
        Case(normal(33, (1, 9, 9, 4), (3, 3, 4, 68), (68,)), _window),
        Case((*normal(34, (1, 7, 5, 8), (3, 2, 4, 24)), None), _apart),
        Case(normal(35, (2, 18, 17, 4), (2, 2, 4, 4), (4,)), _window),
        Case((*normal(36, (2, 18, 17, 1), (2, 2, 1, 2)), None), _window),
    ],
    "conv2d_relu": [Case(normal(37, (1, 7, 5, 8), (3, 2, 4, 8), (8,)), _apart)],
    "dense": [
        # the bias gradient in three chunks of rows, the last of one row
        Case(normal(0, (1025, 2), (2, 3), (3,)), {}),
        Case(normal(1, (9, 1), (1, 65), (65,)), {}),
    ],
    "dropout": [
        Case(
            (*normal(4, (11, 25)), _words), {"rate": 0.3, "shared": ()}
        ),  # two warps, the second with three blocks
        Case((*normal(5, (257,)), _words), {"rate": 1.0, "shared": ()}),
        Case((*normal(6, (2049,)), _words), {"rate": 0.5, "shared": ()}),  # two blocks of threads
    ],
    "embedding": [
        Case((_rng.integers(0, 9, (5, 8)), *normal(7, (9, 33))), {}),
        Case((np.full(70, 3, np.int32), *normal(8, (4, 2))), {}),  # one word that is everywhere
    ],
    "gru": _recurrent(3, 40),
    "layer_normalization": [  # rows of a warp, of several, of the most; rows in two chunks
        Case(normal(9, (9, 32), (32,), (32,)), {"axes": (1,), "epsilon": 1e-3}),
        Case(normal(10, (2, 3, 5, 7), (5, 7), (5, 7)), {"axes": (2, 3), "epsilon": 1e-3}),
        Case((*normal(11, (2, 270), (270,)), None), {"axes": (1,), "epsilon": 1e-3}),
        Case(normal(12, (514, 2), (2,), (2,)), {"axes": (1,), "epsilon": 1e-3}),
    ],
    "max_pool1d": [Case(normal(29, (2, 9, 3)), {"pool": (3,), "strides": (2,), "padding": ((1, 1),)})],
    "max_pool2d": [Case(normal(38, (2, 7, 6, 5)), _pool), Case(np.round(normal(39, (1, 6, 6, 2))), _pool)],
    "lstm": [
        *_recurrent(4, 41),
        Case(_sequence(43, 4, 2, 2, 1, 100), _gated),  # weights in shared memory
    ],
    "relu": [Case(normal(13, (9, 31)), {})],
    "sigmoid": [Case(normal(14, (9, 31)), {})],
    "sigmoid_cross_entropy": [Case((normal(15, (9, 31))[0], _targets(9, 31)), {})],
    "simple_rnn": _recurrent(1, 42),
    "softmax": [
        Case(normal(16, (9, 10)), {"axis": -1}),
        Case(normal(17, (2, 3, 65)), {"axis": 2}),
        Case(normal(18, (2, 270)), {"axis": -1}),
    ],
    "softmax_cross_entropy": [
        Case((normal(19, (9, 10))[0], _targets(9, 10)), {}),
        Case((normal(20, (2, 3, 65))[0], 2 * _targets(2, 3, 65)), {}),
        Case((normal(21, (2, 270))[0], _targets(2, 270)), {}),
    ],
    "sparse_softmax_cross_entropy": [
        Case((normal(22, (9, 10))[0], _rng.integers(0, 10, 9)), {}),
        Case((normal(23, (2, 3, 65))[0], _rng.integers(0, 65, (2, 3)).astype(np.int32)), {}),
        Case((normal(24, (2, 270))[0], np.array([0, 269])), {}),
    ],
}


class Fault(NamedTuple):
    """`old`, which is found in the source `file`, is replaced by `new`."""

    file: str
    old: str
    new: str


FAULTS = [
    Fault("batch_normalization", "min(begin + chunk, rows)", "begin + chunk"),
    Fault("batch_normalization", "line < end", "line <= end"),
    Fault("batch_normalization", "if (feature < features)\n    for", "for"),
    Fault("batch_normalization", "threadIdx.y > 0 || feature >= features", "threadIdx.y > 0"),
    Fault("batch_normalization", "threadIdx.y > 0 || feature >= features", "feature >= features"),
    Fault("batch_normalization", "(gridDim.x + blockIdx.x)", "blockIdx.x"),
    Fault("batch_normalization", "sums[chunks * features + i]", "sums[features + i]"),
    Fault("batch_normalization", "/ rows - shift * shift", "/ rows"),
    Fault("batch_normalization", "(x[i] - base) * (x[i] - base)", "x[i] - base"),
    Fault("batch_normalization", "(float)(x[i] - moments[f]), scale", "x[i] - (float)moments[f], scale"),
    Fault("batch_normalization", "direct * product / deviation", "direct * product"),
    Fault("batch_normalization", "2.0 * d_variance[f] - ", "-"),
    Fault("batch_normalization", "(d_mean[f] - direct * sum)", "(-direct * sum)"),
    Fault("batch_normalization", "gamma ? gamma[f] : 1.0f) /", "gamma[f]) /"),
    Fault(
        "convolution", "now ^= 1) {\n    keep_turned", "now ^= 0) {\n    keep_turned"
    ),  # the one barrier is not enough then
    Fault("convolution", "now ^= 1) {\n    keep(", "now ^= 0) {\n    keep("),
    Fault(
        "convolution",
        "multiply(acc, a[now], b[now]);\n  }\n  const",
        "multiply(acc, a[now ^ 1], b[now]);\n  }\n  const",
    ),
    Fault("convolution", "k / 4 % 4 * 8", "k / 4 % 4 * 2"),
    Fault("convolution", "threadIdx.x % ACROSS * LANES)];", "threadIdx.x % ACROSS)];"),
    Fault("convolution", "place.middle = 0, ++place.high", "++place.high"),
    Fault("convolution", "while (place.low >= lows)", "if (place.low >= lows)"),
    Fault("convolution", "blockIdx.z * (BACK ? channels : columns)", "blockIdx.z * channels"),
    Fault("convolution", "p < pixels ? p / (to_h * to_w) : -1", "p / (to_h * to_w)"),
    Fault("convolution", "y >= 0 && y < from_h", "y < from_h"),
    Fault("convolution", "x < from_w", "x <= from_w"),
    Fault("convolution", "tap.high < kh && column < columns", "column < columns"),
    Fault("convolution", "k < depth && column < columns", "column < columns"),
    Fault("convolution", "k < depth && column < columns", "k < depth"),
    Fault("convolution", "at % stride ? -1 : at / stride", "at / stride"),
    Fault("convolution", "r >= rows || c >= columns", "c >= columns"),
    Fault("convolution", "if (c + j < columns) to[j]", "to[j]"),
    Fault("convolution", "bias && c + j < columns", "bias"),
    Fault("convolution", "bias + before", "bias"),
    Fault("convolution", "acc[i + j] < 0.0f", "acc[i + j] < -1.0f"),
    Fault("convolution", "columns % 4 == 0 && apart % 4 == 0", "true"),
    Fault("convolution", "min(first + share, pixels)", "min(first + share + 1, pixels)"),
    Fault("convolution", "p < last && column < filters", "column < filters"),
    Fault("convolution", "dw += part * rows * all_filters + ", "dw += "),
    Fault("dense", "y[i] += b[i % units]", "y[i] += b[i / units]"),
    Fault("dense", "y[i] += b[i % units]", "((float*)b)[i % units] += y[i]"),
    Fault("dense", "y[i] += b[i % units]", "y[i % units] += b[i % units]"),
    Fault("dropout", "a = i + 1", "a = i"),
    Fault("dropout", "round < 10", "round < 9"),
    Fault("dropout", "a = high_1 ^ b ^ key_0", "a = high_0 ^ b ^ key_0"),
    Fault("dropout", ">> 40", ">> 32 & 0xffffff"),
    Fault("dropout", ">= least) << (2 * j)", "> least) << (2 * j + 1)"),
    Fault("dropout", "if (block < blocks)", ""),
    Fault("dropout", "4 * j + lane / 8", "4 * j"),
    Fault("dropout", "mine >> lane % 8", "mine >> lane / 8"),
    Fault("dropout", "if (i < size) y[i]", "y[i]"),
    Fault("dropout", "(size + 7) / 8", "size / 8"),
    Fault("dropout", "step = now[3]", "step = now[4]"),
    Fault("dropout", "kept[i / 8] >> i % 8", "kept[i / 8] >> 7 - i % 8"),
    Fault("elementwise", "y[i] = x[i] <= 0.0f ? 0.0f : x[i]", "y[i] = x[i]"),
    Fault("elementwise", "y[i] > 0.0f ? dy[i]", "y[i] > 0.0f ? y[i]"),
    Fault("elementwise", "expf(x < 0.0f ? x : -x)", "expf(-x)"),
    Fault("elementwise", "(negative ? 0.0f : z[i])", "z[i]"),
    Fault("elementwise", "(sigmoid_of(z[i]) - t[i])", "(sigmoid_of(z[i]) + t[i])"),
    Fault("embedding", "(int)id * width", "(int)id"),
    Fault("embedding", "k - i * width", "k - i"),
    Fault("embedding", "if (column < width)\n", ""),
    Fault("embedding", "k < last; k += 8", "k <= last; k += 8"),
    Fault("embedding", "starts[row] + threadIdx.y", "starts[row]"),
    Fault("embedding", "(int)order[k] * width", "k * width"),
    Fault("embedding", "threadIdx.y > 0 || column >= width", "threadIdx.y > 0"),
    Fault("embedding", "threadIdx.y > 0 || column >= width", "column >= width"),
    Fault("embedding", "blockIdx.x % pieces * 32", "0"),
    Fault("embedding", "double sum = 0.0;", "double sum;"),
    Fault("embedding", "const long long* __restrict__ starts", "const int* __restrict__ starts"),
    Fault("layer_normalization", "row >= rows", "row > rows"),
    Fault("layer_normalization", "row_sum(squares, shared_squares)", "row_sum(squares, shared_sum)"),
    Fault("layer_normalization", "+ epsilon", ""),
    Fault("layer_normalization", "gamma ? gamma[c] : 1.0f", "gamma[c]"),
    Fault("layer_normalization", "(beta ? beta[c] : 0.0f)", "0.0f"),
    Fault("layer_normalization", "row_sum(products, shared_products)", "row_sum(products, shared_sum)"),
    Fault("layer_normalization", "* scale * along", "* along"),
    Fault("layer_normalization", "row < last", "row <= last"),
    Fault("layer_normalization", "first + chunk < rows ? first + chunk : rows", "first + chunk"),
    Fault("layer_normalization", "if (column < n)\n    for", "for"),
    Fault("layer_normalization", "threadIdx.y > 1 || column >= n", "threadIdx.y > 1"),
    Fault("layer_normalization", "if (threadIdx.x == 0)", ""),
    Fault("pooling", "max(0, -first)", "0"),
    Fault("pooling", "min(size, n - first)", "size"),
    Fault("pooling", "(at - size) / stride + 1", "(at - size) / stride"),
    Fault("pooling", "min(at / stride + 1, n)", "at / stride + 1"),
    Fault("pooling", "min(at / stride + 1, n)", "min(at / stride, n)"),
    Fault("pooling", "!(v <= best)", "v >= best"),
    Fault("pooling", "k * kw + l;", "k * kh + l;"),
    Fault("pooling", "if (winner[window] == place)", ""),
    Fault("pooling", "sum / ((rows.end", "sum / (kw * kh + 0 * (rows.end"),
    Fault("pooling", "(l.end - l.begin)", "kw"),
    Fault("pooling", "sum += dy[((", "dx[i] += dy[(("),
    Fault("recurrent", "c = f * c + i * g", "c = f * c + i * o"),
    Fault("recurrent", "dh * (past - candidate)", "dh * (candidate - past)"),
    Fault("recurrent", "dc *= f", "dc *= i"),
    Fault("recurrent", "return part == 2 ? d_candidate * r", "return part == 2 ? d_candidate"),
    Fault("recurrent", "if (part < 2) own = bend(gate, own)", "own = bend(gate, own)"),
    Fault("recurrent", "part > 1 ? 5 - part", "part > 2 ? 5 - part"),
    Fault("recurrent", "b[(3 + me.part) * units", "b[me.part * units"),
    Fault("recurrent", "(threadIdx.x & 28) | part", "part"),
    Fault("recurrent", "scatter(sum[row], 2, 1)", "scatter(sum[row], 1, 2)"),
    Fault("recurrent", "scatter(sum[row], 8, 4)", "scatter(sum[row], 4, 8)"),
    Fault("recurrent", "through += __shfl_xor_sync(0xffffffffu, through, 2);", ""),
    Fault("recurrent", "next[row] + bias", "next[row]"),
    Fault("recurrent", "if (now[row]) h[row]", "if (counts[row]) h[row]"),
    Fault("recurrent", "shared_h[(t + 1) % 2]", "shared_h[t % 2]"),
    Fault("recurrent", "(t + 1 < steps && n < batch &&", "(n < batch &&"),
    Fault("recurrent", "if (counts[row]) dh[row]", "if (true) dh[row]"),
    Fault("recurrent", "else d = 0.0f;", "else d = d;"),
    Fault("recurrent", "all[i] = 0.0f", "all[i] = all[i]"),
    Fault("recurrent", "me.block) * units + unit] = d;", "part) * units + unit] = d;"),
    Fault("recurrent", "k + i < units ? u[", "true ? u["),
    Fault("recurrent", "n < batch && unit < units;\n    h[row]", "unit < units;\n    h[row]"),
    Fault("recurrent", "sum[row][o] += a", "sum[row][o] = a"),
    Fault("recurrent", "if (part == 0 && !last)", "if (part == 0)"),
    Fault("recurrent", "if (mask && !mask[step]) d = 0.0f,", "if (mask && !mask[step])"),
    Fault("softmax", "row >= rows", "row > rows"),
    Fault("softmax", "shift = row_max(shift, shared_max)", "shift = warp_max(shift)"),
    Fault("softmax", "row_sum(total, shared_sum)", "row_sum(total, shared_max)"),
    Fault("softmax", "expf(x[c] - shift)", "expf(x[c])"),
    Fault("softmax", "row_sum(inner, shared_sum)", "warp_sum(inner)"),
    Fault("softmax", "row_sum(targets, shared_weight)", "row_sum(targets, shared_loss)"),
    Fault("softmax", "dy[row] * (p[i] * weight[row] - t[i])", "dy[i] * (p[i] * weight[row] - t[i])"),
    Fault("softmax", "p[i] * weight[row] - t[i]", "p[i] - t[i]"),
    Fault("softmax", "if (threadIdx.x > 0) return", ""),
    Fault("softmax", "z[first + label]", "z[label]"),
    Fault("softmax", "i - row * classes == label", "i == label"),
    Fault("sums", "if (column < columns)\n    for", "for"),
    Fault("sums", "threadIdx.y == 0 && column < columns", "threadIdx.y == 0"),
    Fault("sums", "threadIdx.y == 0 && column < columns", "column < columns"),
    Fault("sums", "row < last", "row <= last"),
    Fault("sums", "min(first + chunk, rows)", "first + chunk"),
    Fault("sums", "y < 8; ++y", "y <= 8; ++y"),
    Fault(
        "sums",
        "__syncthreads();\n  if (threadIdx.y == 0 && column < columns) {",
        "if (threadIdx.y == 0 && column < columns) {\n__syncthreads();",
    ),
    Fault("adam", "d > top", "d > 1.0f"),
    Fault("adam", "beta_1 * m[i] +", "m[i] +"),
    Fault("adam", "w[i] - w[i] * decay", "w[i] - decay"),
    Fault("adam", "sqrtf(v[i]) + epsilon", "sqrtf(v[i])"),
    Fault("adam", "now[1] = ", "now[2] = "),
    Fault("descent", "w[i] - rate * g[i]", "w[i] - g[i]"),
    Fault("descent", "if (now) rate = now[0];\n  FOR_EACH(i, size) w", "FOR_EACH(i, size) w"),
    Fault("descent", "m[i] = next", "m[i] = down"),
    Fault("descent", "nesterov ?", "!nesterov ?"),
    Fault("descent", "fresh * (d * d)", "fresh * d"),
    Fault("descent", "spread -= middle * middle", "spread -= middle"),
    Fault("descent", "if (spread < 0.0f) spread = 0.0f;", ""),
    Fault("descent", "momentum * m[i] + increment", "m[i] + increment"),
    Fault("descent", "sqrtf(spread + epsilon)", "sqrtf(spread)"),
    Fault("adam", "rate = now[0], decay = now[1]", "rate = now[0], decay = now[0]"),
]
