"""Numbers, shapes and times as they are printed."""

from minidl.utils.columns import WIDTH, columns

__all__ = ["number", "shape", "time"]


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
