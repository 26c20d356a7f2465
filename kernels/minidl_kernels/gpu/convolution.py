"""conv2d and conv2d_relu as implicit matrix products; `convolution.cu` says how, `minidl_kernels.cpu.convolution` what.

Bias and rectifier cost nothing forward. Backward, the rectifier's mask is taken once and what comes of it is kept for the
three passes that read it. The weight gradient is a sum over all pixels of the batch: parts of the pixels are summed
at the same time, each into an array of its own, and these are added in their order.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.gpu import elementwise
from minidl_kernels.gpu.arrays import floats, gradient_of, ready
from minidl_kernels.gpu.launch import LARGEST, launch, xp
from minidl_kernels.gpu.product import precision
from minidl_kernels.gpu.sums import column_sums
from minidl_kernels.shapes import convolution_fits

__all__ = ["BUILDS", "KERNELS"]

TILE, THREADS = 64, 128  # as in the source
BUSY = 2 * 132  # blocks that keep the largest GPU of today at work
LEAST_SHARE = 256  # pixels of a part of the weight gradient: fewer are not worth an array of their own
MOST_BLOCKS = 65535  # of a grid, but for its first direction

BUILDS = {"convolution": [{"TF32": tf32, "LANES": lanes} for tf32 in (0, 1) for lanes in (1, 4)]}

Padding = tuple[tuple[int, int], tuple[int, int]]
Size = tuple[int, int]


class _Geometry(NamedTuple):
    """Sizes; c and f of one group, all_c and all_f of all. The kernels take them in this order, up to `left`."""

    n: int
    h: int
    w: int
    c: int
    all_c: int
    oh: int
    ow: int
    f: int
    all_f: int
    kh: int
    kw: int
    sh: int
    sw: int
    dh: int
    dw: int
    top: int
    left: int
    groups: int

    @property
    def numbers(self) -> tuple[int, ...]:
        return self[:-1]


class _Cache(NamedTuple):
    x: Any
    w: Any
    biased: bool
    y: Any  # None without a rectifier
    geometry: _Geometry


def _supports(
    x: Any, w: Any, b: Any, *, strides: Size, padding: Padding, dilation: Size, groups: int
) -> bool:
    """Shapes that belong together, a window that fits, no more than a grid can count."""
    if not (floats(x, w) if b is None else floats(x, w, b)):
        return False
    if not convolution_fits(x, w, b, strides, padding, dilation, groups):
        return False
    (n, h, wide, c), f = x.shape, w.shape[3]
    (top, bottom), (left, right) = padding
    return (
        groups <= MOST_BLOCKS
        and max(c, f) <= TILE * MOST_BLOCKS
        and n * (h + top + bottom) * (wide + left + right) * max(c, f) <= LARGEST
    )


def _geometry(x: Any, w: Any, strides: Size, padding: Padding, dilation: Size, groups: int) -> _Geometry:
    (n, h, wide, c), (kh, kw, _, f) = x.shape, w.shape
    (top, bottom), (left, right) = padding
    oh = (h + top + bottom - (kh - 1) * dilation[0] - 1) // strides[0] + 1
    ow = (wide + left + right - (kw - 1) * dilation[1] - 1) // strides[1] + 1
    return _Geometry(
        n, h, wide, c // groups, c, oh, ow, f // groups, f, kh, kw, *strides, *dilation, top, left, groups
    )


def _tiles(n: int) -> int:
    return -(-n // TILE)


def _start(
    kernel: str, grid: tuple[int, int, int], g: _Geometry, arrays: tuple[Any, ...], *more: int
) -> None:
    """Numbers are fetched by fours where channels, filters and addresses come in fours."""
    fours = g.c % 4 == g.f % 4 == 0 and all(a is None or a.data.ptr % 16 == 0 for a in arrays)
    builds = {"TF32": int(precision() == "tf32"), "LANES": 4 if fours else 1}
    launch("convolution", kernel, grid, (THREADS,), *arrays, *g.numbers, *more, **builds)


def _forward(
    x: Any, w: Any, b: Any, strides: Size, padding: Padding, dilation: Size, groups: int, rectify: bool
) -> tuple[Any, _Cache]:
    x, w = ready(x), ready(w)
    g = _geometry(x, w, strides, padding, dilation, groups)
    y = xp().empty((g.n, g.oh, g.ow, g.all_f), np.float32)
    grid = (_tiles(g.n * g.oh * g.ow), _tiles(g.f), groups)
    _start("forward", grid, g, (x, w, None if b is None else ready(b), y), int(rectify))
    return y, _Cache(x, w, b is not None, y if rectify else None, g)


def conv2d_backward(
    dy: Any, cache: _Cache, needs: tuple[bool, ...] = (True, True, True)
) -> tuple[Any, Any, Any]:
    """dy (N, OH, OW, F) -> dx, dw, db; None for what `needs` has no use for."""
    x, w, biased, y, g = cache
    dz = gradient_of(dy, (g.n, g.oh, g.ow, g.all_f))
    if y is not None:
        (dz,) = elementwise.KERNELS["relu"].backward(dz, y)
    dx = None
    if needs[0]:
        dx = xp().empty(x.shape, np.float32)
        _start("input_gradient", (_tiles(g.n * g.h * g.w), _tiles(g.c), g.groups), g, (dz, w, dx))
    dw = _weight_gradient(x, dz, w.shape, g) if needs[1] else None
    return dx, dw, column_sums(dz.reshape(-1, g.all_f)) if biased and needs[2] else None


def _weight_gradient(x: Any, dz: Any, shape: tuple[int, ...], g: _Geometry) -> Any:
    """As many parts as keep the GPU busy. The sizes alone decide how many, so the bits do not depend on the GPU."""
    pixels, tiles = g.n * g.oh * g.ow, (_tiles(g.kh * g.kw * g.c), _tiles(g.f))
    parts = max(1, min(BUSY // (tiles[0] * tiles[1] * g.groups), pixels // LEAST_SHARE))
    share = -(-pixels // parts)
    parts = -(-pixels // share)
    dws = xp().empty((parts, *shape), np.float32)
    _start("weight_gradient", (parts * tiles[0], tiles[1], g.groups), g, (x, dz, dws), share)
    return dws[0] if parts == 1 else column_sums(dws.reshape(parts, -1)).reshape(shape)


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
    "conv2d": Kernel(conv2d_forward, conv2d_backward, _supports),
    "conv2d_relu": Kernel(conv2d_relu_forward, conv2d_backward, _supports),
}
