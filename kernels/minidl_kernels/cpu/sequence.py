"""What the recurrent kernels share: how a sequence lies in memory, and the three matrix products of a step.

The samples of a batch do not know each other. So the batch is cut into slices of a few samples, and whoever takes a
slice goes with it through all of time, without waiting for anybody. Within a slice everything has whole vectors:

    rows       S samples of a slice, of which the last slice may leave some unused; there they hold zeros
    up         U, filled up to whole vectors

    a          (slices, T, S, K)         K = I + 1 + U: what a step sees, x_t, a 1 for the bias, and h of the step before
    tape       (slices, T, blocks, S·up) the gates, and whatever else a layer keeps of a step for the way back

W, b and U lie on top of each other in the same way, so z = x·W + b + h·U is one product, and so is the gradient
of all three. The products of a step, for a gradient dz of its gates z:

    z = a·(W; b; U)           dh = dz·Uᵀ,  dx = dz·Wᵀ           d(W; b; U) += aᵀ·dz

The last one waits until `steps` steps have come together, and then reads a and dz while they are still near.

A GRU has four blocks of columns where its weights have three gates. r multiplies only what comes from h. So its last
gate is computed twice: block 2 sees only (1, h), and block 3 only (x_t, 1).
"""

from typing import NamedTuple

import numpy as np

from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.tile import ROWS, VECTOR_BYTES, tile

__all__ = [
    "Sizes", "add_weight_gradient", "back_to_inputs", "back_to_state", "clear_unused", "copy_rows", "gates", "look",
    "pack", "pack_transposed", "tables",
]  # fmt: skip


class Sizes(NamedTuple):
    """Whole numbers that compiled loops need."""

    n: int
    t: int
    i: int
    u: int
    up: int
    rows: int
    slices: int
    steps: int  # that come together before their weight gradient is taken
    gates: int  # blocks of columns
    apart: bool  # a GRU's last two


class Tables(NamedTuple):
    """Of one thread: where rows begin, for `tile`, and a few zeros."""

    a: np.ndarray
    units: np.ndarray
    inputs: np.ndarray
    cells: np.ndarray
    weights: np.ndarray
    none: np.ndarray
    gates: np.ndarray  # segments: where a gate begins in the dz of a step
    input_gates: np.ndarray
    zeros: np.ndarray


@compiled
def _every(step, n):
    table = np.empty(n + ROWS, np.int64)
    for i in range(n + ROWS):
        table[i] = min(i, n - 1) * step
    return table


@compiled
def tables(x, s):
    """For a thread that works with numbers like those of `x`."""
    k, width = s.i + 1 + s.u, 2 * VECTOR_BYTES // x.itemsize
    inputs = (s.i + width - 1) // width * width
    segments = _every(s.steps * s.rows * s.up, s.gates)
    input_segments = segments.copy()
    if s.apart:
        input_segments[2] = segments[3]
    return Tables(
        _every(k, s.rows), _every(s.up, s.rows), _every(inputs, s.rows), _every(1, k), _every(s.gates * s.up, k),
        np.zeros(max(s.rows, k) + ROWS, np.int64), segments, input_segments, np.zeros(max(width, s.up), x.dtype),
    )  # fmt: skip


@compiled
def _sees(block, s):
    """The first cell of a that a block of columns sees, and how many."""
    if s.apart and block == 2:
        return s.i, 1 + s.u
    if s.apart and block == 3:
        return 0, s.i + 1
    return 0, s.i + 1 + s.u


@compiled
def pack(w, b, u, packed, s):
    """w (I, ·), b (blocks · U,), u (U, ·) -> for each block and each panel of its columns: (K, width)."""
    width, k = 2 * VECTOR_BYTES // w.itemsize, s.i + 1 + s.u
    last = w.shape[1] // s.u - 1
    at = 0
    for block in range(s.gates):
        column = min(block, last) * s.u
        for left in range(0, s.up, width):
            n = min(width, s.u - left)
            for cell in range(k):
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


@compiled
def look(x, h, first, used, t, a):
    """a (S, K) of step t: x_t, 1 and h (S, up) for the used samples of a slice, zeros for the others."""
    i, one = x.shape[2], x.dtype.type(1)
    for row in range(len(a)):
        cells = a[row]
        if row >= used:
            cells[:] = 0
            continue
        seen, state, target = x[first + row, t], h[row], cells[i + 1 :]
        for j in range(len(seen)):
            cells[j] = seen[j]
        cells[i] = one
        for j in range(len(target)):
            target[j] = state[j]


@compiled
def copy_rows(source, target, rows, columns):
    """The first numbers of the first rows."""
    for row in range(rows):
        from_, to = source[row, :columns], target[row, :columns]
        for j in range(len(to)):
            to[j] = from_[j]


@compiled
def gates(a, a_at, packed, tape, tape_at, used, no_floor, tables, s):
    """z of one step of a slice, from its a: block after block (S, up)."""
    width, k = 2 * VECTOR_BYTES // a.itemsize, s.i + 1 + s.u
    panels = (s.up + width - 1) // width
    for block in range(s.gates):
        first, n = _sees(block, s)
        for panel in range(panels):
            left = panel * width
            for at in range(0, used, ROWS):
                tile(
                    tape, tables.units, tape_at + block * s.rows * s.up + left, min(ROWS, s.rows - at),
                    min(width, s.up - left),
                    a, tables.a, a_at + first, at, tables.none, 1, n, 1,
                    packed, ((block * panels + panel) * k + first) * width, width,
                    tables.zeros, tables.none, 0, no_floor,
                )  # fmt: skip


@compiled
def back_to_state(dz, place, packed, plus, dh, used, no_floor, tables, s):
    """dh (S, up) = plus + dz·Uᵀ of the step at `place` in dz (blocks, steps, S, up)."""
    width = 2 * VECTOR_BYTES // dz.itemsize
    n_gates = 3 if s.apart else s.gates
    for left in range(0, s.up, width):
        for at in range(0, used, ROWS):
            tile(
                dh, tables.units, left, min(ROWS, s.rows - at), min(width, s.up - left),
                dz, tables.units, place * s.rows * s.up, at, tables.gates, n_gates, s.u, 1,
                packed, left * n_gates * s.u, width,
                plus, tables.units, left, no_floor,
            )  # fmt: skip


@compiled
def back_to_inputs(dz, place, packed, own, first, used, t, dx, no_floor, tables, s):
    """dx of step t, by way of `own` (S, I in whole vectors)."""
    width = 2 * VECTOR_BYTES // dz.itemsize
    n_gates = 3 if s.apart else s.gates
    for left in range(0, s.i, width):
        for at in range(0, used, ROWS):
            tile(
                own, tables.inputs, left, min(ROWS, s.rows - at), width if s.i - left > width // 2 else width // 2,
                dz, tables.units, place * s.rows * s.up, at, tables.input_gates, n_gates, s.u, 1,
                packed, left * n_gates * s.u, width,
                tables.zeros, tables.none, 0, no_floor,
            )  # fmt: skip
    columns = (s.i + width - 1) // width * width
    copy_rows(own[: s.rows * columns].reshape(s.rows, columns), dx[first : first + used, t], used, s.i)


@compiled
def clear_unused(dz, place, used, s):
    """Zeros for the samples that are not there, so that they add nothing to the weight gradient."""
    if used < s.rows:
        for block in range(s.gates):
            begin = (block * s.steps + place) * s.rows
            dz[(begin + used) * s.up : (begin + s.rows) * s.up] = 0


@compiled
def add_weight_gradient(a, a_at, dz, steps, dw, dw_at, no_floor, tables, s):
    """dw (K, blocks · up) += aᵀ·dz over some steps of a slice."""
    width, k = 2 * VECTOR_BYTES // a.itemsize, s.i + 1 + s.u
    for block in range(s.gates):
        first, n = _sees(block, s)
        for left in range(0, s.up, width):
            place = dw_at + block * s.up + left
            for at in range(first, first + n, ROWS):
                tile(
                    dw, tables.weights, place, min(ROWS, first + n - at), min(width, s.up - left),
                    a, tables.cells, a_at, at, tables.none, 1, steps * s.rows, k,
                    dz, block * s.steps * s.rows * s.up + left, s.up,
                    dw, tables.weights, place, no_floor,
                )  # fmt: skip
