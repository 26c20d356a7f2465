"""The compiled loops of the convolution, backward.

    _rectify           dz = dy where y > 0, else 0;  db = Σ dz
    weight gradient    dw[cell] = Σ_pixels x[cell] · dz                    rows: cells      columns: filters
    input gradient     dx[cell] += dz · w[cell]ᵀ                           rows: pixels     columns: channels

They are done image by image in one pass, `gradients`, while what belongs to the image is near; or one after the
other for all images, where that gives the threads more to share: for large weights, and for few images.
"""

import numpy as np

from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.convolution_forward import PIXELS
from minidl_kernels.cpu.fragment import fragment
from minidl_kernels.cpu.tile import ROWS, VECTOR_BYTES, tile

__all__ = ["gradients", "input_gradient", "pack_transposed", "rectify", "weight_gradient"]

TERMS = 512  # of a float32 sum in one go, before it is added to the total: keeps rounding small


@compiled
def pack_transposed(w, packed, groups, width):
    """w (KH·KW, C/G, F) -> panels: for each group and each `width` of its channels, (KH·KW, F/G, width)."""
    places, c, f = w.shape
    at = 0
    for group in range(groups):
        for first in range(0, c, width):
            n = min(width, c - first)
            for place in range(places):
                for i in range(f // groups):
                    for j in range(width):
                        packed[at + j] = w[place, first + j, group * (f // groups) + i] if j < n else 0
                    at += width


@fragment
def _rectify(dy, y, dz, sums, rectified, first, last):
    """dz, from its beginning, for the pixels first ... last − 1, and their sum, in float64, added to `sums`."""
    f, zero = dy.shape[1], dy.dtype.type(0)
    for pixel in range(last - first):
        for j in range(f):
            d = dy[first + pixel, j]
            if rectified:
                d = d if y[first + pixel, j] > 0 else zero
            dz[pixel, j] = d
            sums[j] += d


@fragment
def _cell_rows(g):
    """For `tile`: where each cell of the first window lies in x, and where its filters lie in w."""
    c = g.c // g.groups
    cells = g.kh * g.kw * c
    x_rows, w_rows = np.empty(cells + ROWS, np.int64), np.empty(cells + ROWS, np.int64)
    for i in range(cells + ROWS):
        cell = min(i, cells - 1)
        x_rows[i] = (cell // c // g.kw * g.rh * g.w + cell // c % g.kw * g.rw) * g.c + cell % c
        w_rows[i] = cell * g.f
    return x_rows, w_rows


@fragment
def _add_weight_gradient(x, image, dz, dz_at, dw, dw_at, begin, end, x_rows, w_rows, no_floor, g):
    """What one image adds to dw (cells, F), for the cells begin ... end − 1. Its dz begins at `dz_at`."""
    width = 2 * VECTOR_BYTES // x.itemsize
    c, f = g.c // g.groups, g.f // g.groups
    lines = max(1, min(g.oh, TERMS // g.ow))
    segments = np.arange(lines) * (g.sh * g.w * g.c)
    for line in range(0, g.oh, lines):
        for at in range(begin, end, ROWS):
            for group in range(g.groups):
                for first in range(0, f, width):
                    filters = group * f + first
                    tile(
                        dw, w_rows, dw_at + filters, min(ROWS, end - at), min(width, f - first),
                        x, x_rows, (image * g.h + line * g.sh) * g.w * g.c + group * c, at,
                        segments, min(lines, g.oh - line), g.ow, g.sw * g.c,
                        dz, dz_at + line * g.ow * g.f + filters, g.f,
                        dw, w_rows, dw_at + filters, no_floor,
                    )  # fmt: skip


@fragment
def _input_gradient(image, dz, dz_at, group, panel, w, dx, own, top, left, no_floor, g):
    """One panel of channels of one image, made in the array `own` and then copied to dx."""
    width = 2 * VECTOR_BYTES // dz.itemsize
    c, f = g.c // g.groups, g.f // g.groups
    panels, places, pixels = (c + width - 1) // width, g.kh * g.kw, g.oh * g.ow
    z_rows, x_rows = np.empty(PIXELS + ROWS, np.int64), np.empty(PIXELS + ROWS, np.int64)
    segments = np.zeros(1, np.int64)
    own[:] = 0
    for first in range(0, pixels, PIXELS):
        count = min(PIXELS, pixels - first)
        for i in range(count + ROWS):
            pixel = min(first + i, pixels - 1)
            z_rows[i] = pixel * g.f
            x_rows[i] = (pixel // g.ow * g.sh * g.w + pixel % g.ow * g.sw) * width
        for place in range(places):
            shift = (place // g.kw * g.rh * g.w + place % g.kw * g.rw) * width
            for at in range(0, count, ROWS):
                tile(
                    own, x_rows, shift, min(ROWS, count - at), width,
                    dz, z_rows, dz_at + group * f, at, segments, 1, f, 1,
                    w, ((group * panels + panel) * places + place) * f * width, width,
                    own, x_rows, shift, no_floor,
                )  # fmt: skip
    channels, n = group * c + panel * width, min(width, c - panel * width)
    for i in range(dx.shape[1]):
        for j in range(dx.shape[2]):
            source = ((i + top) * g.w + j + left) * width
            for channel in range(n):
                dx[image, i, j, channels + channel] = own[source + channel]


@compiled
def gradients(counter, parts, x, dy, y, rectified, w, dx, wanted, dw, db, top, left, no_floor, g):
    """All gradients, image by image, while what one image needs is near. A part is a share of the images with
    its own line of dw (parts, cells · F) and db (parts, F), to be added up. dx only if it is `wanted`."""
    width = 2 * VECTOR_BYTES // x.itemsize
    pixels, panels = g.oh * g.ow, (g.c // g.groups + width - 1) // width
    x_rows, w_rows = _cell_rows(g)
    cells = len(x_rows) - ROWS
    dz = np.zeros(
        pixels * g.f + width, x.dtype
    )  # a tile reads whole vectors, past the last column if need be
    own = np.empty(g.h * g.w * width if wanted else 0, x.dtype)
    while True:
        part = take(counter)
        if part >= parts:
            return
        db[part] = 0
        dw[part * cells * g.f : (part + 1) * cells * g.f] = 0
        for image in range(part * g.n // parts, (part + 1) * g.n // parts):
            lines = dz[: pixels * g.f].reshape(pixels, g.f)
            _rectify(dy, y, lines, db[part], rectified, image * pixels, (image + 1) * pixels)
            _add_weight_gradient(
                x, image, dz, 0, dw, part * cells * g.f, 0, cells, x_rows, w_rows, no_floor, g
            )
            if wanted:
                for group in range(g.groups):
                    for panel in range(panels):
                        _input_gradient(image, dz, 0, group, panel, w, dx, own, top, left, no_floor, g)


@compiled
def rectify(counter, parts, dy, y, rectified, dz, db):
    """dz for all images, for the two passes below; a part has its own line of db."""
    pixels = len(dy)
    while True:
        part = take(counter)
        if part >= parts:
            return
        db[part] = 0
        first, last = part * pixels // parts, (part + 1) * pixels // parts
        _rectify(dy, y, dz[first:last], db[part], rectified, first, last)


@compiled
def weight_gradient(counter, parts, x, dz, dw, no_floor, g):
    """For large weights: a part is a share of the cells, over all images."""
    x_rows, w_rows = _cell_rows(g)
    cells = len(x_rows) - ROWS
    tiles = (cells + ROWS - 1) // ROWS
    while True:
        part = take(counter)
        if part >= parts:
            return
        begin, end = part * tiles // parts * ROWS, min((part + 1) * tiles // parts * ROWS, cells)
        dw[begin * g.f : end * g.f] = 0
        for image in range(g.n):
            dz_at = image * g.oh * g.ow * g.f
            _add_weight_gradient(x, image, dz, dz_at, dw, 0, begin, end, x_rows, w_rows, no_floor, g)


@compiled
def input_gradient(counter, parts, dz, w, dx, top, left, no_floor, g):
    """For few images: a part is a panel of channels of one image."""
    width = 2 * VECTOR_BYTES // dz.itemsize
    panels = (g.c // g.groups + width - 1) // width
    own = np.empty(g.h * g.w * width, dz.dtype)
    while True:
        part = take(counter)
        if part >= parts:
            return
        image, group, panel = part // (g.groups * panels), part // panels % g.groups, part % panels
        dz_at = image * g.oh * g.ow * g.f
        _input_gradient(image, dz, dz_at, group, panel, w, dx, own, top, left, no_floor, g)
