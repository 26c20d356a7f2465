"""The compiled loops of the convolution, forward: one pass over the pixels of the output, made of tiles.

    windows     y = max(floor, b + Σ_cells x[cell] · w[cell])              rows: pixels     columns: filters

A cell is a place (k, l) of the window and a channel. Arrays without axes of their own are flat. The first two
arguments of a pass are those of `pool.run`: whoever is free takes the next part.
"""

from typing import NamedTuple

import numpy as np

from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.fragment import fragment
from minidl_kernels.cpu.tile import ROWS, VECTOR_BYTES, tile

__all__ = ["PIXELS", "Geometry", "pack", "pad", "windows"]

PIXELS = 256  # in one go: enough to use a panel of weights often, few enough to stay near the processor


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


@compiled
def pack(w, packed, cells, f, groups, width):
    """w (cells, F) -> panels: for each group and each `width` of its filters, (cells, width)."""
    at = 0
    for group in range(groups):
        for first in range(0, f // groups, width):
            n = min(width, f // groups - first)
            for cell in range(cells):
                for j in range(width):
                    packed[at + j] = w[cell, group * (f // groups) + first + j] if j < n else 0
                at += width


@fragment
def _segments(g):
    """Where the cells of a window begin, in runs of cells that are neighbours in memory; their number."""
    if g.groups == 1 and g.rw == 1:
        return np.arange(g.kh) * (g.rh * g.w * g.c), g.kw * g.c
    segments = np.empty(g.kh * g.kw, np.int64)
    for k in range(g.kh):
        for l in range(g.kw):  # noqa: E741 the letter of the equation
            segments[k * g.kw + l] = (k * g.rh * g.w + l * g.rw) * g.c
    return segments, g.c // g.groups


@compiled
def windows(counter, parts, x, w, bias, y, floor, g):
    """A part is PIXELS pixels of the output, of whatever images. `w` as packed by `pack`."""
    width = 2 * VECTOR_BYTES // x.itemsize
    c, f = g.c // g.groups, g.f // g.groups
    segments, n_k = _segments(g)
    cells, panels, pixels = len(segments) * n_k, (f + width - 1) // width, g.n * g.oh * g.ow
    x_rows, y_rows = np.empty(PIXELS + ROWS, np.int64), np.empty(PIXELS + ROWS, np.int64)
    bias_rows = np.zeros(PIXELS + ROWS, np.int64)
    while True:
        part = take(counter)
        if part >= parts:
            return
        first = part * PIXELS
        count = min(PIXELS, pixels - first)
        image, line, place = first // (g.oh * g.ow), first // g.ow % g.oh, first % g.ow
        for i in range(count):
            x_rows[i] = ((image * g.h + line * g.sh) * g.w + place * g.sw) * g.c
            y_rows[i] = (first + i) * g.f
            place += 1
            if place == g.ow:
                place, line = 0, line + 1
                if line == g.oh:
                    line, image = 0, image + 1
        x_rows[count : count + ROWS] = x_rows[count - 1]
        for group in range(g.groups):
            for panel in range(panels):
                filters = group * f + panel * width
                for at in range(0, count, ROWS):
                    tile(
                        y, y_rows, filters, min(ROWS, count - at), min(width, f - panel * width),
                        x, x_rows, group * c, at, segments, len(segments), n_k, 1,
                        w, (group * panels + panel) * cells * width, width,
                        bias, bias_rows, filters, floor,
                    )  # fmt: skip
