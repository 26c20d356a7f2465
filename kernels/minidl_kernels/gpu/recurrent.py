"""simple_rnn, lstm and gru: one launch through all of time, and matrix products before and after; `recurrent.cu` says how.

    x·W                    a product over all steps
    forward                h_1 ... h_T, one launch
    backward               dz_T ... dz_1, one launch
    dx = dz·Wᵀ             products over all steps, as are dW = xᵀ·dz and dU = hᵀ·dz with h before each step
    db = Σ dz              added in float64

More units than a block has room for go step by step, each step a product with U and a launch.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.gpu.arrays import floats, gradient_of, ready
from minidl_kernels.gpu.launch import LARGEST, launch, most_shared, xp
from minidl_kernels.gpu.product import product
from minidl_kernels.gpu.sums import column_sums
from minidl_kernels.shapes import Recurrent, recurrent_supports

__all__ = ["BUILDS", "KERNELS"]

CURVES = ["tanh", "sigmoid", "relu", "hard_sigmoid", "softsign", "linear"]  # in the order of recurrent.cu
WIDTHS = (32, 64, 96, 128)  # units of a block
MULTIPROCESSORS = 132  # of the largest GPU of today
QUADS = 24  # of weights a thread has in registers, each of four numbers
UNITS_OF_STEP = 64  # that a block takes in a single step


def _build(gates: int, width: int, rows: int) -> dict[str, int]:
    """How `recurrent.cu` is compiled; of the largest LSTM, two samples leave less room in the registers."""
    held = QUADS if gates * width * rows < 1024 else QUADS - 4
    return {"GATES": gates, "WIDTH": width, "ROWS": rows, "HELD": held}


BUILDS = {
    "recurrent": [_build(gates, width, rows) for gates in (1, 3, 4) for width in WIDTHS for rows in (1, 2)]
}


class _Cache(NamedTuple):
    gates: int
    x: Any
    w: Any
    u: Any
    biased: bool
    curves: tuple[int, int]
    sequences: bool
    mask: Any
    tape: Any
    before: Any
    cells: Any


def _fits(given: Recurrent) -> bool:
    """Shapes that belong together and curves that the kernel has."""
    return (
        given.factors is None
        and floats(*given.arrays)
        and given.fits(xp().ndarray)
        and all(curve in CURVES for curve in given.curves)
        and given.x.shape[0] * given.x.shape[1] * 4 * len(given.u) <= LARGEST
    )


def _shared(build: dict[str, int]) -> tuple[int, int]:
    """Bytes of shared memory: for the weights that no register holds, and for what the threads tell each other."""
    terms = build["GATES"] * build["WIDTH"]
    rest = max(0, terms // 16 - build["HELD"])
    return rest * 16 * 4 * build["WIDTH"], 2 * build["ROWS"] * -(-terms // 64) * 64 * 4


def _launch(kernel: str, gates: int, batch: int, units: int, first: Any, *args: Any) -> None:
    """A launch through all of time: a sample for each multiprocessor, or two if there are more and they have the room."""
    width = next(width for width in WIDTHS if width >= units)
    one, two = _build(gates, width, 1), _build(gates, width, 2)
    build = one if batch <= MULTIPROCESSORS or sum(_shared(two)) > most_shared(first.device.id) else two
    grid, block = (-(-batch // build["ROWS"]),), (4 * width,)
    launch("recurrent", kernel, grid, block, first, *args, shared=_shared(build)[0], **build)


def _launch_step(kernel: str, gates: int, batch: int, units: int, *args: Any) -> None:
    grid = batch, -(-units // UNITS_OF_STEP)
    launch("recurrent", kernel, grid, (4 * UNITS_OF_STEP,), *args, **_build(gates, WIDTHS[0], 1))


def _forward(
    gates: int, kept: bool, x: Any, h0: Any, c0: Any, w: Any, u: Any, b: Any, curves: tuple[str, str],
    sequences: bool, mask: Any,
) -> tuple[Any, Any, _Cache | None]:  # fmt: skip
    """y, c_T or None, and the cache where it is to be `kept`."""
    x, h0, w, u = ready(x), ready(h0), ready(w), ready(u)
    b, c0, mask = (None if a is None else ready(a) for a in (b, c0, mask))
    n, t, i = x.shape
    units, empty = len(u), xp().empty
    xw = product(x.reshape(-1, i), w)
    y = empty((n, t, units) if sequences else (n, units), np.float32)
    c_last = None if c0 is None else empty((n, units), np.float32)
    wide, tape, before, cells = units > WIDTHS[-1], None, None, None
    if kept:
        tape = empty((n, t, units, 1 if gates == 1 else 4), np.float32)
    if kept or wide:
        before = empty((n, t, units), np.float32)
        cells = None if c0 is None else empty((n, t, units), np.float32)
    curve, gate = map(CURVES.index, curves)
    left, numbers = (tape, before, cells, y, c_last), (t, units, sequences, curve, gate)
    if wide:
        _step_by_step(gates, xw, u, b, h0, c0, mask, left, numbers)
    else:
        _launch("forward", gates, n, units, xw, u, b, h0, c0, mask, *left, n, *numbers)
    cache = _Cache(gates, x, w, u, b is not None, (curve, gate), sequences, mask, tape, before, cells)
    return y, c_last, cache if kept else None


def _step_by_step(
    gates: int, xw: Any, u: Any, b: Any, h0: Any, c0: Any, mask: Any, left: tuple[Any, ...],
    numbers: tuple[Any, ...],
) -> None:  # fmt: skip
    """What `forward` does, for any number of units."""
    _, before, cells, *_ = left
    n, t, units = before.shape
    before[:, 0] = h0
    if cells is not None:
        cells[:, 0] = c0
    hu = xp().empty((n, gates * units), np.float32)
    for step in range(t):
        product(before[:, step], u, hu)
        _launch_step("forward_step", gates, n, units, xw, hu, b, mask, *left, step, *numbers)


def _of_state(gates: int, units: int) -> list[tuple[slice, slice]]:
    """The columns of dz that belong to h·U, and those of U: a gru has da_h, which does not, between them."""
    if gates != 3:
        return [(slice(None), slice(None))]
    return [(slice(2 * units), slice(2 * units)), (slice(3 * units, None), slice(2 * units, None))]


def _backward(dy: Any, d_last: Any, cache: _Cache, wanted: bool) -> tuple[Any, ...]:
    """dx if `wanted`, dh0, dc0, dw, du, and Σ dz over samples and steps, or None."""
    gates, x, w, u = cache.gates, cache.x, cache.w, cache.u
    n, t, i = x.shape
    units = len(u)
    dy = gradient_of(dy, (n, t, units) if cache.sequences else (n, units))
    d_last = None if d_last is None else gradient_of(d_last, (n, units))
    dz = xp().empty((n, t, (4 if gates == 3 else gates) * units), np.float32)
    if units > WIDTHS[-1]:
        dh0, dc0 = _back_step_by_step(dy, d_last, cache, dz)
    else:
        dh0 = xp().empty((n, units), np.float32)
        dc0 = None if d_last is None else xp().empty((n, units), np.float32)
        past = cache.cells if gates == 4 else cache.before
        arrays = (dy, d_last, u, cache.mask, cache.tape, past, dz, dh0, dc0)
        _launch("backward", gates, n, units, *arrays, n, t, units, cache.sequences, *cache.curves)
    rows, h = dz.reshape(n * t, -1), cache.before.reshape(-1, units)
    of_input = rows[:, : gates * units]
    dx = product(of_input, w, transpose_b=True).reshape(x.shape) if wanted else None
    dw, du = product(x.reshape(-1, i), of_input, transpose_a=True), xp().empty(u.shape, np.float32)
    for of_dz, of_u in _of_state(gates, units):
        product(h, rows[:, of_dz], du[:, of_u], transpose_a=True)
    return dx, dh0, dc0, dw, du, column_sums(rows) if cache.biased else None


def _back_step_by_step(dy: Any, d_last: Any, cache: _Cache, dz: Any) -> tuple[Any, Any]:
    """What `backward` does, for any number of units: fills dz, and returns dh0 and dc0."""
    gates, u = cache.gates, cache.u
    n, t, units = cache.before.shape
    dh = xp().zeros((n, units), np.float32) if cache.sequences else dy.copy()
    dc = None if d_last is None else d_last.copy()
    past, through = cache.cells if gates == 4 else cache.before, None
    of_steps, each_step = (cache.mask, cache.tape, past), dy if cache.sequences else None
    for step in reversed(range(t)):
        arrays = (each_step, through, *of_steps, dh, dc, dz)
        _launch_step("backward_step", gates, n, units, *arrays, step, t, units, *cache.curves)
        if through is None:
            through = xp().empty((n, units), np.float32)
        for number, (of_dz, of_u) in enumerate(_of_state(gates, units)):
            product(dz[:, step, of_dz], u[:, of_u], through, transpose_b=True, accumulate=number > 0)
    return dh + through, dc


def _simple_rnn_forward(
    kept: bool, x: Any, h0: Any, w: Any, u: Any, b: Any, *, activation: str, sequences: bool, mask: Any = None,
    recurrent_factors: Any = None,
) -> tuple[Any, _Cache | None]:  # fmt: skip
    """x (N, T, I), h0 (N, U), w (I, U), u (U, U), b (U,) or None -> y (N, T, U), or h_T (N, U)."""
    y, _, cache = _forward(1, kept, x, h0, None, w, u, b, (activation, activation), sequences, mask)
    return y, cache


def simple_rnn_backward(dy: Any, cache: _Cache, needs: tuple[bool, ...] = (True,) * 5) -> tuple[Any, ...]:
    """dy like y -> dx, dh0, dw, du, db."""
    dx, dh0, _, dw, du, db = _backward(dy, None, cache, needs[0])
    return dx, dh0, dw, du, db


def _lstm_forward(
    kept: bool, x: Any, h0: Any, c0: Any, w: Any, u: Any, b: Any, *, activation: str, recurrent_activation: str,
    sequences: bool, mask: Any = None, recurrent_factors: Any = None,
) -> tuple[tuple[Any, Any], _Cache | None]:  # fmt: skip
    """x (N, T, I), h0 and c0 (N, U), w (I, 4U), u (U, 4U), b (4U,) or None -> y as above, c_T (N, U)."""
    curves = activation, recurrent_activation
    y, c, cache = _forward(4, kept, x, h0, c0, w, u, b, curves, sequences, mask)
    return (y, c), cache


def lstm_backward(
    gradients: tuple[Any, Any], cache: _Cache, needs: tuple[bool, ...] = (True,) * 6
) -> tuple[Any, ...]:
    """dy like y, dc_T -> dx, dh0, dc0, dw, du, db."""
    return _backward(*gradients, cache, needs[0])


def _gru_forward(
    kept: bool, x: Any, h0: Any, w: Any, u: Any, b: Any, *, activation: str, recurrent_activation: str,
    reset_after: bool, sequences: bool, mask: Any = None, recurrent_factors: Any = None,
) -> tuple[Any, _Cache | None]:  # fmt: skip
    """x (N, T, I), h0 (N, U), w (I, 3U), u (U, 3U), b (2, 3U) or None -> y as above."""
    curves = activation, recurrent_activation
    y, _, cache = _forward(3, kept, x, h0, None, w, u, b, curves, sequences, mask)
    return y, cache


def gru_backward(dy: Any, cache: _Cache, needs: tuple[bool, ...] = (True,) * 5) -> tuple[Any, ...]:
    """dy like y -> dx, dh0, dw, du, db (2, 3U)."""
    dx, dh0, _, dw, du, sums = _backward(dy, None, cache, needs[0])
    if sums is None:
        return dx, dh0, dw, du, None
    units = len(cache.u)
    of_state = [sums[of_dz] for of_dz, _ in _of_state(3, units)]
    return dx, dh0, dw, du, xp().concatenate([sums[: 3 * units], *of_state]).reshape(2, -1)


_SUPPORTS = recurrent_supports(_fits)


def _kernel(forward: Any, backward: Any, supports: Any) -> Kernel:
    return Kernel(partial(forward, True), backward, supports, partial(forward, False))


KERNELS = {
    "gru": _kernel(_gru_forward, gru_backward, _SUPPORTS["gru"]),
    "lstm": _kernel(_lstm_forward, lstm_backward, _SUPPORTS["lstm"]),
    "simple_rnn": _kernel(_simple_rnn_forward, simple_rnn_backward, _SUPPORTS["simple_rnn"]),
}
