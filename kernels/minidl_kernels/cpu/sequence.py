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

from minidl_kernels.cpu.fragment import fragment
from minidl_kernels.cpu.panels import Blocks
from minidl_kernels.cpu.panels import pack as arrange
from minidl_kernels.cpu.pieces import fill
from minidl_kernels.cpu.tile import ROWS, VECTOR_BYTES, columns
from minidl_kernels.cpu.tiles import tiles

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


def pack(w: Any, b: Any, u: Any, panels: Any, s: Sizes) -> None:
    """w (I, ·), b (blocks · U,), u (U, ·) -> for each block and each panel of its columns: (K, width)."""
    width = columns(w.itemsize)
    step, n = s.k * width, w.shape[1]
    apart = -(-s.up // width) * step
    weights = n // s.u
    one = Blocks(weights, s.i, s.u, 0, s.u, n, 1, 0, apart, step)
    for source, row, rows in ((w, 0, s.i), (u, s.i + 1, s.u)):
        own = one._replace(rows=rows, to=row * width)
        arrange(source, panels, own)
        if weights < s.gates:
            last = own._replace(blocks=1, at=(weights - 1) * s.u, to=own.to + weights * apart)
            arrange(source, panels, last)
    arrange(b, panels, one._replace(blocks=s.gates, rows=1, to=s.i * width))


def pack_transposed(w: Any, panels: Any) -> None:
    """w (R, G·U) -> for each panel of its rows: (G·U, width)."""
    rows, n = w.shape
    arrange(w, panels, Blocks(1, n, rows, 0, 0, 1, n, 0, 0, n * columns(w.itemsize)))


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
    copy_rows(h, 0, s.up, a, a_at + s.i + 1, s.k, used, s.u)
    for row in range(used):
        a[a_at + row * s.k + s.i] = 1
    fill(a, a_at + used * s.k, (s.rows - used) * s.k, 0)


@fragment
def gates(a, a_at, packed, tape, tape_at, used, no_floor, tables, s):
    """z of one step of a slice, from its a: block after block (S, up)."""
    width = 2 * VECTOR_BYTES // a.itemsize
    panels = (s.up + width - 1) // width
    for block in range(s.gates):
        first, n = _sees(block, s)
        tiles(
            tape, tables.units, tape_at + block * s.rows * s.up, 0, used, s.up,
            a, tables.a, a_at + first, tables.none, 1, n, 1,
            packed, (block * panels * s.k + first) * width, s.k, width,
            tables.zeros, tables.none, 0, 0, no_floor,
        )  # fmt: skip


@fragment
def back_to_state(dz, place, packed, plus, dh, used, no_floor, tables, s):
    """dh (S, up) = plus + dz·Uᵀ of the step at `place` in dz (blocks, steps, S, up)."""
    n_gates = len(tables.input_gates)
    tiles(
        dh, tables.units, 0, 0, used, s.up,
        dz, tables.units, place * s.rows * s.up, tables.gates, n_gates, s.u, 1,
        packed, 0, n_gates * s.u, 2 * VECTOR_BYTES // dz.itemsize,
        plus, tables.units, 0, 1, no_floor,
    )  # fmt: skip


@fragment
def back_to_inputs(dz, place, packed, own, first, used, t, dx, no_floor, tables, s):
    """dx of step t, by way of `own` (S, I in whole panels)."""
    n_gates, width = len(tables.input_gates), 2 * VECTOR_BYTES // dz.itemsize
    lanes = width // 2
    tiles(
        own, tables.inputs, 0, 0, used, (s.i + lanes - 1) // lanes * lanes,
        dz, tables.units, place * s.rows * s.up, tables.input_gates, n_gates, s.u, 1,
        packed, 0, n_gates * s.u, width,
        tables.zeros, tables.none, 0, 0, no_floor,
    )  # fmt: skip
    copy_rows(own, 0, s.inputs, dx, (first * s.t + t) * s.i, s.t * s.i, used, s.i)


@fragment
def add_weight_gradient(a, a_at, dz, steps, dw, dw_at, no_floor, tables, s):
    """dw (K, blocks · up) += aᵀ·dz over some steps of a slice."""
    for block in range(s.gates):
        first, n = _sees(block, s)
        place = dw_at + block * s.up
        tiles(
            dw, tables.weights, place, first, first + n, s.up,
            a, tables.cells, a_at, tables.none, 1, steps * s.rows, s.k,
            dz, block * s.steps * s.rows * s.up, 1, s.up,
            dw, tables.weights, place, 1, no_floor,
        )  # fmt: skip
