"""Text in pictures: how wide it is before any font has drawn it, where it is broken, what files can hold of it."""

import html
import re
import unicodedata
from collections.abc import Iterable

__all__ = ["broken", "clean", "escaped", "filled", "width"]

# Advance widths of DejaVu Sans, which Matplotlib brings along, in units of the font size, rounded up. The other
# common sans-serif fonts are narrower, so that a box that fits this one fits them all.
_GROUPS = {
    0.30: "\"'IJijl", 0.35: " ,./:;\\|·", 0.40: "()-[]ft", 0.45: "!r", 0.50: "*_`", 0.55: "?csz", 0.60: "FLkvxy",
    0.65: "$0123456789EPSTYabdeghnopqu{}", 0.70: "ABCKRVXZ", 0.75: "NU", 0.80: "&DGHOQ", 0.85: "#+<=>^w~→×−",
    0.90: "M", 1.00: "%@Wm…",
}  # fmt: skip
_WIDTHS = {character: size for size, characters in _GROUPS.items() for character in characters}
_WIDTHS['"'] = 0.5
_BOLD = 1.2
_WIDE = {True: 1.35, False: 1.05}  # emoji; Chinese, Japanese, Korean
_OTHER = 0.9

# What XML has no way to write: control characters, halves of surrogate pairs, and two that are no characters.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """`text` on one line, with � for characters that a picture cannot hold.

    >>> clean("a\\x00b\\nc")
    'a�b c'
    """
    return " ".join(_UNWRITABLE.sub("�", text).split())


def escaped(text: str) -> str:
    """`text` with the signs of markup written out, for SVG and HTML, between tags or in an attribute.

    >>> escaped('<a & "b">')
    '&lt;a &amp; &quot;b&quot;&gt;'
    """
    return html.escape(clean(text), quote=True)


def width(text: str, size: float, bold: bool = False) -> float:
    """How wide `text` is at most, in a font of `size`.

    >>> width("(None, 10)", 10.0)
    55.0
    """
    return round(sum(map(_width, text)) * size * (_BOLD if bold else 1.0), 3)


def _width(character: str) -> float:
    known = _WIDTHS.get(character)
    if known is not None:
        return known
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return _WIDE[unicodedata.category(character) == "So"]
    return _OTHER


def broken(text: str, longest: float) -> list[str]:
    """`text` in lines of at most `longest` times the font size; after a space, _ / - or where nothing else helps.

    >>> broken("a_long_name_of_a_layer", 7)
    ['a_long_', 'name_of_a_', 'layer']
    """
    pieces = []
    for word in re.findall(r"[^ _/-]*[ _/-]?", text):
        piece = ""
        for character in word:
            if width(piece + character, 1.0) > longest:
                pieces.append(piece)
                piece = ""
            piece += character
        pieces.append(piece)
    return filled(pieces, longest)


def filled(pieces: Iterable[str], longest: float) -> list[str]:
    """Pieces that stay whole, put together into lines of at most `longest` times the font size."""
    lines: list[str] = []
    for piece in pieces:
        if lines and width(lines[-1] + piece, 1.0) <= longest:
            lines[-1] += piece
        elif piece:
            lines.append(piece)
    return [line.rstrip() for line in lines]
