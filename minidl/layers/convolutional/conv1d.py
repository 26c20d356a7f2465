"""Conv1D: slide a short pattern along a series and write down, at each place, how well it matches.

    y[n, t, f] = b[f] + Σ_{k, c}  x[n, t·s + k·r, c] · w[k, c, f]         (x padded first)

For one kernel cell k the sum over c is a plain matrix product, so the convolution is K of them: one for each
`tap`, the time steps that this cell meets. With K = 1 it is a Dense layer applied to each step by itself.

Backward: b[f] acts at every place; w[k, c, f] acts at every place, times the step that cell k meets there; the
step u of x acts wherever a window has a cell k on it. So

    db[f]       = Σ_{n, t}  dy[n, t, f]
    dw[k, c, f] = Σ_{n, t}  x[n, t·s + k·r, c] · dy[n, t, f]
    dx[n, u, c] = Σ_{t, k: t·s + k·r = u}  Σ_f  dy[n, t, f] · w[k, c, f]

For one k, dw is again a matrix product with the tap, and dx a sum into it: a step that several windows saw gets
what each of them sends back. What dx says of the padding is cut off.

With `groups` the channels are cut into G parts of C/G, each seen by F/G filters of its own: the lines above hold
in each part, and w[k, c, f] has c = 0 ... C/G − 1.

"causal" padding puts all of the border before the series: y[t] sees x[t], x[t − r], x[t − 2r] ... and nothing
later, as a forecast must. Layers with dilations 1, 2, 4 ... then look back twice as far each (A. van den Oord
et al., WaveNet, 2016, arXiv:1609.03499).
"""

from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.layers.convolutional.base import Convolution, cells, rectified
from minidl.layers.convolutional.windows import SERIES_AXES, Padding, crop, output_shape, pad, tap
from minidl.layers.core.dense import dense_backward, dense_forward
from minidl.tensor import Function

__all__ = ["Conv1D", "Conv1DFunction", "Conv1DReLU", "conv1d_backward", "conv1d_forward"]

Size = tuple[int]


class Conv1DCache(NamedTuple):
    padded: Array  # (N, T', C)
    w: Array  # (K, C/G, F)
    biased: bool
    strides: Size
    padding: Padding
    dilation: Size
    groups: int


def conv1d_forward(
    x: Array, w: Array, b: Array | None, *, strides: Size, padding: Padding, dilation: Size, groups: int
) -> tuple[Array, Any]:
    """x (N, T, C), w (K, C/G, F), b (F,) or None -> y (N, OT, F)."""
    if len(w) == groups == strides[0] == 1 and padding == ((0, 0),):
        return dense_forward(x, w[0], b)
    padded = pad(x, padding)
    out = output_shape(x.shape[1:2], w.shape[:1], strides, padding, dilation)
    y = np.zeros((len(x), *out, w.shape[2]), np.result_type(x, w, *(() if b is None else (b,))), like=x)
    for cell, channels, filters in cells(w, groups):
        seen = tap(padded, cell, out, strides, dilation)[..., channels]
        y[..., filters] += np.tensordot(seen, w[cell][:, filters], axes=1)
    if b is not None:
        y += b
    return y, Conv1DCache(padded, w, b is not None, strides, padding, dilation, groups)


def conv1d_backward(
    dy: Array, cache: Any, needs: tuple[bool, ...] = (True, True, True)
) -> tuple[Array | None, Array, Array | None]:
    """dy (N, OT, F) -> dx, dw, db; dx is None where `needs` has no use for it."""
    if not isinstance(cache, Conv1DCache):
        dx, dw, db = dense_backward(dy, cache, needs)
        return dx, dw[None], db
    padded, w, biased, strides, padding, dilation, groups = cache
    out = dy.shape[1:2]
    dw, d_padded = np.zeros_like(w), np.zeros_like(padded)
    for cell, channels, filters in cells(w, groups):
        seen = tap(padded, cell, out, strides, dilation)[..., channels]
        dw[cell][:, filters] = np.tensordot(seen, dy[..., filters], axes=([0, 1], [0, 1]))
        if needs[0]:
            # A view: this adds into d_padded, where neighbouring windows overlap.
            d_seen = tap(d_padded, cell, out, strides, dilation)[..., channels]
            d_seen += np.tensordot(dy[..., filters], w[cell][:, filters].T, axes=1)
    db = dy.sum(axis=(0, 1), dtype=np.result_type(dy, np.float64)).astype(dy.dtype) if biased else None
    return crop(d_padded, padding) if needs[0] else None, dw, db


class Conv1DFunction(Function):
    """The convolution as a node on the graph."""

    forward, backward, kernel = staticmethod(conv1d_forward), staticmethod(conv1d_backward), "conv1d"
    selective = True


class Conv1DReLU(Function):
    """Convolution and ReLU in one."""

    forward, backward = map(staticmethod, rectified(Conv1DFunction))
    kernel = "conv1d_relu"
    selective = True


class Conv1D(Convolution):
    """A layer of F filters that slide along series (N, T, C).

    Args:
        filters: F, the number of output channels.
        kernel_size: K, how many time steps a filter sees.
        strides: s, how many steps the window moves at a time.
        padding: "valid" (none), "same" (as many windows as steps, divided by the stride, rounded up), or "causal"
            (as many, none of which sees a later step than its own).
        data_format: "channels_last", the layout of all layers here.
        dilation_rate: r, distance of neighbouring kernel cells; > 1 excludes strides > 1.
        groups: G; C and F must be divisible by it.
        activation: name or function applied to the result.
        use_bias: whether b is added.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer: as in Dense.
        activity_regularizer: penalty on the output.
        kernel_constraint, bias_constraint: as in Dense.

    Weights: kernel (K, C/G, F), bias (F,): (K·C/G + 1)·F numbers.

    >>> layer = Conv1D(64, 3, activation="relu")
    >>> layer(np.zeros((1, 128, 9))).shape, layer.count_params(), layer.parameter_formula()
    ((1, 126, 64), 1792, '(3·9 + 1)·64')
    """

    axes = SERIES_AXES
    paddings = ("valid", "same", "causal")
    function, rectified_function = Conv1DFunction, Conv1DReLU
