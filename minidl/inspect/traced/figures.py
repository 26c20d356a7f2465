"""Numbers, shapes and times as they are printed, and text in columns of a given width."""

from minidl.inspect.explanation.columns import columns

__all__ = ["WIDTH", "cell", "cut", "number", "shape", "time"]

WIDTH = 80


def cut(text: str, width: int) -> str:
    """`text` in so many columns at most; where it is cut stands an ellipsis.

    >>> cut("batch_normalization", 9)
    'batch_no…'
    """
    if columns(text) <= width:
        return text
    while columns(text) > width - 1:
        text = text[:-1]
    return text + "…"


def cell(text: str, width: int, right: bool = False) -> str:
    """`text` in exactly so many columns, to the left or to the right of them, with a space in front of the next."""
    text = cut(text, width - 1)
    space = " " * (width - columns(text))
    return space + text if right else text + space


def number(x: float | None) -> str:
    """Three digits; "-" for nothing.

    >>> number(1234.5), number(0.00001234), number(None)
    ('1.23e+03', '1.23e-05', '-')
    """
    return "-" if x is None else f"{x:.3g}"


def shape(sizes: tuple[int, ...], width: int = WIDTH) -> str:
    """A shape, without spaces if there is no room for them."""
    text = str(tuple(int(n) for n in sizes))
    return text if columns(text) < width else text.replace(" ", "")


def time(seconds: float | None) -> str:
    """Seconds in a unit that leaves at least 1.

    >>> time(0.0123), time(0.0000456), time(None)
    ('12.3 ms', '45.6 µs', '-')
    """
    if seconds is None:
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"
