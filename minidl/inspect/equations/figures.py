"""Numbers that remember how they came about: 64·10 is worth 640, and both are kept.

>>> gates = product(total(9, 64), 4, 64)
>>> gates.text, gates.value
('(9 + 64)·4·64', 18688)
>>> work((None,), total(gates, product(3, 64)), rank=3)
Work(formula='(9 + 64)·4·64 + 3·64', count=None, per='time step')
>>> work((128,), product(9, 64)).formula
'128·9·64'
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from minidl.inspect.equations.lines import Work

__all__ = ["NOTHING", "UNKNOWN", "Figure", "as_figure", "figure", "known", "product", "total", "work"]


@dataclass(frozen=True)
class Figure:
    """A number and the formula behind it; `is_sum` says whether a factor beside it needs parentheses."""

    text: str
    value: int
    is_sum: bool = False


def as_figure(number: "int | Figure") -> Figure:
    """A plain number as a figure."""
    return number if isinstance(number, Figure) else Figure(str(number), number)


def product(*factors: int | Figure) -> Figure:
    """a·b·c, with sums in parentheses; of no factors 1."""
    parts = [as_figure(factor) for factor in factors] or [Figure("1", 1)]
    alone = len(parts) == 1
    texts = [f"({part.text})" if part.is_sum and not alone else part.text for part in parts]
    return Figure("·".join(texts), math.prod(part.value for part in parts), alone and parts[0].is_sum)


def total(*terms: int | Figure) -> Figure:
    """a + b + c, without the terms that are 0."""
    parts = [part for part in map(as_figure, terms) if part.value] or [Figure("0", 0)]
    if len(parts) == 1:
        return parts[0]
    return Figure(" + ".join(part.text for part in parts), sum(part.value for part in parts), True)


def known(*sizes: int | None) -> list[int]:
    """The sizes that are known."""
    return [n for n in sizes if n is not None]


NOTHING = Work("0", 0)
UNKNOWN = Work("?", None)
# What one place is, by the rank of the input and its unknown axes; elsewhere it is a place.
_PLACES: dict[tuple[int, ...], str] = {(3, 0): "time step", (4, 0): "row", (4, 1): "column"}


def work(sizes: Sequence[int | None], each: int | Figure, rank: int = 0) -> Work:
    """The work of doing `each` so many times, along axes of these sizes.

    Args:
        sizes: of the axes behind the batch; where one is not known the work is that of one place along it.
        each: what is done.
        rank: how many axes there are in all: 3 of series, 4 of images, to say what such a place is.
    """
    if not as_figure(each).value:
        return NOTHING
    all_known = known(*sizes)
    done = product(*all_known, *([] if all_known and each == 1 else [each]))
    if len(all_known) == len(sizes):
        return Work(done.text, done.value)
    unknown = tuple(axis for axis, n in enumerate(sizes) if n is None)
    return Work(done.text, None, _PLACES.get((rank, *unknown), "place"))


def figure(done: Work) -> Figure:
    """The formula of a work, to be part of a larger one."""
    depth, is_sum = 0, False
    for letter in done.formula:
        depth += (letter == "(") - (letter == ")")
        is_sum |= letter == "+" and depth == 0
    return Figure(done.formula, 1 if done.count is None else done.count, is_sum)
