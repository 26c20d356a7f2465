"""conv2d, conv2d_relu and conv2d_max_pool: arrays are prepared here, `convolution_forward`, `convolution_maxima` and
`convolution_gradient` do the work.

    y[n, i, j, f] = b[f] + Σ_{k, l, c}  x[n, i·s + k·r, j·s + l·r, c] · w[k, l, c, f]

The rectifier costs nothing: it is the `floor` of the forward pass, and its mask is taken while the gradient is
copied to where the two other passes read it.

conv2d_max_pool is the pass of its own that `convolution_maxima` describes where nobody will go back. Otherwise
backward needs to know which pixels have won, and it is a convolution and a max_pool2d one after the other.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.cpu import convolution_forward as forward
from minidl_kernels.cpu import convolution_gradient as gradient
from minidl_kernels.cpu import pooling
from minidl_kernels.cpu.arrays import floats, gradient_of, ready
from minidl_kernels.cpu.convolution_maxima import maxima
from minidl_kernels.cpu.memory import empty, scratch
from minidl_kernels.cpu.panels import Blocks, pack
from minidl_kernels.cpu.pool import run, shares
from minidl_kernels.cpu.tile import ROWS, columns
from minidl_kernels.shapes import convolution_fits

__all__ = ["KERNELS"]

SHARES = 8  # of the images, each with a dw of its own
LARGEST_SHARES = 16 << 20  # bytes that these may take together

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
    if not (floats(x, w) if b is None else floats(x, w, b)):
        return False
    return convolution_fits(x, w, b, strides, padding, dilation, groups)


def _up(n: int, step: int) -> int:
    return -(-n // step) * step


def _padded(x: Any, padding: Padding) -> Any:
    """x in order, with its border."""
    (top, bottom), (left, right) = padding
    if not (top or bottom or left or right):
        return ready(x)
    n, h, w, c = x.shape
    padded = empty((n, h + top + bottom, w + left + right, c), x.dtype)
    run(forward.pad, shares(padded.size), ready(x), padded, top, left)
    return padded


def _geometry(padded: Any, w: Any, strides: Size, dilation: Size, groups: int) -> forward.Geometry:
    n, h, wide, c = padded.shape
    kh, kw, _, f = w.shape
    oh = (h - (kh - 1) * dilation[0] - 1) // strides[0] + 1
    ow = (wide - (kw - 1) * dilation[1] - 1) // strides[1] + 1
    return forward.Geometry(n, h, wide, c, kh, kw, f, oh, ow, *strides, *dilation, groups)


def _prepared(
    x: Any, w: Any, b: Any, strides: Size, padding: Padding, dilation: Size, groups: int
) -> tuple[forward.Geometry, Any, Any, Any, Any]:
    """The sizes, x with its border, w in order, w in panels, and a bias."""
    padded, w = _padded(x, padding), ready(w)
    g = _geometry(padded, w, strides, dilation, groups)
    return g, padded, w, _panels(w, g), np.zeros(g.f, w.dtype) if b is None else ready(b)


def _forward(
    x: Any, w: Any, b: Any, strides: Size, padding: Padding, dilation: Size, groups: int, rectify: bool
) -> tuple[Any, _Cache]:
    g, padded, w, panels, bias = _prepared(x, w, b, strides, padding, dilation, groups)
    y = empty((g.n, g.oh, g.ow, g.f), w.dtype)
    parts = -(-g.n * g.oh * g.ow // forward.PIXELS)
    x_, y_ = padded.reshape(-1), y.reshape(-1)
    run(forward.windows, parts, x_, panels, bias, y_, _floor(w, rectify), *forward.segments(g), g)
    return y, _Cache(padded, w, b is not None, y if rectify else None, padding, g)


def _floor(w: Any, rectify: bool) -> Any:
    return w.dtype.type(0 if rectify else -np.inf)


def _panels(w: Any, g: forward.Geometry) -> Any:
    """The weights as the forward pass reads them: for each group, panels of its filters, (cells, width)."""
    f, cells, width = g.f // g.groups, w.size // g.f, columns(w.itemsize)
    panels = scratch("panels", cells * g.groups * _up(f, width), w.dtype)
    pack(w, panels, Blocks(g.groups, cells, f, 0, f, g.f, 1, 0, cells * _up(f, width), cells * width))
    return panels


def conv2d_backward(
    dy: Any, cache: _Cache, needs: tuple[bool, ...] = (True, True, True)
) -> tuple[Any, Any, Any]:
    """dy (N, OH, OW, F) -> dx, dw, db; dx is None where `needs` has no use for it."""
    g, w, y = cache.geometry, cache.w, cache.y
    dy = gradient_of(dy, (g.n, g.oh, g.ow, g.f), w.dtype).reshape(-1)
    seen = dy if y is None else y.reshape(-1)
    dx, panels = np.empty((0,) * 4, w.dtype), w.reshape(-1)
    if needs[0]:
        dx, panels = _for_input_gradient(w, cache.padding, g)
    together = g.n >= 4 and SHARES * w.nbytes <= LARGEST_SHARES
    dw, sums = (_together if together else _in_turn)(dy, seen, panels, dx, cache)
    db = sums.sum(axis=0).astype(w.dtype) if cache.biased else None
    return dx if needs[0] else None, dw, db


def _for_input_gradient(w: Any, padding: Padding, g: forward.Geometry) -> tuple[Any, Any]:
    """An array for dx, and the weights in the order in which that pass reads them."""
    kh, kw, c, _ = w.shape
    places, f, width = kh * kw, g.f // g.groups, columns(w.itemsize)
    size = _up(c, width) * places * f
    panels = scratch("panels", g.groups * size, w.dtype)
    for group in range(g.groups):  # for each panel of channels and each place of the window: (F/G, width)
        blocks = Blocks(places, f, c, group * f, c * g.f, 1, g.f, group * size, f * width, places * f * width)
        pack(w, panels, blocks)
    (top, bottom), (left, right) = padding
    return empty((g.n, g.h - top - bottom, g.w - left - right, g.c), w.dtype), panels


def _together(dy: Any, seen: Any, panels: Any, dx: Any, cache: _Cache) -> tuple[Any, Any]:
    """dw and the sums for db, and dx if it has any size: image by image."""
    padded, w, _, y, ((top, _), (left, _)), g = cache
    parts, width = min(g.n, SHARES), columns(w.itemsize)
    dws, sums = empty((parts, *w.shape), w.dtype), np.empty((parts, g.f))
    dz_size = parts * _up(g.oh * g.ow * g.f + width, width)  # a tile reads whole vectors
    own_size = parts * g.h * g.w * width if dx.size else 0
    dz, own = scratch("dz", dz_size, w.dtype)[:dz_size], scratch("own", own_size, w.dtype)[:own_size]
    run(
        gradient.gradients, parts, padded.reshape(-1), dy, seen, y is not None, panels, dx, dx.size > 0,
        dws.reshape(-1), sums.reshape(-1), dz, own, top, left, w.dtype.type(-np.inf), gradient.tables(g), g,
    )  # fmt: skip
    return dws.sum(axis=0), sums


def _in_turn(dy: Any, seen: Any, panels: Any, dx: Any, cache: _Cache) -> tuple[Any, Any]:
    """The same, one pass over all images after the other."""
    padded, w, _, y, ((top, _), (left, _)), g = cache
    no_floor, width = w.dtype.type(-np.inf), columns(w.itemsize)
    parts, tables = min(32, -(-(dy.size // g.f) // 128)), gradient.tables(g)
    dz, sums = scratch("dz", dy.size + width, w.dtype), np.empty((parts, g.f))  # a tile may read past the end
    run(gradient.rectify, parts, dy, seen, y is not None, dz, sums.reshape(-1), g.f)
    dw = empty(w.shape, w.dtype)
    parts = min(-(-(w.size // g.f) // ROWS), 32)
    run(gradient.weight_gradient, parts, padded.reshape(-1), dz, dw.reshape(-1), no_floor, tables, g)
    if dx.size:
        parts = g.n * g.groups * -(-w.shape[2] // width)
        run(gradient.input_gradient, parts, dz, panels, dx, top, left, no_floor, tables, g)
    return dw, sums


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


def _supports_pooling(x: Any, w: Any, b: Any, *, pool: Size, rectify: bool, **window: Any) -> bool:
    """A convolution that is supported, and windows of PIXELS pixels at most that fit into what it makes."""
    if not _supports(x, w, b, **window) or min(pool) < 1 or pool[0] * pool[1] > forward.PIXELS:
        return False
    seen = [
        (size + sum(border) - (k - 1) * r - 1) // s + 1
        for size, border, k, r, s in zip(
            x.shape[1:3], window["padding"], w.shape[:2], window["dilation"], window["strides"], strict=True
        )
    ]
    return seen[0] >= pool[0] and seen[1] >= pool[1]


def conv2d_max_pool_forward(
    x: Any, w: Any, b: Any, *, pool: Size, rectify: bool, **window: Any
) -> tuple[Any, tuple[Any, Any]]:
    """x (N, H, W, C), w (KH, KW, C/G, F), b (F,) or None -> y (N, OH / pool, OW / pool, F)."""
    z, convolved = _forward(x, w, b, **window, rectify=rectify)
    y, pooled = pooling.max_pool2d_forward(z, pool=pool, strides=pool, padding=((0, 0), (0, 0)))
    return y, (convolved, pooled)


def conv2d_max_pool_backward(
    dy: Any, cache: tuple[Any, Any], needs: tuple[bool, ...] = (True, True, True)
) -> tuple[Any, Any, Any]:
    """dy (N, OH / pool, OW / pool, F) -> dx, dw, db."""
    convolved, pooled = cache
    (dz,) = pooling.max_pool2d_backward(dy, pooled)
    return conv2d_backward(dz, convolved, needs)


def conv2d_max_pool_forward_only(
    x: Any, w: Any, b: Any, *, pool: Size, rectify: bool, **window: Any
) -> tuple[Any, None]:
    """The bits of `conv2d_max_pool_forward`, in one pass."""
    g, padded, w, panels, bias = _prepared(x, w, b, **window)
    y = empty((g.n, g.oh // pool[0], g.ow // pool[1], g.f), w.dtype)
    down, across = np.arange(pool[0]) * (g.sh * g.w * g.c), np.arange(pool[1]) * (g.sw * g.c)
    inside = (down[:, None] + across).reshape(-1)
    parts = -(-y.size // g.f // (forward.PIXELS // inside.size))
    x_, y_ = padded.reshape(-1), y.reshape(-1)
    run(maxima, parts, x_, panels, bias, y_, _floor(w, rectify), *forward.segments(g), inside, pool, g)
    return y, None


KERNELS = {
    "conv2d": Kernel(conv2d_forward, conv2d_backward, _supports),
    "conv2d_relu": Kernel(conv2d_relu_forward, conv2d_backward, _supports),
    "conv2d_max_pool": Kernel(
        conv2d_max_pool_forward, conv2d_max_pool_backward, _supports_pooling, conv2d_max_pool_forward_only
    ),
}
