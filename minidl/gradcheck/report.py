"""What a gradient check found, as numbers and as a table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from minidl.backend import Array
from minidl.messages import say, word
from minidl.utils.columns import WIDTH, columns, cut, padded, wrapped

__all__ = ["GradcheckError", "GradcheckReport", "GradcheckRow"]

_NAME = 25  # columns for name and shape
_FIGURES = (9, 10, 10, 7, 7)  # for the place and the numbers


class GradcheckError(AssertionError):
    """A gradient is wrong, or cannot be checked; the message is the report."""


@dataclass(frozen=True)
class GradcheckRow:
    """One input or parameter, and the element of it where backward and differences disagree most.

    Attributes:
        name: "inputs[0]", or the path of a weight.
        shape: of the whole.
        index: of the worst element; None if the row is about many elements at once.
        output: which element of which output was differentiated there, for the message of a failure.
        analytic: the slope by backward.
        numeric: the slope by differences.
        error: |analytic − numeric|.
        relative_error: error / the largest slope of this input or parameter.
        ok: whether error is within the tolerance; False also where every element is at a kink that could
            not be avoided, so that nothing was checked: then the numbers are NaN.
        errors: of the shape of the whole: for each element its largest relative error over all outputs, NaN where it was
            not checked by itself. None if the row is about many elements at once. `minidl.inspect.plot_gradcheck` shows
            it as a picture.
    """

    name: str
    shape: tuple[int, ...]
    index: tuple[int, ...] | None
    output: str
    analytic: float
    numeric: float
    error: float
    relative_error: float
    ok: bool
    errors: Array | None = field(default=None, compare=False, repr=False)

    def line(self) -> str:
        """This row of the table, 80 columns at most."""
        shape = "×".join(map(str, self.shape)) or word("one number")
        name = _end_of(self.name, max(_NAME - columns(shape) - 1, 4))
        where = "" if self.index is None else ",".join(map(str, self.index))
        right, kink, wrong = word("ok, KINK, WRONG").split(", ")
        verdict = right if self.ok else kink if math.isnan(self.error) else wrong
        slopes = [f"{slope:.3e}" for slope in (self.analytic, self.numeric)]
        errors = [f"{error:.0e}" for error in (self.error, self.relative_error)]
        return f"{_cells(cut(f'{name} {shape}', _NAME), [where[:9], *slopes, *errors])} {verdict}"


@dataclass(frozen=True)
class GradcheckReport:
    """The result of `gradcheck`; true if every gradient agrees. Printing it gives a table.

    Attributes:
        rows: one for each input and parameter.
        tolerance: largest error allowed, as a part of the largest slope of the same input or parameter.
        notes: what was not checked, sampled or moved, and why.
    """

    rows: tuple[GradcheckRow, ...]
    tolerance: float
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every gradient agrees."""
        return all(row.ok for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        right = sum(row.ok for row in self.rows)
        title = word(
            f"{right} of {len(self.rows)} gradients agree with differences (tolerance {self.tolerance:g} relative)"
        )
        head = _cells("", word("worst at, backward, difference, error, rel.").split(", "))
        wrong = [_fault(row) for row in self.rows if not row.ok and row.index is not None]
        remarks = [line for text in (*wrong, *self.notes) for line in wrapped(text, WIDTH, further="    ")]
        return "\n".join([title, head, *(row.line() for row in self.rows), *remarks])

    __repr__ = __str__


def _cells(name: str, figures: Sequence[str]) -> str:
    """A line of the table, without the verdict."""
    row = (" " * (1 + width - columns(f)) + f for f, width in zip(figures, _FIGURES, strict=True))
    return padded(name, _NAME) + "".join(row)


def _end_of(name: str, width: int) -> str:
    """The name in so many columns at most: of a longer one the end, which tells weights apart."""
    if columns(name) <= width:
        return name
    while columns(name) >= width:
        name = name[1:]
    return "…" + name


def _fault(row: GradcheckRow) -> str:
    """What is wrong at the worst element."""
    element = f"{row.name}[{','.join(map(str, row.index))}]" if row.index else row.name
    return say(
        f"d {row.output} / d {element} is {row.analytic:.10g} by backward, {row.numeric:.10g} by differences."
    )
