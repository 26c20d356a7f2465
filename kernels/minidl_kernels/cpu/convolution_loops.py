"""The compiled loops of the convolution: four passes over images, each made of tiles (see `tile`).

    windows           y  = max(floor, b + Σ_cells  x[cell] · w[cell])    rows: pixels     columns: filters
    rectified         dz = dy where y > 0,  db = Σ dz
    weight_gradient   dw[cell] = Σ_pixels x[cell] · dz                   rows: cells      columns: filters
    input_gradient    dx[cell] += dz · w[cell]ᵀ                          rows: pixels     columns: channels

`g` is the geometry: N, H, W, C of the padded input, KH, KW, F, OH, OW, strides, dilation, groups. Arrays are
flat. The first three arguments are those of `pool.run`: whoever is free takes the next part.
"""

import numpy as np

from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.tile import ROWS, VECTOR_BYTES, tile

PIXELS = 256  # in one part: enough to use a panel of weights often, few enough to stay near


@compiled
def pack(w, packed, cells, f, groups, width):
    """w (cells, F) -> for each group and each `width` of its filters, all cells one after the other."""
    fg = f // groups
    at = 0
    for first in range(0, f, fg):
        for f0 in range(0, fg, width):
            n = min(width, fg - f0)
            for k in range(cells):
                for j in range(n):
                    packed[at + j] = w[k * f + first + f0 + j]
                for j in range(n, width):
                    packed[at + j] = 0
                at += width


@compiled
def pack_transposed(w, packed, cells, c, f, groups, width):
    """w (cells, C/G, F) -> for each group and each `width` of its channels: (cells, F/G, width)."""
    cg, fg = c // groups, f // groups
    at = 0
    for first in range(0, f, fg):
        for c0 in range(0, cg, width):
            n = min(width, cg - c0)
            for k in range(cells):
                for i in range(fg):
                    for j in range(n):
                        packed[at + j] = w[(k * cg + c0 + j) * f + first + i]
                    for j in range(n, width):
                        packed[at + j] = 0
                    at += width


@compiled
def windows(counter, parts, thread, x, w, bias, y, floor, g):
    n, h, wd, c, kh, kw, f, oh, ow, sh, sw, dh, dw, groups = g
    width = 2 * VECTOR_BYTES // x.itemsize
    cg, fg = c // groups, f // groups
    if groups == 1 and dw == 1:
        n_segments, n_k = kh, kw * c
        segments = np.arange(kh) * (dh * wd * c)
    else:
        n_segments, n_k = kh * kw, cg
        segments = np.empty(kh * kw, np.int64)
        for k in range(kh * kw):
            segments[k] = (k // kw * dh * wd + k % kw * dw) * c
    cells = n_segments * n_k
    panels = (fg + width - 1) // width
    pixels = n * oh * ow
    x_rows, y_rows, zeros = np.empty(PIXELS + ROWS, np.int64), np.empty(PIXELS + ROWS, np.int64), np.zeros(PIXELS + ROWS, np.int64)
    for part in range(parts):
        part = take(counter)
        if part >= parts:
            break
        first = part * PIXELS
        count = min(PIXELS, pixels - first)
        image, line, place = first // (oh * ow), first // ow % oh, first % ow
        for i in range(count):
            x_rows[i] = ((image * h + line * sh) * wd + place * sw) * c
            y_rows[i] = (first + i) * f
            place += 1
            if place == ow:
                place, line = 0, line + 1
                if line == oh:
                    line, image = 0, image + 1
        x_rows[count : count + ROWS] = x_rows[count - 1]
        for group in range(groups):
            for panel in range(panels):
                f0 = panel * width
                for at in range(0, count, ROWS):
                    tile(
                        y, y_rows, group * fg + f0, min(ROWS, count - at), min(width, fg - f0),
                        x, x_rows, group * cg, at, segments, n_segments, n_k, 1,
                        w, (group * panels + panel) * cells * width, width,
                        bias, zeros, group * fg + f0, floor,
                    )


@compiled
def rectified(counter, parts, thread, dy, y, dz, db, rectify):
    """dz and, one line of `db` for each part, the sum of its rows."""
    (rows, f), zero = dy.shape, dy.dtype.type(0)
    for part in range(parts):
        part = take(counter)
        if part >= parts:
            break
        db[part] = 0
        for row in range(part * rows // parts, (part + 1) * rows // parts):
            for j in range(f):
                d = dy[row, j]
                if rectify:
                    d = d if y[row, j] > 0 else zero
                dz[row, j] = d
                db[part, j] += d


@compiled
def weight_gradient(counter, parts, thread, x, dz, dw_parts, floor, splits, g):
    n, h, wd, c, kh, kw, f, oh, ow, sh, sw, dh, dw, groups = g
    width = 2 * VECTOR_BYTES // x.itemsize
    cg, fg = c // groups, f // groups
    cells = kh * kw * cg
    x_rows, w_rows = np.empty(cells + ROWS, np.int64), np.empty(cells + ROWS, np.int64)
    for i in range(cells + ROWS):
        cell = min(i, cells - 1)
        k, channel = cell // cg, cell % cg
        x_rows[i] = (k // kw * dh * wd + k % kw * dw) * c + channel
        w_rows[i] = cell * f
    lines = max(1, min(oh, 512 // ow))  # of pixels summed in one go
    segments = np.arange(lines) * (sh * wd * c)
    tiles = (cells + ROWS - 1) // ROWS
    shares = parts // splits
    for part in range(parts):
        part = take(counter)
        if part >= parts:
            break
        split, share = part // shares, part % shares
        out_at = split * cells * f
        for i in range(share * tiles // shares * ROWS, min((share + 1) * tiles // shares * ROWS, cells)):
            dw_parts[out_at + i * f : out_at + (i + 1) * f] = 0
        for image in range(split * n // splits, (split + 1) * n // splits):
            for line in range(0, oh, lines):
                for at in range(share * tiles // shares * ROWS, (share + 1) * tiles // shares * ROWS, ROWS):
                    for group in range(groups):
                        for f0 in range(0, fg, width):
                            first = out_at + group * fg + f0
                            tile(
                                dw_parts, w_rows, first, min(ROWS, cells - at), min(width, fg - f0),
                                x, x_rows, ((image * h + line * sh) * wd) * c + group * cg, at,
                                segments, min(lines, oh - line), ow, sw * c,
                                dz, (image * oh + line) * ow * f + group * fg + f0, f,
                                dw_parts, w_rows, first, floor,
                            )


@compiled
def input_gradient(counter, parts, thread, dz, w, dx, floor, top, left, g):
    n, h, wd, c, kh, kw, f, oh, ow, sh, sw, dh, dw, groups = g
    width = 2 * VECTOR_BYTES // dz.itemsize
    cg, fg = c // groups, f // groups
    panels = (cg + width - 1) // width
    image_dx = np.empty(h * wd * width, dz.dtype)
    z_rows, x_rows = np.empty(PIXELS + ROWS, np.int64), np.empty(PIXELS + ROWS, np.int64)
    segments = np.zeros(1, np.int64)
    inner_h, inner_w = dx.shape[1], dx.shape[2]
    for part in range(parts):
        part = take(counter)
        if part >= parts:
            break
        image, rest = part // (groups * panels), part % (groups * panels)
        group, panel = rest // panels, rest % panels
        image_dx[:] = 0
        for first in range(0, oh * ow, PIXELS):
            count = min(PIXELS, oh * ow - first)
            for i in range(count + ROWS):
                p = min(first + i, oh * ow - 1)
                z_rows[i] = p * f
                x_rows[i] = (p // ow * sh * wd + p % ow * sw) * width
            for k in range(kh * kw):
                for at in range(0, count, ROWS):
                    out_at = (k // kw * dh * wd + k % kw * dw) * width
                    tile(
                        image_dx, x_rows, out_at, min(ROWS, count - at), width,
                        dz, z_rows, image * oh * ow * f + group * fg, at, segments, 1, fg, 1,
                        w, (rest * kh * kw + k) * fg * width, width,
                        image_dx, x_rows, out_at, floor,
                    )
        c0 = group * cg + panel * width
        for i in range(inner_h):
            for j in range(inner_w):
                source = ((i + top) * wd + j + left) * width
                for channel in range(min(width, cg - panel * width)):
                    dx[image, i, j, c0 + channel] = image_dx[source + channel]
