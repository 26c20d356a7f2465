"""Text for a screen whose letters are not all equally wide: a Korean syllable takes two columns."""

import shutil
import unicodedata

__all__ = ["WIDTH", "cell", "columns", "cut", "padded", "screen_width", "wrapped"]

WIDTH = 80  # columns that every terminal has
_NARROWEST = 40


def screen_width() -> int:
    """The columns to write in: those of the terminal, 80 at most."""
    return min(WIDTH, max(_NARROWEST, shutil.get_terminal_size((WIDTH, 24)).columns))


def columns(text: str) -> int:
    """The columns that `text` takes on a screen.

    >>> columns("weights"), columns("가중치")
    (7, 6)
    """
    return len(text) if text.isascii() else sum(map(_column, text))


def _column(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def padded(text: str, width: int) -> str:
    """`text` with spaces behind it, `width` columns in all."""
    return text + " " * (width - columns(text))


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


def wrapped(text: str, width: int, indent: str = "", further: str | None = None) -> list[str]:
    """`text` in lines of `width` columns, broken between words; a word that is longer is broken anywhere.

    Several spaces stay what they are, except at the end of a line.

    Args:
        indent: in front of the first line.
        further: in front of the others, if not the same.

    >>> wrapped("the length of the state", 12, "  ")
    ['  the length', '  of the', '  state']
    """
    lines, line, begin = [], indent, indent if further is None else further
    gap = ""
    for word in text.split(" "):
        if not word:
            gap += " "
            continue
        if line.strip() and columns(f"{line}{gap}{word}") > width:
            lines.append(line)
            line, gap = begin, ""
        line += gap + word
        gap = " "
        while columns(line) > width:
            end = _fitting(line, width)
            lines.append(line[:end])
            line = begin + line[end:]
    return [*lines, line]


def _fitting(text: str, width: int) -> int:
    """How many letters of `text` have room in `width` columns."""
    used = 0
    for i, letter in enumerate(text):
        used += _column(letter)
        if used > width:
            return i
    return len(text)
