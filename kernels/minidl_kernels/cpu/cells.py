"""One step of each recurrent cell, for a slice of samples, between the matrix products: forward and backward.

`z` is the tape of the step. Before `advance` its first blocks hold z = x·W + b + h·U, after it the heights of the gates,
and the other blocks what the way back needs besides. h and c are updated in place. `retreat` makes dz from dh and dc;
afterwards dc belongs to the step before, and so does `carry`, the part of dh that does not come through dz.

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
def _add(a, out):
    for j in range(len(out)):
        out[j] += a[j]


@compiled
def _copy(a, out):
    for j in range(len(out)):
        out[j] = a[j]


@compiled
def _mix(f, c, i, g, out):
    """out = f·c + i·g"""
    for j in range(len(out)):
        out[j] = f[j] * c[j] + i[j] * g[j]


@compiled
def _lstm(z, h, c, curve, gate):
    """c = f·c + i·g,  h = o·a(c)"""
    i, f, g, o, shown, before = z[0], z[1], z[2], z[3], z[4], z[5]
    bend(gate, i)
    bend(gate, f)
    bend(curve, g)
    bend(gate, o)
    _copy(c, before)
    _mix(f, before, i, g, c)
    _copy(c, shown)
    bend(curve, shown)
    _times(o, shown, h)


@compiled
def _lstm_back(z, place, dh, dc, dz, own, curve, gate):
    i, f, g, o, shown, before = z[0], z[1], z[2], z[3], z[4], z[5]
    back(curve, dh, o, shown, own)
    _add(own, dc)
    back(gate, dc, g, i, dz[0, place])
    back(gate, dc, before, f, dz[1, place])
    back(curve, dc, i, g, dz[2, place])
    back(gate, dh, shown, o, dz[3, place])
    for j in range(len(dc)):
        dc[j] *= f[j]


@compiled
def _gru(z, h, curve, gate):
    """candidate = a(x·W_h + b + r·seen),  h = z·h + (1 − z)·candidate"""
    update, reset, seen, candidate, before = z[0], z[1], z[2], z[3], z[4]
    one = h.dtype.type(1)
    bend(gate, update)
    bend(gate, reset)
    for j in range(len(h)):
        candidate[j] += reset[j] * seen[j]
    bend(curve, candidate)
    _copy(h, before)
    for j in range(len(h)):
        h[j] = update[j] * before[j] + (one - update[j]) * candidate[j]


@compiled
def _gru_back(z, place, dh, carry, dz, own, curve, gate):
    update, reset, seen, candidate, before = z[0], z[1], z[2], z[3], z[4]
    d_candidate, one = dz[3, place], dh.dtype.type(1)
    for j in range(len(own)):
        own[j] = before[j] - candidate[j]
    back(gate, dh, own, update, dz[0, place])
    for j in range(len(own)):
        own[j] = one - update[j]
    back(curve, dh, own, candidate, d_candidate)
    back(gate, d_candidate, seen, reset, dz[1, place])
    _times(d_candidate, reset, dz[2, place])
    _times(dh, update, carry)


@compiled
def advance(cell, z, h, c, curve, gate):
    """Forward: h and c of the step before -> h and c."""
    if cell == LSTM:
        _lstm(z, h, c, curve, gate)
    elif cell == GRU:
        _gru(z, h, curve, gate)
    else:
        bend(curve, z[0])
        _copy(z[0], h)


@compiled
def retreat(cell, z, place, dh, dc, carry, dz, own, curve, gate):
    """Backward: dh and dc -> dz (blocks, steps, S·up) at `place`, carry, and dc of the step before."""
    carry[:] = 0
    if cell == LSTM:
        _lstm_back(z, place, dh, dc, dz, own, curve, gate)
    elif cell == GRU:
        _gru_back(z, place, dh, carry, dz, own, curve, gate)
    else:
        own[:] = 1
        back(curve, dh, own, z[0], dz[0, place])
