"""The compiled loops of the convolution, forward: one pass over the pixels of the output, made of tiles.

    windows     y = max(floor, b + Σ_cells x[cell] · w[cell])              rows: pixels     columns: filters

A cell is a place (k, l) of the window and a channel. Arrays without axes of their own are flat. The first two
arguments of a pass are those of `pool.run`: whoever is free takes the next part.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.pieces import fill, less, room
from minidl_kernels.cpu.tile import ROWS, VECTOR_BYTES
from minidl_kernels.cpu.tiles import tiles

__all__ = ["PIXELS", "PLACES", "Geometry", "pad", "segments", "windows"]

PIXELS = 256  # in one go: enough to use a panel of weights often, few enough to stay near the processor
PLACES = PIXELS + ROWS  # in the tables of where they begin


class Geometry(NamedTuple):
    """Sizes: images and channels (padded), window and filters, output, strides, dilation, groups."""

    n: int
    h: int
    w: int
    c: int
    kh: int
    kw: int
    f: int
    oh: int
    ow: int
    sh: int
    sw: int
    rh: int
    rw: int
    groups: int


@compiled
def pad(counter, parts, x, padded, top, left):
    """x (N, H, W, C) into the middle of `padded`, zeros around it. A part is a share of the images."""
    n, height, width, channels = x.shape
    while True:
        part = take(counter)
        if part >= parts:
            return
        for image in range(part * n // parts, (part + 1) * n // parts):
            padded[image] = 0
            for i in range(height):
                for j in range(width):
                    for c in range(channels):
                        padded[image, top + i, left + j, c] = x[image, i, j, c]


@lru_cache(maxsize=64)
def segments(g: Geometry) -> tuple[Any, int]:
    """Where the cells of a window begin, in runs of cells that are neighbours in memory; and how long a run is."""
    lines = np.arange(g.kh) * (g.rh * g.w * g.c)
    if g.groups == 1 and g.rw == 1:
        return lines, g.kw * g.c
    return (lines[:, None] + np.arange(g.kw) * (g.rw * g.c)).reshape(-1), g.c // g.groups


@compiled
def windows(counter, parts, x, w, bias, y, floor, segments, n_k, g):
    """A part is PIXELS pixels of the output, of whatever images. `w` in panels, for each group; `segments` as above."""
    width = 2 * VECTOR_BYTES // x.itemsize
    c, f = g.c // g.groups, g.f // g.groups
    cells, panels, pixels = len(segments) * n_k, (f + width - 1) // width, g.n * g.oh * g.ow
    x_rows, y_rows, bias_rows = room(PLACES, segments), room(PLACES, segments), room(PLACES, segments)
    fill(bias_rows, 0, PLACES, 0)
    while True:
        part = take(counter)
        if part >= parts:
            return
        first = part * PIXELS
        count = less(PIXELS, pixels - first)
        image, line, place = first // (g.oh * g.ow), first // g.ow % g.oh, first % g.ow
        for i in range(count):
            x_rows[i] = ((image * g.h + line * g.sh) * g.w + place * g.sw) * g.c
            y_rows[i] = (first + i) * g.f
            place += 1
            if place == g.ow:
                place, line = 0, line + 1
                if line == g.oh:
                    line, image = 0, image + 1
        fill(x_rows, count, ROWS, x_rows[count - 1])
        for group in range(g.groups):
            tiles(
                y, y_rows, group * f, 0, count, f,
                x, x_rows, group * c, segments, len(segments), n_k, 1,
                w, group * panels * cells * width, cells, width,
                bias, bias_rows, group * f, 1, floor,
            )  # fmt: skip
