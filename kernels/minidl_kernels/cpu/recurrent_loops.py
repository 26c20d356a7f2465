"""Through time and back: the loops of the recurrent kernels, over slices of the batch and over the steps of each.

A mask holds a sample where it is. Forward its h and c are put back after a step; backward their gradients step aside
(`past`), the step sees zeros in their place, and what stepped aside is added behind it.
"""

import numpy as np

from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.cells import LSTM, advance, retreat
from minidl_kernels.cpu.sequence import (
    add_weight_gradient,
    back_to_inputs,
    back_to_state,
    copy_rows,
    gates,
    look,
)

__all__ = ["backward", "forward"]


@compiled
def _held(mask, first, used, t, old, new, s):
    """new = old where the mask is False."""
    for row in range(used):
        if not mask[first + row, t]:
            for j in range(row * s.up, (row + 1) * s.up):
                new[j] = old[j]


@compiled
def _aside(mask, first, used, t, d, past, s):
    """past = d and d = 0 where the mask is False."""
    for row in range(used):
        if not mask[first + row, t]:
            for j in range(row * s.up, (row + 1) * s.up):
                past[j], d[j] = d[j], 0


@compiled
def _returned(mask, first, used, t, past, d, s):
    """d += past where the mask is False."""
    for row in range(used):
        if not mask[first + row, t]:
            for j in range(row * s.up, (row + 1) * s.up):
                d[j] += past[j]


@compiled
def _add_rows(source, at, step, d, rows, s):
    """d (S, up) += rows of U numbers."""
    for row in range(rows):
        seen = source[at + row * step : at + row * step + s.u]
        out = d[row * s.up : row * s.up + s.u]
        for j in range(len(out)):
            out[j] += seen[j]


@compiled
def _clear_unused(dz, place, used, s):
    """Zeros for the samples that are not there, so that they add nothing to the weight gradient."""
    for block in range(s.gates):
        begin = (block * s.steps + place) * s.rows
        dz[(begin + used) * s.up : (begin + s.rows) * s.up] = 0


@compiled
def forward(
    counter, parts, cell, x, h0, c0, packed, mask, a, tape, blocks, y, sequences, c_last, curve, gate, no_floor,
    table, s,
):  # fmt: skip
    """A part is a share of the slices. All arrays of numbers are flat. y (N, T, U), or h_T alone; c in an LSTM only."""
    size = s.rows * s.up
    room = np.zeros(4 * size, x.dtype)
    h, c, h_before, c_before = room[:size], room[size : 2 * size], room[2 * size : 3 * size], room[3 * size :]
    while True:
        part = take(counter)
        if part >= parts:
            return
        for piece in range(part * s.slices // parts, (part + 1) * s.slices // parts):
            first = piece * s.rows
            used = min(s.rows, s.n - first)
            copy_rows(h0, first * s.u, s.u, h, s.zero, s.up, used, s.u)
            if cell == LSTM:
                copy_rows(c0, first * s.u, s.u, c, s.zero, s.up, used, s.u)
            for t in range(s.t):
                step = piece * s.t + t
                a_at, tape_at = step * s.rows * s.k, step * blocks * size
                look(x, h, first, used, t, a, a_at, s)
                gates(a, a_at, packed, tape, tape_at, used, no_floor, table, s)
                if mask.size:
                    for j in range(size):
                        h_before[j], c_before[j] = h[j], c[j]
                advance(cell, tape[tape_at : tape_at + blocks * size], h, c, curve, gate)
                if mask.size:
                    _held(mask, first, used, t, h_before, h, s)
                    _held(mask, first, used, t, c_before, c, s)
                if sequences:
                    copy_rows(h, s.zero, s.up, y, (first * s.t + t) * s.u, s.t * s.u, used, s.u)
            if not sequences:
                copy_rows(h, s.zero, s.up, y, first * s.u, s.u, used, s.u)
            if cell == LSTM:
                copy_rows(c, s.zero, s.up, c_last, first * s.u, s.u, used, s.u)


@compiled
def _bank(dw, at, sums, to, n):
    """Add n numbers of dw to `sums`, and let them begin anew."""
    for i in range(n):
        sums[to + i] += dw[at + i]
        dw[at + i] = 0


@compiled
def backward(
    counter, parts, cell, dy, sequences, d_last, a, tape, blocks, mask, packed_u, packed_w, dx, dh0, dc0, dw, sums,
    curve, gate, no_floor, table, s,
):  # fmt: skip
    """A part is a share of the slices, with its own copy of dw (parts, K, blocks · up), to be added up.

    The row of dw that is the gradient of b sums every dz there is; it is in `sums` (parts, blocks · up), in float64.

    dx has nothing in it where nobody wants it.
    """
    size, weights = s.rows * s.up, s.k * s.gates * s.up
    room = np.zeros(5 * size + max(size, s.rows * s.inputs), tape.dtype)
    dh, dc, carry = room[:size], room[size : 2 * size], room[2 * size : 3 * size]
    past_h, past_c, own = room[3 * size : 4 * size], room[4 * size : 5 * size], room[5 * size :]
    dz = np.zeros(s.gates * s.steps * size, tape.dtype)
    while True:
        part = take(counter)
        if part >= parts:
            return
        dw[part * weights : (part + 1) * weights] = 0
        for piece in range(part * s.slices // parts, (part + 1) * s.slices // parts):
            first = piece * s.rows
            used = min(s.rows, s.n - first)
            dh[:] = 0
            if not sequences:
                copy_rows(dy, first * s.u, s.u, dh, s.zero, s.up, used, s.u)
            if cell == LSTM:
                dc[:] = 0
                copy_rows(d_last, first * s.u, s.u, dc, s.zero, s.up, used, s.u)
            for t in range(s.t - 1, -1, -1):
                step, place = piece * s.t + t, t % s.steps
                if sequences:
                    _add_rows(dy, (first * s.t + t) * s.u, s.t * s.u, dh, used, s)
                if mask.size:
                    _aside(mask, first, used, t, dh, past_h, s)
                    _aside(mask, first, used, t, dc, past_c, s)
                z = tape[step * blocks * size : (step + 1) * blocks * size]
                retreat(cell, z, dz, place * size, s.steps * size, dh, dc, carry, own[:size], curve, gate)
                _clear_unused(dz, place, used, s)
                if mask.size:
                    _returned(mask, first, used, t, past_h, carry, s)
                    _returned(mask, first, used, t, past_c, dc, s)
                back_to_state(dz, place, packed_u, carry, dh, used, no_floor, table, s)
                if dx.size:
                    back_to_inputs(dz, place, packed_w, own, first, used, t, dx, no_floor, table, s)
                if place == 0:
                    steps = min(s.steps, s.t - t)
                    add_weight_gradient(
                        a, step * s.rows * s.k, dz, steps, dw, part * weights, no_floor, table, s
                    )
                    _bank(
                        dw, part * weights + s.i * s.gates * s.up, sums, part * s.gates * s.up, s.gates * s.up
                    )
            copy_rows(dh, s.zero, s.up, dh0, first * s.u, s.u, used, s.u)
            if cell == LSTM:
                copy_rows(dc, s.zero, s.up, dc0, first * s.u, s.u, used, s.u)
