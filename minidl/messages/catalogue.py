"""Finding the sentence that a finished message was made from, and putting what it was filled with into another.

An English entry such as "{} expects {}, got {}." is a row of pieces, " expects ", ", got " and ".", between which
anything may stand. A text fits if it has the pieces in this order; taking each at its first place is enough to find
out, and gives what stands between them. If several entries fit, the one with the longest pieces is meant.
"""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["Entry", "entries", "filled_with", "translated"]

_NUMBERED = re.compile(r"\{(\d)\}")
_SENTENCES = re.compile(r"(?<=[.?!:]) (?=\S)")
_WHOLE_SENTENCES = re.compile(r"(?<=[.?!]) (?=[A-Z])")


class Entry(NamedTuple):
    """One message in both languages: the pieces of the English one, and the Korean one with numbered holes."""

    pieces: tuple[str, ...]
    korean: str

    @property
    def length(self) -> int:
        """How many letters of the message are given."""
        return sum(map(len, self.pieces))

    @property
    def is_sentence(self) -> bool:
        """Whether it is a message by itself, and not a part of one."""
        return any(". " in piece or piece.rstrip().endswith((".", "?", "!", ":")) for piece in self.pieces)

    @property
    def joins(self) -> bool:
        """Whether it only joins values, 'a' or 'b': words of somebody else's may be joined like that too."""
        return not self.pieces[0] and self.length < 6

    def filled(self, holes: list[str]) -> str:
        """The Korean message with `holes` in the numbered places."""
        return _NUMBERED.sub(lambda place: holes[int(place[1])], self.korean)


@cache
def entries() -> tuple[Entry, ...]:
    """All messages, those that leave the least open first."""
    import tomllib  # only for those who need a translation

    tables = [
        tomllib.loads(file.read_text(encoding="utf-8"))
        for file in sorted(Path(__file__).parent.glob("*.toml"))
    ]
    found = [
        Entry(tuple(m["english"].split("{}")), m["korean"])
        for table in tables
        for m in table.get("message", [])
    ]
    return tuple(sorted(found, key=lambda entry: -entry.length))


def filled_with(pieces: tuple[str, ...], text: str) -> list[str] | None:
    """What stands between the pieces in `text`, or None if it does not consist of them.

    >>> filled_with(("", " expects ", ", got ", "."), "Dense expects units, got 0.")
    ['Dense', 'units', '0']
    >>> filled_with(("", " expects ", "."), "Dense wants units.") is None
    True
    """
    found = _between(pieces, text, stops_end_words=True)
    return _between(pieces, text, stops_end_words=False) if found is None else found


def _between(pieces: tuple[str, ...], text: str, stops_end_words: bool) -> list[str] | None:
    first, *middle = pieces
    if not text.startswith(first):
        return None
    if not middle:
        return [] if text == first else None
    last = middle.pop()
    end = len(text) - len(last)
    holes, at = [], len(first)
    for piece in middle:
        found = _place(piece, text, at, end, stops_end_words)
        if found < 0:
            return None
        holes.append(text[at:found])
        at = found + len(piece)
    if at > end or not text.endswith(last):
        return None
    return [*holes, text[at:end]]


def _place(piece: str, text: str, at: int, end: int, stops_end_words: bool) -> int:
    """Where `piece` is in text[at:end], -1 if nowhere. A full stop is that of a sentence if it can be: not in "a.h5"."""
    found = text.find(piece, at, end)
    if stops_end_words and piece.endswith(".") and not piece.endswith(".."):
        while found >= 0 and text[found + len(piece) :][:1].strip():
            found = text.find(piece, found + 1, end)
    return found


def translated(text: str, whole: bool = True) -> str:
    """`text` in Korean, as far as the catalogue knows it; what was filled in is translated too.

    Args:
        text: a message, or what stood in a hole of one.
        whole: it is a message, so only entries that are sentences count, not the parts of sentences.
    """
    body = text.strip()
    several = [] if whole else _WHOLE_SENTENCES.split(body)
    if len(several) > 1 and all(map(_is_known, several)):  # a hole of several messages, one behind the other
        return text.replace(body, " ".join(map(translated, several)))
    for entry in entries() if body else ():
        if not (body.startswith(entry.pieces[0]) and body.endswith(entry.pieces[-1])):
            continue  # nearly all of them, and this is quickly seen
        if (entry.is_sentence or not whole) and not (entry.joins and body[0].isalpha()):
            holes = filled_with(entry.pieces, body)
            if holes is not None:
                return text.replace(body, entry.filled([translated(hole, False) for hole in holes]))
    sentences = _SENTENCES.split(text)
    return text if len(sentences) == 1 else " ".join(map(translated, sentences))


def _is_known(sentence: str) -> bool:
    """Whether there is an entry for exactly this sentence."""
    return any(entry.is_sentence and filled_with(entry.pieces, sentence) is not None for entry in entries())
