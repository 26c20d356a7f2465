"""conv2d and conv2d_relu: prepare arrays, let the loops of `convolution_forward` and `convolution_gradient` run, hand out the results.

    y[n, i, j, f] = b[f] + Σ_{k, l, c}  x[n, i·s + k·r, j·s + l·r, c] · w[k, l, c, f]

The rectifier costs nothing here: it is the `floor` of the forward pass, and its mask is taken while the
gradient is copied to where the two other passes read it.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.cpu import convolution_forward as forward
from minidl_kernels.cpu import convolution_gradient as gradient
from minidl_kernels.cpu.arrays import floats, ready
from minidl_kernels.cpu.memory import empty, scratch
from minidl_kernels.cpu.pool import run
from minidl_kernels.cpu.tile import ROWS, columns

__all__ = ["KERNELS"]

LARGEST_SHARES = 16 << 20  # bytes for the shares of dw, one for each part

Padding = tuple[tuple[int, int], tuple[int, int]]
Size = tuple[int, int]


class _Cache(NamedTuple):
    padded: Any
    w: Any
    biased: bool
    y: Any  # None without a rectifier
    padding: Padding
    geometry: forward.Geometry


def _supports(
    x: Any, w: Any, b: Any, *, strides: Size, padding: Padding, dilation: Size, groups: int
) -> bool:
    """Two floats of one type, shapes that belong together, a window that fits."""
    if not (floats(x, w) if b is None else floats(x, w, b)) or x.ndim != 4 or w.ndim != 4:
        return False
    (_, h, wide, c), (kh, kw, cg, f) = x.shape, w.shape
    (top, bottom), (left, right) = padding
    return (
        c == cg * groups
        and f % groups == 0
        and (b is None or b.shape == (f,))
        and h + top + bottom > (kh - 1) * dilation[0]
        and wide + left + right > (kw - 1) * dilation[1]
    )


def _geometry(padded: Any, w: Any, strides: Size, dilation: Size, groups: int) -> forward.Geometry:
    n, h, wide, c = padded.shape
    kh, kw, _, f = w.shape
    oh = (h - (kh - 1) * dilation[0] - 1) // strides[0] + 1
    ow = (wide - (kw - 1) * dilation[1] - 1) // strides[1] + 1
    return forward.Geometry(n, h, wide, c, kh, kw, f, oh, ow, *strides, *dilation, groups)


def _forward(
    x: Any, w: Any, b: Any, strides: Size, padding: Padding, dilation: Size, groups: int, rectify: bool
) -> tuple[Any, _Cache]:
    bordered = any(before or after for before, after in padding)
    padded = np.pad(x, ((0, 0), *padding, (0, 0))) if bordered else ready(x)
    w = ready(w)
    dtype, f = w.dtype, w.shape[3]
    g = _geometry(padded, w, strides, dilation, groups)
    width = columns(dtype.itemsize)
    cells = w.size // f
    panels = scratch("panels", cells * groups * _up(f // groups, width), dtype)
    forward.pack(w.reshape(cells, f), panels, cells, f, groups, width)
    bias = np.zeros(f, dtype) if b is None else ready(b)
    y = empty((g.n, g.oh, g.ow, f), dtype)
    floor = dtype.type(0 if rectify else -np.inf)
    parts = -(-g.n * g.oh * g.ow // forward.PIXELS)
    run(forward.windows, parts, padded.reshape(-1), panels, bias, y.reshape(-1), floor, g)
    return y, _Cache(padded, w, b is not None, y if rectify else None, padding, g)


def _up(n: int, step: int) -> int:
    return -(-n // step) * step


def _backward(dy: Any, cache: _Cache, needs: tuple[bool, ...] = (True, True, True)) -> tuple[Any, Any, Any]:
    padded, w, biased, y, padding, g = cache
    pixels = g.n * g.oh * g.ow
    dy = ready(np.asarray(dy, w.dtype)).reshape(pixels, g.f)
    masked = y is not None
    y = y.reshape(pixels, g.f) if masked else dy
    dx, panels = (
        _input_gradient_arrays(w, padding, g) if needs[0] else (np.empty((0,) * 4, w.dtype), w.reshape(-1))
    )
    corner = padding[0][0], padding[1][0]
    no_floor = w.dtype.type(-np.inf)
    if g.n >= 4 and 8 * w.nbytes <= LARGEST_SHARES:
        parts = min(g.n, 8)
        dws, dbs = empty((parts, *w.shape), w.dtype), np.empty((parts, g.f))
        arguments = (padded.reshape(-1), dy, y, masked, panels, dx, needs[0], dws.reshape(-1), dbs)
        run(gradient.gradients, parts, *arguments, *corner, no_floor, g)
        dw = dws.sum(axis=0)
    else:
        parts = min(32, -(-pixels // 128))
        beyond = columns(w.itemsize)  # a tile reads whole vectors, past the last column if need be
        dz, dbs = scratch("dz", pixels * g.f + beyond, w.dtype), np.empty((parts, g.f))
        run(gradient.rectify, parts, dy, y, masked, dz[: pixels * g.f].reshape(pixels, g.f), dbs)
        dw = empty(w.shape, w.dtype)
        parts = min(-(-(w.size // g.f) // ROWS), 32)
        run(gradient.weight_gradient, parts, padded.reshape(-1), dz, dw.reshape(-1), no_floor, g)
        if needs[0]:
            parts = g.n * g.groups * -(-w.shape[2] // columns(w.itemsize))
            run(gradient.input_gradient, parts, dz, panels, dx, *corner, no_floor, g)
    return dx if needs[0] else None, dw, dbs.sum(axis=0).astype(w.dtype) if biased else None


def _input_gradient_arrays(w: Any, padding: Padding, g: forward.Geometry) -> tuple[Any, Any]:
    """An array for dx, and the weights as `input_gradient` reads them."""
    kh, kw, c, f = w.shape
    width = columns(w.itemsize)
    panels = scratch("panels", g.groups * _up(c, width) * kh * kw * (f // g.groups), w.dtype)
    gradient.pack_transposed(w.reshape(kh * kw, c, f), panels, g.groups, width)
    (top, bottom), (left, right) = padding
    return empty((g.n, g.h - top - bottom, g.w - left - right, g.c), w.dtype), panels


def conv2d_forward(
    x: Any, w: Any, b: Any, *, strides: Size, padding: Padding, dilation: Size, groups: int
) -> tuple[Any, _Cache]:
    """x (N, H, W, C), w (KH, KW, C/G, F), b (F,) or None -> y (N, OH, OW, F)."""
    return _forward(x, w, b, strides, padding, dilation, groups, rectify=False)


def conv2d_relu_forward(
    x: Any, w: Any, b: Any, *, strides: Size, padding: Padding, dilation: Size, groups: int
) -> tuple[Any, _Cache]:
    """The same, then max(y, 0)."""
    return _forward(x, w, b, strides, padding, dilation, groups, rectify=True)


KERNELS = {
    "conv2d": Kernel(conv2d_forward, _backward, _supports),
    "conv2d_relu": Kernel(conv2d_relu_forward, _backward, _supports),
}
