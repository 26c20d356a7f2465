"""What a gradient check found, as numbers and as a table."""

import math
import textwrap
from dataclasses import dataclass, field

from minidl.backend import Array

__all__ = ["GradcheckError", "GradcheckReport", "GradcheckRow"]

_NAME = 25  # columns for name and shape


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
        """This row of the table, 80 characters at most."""
        shape = "×".join(map(str, self.shape)) or "number"
        room = _NAME - len(shape) - 1
        name = self.name if len(self.name) <= room else "…" + self.name[len(self.name) - max(room, 4) + 1 :]
        where = "" if self.index is None else ",".join(map(str, self.index))
        verdict = "ok" if self.ok else "KINK" if math.isnan(self.error) else "WRONG"
        return (
            f"{name + ' ' + shape:<{_NAME}.{_NAME}} {where:>9.9} {self.analytic:>10.3e} {self.numeric:>10.3e}"
            f" {self.error:>7.0e} {self.relative_error:>7.0e} {verdict}"
        )


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
        title = f"{right} of {len(self.rows)} gradients agree with differences (tolerance {self.tolerance:g} relative)"
        head = f"{'':<{_NAME}} {'worst at':>9} {'backward':>10} {'difference':>10} {'error':>7} {'rel.':>7}"
        wrong = [
            f"{row.name}{list(row.index)}: d {row.output} is {row.analytic:.10g} by backward, "
            f"{row.numeric:.10g} by differences."
            for row in self.rows
            if not row.ok and row.index is not None
        ]
        remarks = [textwrap.fill(text, 80, subsequent_indent="    ") for text in (*wrong, *self.notes)]
        return "\n".join([title, head, *(row.line() for row in self.rows), *remarks])

    __repr__ = __str__
