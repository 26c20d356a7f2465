"""One step of each recurrent cell, for a slice of samples, between the matrix products: forward and backward.

`z` is the tape of the step. Before `advance` its first blocks hold z = x·W + b + h·U, after it the heights of the
gates, and the other blocks what the way back needs besides. h and c are updated in place. `retreat` makes dz from
dh and dc; afterwards dc belongs to the step before, and so does `carry`, the part of dh that does not come through dz.

Many short loops instead of one long one: the compiler takes vectors only where few arrays meet, since it has to
make sure first that they do not overlap.
"""

from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.curves import back, bend

__all__ = ["BLOCKS", "GATES", "GRU", "LSTM", "SIMPLE_RNN", "advance", "retreat"]

SIMPLE_RNN, LSTM, GRU = range(3)
GATES = (1, 4, 4)  # blocks of z
BLOCKS = (1, 6, 5)  # of the tape: h | i f g o a(c) c_before | z r seen candidate h_before


@compiled
def _times(a, b, out):
    for j in range(len(out)):
        out[j] = a[j] * b[j]


@compiled
def _mix(f, c, i, g, out):
    """out = f·c + i·g"""
    for j in range(len(out)):
        out[j] = f[j] * c[j] + i[j] * g[j]


@compiled
def _lstm(z, h, c, curve, gate):
    """c = f·c + i·g,  h = o·a(c)"""
    n = len(h)
    i, f, g = z[:n], z[n : 2 * n], z[2 * n : 3 * n]
    o, shown, before = z[3 * n : 4 * n], z[4 * n : 5 * n], z[5 * n : 6 * n]
    bend(gate, z[: 2 * n])  # i and f
    bend(curve, g)
    bend(gate, o)
    for j in range(n):
        before[j] = c[j]
    _mix(f, before, i, g, c)
    for j in range(n):
        shown[j] = c[j]
    bend(curve, shown)
    _times(o, shown, h)


@compiled
def _lstm_back(z, dz, at, step, dh, dc, own, curve, gate):
    n = len(dh)
    i, f, g = z[:n], z[n : 2 * n], z[2 * n : 3 * n]
    o, shown, before = z[3 * n : 4 * n], z[4 * n : 5 * n], z[5 * n : 6 * n]
    back(curve, dh, o, shown, own)
    for j in range(n):
        dc[j] += own[j]
    back(gate, dc, g, i, dz[at : at + n])
    back(gate, dc, before, f, dz[at + step : at + step + n])
    back(curve, dc, i, g, dz[at + 2 * step : at + 2 * step + n])
    back(gate, dh, shown, o, dz[at + 3 * step : at + 3 * step + n])
    for j in range(n):
        dc[j] *= f[j]


@compiled
def _gru(z, h, curve, gate):
    """candidate = a(x·W_h + b + r·seen),  h = z·h + (1 − z)·candidate"""
    n, one = len(h), h.dtype.type(1)
    update, reset, seen = z[:n], z[n : 2 * n], z[2 * n : 3 * n]
    candidate, before = z[3 * n : 4 * n], z[4 * n : 5 * n]
    bend(gate, z[: 2 * n])  # update and reset
    for j in range(n):
        candidate[j] += reset[j] * seen[j]
    bend(curve, candidate)
    for j in range(n):
        before[j] = h[j]
    for j in range(n):
        h[j] = update[j] * before[j] + (one - update[j]) * candidate[j]


@compiled
def _gru_back(z, dz, at, step, dh, carry, own, curve, gate):
    n, one = len(dh), dh.dtype.type(1)
    update, reset, seen = z[:n], z[n : 2 * n], z[2 * n : 3 * n]
    candidate, before = z[3 * n : 4 * n], z[4 * n : 5 * n]
    d_candidate = dz[at + 3 * step : at + 3 * step + n]
    for j in range(n):
        own[j] = before[j] - candidate[j]
    back(gate, dh, own, update, dz[at : at + n])
    for j in range(n):
        own[j] = one - update[j]
    back(curve, dh, own, candidate, d_candidate)
    back(gate, d_candidate, seen, reset, dz[at + step : at + step + n])
    _times(d_candidate, reset, dz[at + 2 * step : at + 2 * step + n])
    _times(dh, update, carry)


@compiled
def advance(cell, z, h, c, curve, gate):
    """Forward: h and c of the step before -> h and c."""
    if cell == LSTM:
        _lstm(z, h, c, curve, gate)
    elif cell == GRU:
        _gru(z, h, curve, gate)
    else:
        bend(curve, z)
        for j in range(len(h)):
            h[j] = z[j]


@compiled
def retreat(cell, z, dz, at, step, dh, dc, carry, own, curve, gate):
    """Backward: dh and dc -> dz, whose blocks begin at `at`, `at + step`, ...; carry; and dc of the step before."""
    carry[:] = 0
    if cell == LSTM:
        _lstm_back(z, dz, at, step, dh, dc, own, curve, gate)
    elif cell == GRU:
        _gru_back(z, dz, at, step, dh, carry, own, curve, gate)
    else:
        own[:] = 1
        back(curve, dh, own, z, dz[at : at + len(dh)])
