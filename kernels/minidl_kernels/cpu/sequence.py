"""What the recurrent kernels share: how a sequence lies in memory, and the three matrix products of a step.

The samples of a batch do not know each other. So the batch is cut into slices of a few samples, and whoever takes a
slice goes with it through all of time, without waiting for anybody. Within a slice everything has whole vectors:

    rows       S samples of a slice, of which the last slice may leave some unused; there they hold zeros
    up         U, filled up to whole vectors

    a          (slices, T, S, K)         K = I + 1 + U: what a step sees, x_t, a 1 for the bias, h of the step before
    tape       (slices, T, blocks, S·up) the gates, and whatever else a layer keeps of a step for the way back

W, b and U lie on top of each other in the same way, so z = x·W + b + h·U is one product, and so is the gradient
of all three. The products of a step, for a gradient dz of its gates z:

    z = a·(W; b; U)           dh = dz·Uᵀ,  dx = dz·Wᵀ           d(W; b; U) += aᵀ·dz

The last one waits until `steps` steps have come together, and then reads a and dz while they are still near.

A GRU has four blocks of columns where its weights have three gates. r multiplies only what comes from h. So its last
gate is computed twice: block 2 sees only (1, h), and block 3 only (x_t, 1).
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.fragment import fragment
from minidl_kernels.cpu.tile import ROWS, VECTOR_BYTES, columns, tile

__all__ = [
    "Sizes", "Tables", "add_weight_gradient", "back_to_inputs", "back_to_state", "copy_rows", "gates", "look", "pack",
    "pack_transposed", "tables",
]  # fmt: skip


class Sizes(NamedTuple):
    """Whole numbers that compiled loops need."""

    n: int
    t: int
    i: int
    u: int
    k: int  # I + 1 + U
    up: int
    inputs: int  # I, filled up to whole panels
    rows: int
    slices: int
    steps: int  # that come together before their weight gradient is taken
    gates: int  # blocks of columns
    apart: bool  # a GRU's last two
    zero: int = 0  # written 0 and 1, numbers would have the compiler make a function of its own for each
    one: int = 1


class Tables(NamedTuple):
    """Where rows begin, for `tile`, and a few zeros. Nobody writes to them."""

    a: Any
    units: Any
    inputs: Any
    cells: Any
    weights: Any
    none: Any
    gates: Any  # segments: where a gate begins in the dz of a step
    input_gates: Any
    zeros: Any


@lru_cache(maxsize=64)
def tables(s: Sizes, dtype: Any) -> Tables:
    """The tables for some sizes, the same ones each time."""

    def every(step: int, n: int) -> Any:
        return np.minimum(np.arange(n + ROWS), n - 1) * step

    segments = np.arange(s.gates) * (s.steps * s.rows * s.up)
    return Tables(
        every(s.k, s.rows), every(s.up, s.rows), every(s.inputs, s.rows), every(1, s.k), every(s.gates * s.up, s.k),
        np.zeros(s.rows + ROWS, np.int64), segments, segments[[0, 1, 3]] if s.apart else segments,
        np.zeros(columns(dtype.itemsize), dtype),
    )  # fmt: skip


@fragment
def _sees(block, s):
    """The first cell of a that a block of columns sees, and how many."""
    if s.apart and block == 2:
        return s.i, 1 + s.u
    if s.apart and block == 3:
        return 0, s.i + 1
    return 0, s.k


@compiled
def pack(w, b, u, packed, s):
    """w (I, ·), b (blocks · U,), u (U, ·) -> for each block and each panel of its columns: (K, width)."""
    width = 2 * VECTOR_BYTES // w.itemsize
    last = w.shape[1] // s.u - 1
    at = 0
    for block in range(s.gates):
        column = min(block, last) * s.u
        for left in range(0, s.up, width):
            n = min(width, s.u - left)
            for cell in range(s.k):
                if cell < s.i:
                    line = w[cell, column + left : column + left + n]
                elif cell == s.i:
                    line = b[block * s.u + left : block * s.u + left + n]
                else:
                    line = u[cell - s.i - 1, column + left : column + left + n]
                panel = packed[at : at + width]
                panel[n:] = 0
                for j in range(n):
                    panel[j] = line[j]
                at += width


@compiled
def pack_transposed(w, packed):
    """w (R, G·U) -> for each panel of its rows: (G·U, width)."""
    width = 2 * VECTOR_BYTES // w.itemsize
    rows, n = w.shape
    for left in range(0, rows, width):
        panel = packed[left * n : (left + width) * n].reshape(n, width)
        wide = min(width, rows - left)
        for k in range(n):
            for j in range(wide):
                panel[k, j] = w[left + j, k]
            panel[k, wide:] = 0


@fragment
def copy_rows(source, from_, from_step, target, to, to_step, rows, n):
    """The first n numbers of some rows, which begin at `from_ + i·from_step` and go to `to + i·to_step`."""
    for row in range(rows):
        seen = source[from_ + row * from_step : from_ + row * from_step + n]
        out = target[to + row * to_step : to + row * to_step + n]
        for j in range(len(out)):
            out[j] = seen[j]


@fragment
def look(x, h, first, used, t, a, a_at, s):
    """a (S, K) of step t: x_t, 1 and h (S, up) for the used samples of a slice, zeros for the others."""
    copy_rows(x, (first * s.t + t) * s.i, s.t * s.i, a, a_at, s.k, used, s.i)
    copy_rows(h, s.zero, s.up, a, a_at + s.i + 1, s.k, used, s.u)
    for row in range(used):
        a[a_at + row * s.k + s.i] = 1
    a[a_at + used * s.k : a_at + s.rows * s.k] = 0


@fragment
def _product(
    out, out_rows, out_at, begin, end, n, a, a_rows, a_at, segments, n_segments, n_k, a_step, b, b_at, b_move, b_step,
    plus, plus_rows, plus_at, plus_move, no_floor,
):  # fmt: skip
    """All tiles of the rows begin ... end − 1 and the columns 0 ... n − 1. From a column to the next, b begins
    `b_move` later, and plus `plus_move`."""
    width = 2 * VECTOR_BYTES // a.itemsize
    for left in range(0, n, width):
        for at in range(begin, end, ROWS):
            tile(
                out, out_rows, out_at + left, min(ROWS, end - at), min(width, n - left),
                a, a_rows, a_at, at, segments, n_segments, n_k, a_step,
                b, b_at + left * b_move, b_step,
                plus, plus_rows, plus_at + left * plus_move, no_floor,
            )  # fmt: skip


@fragment
def gates(a, a_at, packed, tape, tape_at, used, no_floor, tables, s):
    """z of one step of a slice, from its a: block after block (S, up)."""
    width = 2 * VECTOR_BYTES // a.itemsize
    panels = (s.up + width - 1) // width
    for block in range(s.gates):
        first, n = _sees(block, s)
        _product(
            tape, tables.units, tape_at + block * s.rows * s.up, s.zero, used, s.up,
            a, tables.a, a_at + first, tables.none, s.one, n, s.one,
            packed, (block * panels * s.k + first) * width, s.k, width,
            tables.zeros, tables.none, s.zero, s.zero, no_floor,
        )  # fmt: skip


@fragment
def back_to_state(dz, place, packed, plus, dh, used, no_floor, tables, s):
    """dh (S, up) = plus + dz·Uᵀ of the step at `place` in dz (blocks, steps, S, up)."""
    n_gates = len(tables.input_gates)
    _product(
        dh, tables.units, s.zero, s.zero, used, s.up,
        dz, tables.units, place * s.rows * s.up, tables.gates, n_gates, s.u, s.one,
        packed, s.zero, n_gates * s.u, 2 * VECTOR_BYTES // dz.itemsize,
        plus, tables.units, s.zero, s.one, no_floor,
    )  # fmt: skip


@fragment
def back_to_inputs(dz, place, packed, own, first, used, t, dx, no_floor, tables, s):
    """dx of step t, by way of `own` (S, I in whole panels)."""
    n_gates, width = len(tables.input_gates), 2 * VECTOR_BYTES // dz.itemsize
    lanes = width // 2
    _product(
        own, tables.inputs, s.zero, s.zero, used, (s.i + lanes - 1) // lanes * lanes,
        dz, tables.units, place * s.rows * s.up, tables.input_gates, n_gates, s.u, s.one,
        packed, s.zero, n_gates * s.u, width,
        tables.zeros, tables.none, s.zero, s.zero, no_floor,
    )  # fmt: skip
    copy_rows(own, s.zero, s.inputs, dx, (first * s.t + t) * s.i, s.t * s.i, used, s.i)


@fragment
def add_weight_gradient(a, a_at, dz, steps, dw, dw_at, no_floor, tables, s):
    """dw (K, blocks · up) += aᵀ·dz over some steps of a slice."""
    for block in range(s.gates):
        first, n = _sees(block, s)
        place = dw_at + block * s.up
        _product(
            dw, tables.weights, place, first, first + n, s.up,
            a, tables.cells, a_at, tables.none, s.one, steps * s.rows, s.k,
            dz, block * s.steps * s.rows * s.up, s.one, s.up,
            dw, tables.weights, place, s.one, no_floor,
        )  # fmt: skip
