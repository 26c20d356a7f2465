"""What is told of a layer: its equations, line by line, and how many multiplications they take."""

from dataclasses import dataclass

__all__ = ["Line", "Told", "Work"]


@dataclass(frozen=True)
class Line:
    """One line of a layer's equations.

    Args:
        text: the equation, or the arrays in it with their sizes; the same in every language.
        words: what it says, in the reader's language; "" where nothing needs to be said.
    """

    text: str
    words: str = ""


@dataclass(frozen=True)
class Work:
    """The multiplications of a layer's equations in inference, without masks.

    Args:
        formula: how many, in the layer's own figures: "64·10"; its value is `count`, or what one `per` takes. "?" if
            nobody knows.
        count: how many for one sample; None where a size is not known.
        per: what the formula is for: "sample", or "time step", "row", "column" or "place" where it is not known how many
            there are.
            It is part of a sentence: `say(f"{formula} for each {per}.")` puts it into the reader's language.
    """

    formula: str
    count: int | None
    per: str = "sample"


@dataclass(frozen=True)
class Told:
    """A layer's equations with its own sizes filled in, and their work."""

    equations: tuple[Line, ...]
    work: Work
