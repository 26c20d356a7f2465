"""Taking elements out of arrays together with the label that says which they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.inspect.traced.elements.expressions import Expression, Known, Operand

__all__ = ["label", "run", "taken"]


def run(numbers: Sequence[int]) -> slice:
    """Numbers at equal distances, upwards or downwards, as a slice.

    >>> run([3, 4, 5]), run([2, 0]), run([7])
    (slice(3, 6, None), slice(2, None, -2), slice(7, 8, None))
    """
    first, last = numbers[0], numbers[-1]
    step = numbers[1] - first if len(numbers) > 1 else 1
    stop = last + (1 if step > 0 else -1)
    return slice(first, None if stop < 0 else stop, None if step == 1 else step)


def _entry(entry: Any) -> str:
    if entry is ...:
        return "..."
    if isinstance(entry, slice):
        ends = ["" if end is None else str(int(end)) for end in (entry.start, entry.stop)]
        return ":".join(ends) + ("" if entry.step is None else f":{entry.step}")
    return str(entry.tolist() if isinstance(entry, np.ndarray) else entry).replace(" ", "")


def label(name: str, index: Sequence[Any]) -> str:
    """How an element is written: its array, and where in it.

    >>> label("x", (0, slice(3, 6), slice(None), ...))
    'x[0,3:6,:,...]'
    """
    return f"{name}[{','.join(map(_entry, index))}]" if len(index) else name


def taken(
    name: str, array: Any, index: Sequence[Any] = (), called: Sequence[Any] | None = None
) -> Expression:
    """The numbers at `index` of an array, in reading order, with a label; a Python number is only a number.

    Args:
        name: of the array.
        array: it, or the part of it that is at hand.
        index: where the numbers are in `array`.
        called: where they are in the whole array, if `array` is a part.
    """
    if isinstance(array, int | float) and not isinstance(array, np.generic):
        return Known(float(array))
    return Operand(label(name, index if called is None else called), np.asarray(array)[tuple(index)])
