"""simple_rnn, lstm and gru: arrays are prepared here, `recurrent_loops` goes through time with them.

simple_rnn     h_t = a(x·W + b + h·U)
lstm           c_t = f·c + i·g                     h_t = o·a(c_t)
gru            h_t = z·h + (1 − z)·candidate       with the reset gate after the product (`reset_after`)
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.cpu import cells, recurrent_loops
from minidl_kernels.cpu.arrays import floats, gradient_of, ready
from minidl_kernels.cpu.curves import CURVES
from minidl_kernels.cpu.memory import empty, scratch
from minidl_kernels.cpu.noting import do
from minidl_kernels.cpu.pool import run
from minidl_kernels.cpu.sequence import Sizes, pack, pack_transposed, tables
from minidl_kernels.cpu.tile import columns
from minidl_kernels.shapes import Recurrent, recurrent_supports

__all__ = ["KERNELS"]

ROWS = 16  # samples of a slice
TERMS = 128  # of a weight gradient in one go
SHARES = 8  # of the slices, each with weight gradients of its own
LARGEST_SHARES = 64 << 20  # bytes that these may take together, if there are more than two
ALONE = 4_000_000  # multiplications that take less time than to call a helper


class _Cache(NamedTuple):
    cell: Any
    w: Any
    u: Any
    biased: bool
    a: Any
    tape: Any
    mask: Any
    sequences: bool
    sizes: Sizes
    parts: int


def _up(n: int, step: int) -> int:
    return -(-n // step) * step


def _fits(given: Recurrent) -> bool:
    """Floats of one type, shapes that belong together, curves that have a loop."""
    return (
        given.factors is None
        and floats(*given.arrays)
        and given.fits(np.ndarray)
        and all(curve in CURVES for curve in given.curves)
    )


def _sizes(kind: Any, shape: tuple[int, int, int], units: int, itemsize: int) -> Sizes:
    n, t, i = shape
    rows, width = ROWS if n > ROWS // 2 else ROWS // 2, columns(itemsize)
    return Sizes(
        n, t, i, units, i + 1 + units, _up(units, width // 2), _up(i, width), rows, -(-n // rows),
        min(t, TERMS // rows), cells.GATES[kind], kind is cells.GRU,
    )  # fmt: skip


def _flat(*arrays: Any) -> list[Any]:
    return [array.reshape(-1) for array in arrays]


def _forward(
    kind: Any,
    x: Any,
    h0: Any,
    c0: Any,
    w: Any,
    u: Any,
    b: Any,
    curve: str,
    gate: str,
    sequences: bool,
    mask: Any,
    kept: bool,
) -> tuple[Any, Any, _Cache | None]:
    """y, c_T and the cache. b is as long as the blocks of columns, or None.

    Where nothing is `kept` for backward, each part writes all its steps into the room of one.
    """
    x, h0, c0, w, u = ready(x), ready(h0), ready(c0), ready(w), ready(u)
    dtype, cell = x.dtype, kind(CURVES[curve], CURVES[gate])
    s = _sizes(kind, x.shape, len(u), dtype.itemsize)
    packed = scratch("panels", s.gates * s.k * _up(s.up, columns(dtype.itemsize)), dtype)
    pack(w, np.zeros(s.gates * s.u, dtype) if b is None else b, u, packed, s)
    parts = s.slices if s.n * s.t * s.k * s.gates * s.up > ALONE else 1
    steps, size = s.slices * s.t if kept else parts, s.rows * s.up
    a, tape = empty((steps * s.rows * s.k,), dtype), empty((steps, cells.BLOCKS[kind], size), dtype)
    y = empty((s.n, s.t, s.u) if sequences else (s.n, s.u), dtype)
    c0 = c0 if kind is cells.LSTM else np.empty(0, dtype)
    c_last = empty(c0.shape, dtype)
    mask = None if mask is None else np.array(mask, order="C")
    run(
        recurrent_loops.forward, parts, cell, *_flat(x, h0, c0), packed, mask, a, tape.reshape(-1), tape,
        y.reshape(-1), sequences, c_last.reshape(-1), kept, np.zeros((parts, 4, size), dtype),
        dtype.type(-np.inf), tables(s, dtype), s,
    )  # fmt: skip
    cache = _Cache(cell, w, u, b is not None, a, tape, mask, sequences, s, parts) if kept else None
    return y, c_last, cache


def _backward(dy: Any, d_last: Any, cache: _Cache, needs: tuple[bool, ...]) -> tuple[Any, ...]:
    """dx and dh0 where `needs` begins with True for them, dc0, and d(W; b; U) as (K, blocks, U)."""
    cell, w, u, _, a, tape, mask, sequences, s, parts = cache
    dtype = w.dtype
    dy = gradient_of(dy, (s.n, s.t, s.u) if sequences else (s.n, s.u), dtype)
    packed_u = scratch("panels", _up(s.u, columns(dtype.itemsize)) * u.shape[1], dtype)
    pack_transposed(u, packed_u)
    packed_w, dx = packed_u, np.empty(0, dtype)
    if needs[0]:
        packed_w, dx = scratch("panels of w", s.inputs * u.shape[1], dtype), empty((s.n, s.t, s.i), dtype)
        pack_transposed(w, packed_w)
    weights, size = s.k * s.gates * s.up, s.rows * s.up
    shares = min(parts, max(2, min(SHARES, LARGEST_SHARES // (weights * dtype.itemsize))))
    dws, sums = empty((shares, weights), dtype), np.empty((shares, s.gates * s.up))
    dz, room = empty((shares, s.gates, s.steps, size), dtype), np.zeros((shares, 5, size), dtype)
    own = np.zeros((shares, max(size, s.rows * s.inputs)), dtype)
    dh0 = empty((s.n, s.u) if needs[1] else (0,), dtype)
    dc0 = empty((s.n, s.u) if isinstance(cell, cells.LSTM) else (0,), dtype)
    run(
        recurrent_loops.backward, shares, cell, dy.reshape(-1), sequences, d_last.reshape(-1), a, tape, mask,
        packed_u, packed_w, *_flat(dx, dh0, dc0, dws, sums), dz.reshape(shares, -1), dz, room, own,
        dtype.type(-np.inf), tables(s, dtype), s,
    )  # fmt: skip
    dw, sum_of_dz = _added_up(dws), _added_up(sums)
    dw = dw.reshape(s.k, s.gates, s.up)
    do(np.copyto, dw[s.i].reshape(-1), sum_of_dz, "same_kind")
    return dx if needs[0] else None, dh0 if needs[1] else None, dc0, dw[:, :, : s.u]


def _added_up(shares: Any) -> Any:
    """The sum of all rows."""
    if len(shares) == 1:
        return shares[0]
    total = empty(shares.shape[1:], shares.dtype)
    do(np.add.reduce, shares, 0, None, total)
    return total


def _weights(d: Any, i: slice, blocks: Any = None) -> Any:
    """Some rows and blocks of d(W; b; U) as a matrix of its own."""
    rows = d[i]
    if blocks is None:
        own = empty(rows.shape, rows.dtype)
        do(np.copyto, own, rows)
    else:
        own = empty((len(rows), len(blocks), rows.shape[2]), rows.dtype)
        do(np.take, rows, blocks, 1, own)
    return own.reshape(len(rows), -1)


def _simple_rnn_forward(
    kept: bool, x: Any, h0: Any, w: Any, u: Any, b: Any, *, activation: str, sequences: bool,
    mask: Any = None, recurrent_factors: Any = None,
) -> tuple[Any, _Cache | None]:  # fmt: skip
    """x (N, T, I), h0 (N, U), w (I, U), u (U, U), b (U,) or None -> y (N, T, U), or h_T (N, U)."""
    bias = None if b is None else ready(b)
    y, _, cache = _forward(
        cells.SimpleRNN, x, h0, h0, w, u, bias, activation, activation, sequences, mask, kept
    )
    return y, cache


def simple_rnn_backward(dy: Any, cache: _Cache, needs: tuple[bool, ...] = (True,) * 5) -> tuple[Any, ...]:
    """dy like y -> dx, dh0, dw, du, db."""
    dx, dh0, _, d = _backward(dy, cache.u, cache, needs)
    i = cache.sizes.i
    db = _weights(d, slice(i, i + 1)).reshape(-1) if cache.biased else None
    return dx, dh0, _weights(d, slice(i)), _weights(d, slice(i + 1, None)), db


def _lstm_forward(
    kept: bool, x: Any, h0: Any, c0: Any, w: Any, u: Any, b: Any, *, activation: str,
    recurrent_activation: str, sequences: bool, mask: Any = None, recurrent_factors: Any = None,
) -> tuple[tuple[Any, Any], _Cache | None]:  # fmt: skip
    """x (N, T, I), h0 and c0 (N, U), w (I, 4U), u (U, 4U), b (4U,) or None -> y as above, c_T (N, U)."""
    bias = None if b is None else ready(b)
    y, c, cache = _forward(
        cells.LSTM, x, h0, c0, w, u, bias, activation, recurrent_activation, sequences, mask, kept
    )
    return (y, c), cache


def lstm_backward(
    gradients: tuple[Any, Any], cache: _Cache, needs: tuple[bool, ...] = (True,) * 6
) -> tuple[Any, ...]:
    """dy like y, dc_T -> dx, dh0, dc0, dw, du, db."""
    dy, dc = gradients
    s = cache.sizes
    dx, dh0, dc0, d = _backward(dy, gradient_of(dc, (s.n, s.u), cache.w.dtype), cache, needs)
    db = _weights(d, slice(s.i, s.i + 1)).reshape(-1) if cache.biased else None
    return dx, dh0, dc0, _weights(d, slice(s.i)), _weights(d, slice(s.i + 1, None)), db


def _gru_forward(
    kept: bool, x: Any, h0: Any, w: Any, u: Any, b: Any, *, activation: str, recurrent_activation: str,
    reset_after: bool, sequences: bool, mask: Any = None, recurrent_factors: Any = None,
) -> tuple[Any, _Cache | None]:  # fmt: skip
    """x (N, T, I), h0 (N, U), w (I, 3U), u (U, 3U), b (2, 3U) or None -> y as above."""
    units, bias = len(u), None
    if b is not None:  # z and r add both
        bias = np.empty(4 * units, b.dtype)
        do(np.add, b[0, : 2 * units], b[1, : 2 * units], bias[: 2 * units])
        do(np.copyto, bias[2 * units : 3 * units], b[1, 2 * units :])
        do(np.copyto, bias[3 * units :], b[0, 2 * units :])
    y, _, cache = _forward(
        cells.GRU, x, h0, h0, w, u, bias, activation, recurrent_activation, sequences, mask, kept
    )
    return y, cache


def gru_backward(dy: Any, cache: _Cache, needs: tuple[bool, ...] = (True,) * 5) -> tuple[Any, ...]:
    """dy like y -> dx, dh0, dw, du, db (2, 3U)."""
    dx, dh0, _, d = _backward(dy, cache.u, cache, needs)
    i = cache.sizes.i
    of_input, of_state = [0, 1, 3], [0, 1, 2]
    db = _weights(d, slice(i, i + 1), of_input + of_state).reshape(2, -1) if cache.biased else None
    return dx, dh0, _weights(d, slice(i), of_input), _weights(d, slice(i + 1, None), of_state), db


_SUPPORTS = recurrent_supports(_fits)

KERNELS = {
    "gru": Kernel(
        partial(_gru_forward, True), gru_backward, _SUPPORTS["gru"], partial(_gru_forward, False), True
    ),
    "lstm": Kernel(
        partial(_lstm_forward, True), lstm_backward, _SUPPORTS["lstm"], partial(_lstm_forward, False), True
    ),
    "simple_rnn": Kernel(
        partial(_simple_rnn_forward, True),
        simple_rnn_backward,
        _SUPPORTS["simple_rnn"],
        partial(_simple_rnn_forward, False),
        True,
    ),
}
