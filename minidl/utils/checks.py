"""Arguments checked once, where an object is made, so that nothing is silently out of range later."""

import difflib
import math
import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minidl.messages import say

__all__ = ["did_you_mean", "flag", "number", "sizes", "whole_number"]


def did_you_mean(name: Any, known: Iterable[Any]) -> str:
    """The question for a message about an unknown name, if one of `known` comes close; "" if none does.

    >>> did_you_mean("learning_rat", ["learning_rate", "name"]), did_you_mean("x", ["learning_rate", "name"])
    ("Did you mean 'learning_rate'?", '')
    """
    close = difflib.get_close_matches(str(name), map(str, known), n=1)
    return f"Did you mean {close[0]!r}?" if close else ""


def whole_number(
    owner: str, argument: str, value: Any, minimum: int | None = None, maximum: int | None = None
) -> int:
    """`value` as an int, if it is a whole number within the bounds.

    Args:
        owner: class or function that took the argument, for the message.
        argument: its name.
        value: what came. NumPy integers count as whole numbers; True, False and 2.0 do not.
        minimum: the smallest allowed value; None for no bound.
        maximum: the largest allowed value; None for no bound.

    Raises:
        TypeError: not a whole number.
        ValueError: out of bounds.

    >>> whole_number("Dense", "units", 0, minimum=1)
    Traceback (most recent call last):
    ValueError: Dense expects units to be a whole number >= 1, got 0.
    """
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if whole and (minimum is None or value >= minimum) and (maximum is None or value <= maximum):
        return int(value)
    bounds = " and".join(
        [f" >= {minimum}"] * (minimum is not None) + [f" <= {maximum}"] * (maximum is not None)
    )
    wanted = f"{owner} expects {argument} to be a whole number{bounds}, got "
    if not whole:
        raise TypeError(say(f"{wanted}{type(value).__name__} {value!r:.60}."))
    raise ValueError(say(f"{wanted}{value!s:.60}."))


def number(
    owner: str,
    argument: str,
    value: Any,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """`value` as a float, if it is a finite number within the bounds.

    Args:
        owner: class or function that took the argument, for the message.
        argument: its name.
        value: what came. NumPy numbers count; True and False do not.
        minimum: the smallest allowed value; None for no bound.
        maximum: the largest allowed value; None for no bound.
        above: a bound that is itself not allowed, from below.
        below: a bound that is itself not allowed, from above.

    Raises:
        TypeError: not a number.
        ValueError: NaN, infinite, or out of bounds.

    >>> number("Dropout", "rate", 1.5, minimum=0, below=1)
    Traceback (most recent call last):
    ValueError: Dropout expects rate to be a number >= 0 and < 1, got 1.5.
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if real and math.isfinite(x := float(value)):
        low = (minimum is None or x >= minimum) and (above is None or x > above)
        if low and (maximum is None or x <= maximum) and (below is None or x < below):
            return x
    rules = [(">=", minimum), (">", above), ("<=", maximum), ("<", below)]
    bounds = (
        " and".join(f" {sign} {bound}" for sign, bound in rules if bound is not None) or " that is finite"
    )
    wanted = f"{owner} expects {argument} to be a number{bounds}, got "
    if not real:
        raise TypeError(say(f"{wanted}{type(value).__name__} {value!r:.60}."))
    raise ValueError(say(f"{wanted}{value!s:.60}."))


def flag(owner: str, argument: str, value: Any) -> bool:
    """`value`, which is True or False (or 1 or 0).

    Raises:
        TypeError: it is neither.

    >>> flag("EarlyStopping", "restore_best_weights", "no")
    Traceback (most recent call last):
    TypeError: EarlyStopping expects restore_best_weights to be True or False, got 'no'.
    """
    if not isinstance(value, bool | np.bool_ | int) or value not in (0, 1):
        raise TypeError(say(f"{owner} expects {argument} to be True or False, got {value!r:.60}."))
    return bool(value)


def sizes(owner: str, shape: int | Sequence[int]) -> tuple[int, ...]:
    """`shape` as a tuple of sizes >= 0; a whole number is the shape of a vector.

    Raises:
        TypeError, ValueError: an entry is None, say, or negative.

    >>> sizes("normal", [2, 3])
    (2, 3)
    """
    entries = shape if isinstance(shape, Sequence) else (shape,)
    return tuple([whole_number(owner, "every entry of shape", n, minimum=0) for n in entries])
