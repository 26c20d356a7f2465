"""What `compare` found, as numbers, as text of 80 columns and as HTML."""

import html
from dataclasses import dataclass
from typing import NamedTuple

from minidl.inspect.comparing.choice import OpChoice
from minidl.inspect.markup import NUMBER, part, table
from minidl.inspect.numbers import time
from minidl.messages import say, word
from minidl.models.picture.text import escaped
from minidl.utils.columns import WIDTH, columns, padded, wrapped

__all__ = ["Comparison", "Difference", "Times"]

_NAME = 34  # columns for name and shape


@dataclass(frozen=True)
class Difference:
    """An array that both sides computed, and the element of it where they are farthest apart.

    Attributes:
        name: "output", or "d ..." for the gradient of an input or a weight.
        shape: of the array.
        largest: the distance; infinite where one side is NaN and the other is not.
        relative: its part of the largest magnitude in the array of the reference.
        index: of the element; None of an empty array.
        reference, kernels: what both sides have there.
    """

    name: str
    shape: tuple[int, ...]
    largest: float
    relative: float
    index: tuple[int, ...] | None
    reference: float | None
    kernels: float | None

    def line(self) -> str:
        """This row of the table, 80 columns at most."""
        name = f"{self.name} {'×'.join(map(str, self.shape))}"
        name = name if len(name) <= _NAME else f"…{name[1 - _NAME :]}"
        where = ",".join(map(str, self.index or ())) if self.largest else ""
        return _row(name, f"{self.largest:.2g}", f"{self.relative:.2g}", where)


class Times(NamedTuple):
    """Seconds of one forward and one backward; None where there are no kernels."""

    reference_forward: float
    reference_backward: float
    kernels_forward: float | None
    kernels_backward: float | None


@dataclass(frozen=True)
class Comparison:
    """What `compare` returns. Printing it gives the text; a notebook shows tables.

    Attributes:
        name, kind: of the layer.
        differences: of the outputs and the gradients; empty where there are no kernels.
        times: how long both take.
        ops: the operations of the layer, whether a kernel runs for each, and why not.
        source: the Python text of the references.
    """

    name: str
    kind: str
    differences: tuple[Difference, ...]
    times: Times
    ops: tuple[OpChoice, ...]
    source: str

    @property
    def largest(self) -> Difference | None:
        """The row with the largest relative difference."""
        return max(self.differences, key=lambda row: row.relative, default=None)

    def __str__(self) -> str:
        lines = [*wrapped(self._title(), WIDTH), ""]
        if self.differences:
            head = _row("", word("Difference"), word("Relative"), word("At"))
            lines += [head, *(row.line() for row in self.differences), ""]
        for what, *cells in self._clock():
            lines.append(padded(what, 12) + "".join(_right(cell, 16) for cell in cells))
        lines.append("")
        for op in self.ops:
            lines += wrapped(f"{_called(op)}: {op.reason}", WIDTH, further="    ")
        return "\n".join([*lines, "", say("The reference:"), "", self.source])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        differences = [
            (row.name, str(row.shape), f"{row.largest:.2g}", f"{row.relative:.2g}", str(row.index))
            for row in self.differences
        ]
        head = ["", word("Shape"), word("Largest difference"), word("Relative"), word("At")]
        ops = [(_called(op), op.kernel or "-", op.reason) for op in self.ops]
        clock = self._clock()
        parts = [
            f"<p><strong>{escaped(self._title())}</strong></p>",
            table(head, differences, ("", "", NUMBER, NUMBER)) if differences else "",
            table(clock[0], clock[1:], ("", NUMBER, NUMBER, NUMBER)),
            table([word("Operation"), word("Kernel"), word("Reason")], ops),
            f"<details><summary>{escaped(say('The reference:'))}</summary><pre>{html.escape(self.source)}</pre></details>",
        ]
        return part(*filter(None, parts))

    def _title(self) -> str:
        worst = self.largest
        if worst is None:
            return say(
                f"{self.name} ({self.kind}): the reference alone, as there are no kernels on this machine."
            )
        if worst.largest == 0 and all(op.kernel is None for op in self.ops):
            return say(
                f"{self.name} ({self.kind}): no kernel is written for its ops, the reference runs on both sides."
            )
        if worst.largest == 0:
            return say(f"{self.name} ({self.kind}): reference and kernels give the same to the last bit.")
        return say(
            f"{self.name} ({self.kind}): reference and kernels differ by {worst.relative:.2g} of an array's largest value at "
            f"most: in {worst.name}, by {worst.largest:.2g}."
        )

    def _clock(self) -> list[tuple[str, str, str, str]]:
        """The table of times: what, by the reference, by kernels, the ratio."""
        t = self.times
        rows = [("", word("Reference"), word("Kernels"), word("Times as fast"))]
        for what, a, b in (
            (word("Forward"), t.reference_forward, t.kernels_forward),
            (word("Backward"), t.reference_backward, t.kernels_backward),
        ):
            rows.append((what, time(a), time(b), f"{a / b:.1f}" if b else "-"))
        return rows


def _row(name: str, difference: str, relative: str, where: str) -> str:
    """The cells of the table of differences, 80 columns at most."""
    figures = _right(difference, 12) + _right(relative, 12)
    return f"{padded(name, _NAME)}{figures}  {where:.20}".rstrip()


def _right(text: str, width: int) -> str:
    return " " * (width - columns(text)) + text


def _called(op: OpChoice) -> str:
    return op.name if op.times == 1 else f"{op.name} ({op.times}×)"
