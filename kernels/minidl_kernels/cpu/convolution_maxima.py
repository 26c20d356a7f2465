"""The compiled loop of a convolution of which only maxima are wanted, over windows side by side.

    maxima     y[n, i, j, f] = max over the pixels of window (i, j) of  max(floor, b + Σ_cells x[cell] · w[cell])

The pixels of a few windows are computed into 32 kB that stay near the processor, for one panel of filters at
a time, and only the largest of each window goes out to memory. With windows of 2 x 2 the output of the convolution is
four times as large as the maxima; it is never written, nor read again. A pixel at the edge that lies in no
window is not even computed.

In that space the first pixels of all windows come first, then the second ones, and so on. So the maximum is that of a
few long rows of numbers, whole vectors at a time.
"""

import numpy as np

from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.convolution_forward import PIXELS, PLACES
from minidl_kernels.cpu.pieces import fill, less, room
from minidl_kernels.cpu.tile import ROWS, VECTOR_BYTES, columns
from minidl_kernels.cpu.tiles import tiles

__all__ = ["maxima"]

NUMBERS = PIXELS * columns(4)  # of one panel; one of float64 is half as wide


@compiled
def maxima(counter, parts, x, w, bias, y, floor, segments, n_k, inside, pool, g):
    """A part is as many windows, of whatever images, as have PIXELS pixels. `inside` says how far from its first pixel
    each pixel of a window sees; all else is as in `convolution_forward.windows`."""
    width = 2 * VECTOR_BYTES // x.itemsize
    c, f = g.c // g.groups, g.f // g.groups
    cells, panels = len(segments) * n_k, (f + width - 1) // width
    oh, ow, pixels = g.oh // pool[0], g.ow // pool[1], len(inside)
    at_once = PIXELS // pixels
    x_rows, near_rows, bias_rows = room(PLACES, segments), room(PLACES, segments), room(PLACES, segments)
    near = room(NUMBERS, x)
    fill(bias_rows, 0, PLACES, 0)
    while True:
        part = take(counter)
        if part >= parts:
            return
        first = part * at_once
        count = less(at_once, g.n * oh * ow - first)
        image, line, place = first // (oh * ow), first // ow % oh, first % ow
        for i in range(count):
            at = ((image * g.h + line * pool[0] * g.sh) * g.w + place * pool[1] * g.sw) * g.c
            for pixel in range(pixels):
                x_rows[pixel * count + i] = at + inside[pixel]
            place += 1
            if place == ow:
                place, line = 0, line + 1
                if line == oh:
                    line, image = 0, image + 1
        fill(x_rows, pixels * count, ROWS, x_rows[pixels * count - 1])
        for group in range(g.groups):
            for left in range(0, f, width):
                n = less(width, f - left)
                for i in range(pixels * count):
                    near_rows[i] = i * n
                tiles(
                    near, near_rows, 0, 0, pixels * count, n,
                    x, x_rows, group * c, segments, len(segments), n_k, 1,
                    w, (group * panels * width + left) * cells, cells, width,
                    bias, bias_rows, group * f + left, 1, floor,
                )  # fmt: skip
                for pixel in range(1, pixels):
                    for i in range(count * n):
                        best, v = near[np.uint64(i)], near[np.uint64(pixel * count * n + i)]
                        wins = (not v <= best) & (best == best)  # a NaN wins over any number
                        near[np.uint64(i)] = v if wins else best
                for i in range(count):
                    to = (first + i) * g.f + group * f + left
                    for j in range(n):
                        y[np.uint64(to + j)] = near[np.uint64(i * n + j)]
