"""The size of the gradient at each time step, as a picture in letters.

The scale is one of powers of ten: a gradient that is halved at every step is a straight stair, and after 40 steps, when
it is 10⁻¹² of what it was, there is still something to see.
"""

import itertools

import numpy as np

from minidl.backend import Array
from minidl.inspect.numbers import number
from minidl.messages import say
from minidl.utils.columns import WIDTH, wrapped

__all__ = ["bars", "fading", "sparks", "verdict"]

_ROWS = 24  # of a picture; of a longer sequence some steps are shown
_LONGEST = 50  # columns of a bar
_DECADES = 8  # powers of ten between no bar and the longest
_SMALL = 1e-3  # of a gradient, what is as good as nothing beside the rest
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_HEIGHTS = "▁▂▃▄▅▆▇█"


def fading(norms: Array, go_backwards: bool) -> float | None:
    """The last that is left of a gradient, as a part of the largest. None where there is none at all."""
    known = norms[np.isfinite(norms)]
    if not known.size or not known.max() > 0:
        return None
    end = norms[-1] if go_backwards else norms[0]
    return float(end / known.max()) if np.isfinite(end) else None


def bars(name: str, norms: Array, go_backwards: bool) -> str:
    """A bar for each step."""
    title = wrapped(say(f"{name}: |dL/dh| at each time step, with bars on a scale of powers of ten."), WIDTH)
    if fading(norms, go_backwards) is None:
        return "\n".join([*title, say("No gradient comes back to this layer.")])
    heights, lines, before = _heights(norms), [], 0
    for t in np.unique(np.linspace(0, len(norms) - 1, min(len(norms), _ROWS)).round().astype(int)):
        mark = "┆" if t - before > 1 else " "
        lines.append(f"{mark}t={t:<5}{number(float(norms[t])):>10}  {_bar(heights[t])}".rstrip())
        before = t
    return "\n".join([*title, *lines, *wrapped(verdict(norms, go_backwards), WIDTH)])


def verdict(norms: Array, go_backwards: bool) -> str:
    """What becomes of the gradient on its way through time, in a sentence."""
    part, way = fading(norms, go_backwards), _way_back(norms, go_backwards)
    if part is None:
        return say("No gradient comes back to this layer.")
    (start, first), (end, last) = way[0], way[-1]
    each = (last / first) ** (1 / (len(way) - 1)) if len(way) > 1 else 1.0
    told = f"{number(first)} (t={start}) → {number(last)} (t={end})"
    if part < _SMALL:
        return say(
            f"The gradient vanishes through time: |dL/dh| {told}, times {each:.2g} at each step. What happens at t={end} "
            "hardly counts in learning."
        )
    if last > first / _SMALL > 0:
        return say(
            f"The gradient explodes through time: |dL/dh| {told}, times {each:.2g} at each step. Clip it: clipnorm=1.0."
        )
    return say(f"The gradient arrives through time: |dL/dh| {told}, times {each:.2g} at each step.")


def _way_back(norms: Array, go_backwards: bool) -> list[tuple[int, float]]:
    """Time step and size, from where the first gradient comes in to where it ends."""
    steps = [(t, float(n)) for t, n in enumerate(np.where(np.isfinite(norms), norms, 0))]
    steps = steps if go_backwards else steps[::-1]
    return list(itertools.dropwhile(lambda step: step[1] == 0, steps))


def sparks(norms: Array, columns: int) -> str:
    """The same as `bars` in one line: a letter for each step, or for each of several stretches of them."""
    if fading(norms, False) is None:
        return ""
    parts = np.array_split(_heights(norms), min(len(norms), columns))
    return "".join(_HEIGHTS[min(int(part.mean() * 8), 7)] for part in parts)


def _heights(norms: Array) -> Array:
    """Between 0 and 1, on a scale of powers of ten."""
    known = np.where(np.isfinite(norms), norms, 0)
    with np.errstate(divide="ignore"):
        decades = np.log10(known / known.max())
    return np.clip(1 + decades / _DECADES, 0, 1)


def _bar(height: float) -> str:
    eighths = round(height * _LONGEST * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
