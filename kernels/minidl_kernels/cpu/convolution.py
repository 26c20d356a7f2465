import numpy as np
from minidl_kernels.cpu import convolution_loops as loops
from minidl_kernels.cpu.arrays import empty, ready, scratch
from minidl_kernels.cpu.pool import run
from minidl_kernels.cpu.tile import columns, ROWS

def _up(n, step): return -(-n // step) * step

def _forward(x, w, b, strides, padding, dilation, groups, rectify):
    dtype = x.dtype
    (top, bottom), (left, right) = padding
    if top or bottom or left or right:
        padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    else:
        padded = ready(x)
    w = ready(w)
    n, h, wd, c = padded.shape
    kh, kw, cg, f = w.shape
    oh, ow = ((size - (k - 1) * r - 1) // s + 1 for size, k, s, r in zip((h, wd), (kh, kw), strides, dilation))
    g = (n, h, wd, c, kh, kw, f, oh, ow, *strides, *dilation, groups)
    bias = np.zeros(f, dtype) if b is None else ready(b)
    width = columns(dtype.itemsize)
    packed = scratch("w", groups * kh * kw * cg * _up(f // groups, width), dtype)
    loops.pack(w.reshape(-1), packed, kh * kw * cg, f, groups, width)
    y = empty((n, oh, ow, f), dtype)
    floor = dtype.type(0 if rectify else -np.inf)
    run(loops.windows, -(-n * oh * ow // loops.PIXELS), padded.reshape(-1), packed, bias, y.reshape(-1), floor, g)
    return y, (padded, w, b is not None, y if rectify else None, padding, g)

def backward(dy, cache, needs=(True, True, True)):
    padded, w, biased, y, padding, g = cache
    n, h, wd, c, kh, kw, f, oh, ow, *_, groups = g
    dtype = w.dtype
    dy = ready(dy).reshape(-1,f)
    width = columns(dtype.itemsize)
    rows = n * oh * ow
    dz = scratch("dz", rows * f + width, dtype)
    parts = min(32, -(-rows // 128))
    db = np.empty((parts, f))
    run(loops.rectified, parts, dy, dy if y is None else y.reshape(rows,f), dz[:rows*f].reshape(rows,f), db, y is not None)
    dx = dw = None
    floor = dtype.type(-np.inf)
    if needs[1]:
        cells = w.size // f
        tiles = -(-cells // ROWS)
        splits = max(1, min(n, 8 // tiles))
        shares = min(tiles, 8)
        dw = empty((splits, *w.shape), dtype)
        run(loops.weight_gradient, shares * splits, padded.reshape(-1), dz, dw.reshape(-1), floor, splits, g)
        dw = dw[0] if splits == 1 else dw.sum(axis=0)
    if needs[0]:
        (top, bottom), (left, right) = padding
        dx = empty((n, h - top - bottom, wd - left - right, c), dtype)
        panels = -(-(c // groups) // width)
        packed = scratch("wt", groups * panels * width * kh * kw * f // groups, dtype)
        loops.pack_transposed(w.reshape(-1), packed, kh * kw, c, f, groups, width)
        run(loops.input_gradient, n * groups * panels, dz, packed, dx, floor, top, left, g)
    return dx, dw, db.sum(axis=0).astype(dtype) if biased and needs[2] else None

def conv2d_forward(x, w, b, *, strides, padding, dilation, groups):
    return _forward(x, w, b, strides, padding, dilation, groups, False)
def conv2d_relu_forward(x, w, b, *, strides, padding, dilation, groups):
    return _forward(x, w, b, strides, padding, dilation, groups, True)
