"""A small language for calculations: an expression can be read as a formula, and computed from its operands.

    x, w, b = Operand("x[0,:]", [1.0, 2.0]), Operand("w[:,1]", [3.0, 4.0]), Operand("b[1]", 0.5)
    total(x * w) + b                  reads  Σ x[0,:]·w[:,1] + b[1]      and is  11.5

Since text and number come from the same tree, a formula cannot say one thing and its number another. It is read like
a line of a textbook:

    label          an operand: one number, or a row of numbers
    a·b  a/b  a^b  number by number; a number beside a row goes with each number of the row
    a + b  a − b   the same
    Σ a·b          the sum over the row that stands behind it, up to the next + or − outside of brackets
    max(a)         the largest of a row, and so min(a) and Π(a); with several arguments the largest of them
    |a|  √(a)      magnitude and root; σ(a) is the sigmoid, Φ(a) the share of a standard normal below a
    exp(a) ...     the other functions by the names that NumPy gives them
    name           a number or a row with a line of its own further down

All numbers are float64. Rows are written out up to `SHOWN` numbers. Of a longer one the first are, and below all rows
what its sum (product, maximum) comes to over the others, so that the printed numbers are enough to calculate the result:

    Σ x[0,:]·w[:,1] over the 468 more: 0.734819169
"""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from minidl.backend import Array

__all__ = [
    "ALL",
    "LEAST",
    "SHOWN",
    "Expression",
    "Known",
    "Named",
    "Operand",
    "View",
    "of",
    "rounded",
    "written",
]

SHOWN = 32
"""How many numbers of a row are written out; of a longer row as many, and the rest together."""

LEAST = 9
"""The digits of a result, at least."""


class View(NamedTuple):
    """Which numbers of the operands to calculate with."""

    digits: int | None = None  # as they are printed with so many digits; exactly, if None
    row: slice = slice(None)  # of the long rows
    by_steps: bool = False  # with the printed numbers of the steps, instead of calculating these too


ALL = View()


def written(number: float, digits: int | None = None) -> str:
    """A number in so many significant digits; in as few as say exactly which it is, if None.

    >>> written(0.1), written(2.0), written(1 / 3, 6)
    ('0.1', '2', '0.333333')
    """
    return f"{number:.{digits}g}" if digits else repr(float(number)).removesuffix(".0")


def rounded(values: Any, digits: int | None) -> Any:
    """Numbers as a reader finds them who has so many digits of each; exactly, if None."""
    if digits is None:
        return values
    return np.array([float(written(v, digits)) for v in np.ravel(values)]).reshape(np.shape(values))


class Expression:
    """A formula; operators make larger ones of it."""

    strength: int = 9  # what binds more strongly needs no brackets inside of what binds less
    parts: tuple["Expression", ...] = ()

    def value(self, view: View = ALL) -> Any:
        """The number, or the row of numbers, that it comes to."""
        raise NotImplementedError

    def text(self) -> str:
        """The formula."""
        raise NotImplementedError

    def size(self) -> float:
        """The largest magnitude among its numbers."""
        return float(np.max(np.abs(self.value()), initial=0))

    def within(self, strength: int) -> str:
        """The formula as part of another one, in brackets where it binds less than that."""
        return self.text() if self.strength >= strength else f"({self.text()})"

    @property
    def length(self) -> int:
        """How many numbers the row has that it stands for; 1 for a number."""
        lengths = {part.length for part in self.parts}
        return 0 if 0 in lengths else max(lengths, default=1)

    def __add__(self, other: Any) -> "Expression":
        return Operation("+", self, of(other))

    def __radd__(self, other: Any) -> "Expression":
        return Operation("+", of(other), self)

    def __sub__(self, other: Any) -> "Expression":
        return Operation("−", self, of(other))

    def __rsub__(self, other: Any) -> "Expression":
        return Operation("−", of(other), self)

    def __mul__(self, other: Any) -> "Expression":
        return Operation("·", self, of(other))

    def __rmul__(self, other: Any) -> "Expression":
        return Operation("·", of(other), self)

    def __truediv__(self, other: Any) -> "Expression":
        return Operation("/", self, of(other))

    def __rtruediv__(self, other: Any) -> "Expression":
        return Operation("/", of(other), self)

    def __pow__(self, other: Any) -> "Expression":
        return Operation("^", self, of(other))

    def __neg__(self) -> "Expression":
        return Named("−", np.negative, self)

    def __abs__(self) -> "Expression":
        return Named("|", np.abs, self)


def of(value: Any) -> Expression:
    """`value` as an expression: a number stands in the formula as it is."""
    return value if isinstance(value, Expression) else Known(float(value))


class Known(Expression):
    """A number that is written into the formula."""

    def __init__(self, number: float):
        self.number = number
        self.strength = 9 if number >= 0 else 0

    def value(self, view: View = ALL) -> Any:
        return np.float64(self.number)

    def text(self) -> str:
        return written(self.number)


class Operand(Expression):
    """A number, or a row of numbers, that goes into a calculation, and where it stands.

    Attributes:
        label: as it would be written in Python, "x[0,3:6,5:8,:]"; for an array of several axes the row is in reading order.
        values: the numbers, as float64, () or (length,).
        whole: whether the row is written out however long it is.
    """

    def __init__(self, label: str, values: Any, whole: bool = False):
        self.label, self.whole = label, whole
        self.values: Array = np.asarray(values, np.float64)
        if self.values.ndim:
            self.values = self.values.reshape(-1)

    @property
    def length(self) -> int:
        return self.values.size if self.values.ndim else 1

    def value(self, view: View = ALL) -> Any:
        return rounded(self.values[view.row] if self.is_cut else self.values, view.digits)

    @property
    def is_cut(self) -> bool:
        """Whether the row is too long to be written out."""
        return self.length > SHOWN and not self.whole

    def text(self) -> str:
        return self.label

    def __repr__(self) -> str:
        return f"Operand({self.label!r}, {self.values})"


class Operation(Expression):
    """Two expressions with + − · / or ^ between them."""

    _RULES: ClassVar[dict[str, tuple[int, Callable[..., Any]]]] = {
        "+": (1, np.add), "−": (1, np.subtract), "·": (4, np.multiply), "/": (4, np.divide), "^": (6, np.power),
    }  # fmt: skip

    def __init__(self, sign: str, a: Expression, b: Expression):
        self.sign, self.parts = sign, (a, b)
        self.strength = self._RULES[sign][0]

    def value(self, view: View = ALL) -> Any:
        return self._RULES[self.sign][1](*(part.value(view) for part in self.parts))

    def text(self) -> str:
        a, b = self.parts
        left = self.strength + (self.sign == "^")
        right = self.strength + (self.sign in "−/^")  # a − b − c is (a − b) − c
        between = f" {self.sign} " if self.sign in "+−" else self.sign
        return f"{a.within(left)}{between}{b.within(right)}"


class Named(Expression):
    """A function of expressions, number by number."""

    def __init__(self, name: str, function: Callable[..., Any], *parts: Expression):
        self.name, self.function, self.parts = name, function, parts
        self.strength = 4 if name == "−" else 9

    def value(self, view: View = ALL) -> Any:
        return self.function(*(part.value(view) for part in self.parts))

    def text(self) -> str:
        if self.name == "|":
            return f"|{self.parts[0].text()}|"
        if self.name == "−":
            return f"−{self.parts[0].within(5)}"
        return f"{self.name}({', '.join(part.within(0) for part in self.parts)})"
