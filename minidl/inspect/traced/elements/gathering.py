"""What makes one number of a row, and what gives a formula parts: Σ, Π, max and min, steps, functions by their names."""

import math
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any, ClassVar

import numpy as np

from minidl.activations.probabilities import Sigmoid
from minidl.backend import Array
from minidl.inspect.traced.elements.expressions import ALL, LEAST, SHOWN, Expression, Named, View, of, rounded
from minidl.special import erf, erfc

__all__ = ["Reduction", "Step", "call", "largest", "product", "smallest", "total", "walked"]

FIRST, REST = slice(None, SHOWN), slice(SHOWN, None)


class Reduction(Expression):
    """A row that becomes one number: Σ, Π, max or min."""

    _RULES: ClassVar[dict[str, Callable[[Any], Any]]] = {
        "Σ": math.fsum, "Π": np.prod, "max": np.max, "min": np.min,
    }  # fmt: skip

    def __init__(self, name: str, body: Expression):
        self.name, self.parts, self.terms = name, (body,), body.length
        self.strength = 2 if name == "Σ" else 9

    @property
    def length(self) -> int:
        return 1

    @property
    def is_cut(self) -> bool:
        """Whether the row is too long to be written out."""
        return self.terms > SHOWN

    def rest(self) -> Any:
        """What the numbers that are not written out come to."""
        return self._reduced(View(None, REST), self.terms - SHOWN)

    def value(self, view: View = ALL) -> Any:
        if view.digits is None or not self.is_cut:
            return self._reduced(view._replace(row=slice(None)), self.terms)
        first = self._reduced(view._replace(row=FIRST), SHOWN)
        return self._reduce(np.array([first, rounded(self.rest(), view.digits)]))

    def size(self) -> float:
        magnitudes = np.abs(np.broadcast_to(self.parts[0].value(), self.terms))
        return float(np.sum(magnitudes) if self.name == "Σ" else np.max(magnitudes, initial=0))

    def _reduced(self, view: View, terms: int) -> Any:
        return self._reduce(np.broadcast_to(self.parts[0].value(view), terms))

    def _reduce(self, row: Array) -> Any:
        if self.name == "Σ" and not np.isfinite(np.abs(row).sum()):
            return np.sum(row)  # fsum gives up on infinity
        return np.float64(self._RULES[self.name](row))

    def text(self) -> str:
        body = self.parts[0]
        return f"Σ {body.within(3)}" if self.name == "Σ" else f"{self.name}({body.text()})"


class Step(Expression):
    """An expression that gets a line of its own, and stands in others by its name."""

    def __init__(self, name: str, formula: Expression):
        self.name, self.parts = name, (formula,)

    def value(self, view: View = ALL) -> Any:
        if view.digits and view.by_steps:
            return rounded(self.parts[0].value(), max(view.digits, LEAST))
        return self.parts[0].value(View(view.digits))

    def text(self) -> str:
        return self.name


def total(body: Expression) -> Expression:
    """Σ over the row that `body` is."""
    return Reduction("Σ", body)


def product(body: Expression) -> Expression:
    """Π over the row that `body` is."""
    return Reduction("Π", body)


def largest(body: Expression) -> Expression:
    """The largest number of a row."""
    return Reduction("max", body)


def smallest(body: Expression) -> Expression:
    """The smallest number of a row."""
    return Reduction("min", body)


def _sigmoid(z: Any) -> Any:
    return Sigmoid.forward(np.asarray(z, np.float64))[0]


# fmt: off
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "σ": _sigmoid,
    "Φ": lambda x: 0.5 * erfc(np.asarray(x) * -math.sqrt(0.5)),
    "√": np.sqrt,
    "erf": lambda x: erf(np.asarray(x)),
    "max": lambda *xs: reduce(np.maximum, xs),
    "min": lambda *xs: reduce(np.minimum, xs),
    "int": np.trunc,
    "float16": lambda x: np.float64(np.float16(x)),
}
# fmt: on


def call(name: str, *arguments: Any) -> Expression:
    """A function by its name in formulas, or else by that in NumPy, number by number."""
    return Named(name, _FUNCTIONS.get(name) or getattr(np, name), *map(of, arguments))


def walked(expression: Expression) -> Iterator[Expression]:
    """The expression and all its parts, in the order of the formula."""
    yield expression
    for part in expression.parts:
        yield from walked(part)
