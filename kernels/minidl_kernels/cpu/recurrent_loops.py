"""Through time and back: the loops of the recurrent kernels, over slices of the batch and over the steps of each.

A mask holds a sample where it is. Forward its h and c are put back after a step; backward their gradients step aside
(`past`), the step sees zeros in their place, and what stepped aside is added behind it.
"""

import numpy as np

from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.cells import LSTM, advance, retreat
from minidl_kernels.cpu.sequence import (
    add_weight_gradient, back_to_inputs, back_to_state, clear_unused, copy_rows, gates, look, tables,
)  # fmt: skip

__all__ = ["backward", "forward"]


@compiled
def _blank(s, dtype):
    return np.zeros((s.rows, s.up), dtype)


@compiled
def _held(valid, old, new):
    """new = old where the mask is not valid."""
    for row in range(len(valid)):
        if not valid[row]:
            copy_rows(old[row : row + 1], new[row : row + 1], 1, old.shape[1])


@compiled
def _aside(valid, d, past):
    """past = d and d = 0 where the mask is not valid."""
    for row in range(len(valid)):
        if not valid[row]:
            past[row] = d[row]
            d[row] = 0


@compiled
def _returned(valid, past, d):
    """d += past where the mask is not valid."""
    for row in range(len(valid)):
        if not valid[row]:
            for j in range(d.shape[1]):
                d[row, j] += past[row, j]


@compiled
def forward(
    counter, parts, cell, x, h0, c0, packed, mask, a, tape, y, sequences, c_last, curve, gate, no_floor, s
):
    """A part is a share of the slices. y (N, T, U), or (N, 1, U) for h_T alone; c only in an LSTM."""
    table, size, k = tables(x, s), s.rows * s.up, s.i + 1 + s.u
    flat_a, flat_tape = a.reshape(a.size), tape.reshape(tape.size)
    h, c = _blank(s, x.dtype), _blank(s, x.dtype)
    while True:
        part = take(counter)
        if part >= parts:
            return
        for piece in range(part * s.slices // parts, (part + 1) * s.slices // parts):
            first = piece * s.rows
            used = min(s.rows, s.n - first)
            last = first + used
            copy_rows(h0[first:last], h, used, s.u)
            if cell == LSTM:
                copy_rows(c0[first:last], c, used, s.u)
            for t in range(s.t):
                step = piece * s.t + t
                seen, z = a[step], tape[step]
                look(x, h, first, used, t, seen)
                gates(flat_a, step * s.rows * k, packed, flat_tape, step * len(z) * size, used, no_floor, table, s)
                advance(cell, z, h.reshape(size), c.reshape(size), curve, gate)
                if mask.size:
                    valid = mask[first:last, t]
                    _held(valid, seen[:, s.i + 1 :], h)
                    if cell == LSTM:
                        _held(valid, z[5].reshape(s.rows, s.up), c)
                if sequences:
                    copy_rows(h, y[first:last, t], used, s.u)
            if not sequences:
                copy_rows(h, y[first:last, 0], used, s.u)
            if cell == LSTM:
                copy_rows(c, c_last[first:last], used, s.u)


@compiled
def backward(
    counter, parts, cell, dy, sequences, d_last, a, tape, mask, packed_u, packed_w, dx, dh0, dc0, dw, curve, gate,
    no_floor, s,
):  # fmt: skip
    """A part is a share of the slices, with its own copy of dw (parts, K, blocks · up), to be added up.

    dx has nothing in it where nobody wants it.
    """
    table, size, k = tables(tape, s), s.rows * s.up, s.i + 1 + s.u
    flat_a, flat_dw, dtype = a.reshape(a.size), dw.reshape(dw.size), tape.dtype
    dh, dc, carry = _blank(s, dtype), _blank(s, dtype), _blank(s, dtype)
    past_h, past_c = _blank(s, dtype), _blank(s, dtype)
    dz = np.zeros((s.gates, s.steps, size), dtype)
    flat_dz = dz.reshape(dz.size)
    own = np.zeros(max(size, s.rows * (s.i + 2 * len(table.zeros))), dtype)
    while True:
        part = take(counter)
        if part >= parts:
            return
        dw[part] = 0
        for piece in range(part * s.slices // parts, (part + 1) * s.slices // parts):
            first = piece * s.rows
            used = min(s.rows, s.n - first)
            last = first + used
            dh[:] = 0
            if not sequences:
                copy_rows(dy[first:last, 0], dh, used, s.u)
            if cell == LSTM:
                dc[:] = 0
                copy_rows(d_last[first:last], dc, used, s.u)
            for t in range(s.t - 1, -1, -1):
                step, place = piece * s.t + t, t % s.steps
                if sequences:
                    for row in range(used):
                        from_, to = dy[first + row, t], dh[row, : s.u]
                        for j in range(len(to)):
                            to[j] += from_[j]
                if mask.size:
                    valid = mask[first:last, t]
                    _aside(valid, dh, past_h)
                    _aside(valid, dc, past_c)
                retreat(
                    cell, tape[step], place, dh.reshape(size), dc.reshape(size), carry.reshape(size), dz,
                    own[:size], curve, gate,
                )  # fmt: skip
                clear_unused(flat_dz, place, used, s)
                if mask.size:
                    _returned(valid, past_h, carry)
                    _returned(valid, past_c, dc)
                back_to_state(
                    flat_dz, place, packed_u, carry.reshape(size), dh.reshape(size), used, no_floor, table, s
                )
                if dx.size:
                    back_to_inputs(flat_dz, place, packed_w, own, first, used, t, dx, no_floor, table, s)
                if place == 0:
                    steps = min(s.steps, s.t - t)
                    at = step * s.rows * k
                    add_weight_gradient(
                        flat_a, at, flat_dz, steps, flat_dw, part * k * s.gates * s.up, no_floor, table, s
                    )
            copy_rows(dh, dh0[first:last], used, s.u)
            if cell == LSTM:
                copy_rows(dc, dc0[first:last], used, s.u)
