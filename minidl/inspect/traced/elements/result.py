"""Calculation: how one element of an array came about, with the numbers it was made from."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from minidl.inspect.traced.elements.expressions import LEAST, SHOWN, Expression, Operand, View, written
from minidl.inspect.traced.elements.gathering import Reduction, Step, walked
from minidl.messages import say
from minidl.utils.columns import columns, screen_width, wrapped

__all__ = ["Calculation"]

_DIGITS = (6, 9, 12, 15, 17)
_CLOSE = 3e-8


class Calculation:
    """The calculation of one element. Printing it gives the formula, its parts, and all numbers that go into it.

    Attributes:
        name: of the element, "out[0,3,5,2]".
        formula: the expression it is the value of.
        recorded: what the op itself gave, in its own type.
        notes: sentences about what the formula takes for granted.

    The printed numbers have as many digits as it takes to calculate the value from them (see
    `minidl.inspect.traced.elements.expressions` for how to read a formula). Of a row of more than 32 numbers the first
    are printed, and what all the others come to.
    """

    def __init__(self, name: str, formula: Expression, recorded: Any = None, notes: Sequence[str] = ()):
        self.name, self.formula, self.recorded, self.notes = name, formula, recorded, tuple(notes)

    @cached_property
    def value(self) -> float:
        """The element, calculated in float64 from the operands alone."""
        with np.errstate(all="ignore"):
            return float(self.formula.value())

    @cached_property
    def size(self) -> float:
        """The largest of what is added, multiplied and so on, or of a sum of their magnitudes: what rounding goes by."""
        with np.errstate(all="ignore"):
            return max(float(part.size()) for part in self._parts)

    @cached_property
    def operands(self) -> tuple[Operand, ...]:
        """What goes in, in the order of the formula; each once, all its numbers."""
        found = {part.label: part for part in self._parts if isinstance(part, Operand)}
        return tuple(found.values())

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The parts that have a line of their own, each behind what it stands in."""
        found = {part.name: part for part in self._parts if isinstance(part, Step)}
        return tuple(found.values())

    @cached_property
    def _parts(self) -> list[Expression]:
        return list(walked(self.formula))

    @cached_property
    def digits(self) -> int:
        """How many digits the printed numbers have."""
        with np.errstate(all="ignore"):
            for digits in _DIGITS[:-1]:
                if all(self._survives(part, digits) for part in (self.formula, *self.steps)):
                    return digits
        return _DIGITS[-1]

    def _survives(self, part: Expression, digits: int) -> bool:
        """Whether `part` comes out as it is from numbers of so many digits, its steps calculated or taken as printed."""
        formula = part.parts[0] if isinstance(part, Step) else part
        exact = formula.value()
        found = (formula.value(View(digits)), formula.value(View(digits, by_steps=True)))
        return all(bool(p == exact or abs(p - exact) <= _CLOSE * abs(exact) or exact != exact) for p in found)

    @property
    def text(self) -> str:
        """The formula in one line, and one line for each of its steps."""
        with np.errstate(all="ignore"):
            lines = [f"{self.name} = {self.formula.text()} = {self._number(self.value)}"]
            lines += [f"  {s.name} = {s.parts[0].text()} = {self._number(s.value())}" for s in self.steps]
        return "\n".join(lines)

    def _number(self, value: Any) -> str:
        return written(float(value), max(LEAST, self.digits))

    def __str__(self) -> str:
        end = [line for sentence in self._end() for line in wrapped(sentence, screen_width(), "  ")]
        return "\n".join([self.text, *self._rows(), *self._rests(), *end])

    def __repr__(self) -> str:
        return str(self)

    def _rows(self) -> list[str]:
        """The operands, one behind the other, their numbers wrapped to the terminal."""
        wide = max((columns(o.label) for o in self.operands), default=0)
        lines = []
        for operand in self.operands:
            numbers = [
                written(v, self.digits)
                for v in operand.values.reshape(-1)[: SHOWN if operand.is_cut else None]
            ]
            if operand.is_cut:
                numbers.append(say(f"… {operand.length - SHOWN} more."))
            lines += self._wrapped("  " + operand.label + " " * (wide - columns(operand.label) + 2), numbers)
        return lines

    def _rests(self) -> list[str]:
        """Of each row that is cut, what the numbers that are not printed come to."""
        cut = {p.text(): p for p in self._parts if isinstance(p, Reduction) and p.is_cut}
        with np.errstate(all="ignore"):
            return [
                f"  {text} " + say(f"over the {p.terms - SHOWN} more: {written(p.rest(), self.digits)}")
                for text, p in cut.items()
            ]

    def _end(self) -> list[str]:
        lines = list(self.notes)
        if self.recorded is None:
            return lines
        number = np.asarray(self.recorded)
        lines.append(say(f"The op gave {written(float(number), 9)} in {number.dtype}."))
        if number.dtype.kind == "f" and abs(float(number) - self.value) > 1e-6 * max(1, abs(self.value)):
            digits = np.finfo(number.dtype).precision
            lines.append(
                say(
                    f"{number.dtype} keeps {digits} digits of each number, and these go up to {self.size:.3g}."
                )
            )
        return lines

    @staticmethod
    def _wrapped(head: str, numbers: list[str]) -> list[str]:
        """The numbers behind `head`, and in further lines below them."""
        width = max(len(head) + 30, screen_width())
        lines = [head]
        for number in numbers:
            if len(lines[-1]) > len(head) and len(lines[-1]) + len(number) > width:
                lines.append(" " * len(head))
            lines[-1] += number + "  "
        return [line.rstrip() for line in lines]
