"""One step of each recurrent cell, for a slice of samples, between the matrix products: forward and backward.

`z` is the tape of the step, (blocks, S·up). Before `advance` its first blocks hold z = x·W + b + h·U, after it the
heights of the gates, and the other blocks what the way back needs besides. h and c are updated in place. `retreat`
makes dz (gates, steps, S·up) at one of the steps from dh and dc; afterwards dc belongs to the step before, and so does
`carry`, the part of dh that does not come through dz.

A cell comes as one of the tuples below. Each is a type of its own, so a kernel has the code of one cell alone.

Many short loops instead of one long one: the compiler takes vectors only where few arrays meet, since it has to
make sure first that they do not overlap.
"""

from typing import Any, NamedTuple

from minidl_kernels.cpu.curves import back, bend
from minidl_kernels.cpu.fragment import choice, fragment

__all__ = ["BLOCKS", "GATES", "GRU", "LSTM", "SimpleRNN", "advance", "retreat"]


class SimpleRNN(NamedTuple):
    """The numbers of its curves, see `curves`."""

    curve: int
    gate: int  # not used


class LSTM(NamedTuple):
    """The same."""

    curve: int
    gate: int


class GRU(NamedTuple):
    """The same."""

    curve: int
    gate: int


GATES = {SimpleRNN: 1, LSTM: 4, GRU: 4}  # blocks of z
BLOCKS = {
    SimpleRNN: 1,
    LSTM: 6,
    GRU: 5,
}  # of the tape: h | i f g o a(c) c_before | z r seen candidate h_before


@fragment
def _times(a, b, out):
    for j in range(len(out)):
        out[j] = a[j] * b[j]


@fragment
def _mix(f, c, i, g, out):
    """out = f·c + i·g"""
    for j in range(len(out)):
        out[j] = f[j] * c[j] + i[j] * g[j]


@fragment
def _copy(a, out):
    for j in range(len(out)):
        out[j] = a[j]


@fragment
def _simple(cell, z, h, c):
    """h = a(z)"""
    bend(cell.curve, z[0])
    _copy(z[0], h)


@fragment
def _simple_back(cell, z, dz, place, dh, dc, carry, own):
    carry[:] = 0
    own[:] = 1
    back(cell.curve, dh, own, z[0], dz[0, place])


@fragment
def _lstm(cell, z, h, c):
    """c = f·c + i·g,  h = o·a(c)"""
    i, f, g, o, shown, before = z[0], z[1], z[2], z[3], z[4], z[5]
    bend(cell.gate, i)
    bend(cell.gate, f)
    bend(cell.curve, g)
    bend(cell.gate, o)
    _copy(c, before)
    _mix(f, before, i, g, c)
    _copy(c, shown)
    bend(cell.curve, shown)
    _times(o, shown, h)


@fragment
def _lstm_back(cell, z, dz, place, dh, dc, carry, own):
    i, f, g, o, shown, before = z[0], z[1], z[2], z[3], z[4], z[5]
    carry[:] = 0
    back(cell.curve, dh, o, shown, own)
    for j in range(len(dc)):
        dc[j] += own[j]
    back(cell.gate, dc, g, i, dz[0, place])
    back(cell.gate, dc, before, f, dz[1, place])
    back(cell.curve, dc, i, g, dz[2, place])
    back(cell.gate, dh, shown, o, dz[3, place])
    for j in range(len(dc)):
        dc[j] *= f[j]


@fragment
def _gru(cell, z, h, c):
    """candidate = a(x·W_h + b + r·seen),  h = z·h + (1 − z)·candidate"""
    one = h.dtype.type(1)
    update, reset, seen, candidate, before = z[0], z[1], z[2], z[3], z[4]
    bend(cell.gate, update)
    bend(cell.gate, reset)
    for j in range(len(h)):
        candidate[j] += reset[j] * seen[j]
    bend(cell.curve, candidate)
    _copy(h, before)
    for j in range(len(h)):
        h[j] = update[j] * before[j] + (one - update[j]) * candidate[j]


@fragment
def _gru_back(cell, z, dz, place, dh, dc, carry, own):
    one = dh.dtype.type(1)
    update, reset, seen, candidate, before = z[0], z[1], z[2], z[3], z[4]
    for j in range(len(dh)):
        own[j] = before[j] - candidate[j]
    back(cell.gate, dh, own, update, dz[0, place])
    for j in range(len(dh)):
        own[j] = one - update[j]
    back(cell.curve, dh, own, candidate, dz[3, place])
    back(cell.gate, dz[3, place], seen, reset, dz[1, place])
    _times(dz[3, place], reset, dz[2, place])
    _times(dh, update, carry)


_STEPS = {"SimpleRNN": (_simple, _simple_back), "LSTM": (_lstm, _lstm_back), "GRU": (_gru, _gru_back)}


def advance(cell, z, h, c):
    """Forward: h and c of the step before -> h and c."""
    _STEPS[type(cell).__name__][0](cell, z, h, c)


def retreat(cell, z, dz, place, dh, dc, carry, own):
    """Backward: dh and dc -> dz at `place`; carry; and dc of the step before."""
    _STEPS[type(cell).__name__][1](cell, z, dz, place, dh, dc, carry, own)


@choice(advance)
def _advance(cell, z, h, c) -> Any:
    step = _STEPS[cell.instance_class.__name__][0]
    return lambda cell, z, h, c: step(cell, z, h, c)


@choice(retreat)
def _retreat(cell, z, dz, place, dh, dc, carry, own) -> Any:
    step = _STEPS[cell.instance_class.__name__][1]
    return lambda cell, z, dz, place, dh, dc, carry, own: step(cell, z, dz, place, dh, dc, carry, own)
