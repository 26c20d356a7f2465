"""Charts as SVG inside the page: a histogram, and curves over the epochs. Their colours are those of its style sheet."""

import math
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from minidl.backend import Array
from minidl.models.picture.text import escaped

__all__ = ["BARS", "curves", "histogram", "ticks"]

BARS = 40
_WIDTH, _HEIGHT = 360, 210  # of a chart of curves
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 8, 24
_MOST = 400  # points of a curve; of more, the lowest and the highest of each stretch

Point = tuple[float, float]


def histogram(counts: Array, low: float, high: float, words: str) -> str:
    """Bars for how often values occur; a line stands at 0.

    Args:
        counts: (BARS,) in each of as many equal stretches between `low` and `high`.
        words: what a screen reader says.
    """
    width, height = 7 * BARS, 60
    tall = np.where(
        counts > 0, np.maximum(1.0, counts / counts.max() * height), 0.0
    )  # the rarest is seen too
    bars = "".join(f"M{7 * i},{height}v-{t:.3g}h6v{t:.3g}z" for i, t in enumerate(tall) if t)
    zero = (
        f'<path class="axis" stroke-dasharray="2 2" d="M{-low / (high - low) * width:.1f},0v{height}"/>'
        if low < 0 < high
        else ""
    )
    return (
        f'<svg class="chart histogram" viewBox="0 0 {width} {height + 15}" role="img" aria-label="{escaped(words)}">'
        f'<path class="bars" d="{bars}"/><path class="axis" d="M0,{height}h{width}"/>{zero}'
        f'<text x="0" y="{height + 12}">{low:.3g}</text>'
        f'<text x="{width}" y="{height + 12}" text-anchor="end">{high:.3g}</text></svg>'
    )


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two numbers: multiples of 1, 2 or 5 times a power of ten.

    >>> ticks(0.0, 0.7), ticks(3.0, 3.0)
    ([0.0, 0.2, 0.4, 0.6], [3.0])
    """
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{i * step:.15g}") for i in range(first, last + 1)]


def _written(marks: Sequence[float]) -> list[str]:
    """The marks of an axis with as many digits as tell them apart."""
    largest = max(map(abs, marks), default=0.0)
    step = marks[1] - marks[0] if len(marks) > 1 else largest
    digits = max(6, math.ceil(math.log10(largest / step)) + 2) if largest and step else 6
    return [f"{mark:.{digits}g}" for mark in marks]


def curves(words: str, lines: Sequence[Sequence[Point]]) -> str:
    """One or two curves over the epochs, the second one dashed; a value that is not finite is a gap.

    Args:
        words: what a screen reader says.
        lines: points (epoch, value) of each.
    """
    known = [v for line in lines for _, v in line if math.isfinite(v)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    room = (high - low) / 20
    if room <= 1e-9 * max(abs(low), abs(high)):
        room = max(abs(low), abs(high)) / 10 or 1.0
    low, high = low - room, high + room
    epochs = [epoch for line in lines for epoch, _ in line]
    first, last = (min(epochs), max(epochs)) if epochs else (1, 1)

    def place(epoch: float, value: float) -> Point:
        across = (epoch - first) / (last - first) if last > first else 0.5
        down = (high - value) / (high - low)
        return (
            _LEFT + across * (_WIDTH - _LEFT - _RIGHT),
            _TOP + down * (_HEIGHT - _TOP - _BOTTOM),
        )

    drawn = [
        _curve(style, [place(*p) if math.isfinite(p[1]) else None for p in _thinned(line)])
        for style, line in zip(("first", "second"), lines, strict=False)
    ]
    marks = ticks(low, high)
    beside = [
        f'<path class="grid" d="M{_LEFT},{place(first, t)[1]:.1f}H{_WIDTH - _RIGHT}"/>'
        f'<text x="{_LEFT - 5}" y="{place(first, t)[1] + 4:.1f}" text-anchor="end">{text}</text>'
        for t, text in zip(marks, _written(marks), strict=True)
    ]
    below = [
        f'<text x="{place(t, low)[0]:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{t:g}</text>'
        for t in ticks(first, last, 6)
        if t == int(t)
    ]
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escaped(words)}">'
        f"{''.join(beside)}{''.join(below)}{''.join(drawn)}"
        f'<path class="axis" d="M{_LEFT},{_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}"/></svg>'
    )


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Not more points than can be seen: of each stretch the lowest and the highest, in their order."""
    if len(points) <= _MOST:
        return list(points)
    size = math.ceil(2 * len(points) / _MOST)
    kept: list[Point] = []
    for begin in range(0, len(points), size):
        stretch = points[begin : begin + size]
        finite = [p for p in stretch if math.isfinite(p[1])] or stretch[:1]
        kept += sorted({min(finite, key=lambda p: p[1]), max(finite, key=lambda p: p[1])})
    return kept


def _curve(style: str, points: Sequence[Point | None]) -> str:
    """Stretches of a line; a point that is alone is a dot."""
    parts = []
    for there, stretch in groupby(points, lambda p: p is not None):
        known = [p for p in stretch if p is not None]
        if there and len(known) == 1:
            parts.append(f'<circle class="{style}" cx="{known[0][0]:.1f}" cy="{known[0][1]:.1f}" r="3"/>')
        elif there:
            path = "L".join(f"{x:.1f},{y:.1f}" for x, y in known)
            parts.append(f'<path class="{style}" d="M{path}"/>')
    return "".join(parts)
