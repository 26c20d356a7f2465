"""Where a window may stand: the padding arithmetic that convolution and pooling share, one axis at a time.

A window of K cells, r apart (dilation), spans (K − 1)·r + 1 cells. It moves s cells at a time (stride):

    valid   out = ⌊(n − span) / s⌋ + 1                      no padding
    same    out = ⌈n / s⌉                                   padding of max((out − 1)·s + span − n, 0) in all,
                                                            half of it before, the larger half after
    causal  out = ⌈n / s⌉                                   span − 1 before, none after: no look into the future

(Textbooks write ⌊(n − span + 2p)/s⌋ + 1 with p cells of padding on each side. Here "valid" has p = 0, and
`summary(explain=True)` shows it as 2·0.)

Cell k of the window that makes output o is input cell o·s + k·r of the padded input. So all the cells that
meet kernel cell k are one strided slice: `tap`. (V. Dumoulin, F. Visin, A guide to convolution arithmetic,
2016, arXiv:1603.07285.)
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.layers.trail import chain_of_sizes
from minidl.messages import say
from minidl.symbolic import Shape

__all__ = [
    "IMAGE_AXES", "SERIES_AXES", "Padding", "border", "borders", "crop", "fitting_windows", "output_length",
    "output_shape", "pad", "tap", "window_formulas",
]  # fmt: skip

Padding = tuple[tuple[int, int], ...]
IMAGE_AXES = ("batch", "height", "width", "channels")
SERIES_AXES = ("batch", "timesteps", "channels")


def output_length(n: int, window: int, stride: int, padding: str, dilation: int = 1) -> int:
    """How many windows fit on an axis of `n` cells; 0 or less where none does.

    >>> output_length(28, 3, 1, "valid"), output_length(28, 3, 2, "valid"), output_length(13, 2, 2, "same")
    (26, 13, 7)
    """
    span = (window - 1) * dilation + 1
    return (n - span) // stride + 1 if padding == "valid" else -(-n // stride)


def border(n: int, window: int, stride: int, padding: str, dilation: int = 1) -> tuple[int, int]:
    """The cells to add before and after an axis of `n` cells.

    >>> border(5, 2, 1, "same"), border(5, 3, 2, "same"), border(5, 3, 1, "causal", dilation=2)
    ((0, 1), (1, 1), (4, 0))
    """
    span = (window - 1) * dilation + 1
    if padding == "valid":
        return (0, 0)
    if padding == "causal":
        return (span - 1, 0)
    total = max((output_length(n, window, stride, padding, dilation) - 1) * stride + span - n, 0)
    return (total // 2, total - total // 2)


@lru_cache(maxsize=1024)
def borders(
    sizes: tuple[int, ...],
    windows: tuple[int, ...],
    strides: tuple[int, ...],
    padding: str,
    dilation: tuple[int, ...],
) -> Padding:
    """`border` for each spatial axis."""
    return tuple(
        border(n, k, s, padding, r) for n, k, s, r in zip(sizes, windows, strides, dilation, strict=True)
    )


def output_shape(
    sizes: Sequence[int],
    windows: Sequence[int],
    strides: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
) -> tuple[int, ...]:
    """The number of windows along each spatial axis, once the border is added."""
    return tuple(
        output_length(n + before + after, window, stride, "valid", r)
        for n, window, stride, (before, after), r in zip(
            sizes, windows, strides, padding, dilation, strict=True
        )
    )


def pad(x: Array, padding: Padding, value: Any = 0) -> Array:
    """x (N, spatial..., C) with a border of `value` around its spatial axes; x itself where there is none."""
    if not any(before or after for before, after in padding):
        return x
    return np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value)


def crop(x: Array, padding: Padding) -> Array:
    """The inside of a padded x: what `pad` was given, as a view."""
    inside = (
        slice(before, size - after) for (before, after), size in zip(padding, x.shape[1:-1], strict=True)
    )
    return x[:, *inside]


def tap(
    x: Array, cell: Sequence[int], out: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Array:
    """The cells of padded x (N, spatial..., C) that meet kernel cell `cell`: a view (N, out..., C).

    >>> tap(np.arange(6).reshape(1, 6, 1), [1], [2], [2], [1]).ravel()
    array([1, 3])
    """
    first = (k * r for k, r in zip(cell, dilation, strict=True))
    return x[:, *(slice(f, f + (o - 1) * s + 1, s) for f, o, s in zip(first, out, strides, strict=True))]


def fitting_windows(
    layer: Any,
    shape: Shape,
    windows: tuple[int, ...],
    strides: tuple[int, ...],
    padding: str,
    dilation: tuple[int, ...],
) -> Shape:
    """The spatial output sizes for an input (N, spatial..., C); an axis of unknown size stays unknown.

    Raises:
        ValueError: a window is larger than the input.
    """
    out, fits = _windows(shape[1:-1], windows, strides, padding, dilation)
    if not fits:
        spans = tuple((k - 1) * r + 1 for k, r in zip(windows, dilation, strict=True))
        axis = next(i for i, n in enumerate(out) if n is not None and n < 1)
        chain = chain_of_sizes(shape, axis + 1, spans[axis])
        mend = "Use padding='same', a smaller window, or pool less before."
        if not chain and len(shape) == 4 and (shape[1] or 5) <= 4 < min(n or 0 for n in shape[2:]):
            mend = "It looks like channels first: np.moveaxis(x, 1, -1) makes them the last axis."
        raise ValueError(
            say(
                f"{layer} has a window that spans {spans} cells, more than its input of {shape[1:-1]} (shape {shape}) "
                f"has.{chain} {mend}"
            )
        )
    return out


@lru_cache(maxsize=1024)
def _windows(
    sizes: Shape, windows: tuple[int, ...], strides: tuple[int, ...], padding: str, dilation: tuple[int, ...]
) -> tuple[Shape, bool]:
    """How many windows there are along each axis, and whether each has one at least."""
    out = tuple(
        None if n is None else output_length(n, k, s, padding, r)
        for n, k, s, r in zip(sizes, windows, strides, dilation, strict=True)
    )
    return out, all(n is None or n >= 1 for n in out)


def window_formulas(
    sizes: Sequence[int | None],
    windows: Sequence[int],
    strides: Sequence[int],
    padding: str,
    dilation: Sequence[int],
) -> list[str]:
    """For each spatial axis, how the number of windows comes about; equal axes once.

    >>> window_formulas((28, 28), (3, 3), (1, 1), "valid", (1, 1))
    ['(28 − 3 + 2·0)/1 + 1 = 26']
    >>> window_formulas((28, 13), (3, 2), (2, 2), "same", (1, 1))
    ['⌈28/2⌉ = 14', '⌈13/2⌉ = 7']
    """
    lines = []
    for n, k, s, r in zip(sizes, windows, strides, dilation, strict=True):
        if n is None:
            continue
        out = output_length(n, k, s, padding, r)
        span = str(k) if r == 1 else f"(({k} − 1)·{r} + 1)"
        if padding != "valid":
            lines.append(f"⌈{n}/{s}⌉ = {out}")
        elif (n - (k - 1) * r - 1) % s:
            lines.append(f"⌊({n} − {span} + 2·0)/{s}⌋ + 1 = {out}")
        else:
            lines.append(f"({n} − {span} + 2·0)/{s} + 1 = {out}")
    return list(dict.fromkeys(lines))
