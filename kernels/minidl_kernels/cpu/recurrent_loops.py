"""Through time and back: the loops of the recurrent kernels, over slices of the batch and over the steps of each.

A mask holds a sample where it is. Forward its h and c are put back after a step; backward their gradients step aside
(`past`), the step sees zeros in their place, and what stepped aside is added behind it.
"""

from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.cells import advance, retreat
from minidl_kernels.cpu.fragment import fragment
from minidl_kernels.cpu.sequence import (
    add_weight_gradient,
    back_to_inputs,
    back_to_state,
    copy_rows,
    gates,
    look,
)

__all__ = ["backward", "forward"]


@fragment
def _held(mask, first, used, t, old, new, s):
    """new = old where the mask is False."""
    for row in range(used):
        if not mask[first + row, t]:
            for j in range(row * s.up, (row + 1) * s.up):
                new[j] = old[j]


@fragment
def _aside(mask, first, used, t, d, past, s):
    """past = d and d = 0 where the mask is False."""
    for row in range(used):
        if not mask[first + row, t]:
            for j in range(row * s.up, (row + 1) * s.up):
                past[j], d[j] = d[j], 0


@fragment
def _returned(mask, first, used, t, past, d, s):
    """d += past where the mask is False."""
    for row in range(used):
        if not mask[first + row, t]:
            for j in range(row * s.up, (row + 1) * s.up):
                d[j] += past[j]


@fragment
def _add_rows(source, at, step, d, rows, s):
    """d (S, up) += rows of U numbers."""
    for row in range(rows):
        seen = source[at + row * step : at + row * step + s.u]
        out = d[row * s.up : row * s.up + s.u]
        for j in range(len(out)):
            out[j] += seen[j]


@fragment
def _clear_unused(dz, place, used, s):
    """Zeros for the samples that are not there, so that they add nothing to the weight gradient."""
    for block in range(s.gates):
        for j in range(used * s.up, s.rows * s.up):
            dz[block, place, j] = 0


@compiled
def forward(
    counter, parts, cell, x, h0, c0, packed, mask, a, tape, heights, y, sequences, c_last, kept, room, no_floor,
    table, s,
):  # fmt: skip
    """A part is a share of the slices. Arrays of numbers are flat, but for `heights`, which is the tape once more, as
    (steps, blocks, S·up), and the `room` of each part (parts, 4, S·up). y (N, T, U), or h_T alone; c0 and c_last have
    something in them in an LSTM only.

    `kept`: a and tape have room for every step of every slice; else for one step of each part.
    """
    of_step = heights.shape[1] * heights.shape[2]
    while True:
        part = take(counter)
        if part >= parts:
            return
        h, c, h_before, c_before = room[part, 0], room[part, 1], room[part, 2], room[part, 3]
        for piece in range(part * s.slices // parts, (part + 1) * s.slices // parts):
            first = piece * s.rows
            used = min(s.rows, s.n - first)
            copy_rows(h0, first * s.u, s.u, h, 0, s.up, used, s.u)
            if c0.size:
                copy_rows(c0, first * s.u, s.u, c, 0, s.up, used, s.u)
            for t in range(s.t):
                step = piece * s.t + t if kept else part
                look(x, h, first, used, t, a, step * s.rows * s.k, s)
                gates(a, step * s.rows * s.k, packed, tape, step * of_step, used, no_floor, table, s)
                if mask is not None:
                    h_before[:], c_before[:] = h, c
                advance(cell, heights[step], h, c)
                if mask is not None:
                    _held(mask, first, used, t, h_before, h, s)
                    _held(mask, first, used, t, c_before, c, s)
                if sequences:
                    copy_rows(h, 0, s.up, y, (first * s.t + t) * s.u, s.t * s.u, used, s.u)
            if not sequences:
                copy_rows(h, 0, s.up, y, first * s.u, s.u, used, s.u)
            if c0.size:
                copy_rows(c, 0, s.up, c_last, first * s.u, s.u, used, s.u)


@fragment
def _bank(dw, at, sums, to, n):
    """Add n numbers of dw to `sums`, and let them begin anew."""
    for i in range(n):
        sums[to + i] += dw[at + i]
        dw[at + i] = 0


@compiled
def backward(
    counter, parts, cell, dy, sequences, d_last, a, heights, mask, packed_u, packed_w, dx, dh0, dc0, dw, sums, dz, slopes,
    room, own, no_floor, table, s,
):  # fmt: skip
    """A part is a share of the slices, with its own copy of dw (parts, K, blocks · up), to be added up.

    The row of dw that is the gradient of b sums every dz there is; it is in `sums` (parts, blocks · up), in float64.
    A part has a place of its own in `room` (parts, 5, S·up), in `own`, and in dz, which is there twice as well: flat
    for each part, and as `slopes` (parts, gates, steps, S·up).

    dx and dh0 have nothing in them where nobody wants them, dc0 where there is no c.
    """
    weights = s.k * s.gates * s.up
    while True:
        part = take(counter)
        if part >= parts:
            return
        dw[part * weights : (part + 1) * weights] = 0
        sums[part * s.gates * s.up : (part + 1) * s.gates * s.up] = 0
        dh, dc, carry = room[part, 0], room[part, 1], room[part, 2]
        past_h, past_c, own_, dz_ = room[part, 3], room[part, 4], own[part], dz[part]
        for piece in range(part * s.slices // parts, (part + 1) * s.slices // parts):
            first = piece * s.rows
            used = min(s.rows, s.n - first)
            dh[:] = 0
            if not sequences:
                copy_rows(dy, first * s.u, s.u, dh, 0, s.up, used, s.u)
            if dc0.size:
                dc[:] = 0
                copy_rows(d_last, first * s.u, s.u, dc, 0, s.up, used, s.u)
            for t in range(s.t - 1, -1, -1):
                step, place = piece * s.t + t, t % s.steps
                if sequences:
                    _add_rows(dy, (first * s.t + t) * s.u, s.t * s.u, dh, used, s)
                if mask is not None:
                    _aside(mask, first, used, t, dh, past_h, s)
                    _aside(mask, first, used, t, dc, past_c, s)
                retreat(cell, heights[step], slopes[part], place, dh, dc, carry, own_)
                _clear_unused(slopes[part], place, used, s)
                if mask is not None:
                    _returned(mask, first, used, t, past_h, carry, s)
                    _returned(mask, first, used, t, past_c, dc, s)
                if t or dh0.size:
                    back_to_state(dz_, place, packed_u, carry, dh, used, no_floor, table, s)
                if dx.size:
                    back_to_inputs(dz_, place, packed_w, own_, first, used, t, dx, no_floor, table, s)
                if place == 0:
                    steps = min(s.steps, s.t - t)
                    add_weight_gradient(
                        a, step * s.rows * s.k, dz_, steps, dw, part * weights, no_floor, table, s
                    )
                    _bank(
                        dw, part * weights + s.i * s.gates * s.up, sums, part * s.gates * s.up, s.gates * s.up
                    )
            if dh0.size:
                copy_rows(dh, 0, s.up, dh0, first * s.u, s.u, used, s.u)
            if dc0.size:
                copy_rows(dc, 0, s.up, dc0, first * s.u, s.u, used, s.u)
