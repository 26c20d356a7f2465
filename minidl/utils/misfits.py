"""What is said when an operation is given what it cannot take.

NumPy notices most of it, and says it in words for those who know its insides: "matmul: Input operand 1 has a mismatch
in its core dimension 0". `misfit` makes of that the operation, the shapes or the argument it got, what it expects, and
the mend. It is called behind `except` only, and so costs an operation that fits nothing.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.exceptions import AxisError

from minidl.messages import say
from minidl.utils.checks import shown
from minidl.utils.keywords import meant

__all__ = ["MISFITS", "OutOfRangeError", "misfit"]

# What a bad argument causes.
MISFITS = (TypeError, ValueError, IndexError, OverflowError, KeyError, AttributeError)


class OutOfRangeError(IndexError, ValueError):
    """An index or an axis that is not there."""


def misfit(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    error: Exception,
    name: str = "",
) -> NoReturn:
    """Raise what is to be said of a call of an operation that failed with `error`; that itself if it says all already.

    Args:
        function: the operation, whose signature names the arguments.
        args, kwargs: what it was given.
        error: what came of it.
        name: how the user calls the operation; that of `function` by default.

    >>> misfit(np.add, (np.ones(2), np.ones(3)), {}, ValueError("operands could not be broadcast"))
    Traceback (most recent call last):
    ValueError: add expects shapes that agree from the last axis on (in size, or with a 1), got (2,) and (3,).
    """
    name, text = name or function.__name__, " ".join(str(error).split())
    if text.startswith(name) and _is_sentence(text):
        raise error  # a message of minidl's own
    given = _bound(function, args, kwargs)
    if given is None:
        raise _misnamed(name, function, args, kwargs) from error
    special = None if error.__cause__ is not None else _special(name, given, error)
    of_type = TypeError if isinstance(error, TypeError | AttributeError) else ValueError
    raise (OutOfRangeError if isinstance(error, IndexError) else of_type)(
        special or _in_general(name, given, text)
    ) from error


def _is_sentence(text: str) -> bool:
    """NumPy's messages have no full stop; those of minidl do."""
    return text.endswith((".", "?"))


def _bound(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Each argument by its name; None if they do not fit the signature."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # a ufunc has none
        return {f"x{i + 1}" if len(args) > 1 else "x": x for i, x in enumerate(args)} | dict(kwargs)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        return None
    found: dict[str, Any] = {}
    for key, value in bound.arguments.items():
        kind = signature.parameters[key].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            found |= {f"x{i + 1}" if len(value) > 1 else "x": x for i, x in enumerate(value)}
        else:
            found |= value if kind is inspect.Parameter.VAR_KEYWORD else {key: value}
    return found


def _misnamed(name: str, function: Any, args: Any, kwargs: Any) -> TypeError:
    known = tuple(inspect.signature(function).parameters)
    for key in kwargs:
        if key not in known:
            return TypeError(say(f"{name} has no argument {shown(key)}. {meant(key, known):.320}"))
    given = len(args) + len(kwargs)
    return TypeError(say(f"{name} takes the arguments {', '.join(known)}, got {given} of them."))


def _special(name: str, given: Mapping[str, Any], error: Exception) -> str | None:
    """The message for a misfit that is common enough to have a mend of its own."""
    try:
        if isinstance(error, AxisError) and error.axis is not None:
            return _axis(name, given, error)
        if isinstance(error, TypeError):
            return None
        if name in _OF_SHAPES:
            return _OF_SHAPES[name](name, given)
        return _unequal(name, given) if "broadcast" in str(error) else None
    except (TypeError, ValueError, IndexError, KeyError, AttributeError):
        return None  # not so common after all


def _in_general(name: str, given: Mapping[str, Any], reason: str) -> str:
    told = ", ".join(f"{key} {_described(value)}" for key, value in given.items())
    return say(f"{name} cannot take {told:.140}: {_reason(given, reason):.220}")


def _reason(given: Mapping[str, Any], text: str) -> str:
    """Why, as a sentence; the core of it where `text` is what another operation said."""
    if _is_sentence(text):
        return text.partition(": ")[2] if " cannot take " in text else text
    if "inhomogeneous" in text:
        return say("The lists in it are of different lengths.")
    if "loop with signature" in text or "unsupported operand" in text:
        kinds = [type(x).__name__ for x in given.values() if np.asarray(x).dtype.kind not in "biufc"]
        return say(f"A tensor holds numbers, got {(kinds or ['something else'])[0]}.")
    return f"{text[:1].upper()}{text[1:]}."


def _described(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"of shape {shape}"
    return shown(value)


def _axis(name: str, given: Mapping[str, Any], error: AxisError) -> str:
    """`error.axis` is one too many for `error.ndim` axes."""
    keys = [key for key, value in given.items() if "ax" in key or key in ("source", "destination")]
    keys = [key for key in keys if error.axis in np.ravel(given[key])] or keys or ["axis"]
    n, first = error.ndim, next(iter(given.values()))
    if not n:
        return say(f"{name} expects no {keys[0]} for a single number, got {error.axis}.")
    return say(f"{name} expects {keys[0]} from {-n} to {n - 1} for shape {_shapes(first)}, got {error.axis}.")


def _shapes(value: Any) -> str:
    return str(np.shape(value[0] if isinstance(value, list | tuple) and len(value) else value))


def _unequal(name: str, given: Mapping[str, Any]) -> str | None:
    operands = [x for key, x in given.items() if hasattr(x, "shape") or key[0] == "x"]
    if len(operands) < 2:
        return None
    listed = " and ".join(str(np.shape(x)) for x in operands)
    return say(
        f"{name} expects shapes that agree from the last axis on (in size, or with a 1), got {listed:.150}."
    )


def _product(name: str, given: Mapping[str, Any]) -> str | None:
    """Two matrices of which one may have to be turned."""
    (one, a), (other, b) = ((key, np.shape(value)) for key, value in given.items())
    if not a or not b:
        return say(
            f"{name} expects vectors and matrices, got shapes {a} and {b}. Multiply by a number with *."
        )
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] == inner:
        return say(
            f"{name} expects leading axes of {one} and {other} that agree (in size, or with a 1), got {a} and {b}."
        )
    mend = ""
    if len(a) == len(b) == 2 and (a[-1] == b[-1] or a[0] == b[0]):
        turned = other if a[-1] == b[-1] else one
        mend = f" Turn {turned} with ops.transpose."
    return say(
        f"{name} expects the last axis of {one} to be as long as the last but one of {other}, "
        f"got {a} and {b}: {a[-1]} against {inner}.{mend}"
    )


def _joined(name: str, given: Mapping[str, Any]) -> str | None:
    entries = next(iter(given.values()))
    if not len(entries):
        return say(f"{name} expects at least one tensor, got none.")
    shapes, axis = [np.shape(entry) for entry in entries], given.get("axis", 0)
    listed = ", ".join(map(str, shapes))
    if name == "stack":
        return (
            None if len(set(shapes)) == 1 else say(f"stack expects tensors of one shape, got {listed:.200}.")
        )
    if len({len(shape) for shape in shapes}) > 1:
        return say(f"{name} expects tensors with equally many axes, got shapes {listed:.200}.")
    if not shapes[0]:
        return say(f"{name} expects tensors with axes, got numbers. Use stack for them.")
    return say(f"{name} expects equal sizes on all axes but axis {axis}, got shapes {listed:.200}.")


def _summed(name: str, given: Mapping[str, Any]) -> str | None:
    """einsum's indices, each of which has one size."""
    subscripts, *operands = given.values()
    terms = subscripts.replace(" ", "").partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, x in zip(terms, operands, strict=True):
        if "..." not in term and len(term) != np.ndim(x):
            return say(
                f"einsum expects an index for each axis, got {term!r} for shape {np.shape(x)} in {shown(subscripts)}."
            )
        for letter, size in zip(term, np.shape(x), strict=False):
            if sizes.setdefault(letter, size) != size and "..." not in subscripts:
                return say(
                    f"einsum expects index {letter!r} to have one size in {shown(subscripts)}, got {sizes[letter]} "
                    f"and {size}."
                )
    return None


def _reshaped(name: str, given: Mapping[str, Any]) -> str | None:
    x, wanted = list(given.values())[:2]
    shape, sizes = np.shape(x), np.ravel(wanted)
    if (sizes < -1).any() or (sizes == -1).sum() > 1:
        return say(f"{name} expects sizes >= 0, of which one may be left open as -1, got {shown(wanted)}.")
    return say(
        f"{name} expects a shape for the {int(np.prod(shape))} elements of shape {shape}, got {shown(wanted)}."
    )


def _spread(name: str, given: Mapping[str, Any]) -> str:
    x, wanted = list(given.values())[:2]
    return say(
        f"{name} expects a shape that ends like {np.shape(x)}, larger only where that has a 1, got {shown(wanted)}."
    )


def _picked(name: str, given: Mapping[str, Any]) -> str | None:
    x, index = list(given.values())[:2]
    shape, entries = np.shape(x), index if isinstance(index, tuple) else (index,)
    if strange := [entry for entry in entries if not _may_index(entry)]:
        return say(
            "A tensor is indexed by whole numbers, slices, None, ..., masks or arrays of whole numbers, "
            f"got {shown(strange[0])}."
        )
    if sum(entry is not None and entry is not ... for entry in entries) > len(shape):
        return say(
            f"A tensor of shape {shape} has {len(shape)} axes, too few for the index {_index(entries)}."
        )
    return say(f"A tensor of shape {shape} has nothing at the index {_index(entries)}.")


def _index(entries: Sequence[Any]) -> str:
    """As it is written: [:, 5]."""
    return (
        f"[{', '.join(_slice(entry) if isinstance(entry, slice) else shown(entry) for entry in entries):.60}]"
    )


def _slice(entry: slice) -> str:
    ends = ["" if end is None else str(end) for end in (entry.start, entry.stop, entry.step)]
    return ":".join(ends if ends[2] else ends[:2])


def _may_index(entry: Any) -> bool:
    if isinstance(entry, slice):
        return all(end is None or hasattr(end, "__index__") for end in (entry.start, entry.stop, entry.step))
    return entry is None or entry is ... or np.asarray(entry).dtype.kind in "biu"


def _repeated(name: str, given: Mapping[str, Any]) -> str:
    key, times = list(given.items())[1]
    return say(f"{name} expects {key} to be whole numbers >= 0 that fit the axes, got {shown(times)}.")


def _squeezed(name: str, given: Mapping[str, Any]) -> str:
    return say(
        f"squeeze expects axis to name axes of size 1, got {shown(given['axis'])} for shape {np.shape(given['x'])}."
    )


_OF_SHAPES: dict[str, Callable[[str, Mapping[str, Any]], str | None]] = {
    "matmul": _product, "dot": _product, "concatenate": _joined, "stack": _joined, "reshape": _reshaped,
    "broadcast_to": _spread, "getitem": _picked, "squeeze": _squeezed, "einsum": _summed,
    "repeat": _repeated, "tile": _repeated,
}  # fmt: skip
