"""The compiled loops of the convolution, backward.

    _rectify           dz = dy where y > 0, else 0;  db = Σ dz
    weight gradient    dw[cell] = Σ_pixels x[cell] · dz                    rows: cells      columns: filters
    input gradient     dx[cell] += dz · w[cell]ᵀ                           rows: pixels     columns: channels

They are done image by image in one pass, `gradients`, while what belongs to the image is near; or one after the
other for all images, where that gives the threads more to share: for large weights, and for few images.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.convolution_forward import PIXELS, PLACES, Geometry
from minidl_kernels.cpu.fragment import fragment
from minidl_kernels.cpu.pieces import fill, less, room
from minidl_kernels.cpu.tile import ROWS, VECTOR_BYTES
from minidl_kernels.cpu.tiles import tiles

__all__ = ["gradients", "input_gradient", "rectify", "tables", "weight_gradient"]

TERMS = 512  # of a float32 sum in one go, before it is added to the total: keeps rounding small


@fragment
def _rectify(dy, y, dz, dz_at, sums, sums_at, rectified, first, last, f):
    """dz, from `dz_at` on, for the pixels first ... last − 1, and their sum, in float64, added to `sums`."""
    zero = dy.dtype.type(0)
    for pixel in range(first, last):
        for j in range(f):
            place = np.uint64(pixel * f + j)  # an index without a sign
            d = dy[place]
            if rectified:
                d = d if y[place] > zero else zero
            dz[np.uint64(dz_at + j)] = d
            sums[np.uint64(sums_at + j)] += d
        dz_at += f


class Tables(NamedTuple):
    """Where rows and segments begin, for `tile`. Nobody writes to them."""

    x_rows: Any  # each cell of the first window in x
    w_rows: Any  # and its filters in w
    lines: Any  # segments: the lines of x whose pixels are added up in one go
    one: Any  # the only segment, where there is but one


@lru_cache(maxsize=64)
def tables(g: Geometry) -> Tables:
    """The tables of a convolution, the same ones each time."""
    c = g.c // g.groups
    cells = g.kh * g.kw * c
    cell = np.minimum(np.arange(cells + ROWS), cells - 1)
    x_rows = (cell // c // g.kw * g.rh * g.w + cell // c % g.kw * g.rw) * g.c + cell % c
    lines = np.arange(max(1, min(g.oh, TERMS // g.ow))) * (g.sh * g.w * g.c)
    return Tables(x_rows, cell * g.f, lines, np.zeros(1, np.int64))


@fragment
def _add_weight_gradient(x, image, dz, dz_at, dw, dw_at, begin, end, tables, no_floor, g):
    """What one image adds to dw (cells, F), for the cells begin ... end − 1. Its dz begins at `dz_at`."""
    c, f = g.c // g.groups, g.f // g.groups
    lines = len(tables.lines)
    for line in range(0, g.oh, lines):
        for group in range(g.groups):
            tiles(
                dw, tables.w_rows, dw_at + group * f, begin, end, f,
                x, tables.x_rows, (image * g.h + line * g.sh) * g.w * g.c + group * c,
                tables.lines, less(lines, g.oh - line), g.ow, g.sw * g.c,
                dz, dz_at + line * g.ow * g.f + group * f, 1, g.f,
                dw, tables.w_rows, dw_at + group * f, 1, no_floor,
            )  # fmt: skip


@fragment
def _input_gradient(image, dz, dz_at, group, panel, w, dx, own, own_at, top, left, tables, no_floor, g):
    """One panel of channels of one image, made in the array `own` from `own_at` on, and then copied to dx."""
    width = 2 * VECTOR_BYTES // dz.itemsize
    c, f = g.c // g.groups, g.f // g.groups
    panels, places, pixels = (c + width - 1) // width, g.kh * g.kw, g.oh * g.ow
    z_rows, x_rows = room(PLACES, tables.one), room(PLACES, tables.one)
    fill(own, own_at, g.h * g.w * width, 0)
    for first in range(0, pixels, PIXELS):
        count = less(PIXELS, pixels - first)
        for i in range(count + ROWS):
            pixel = less(first + i, pixels - 1)
            z_rows[i] = pixel * g.f
            x_rows[i] = (pixel // g.ow * g.sh * g.w + pixel % g.ow * g.sw) * width
        for place in range(places):
            shift = own_at + (place // g.kw * g.rh * g.w + place % g.kw * g.rw) * width
            tiles(
                own, x_rows, shift, 0, count, width,
                dz, z_rows, dz_at + group * f, tables.one, 1, f, 1,
                w, ((group * panels + panel) * places + place) * f * width, 0, width,
                own, x_rows, shift, 0, no_floor,
            )  # fmt: skip
    channels, n = group * c + panel * width, less(width, c - panel * width)
    for i in range(dx.shape[1]):
        for j in range(dx.shape[2]):
            source = own_at + ((i + top) * g.w + j + left) * width
            for channel in range(n):
                dx[image, i, j, channels + channel] = own[source + channel]


@compiled
def gradients(
    counter, parts, x, dy, y, rectified, w, dx, wanted, dw, db, dz, own, top, left, no_floor, tables, g
):
    """All gradients, image by image, while what one image needs is near. A part is a share of the images with
    its own line of dw (parts, cells · F) and db (parts, F), to be added up. dx only if it is `wanted`.

    It also has its own dz and `own` (parts, ·) for what belongs to one image."""
    width = 2 * VECTOR_BYTES // x.itemsize
    pixels, panels = g.oh * g.ow, (g.c // g.groups + width - 1) // width
    cells = len(tables.x_rows) - ROWS
    while True:
        part = take(counter)
        if part >= parts:
            return
        fill(db, part * g.f, g.f, 0)
        fill(dw, part * cells * g.f, cells * g.f, 0)
        dz_at, own_at = part * (len(dz) // parts), part * (len(own) // parts)
        for image in range(part * g.n // parts, (part + 1) * g.n // parts):
            _rectify(dy, y, dz, dz_at, db, part * g.f, rectified, image * pixels, (image + 1) * pixels, g.f)
            _add_weight_gradient(x, image, dz, dz_at, dw, part * cells * g.f, 0, cells, tables, no_floor, g)
            if wanted:
                for group in range(g.groups):
                    for panel in range(panels):
                        _input_gradient(
                            image, dz, dz_at, group, panel, w, dx, own, own_at, top, left, tables, no_floor, g
                        )


@compiled
def rectify(counter, parts, dy, y, rectified, dz, db, f):
    """dz for all images, for the two passes below; a part has its own line of db."""
    pixels = len(dy) // f
    while True:
        part = take(counter)
        if part >= parts:
            return
        fill(db, part * f, f, 0)
        first, last = part * pixels // parts, (part + 1) * pixels // parts
        _rectify(dy, y, dz, first * f, db, part * f, rectified, first, last, f)


@compiled
def weight_gradient(counter, parts, x, dz, dw, no_floor, tables, g):
    """For large weights: a part is a share of the cells, over all images."""
    cells = len(tables.x_rows) - ROWS
    total = (cells + ROWS - 1) // ROWS
    while True:
        part = take(counter)
        if part >= parts:
            return
        begin, end = part * total // parts * ROWS, less((part + 1) * total // parts * ROWS, cells)
        fill(dw, begin * g.f, (end - begin) * g.f, 0)
        for image in range(g.n):
            dz_at = image * g.oh * g.ow * g.f
            _add_weight_gradient(x, image, dz, dz_at, dw, 0, begin, end, tables, no_floor, g)


@compiled
def input_gradient(counter, parts, dz, w, dx, top, left, no_floor, tables, g):
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
        _input_gradient(image, dz, dz_at, group, panel, w, dx, own, 0, top, left, tables, no_floor, g)
