"""Arguments checked once, where an object is made, so that nothing is silently out of range later."""

import difflib
import math
import numbers
import os
import re
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from types import FunctionType
from typing import Any

import numpy as np

from minidl.messages import say

__all__ = [
    "as_path", "axes", "chosen", "data_type", "did_you_mean", "either", "flag", "number", "one_of", "shown", "sizes",
    "text", "whole_number",
]  # fmt: skip

_ADDRESS = re.compile(r"(?<= )(object )?at 0x[0-9a-fA-F]+")


def did_you_mean(name: Any, known: Iterable[Any]) -> str:
    """The question for a message about an unknown name, if one of `known` comes close; "" if none does.

    >>> did_you_mean("learning_rat", ["learning_rate", "name"]), did_you_mean("x", ["learning_rate", "name"])
    ("Did you mean 'learning_rate'?", '')
    """
    close = difflib.get_close_matches(str(name), map(str, known), n=1)
    return f"Did you mean {close[0]!r}?" if close else ""


def either(values: Iterable[Any]) -> str:
    """The values a message offers.

    >>> either(["same", "valid", None])
    "'same' or 'valid' or None"
    """
    return reduce(lambda said, value: f"{said} or {value}", map(repr, values))


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
    value = _without_axes(value)
    whole = type(value) is int or (isinstance(value, numbers.Integral) and not isinstance(value, bool))
    if whole and (minimum is None or value >= minimum) and (maximum is None or value <= maximum):
        return int(value)
    bounds = _bounds(minimum, maximum)
    if not whole:
        raise TypeError(
            say(
                f"{owner} expects {argument} to be a whole number{bounds}, got {type(value).__name__} {shown(value)}."
            )
        )
    raise ValueError(
        say(f"{owner} expects {argument} to be a whole number{bounds}, got {shown(int(value))}.")
    )


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
    value = _without_axes(value)
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if real and math.isfinite(x := _as_float(value)):
        low = (minimum is None or x >= minimum) and (above is None or x > above)
        if low and (maximum is None or x <= maximum) and (below is None or x < below):
            return x
    bounds = _bounds(minimum, maximum, above, below) or " that is finite"
    if not real:
        raise TypeError(
            say(
                f"{owner} expects {argument} to be a number{bounds}, got {type(value).__name__} {shown(value)}."
            )
        )
    raise ValueError(say(f"{owner} expects {argument} to be a number{bounds}, got {value!s:.60}."))


def _without_axes(value: Any) -> Any:
    """An array without axes is as good as the number in it."""
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number or fraction beyond 1.8e308
        return math.inf


def _bounds(minimum: Any, maximum: Any, above: Any = None, below: Any = None) -> str:
    """The bounds in signs, as they follow "a number" in a message."""
    rules = [(">=", minimum), (">", above), ("<=", maximum), ("<", below)]
    given = [f" {sign} {bound}" for sign, bound in rules if bound is not None]
    return reduce(lambda said, rule: f"{said} and{rule}", given) if given else ""


def shown(value: Any) -> str:
    """`value` as it stands in a message: on one line, not longer than 60 letters, whatever it is.

    >>> shown("relu"), len(shown(10**9999))
    ("'relu'", 10)
    >>> shown(int), shown(shown)
    ('the class int', 'the function shown')
    """
    if isinstance(value, type):
        return f"the class {value.__name__:.50}"
    if isinstance(value, FunctionType):
        return f"the function {value.__name__:.50}"
    try:
        text = _ADDRESS.sub("object", " ".join(repr(value).split()))
    except Exception:  # an object of somebody else, or a whole number too long to write
        text = f"<some {type(value).__name__}>"
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= 60 else f"{text[:57]}..."


def flag(owner: str, argument: str, value: Any) -> bool:
    """`value`, which is True or False (or 1 or 0).

    Raises:
        TypeError: it is neither.

    >>> flag("EarlyStopping", "restore_best_weights", "no")
    Traceback (most recent call last):
    TypeError: EarlyStopping expects restore_best_weights to be True or False, got 'no'.
    """
    if isinstance(value, bool):  # losses ask at every call
        return value
    value = _without_axes(value)
    if not isinstance(value, np.bool_ | numbers.Integral) or value not in (0, 1):
        raise TypeError(say(f"{owner} expects {argument} to be True or False, got {shown(value)}."))
    return bool(value)


def text(owner: str, argument: str, value: Any) -> str:
    """`value`, which is a string and not empty.

    Raises:
        TypeError: it is not.

    >>> text("Adam", "name", 3)
    Traceback (most recent call last):
    TypeError: Adam expects name to be a non-empty string, got 3.
    """
    if not isinstance(value, str) or not value:
        raise TypeError(say(f"{owner} expects {argument} to be a non-empty string, got {shown(value)}."))
    return value


def axes(owner: str, argument: str, value: Any, minimum: int | None = None) -> int | tuple[int, ...]:
    """`value`, the number of an axis, or several numbers, each once.

    Raises:
        TypeError, ValueError: it is neither.

    >>> axes("Softmax", "axis", [1, 1])
    Traceback (most recent call last):
    ValueError: Softmax expects axis to name at least one axis, and each once, got [1, 1].
    """
    if not isinstance(value, list | tuple):
        return whole_number(owner, argument, value, minimum)
    found = tuple(whole_number(owner, f"every entry of {argument}", entry, minimum) for entry in value)
    if not found or len(set(found)) < len(found):
        raise ValueError(
            say(f"{owner} expects {argument} to name at least one axis, and each once, got {shown(value)}.")
        )
    return found


def as_path(owner: str, argument: str, value: Any) -> str:
    """`value`, a string or path, as the string of a path.

    Raises:
        TypeError: it is no path.
        ValueError: it is empty, or holds a zero byte, which no file system takes.

    >>> as_path("CSVLogger", "filename", "")
    Traceback (most recent call last):
    ValueError: CSVLogger expects filename to be a path, got ''.
    """
    found = os.fspath(value) if isinstance(value, str | os.PathLike) else value
    if not isinstance(found, str):
        raise TypeError(say(f"{owner} expects {argument} to be a path, got {shown(value)}."))
    if not found or "\0" in found:
        raise ValueError(say(f"{owner} expects {argument} to be a path, got {shown(found)}."))
    return found


def data_type(owner: str, dtype: Any, kinds: str) -> str:
    """The name of a type whose kind, as NumPy calls it ("f" for floats), is in `kinds`.

    >>> data_type("Dense", np.float64, "f")
    'float64'
    """
    try:
        found: Any = np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError):
        found = None
    if found is None or found.kind not in kinds:
        wanted = "a float type, such as 'float32' or 'float64'" if kinds == "f" else "a type of numbers"
        raise ValueError(say(f"{owner} expects dtype to be {wanted}, got {shown(dtype)}."))
    return str(found)


def one_of(owner: str, argument: str, value: Any, *allowed: Any) -> Any:
    """`value`, which is one of `allowed`.

    Raises:
        ValueError: it is not; the message asks about the nearest.

    >>> one_of("AUC", "curve", "ROCK", "ROC", "PR")
    Traceback (most recent call last):
    ValueError: AUC expects curve to be 'ROC' or 'PR', got 'ROCK'. Did you mean 'ROC'?
    """
    if isinstance(value, str | None) and value in allowed:
        return value
    close = did_you_mean(value, [name for name in allowed if name]) if isinstance(value, str) else ""
    mend = f" {close}" if close else ""
    raise ValueError(say(f"{owner} expects {argument} to be {either(allowed)}, got {shown(value)}.{mend}"))


def chosen(owner: str, argument: str, read: Callable[[Any], Any], value: Any) -> Any:
    """What `read`, the `get` of a module, makes of `value`; an error tells for which argument it was meant.

    >>> chosen("Dense", "activation", {"relu": max}.get, "relu") is max
    True
    """
    try:
        return read(value)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(say(f"{owner} cannot take {argument}={shown(value)}: {error}")) from error


def sizes(owner: str, shape: int | Sequence[int]) -> tuple[int, ...]:
    """`shape` as a tuple of sizes >= 0; a whole number is the shape of a vector.

    Raises:
        TypeError, ValueError: an entry is None, say, or negative.

    >>> sizes("normal", [2, 3])
    (2, 3)
    """
    entries = shape if isinstance(shape, list | tuple) else (shape,)
    return tuple([whole_number(owner, "every entry of shape", n, minimum=0) for n in entries])
