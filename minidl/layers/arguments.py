"""What the constructor of a layer takes: names it does not know, the ways to give an input shape, and back again.

The shape of the input may be given to the first layer of a model in several spellings, old and new:

    input_shape=(28, 28, 1)             one sample              -> (None, 28, 28, 1)
    input_shape=(4,), batch_size=32     and the batch size      -> (32, 4)
    batch_input_shape=(32, 4)           both at once (batch_shape means the same)
    input_dim=4                         a vector                -> (None, 4)
    input_dim=9, input_length=128       a series of vectors     -> (None, 128, 9)
"""

import inspect
import numbers
from collections.abc import Mapping
from functools import cache
from typing import Any

from minidl import constraints, initializers, regularizers
from minidl.messages import say
from minidl.symbolic import Shape
from minidl.utils.checks import chosen, did_you_mean, shown
from minidl.utils.keywords import meant
from minidl.utils.registry import serialize_object

__all__ = [
    "check_names", "constructor_arguments", "keep_weight_arguments", "plain", "read_shape_hints", "sizes_or_none",
]  # fmt: skip

_SHAPE_HINTS = ("input_shape", "batch_input_shape", "batch_shape", "input_dim", "input_length", "batch_size")


def constructor_arguments(cls: type, root: type) -> tuple[str, ...]:
    """The named arguments of a class's constructor, and of its parents' up to `root` while it passes **kwargs on."""
    names: dict[str, None] = {}
    for ancestor in cls.__mro__:
        if "__init__" in ancestor.__dict__:
            parameters = inspect.signature(ancestor.__dict__["__init__"]).parameters.values()
            names.update(
                (p.name, None) for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
            )
            if all(p.kind != p.VAR_KEYWORD for p in parameters) or ancestor is root:
                break
    return tuple(n for n in names if n != "self")


def check_names(cls: type, root: type, given: Mapping[str, Any]) -> None:
    """Raise TypeError for a name that no constructor of the class knows, before Python misses another one."""
    known = _known(cls, root)
    read_shape_hints(cls, root, {name: value for name, value in given.items() if name not in known})


@cache
def _known(cls: type, root: type) -> frozenset[str]:
    return frozenset((*constructor_arguments(cls, root), *getattr(cls, "old_arguments", ())))


def keep_weight_arguments(layer: Any, arguments: Mapping[str, Any], *weights: str) -> None:
    """Keep how each of `weights` is to be made, <weight>_initializer, _regularizer and _constraint, on the layer.

    Args:
        layer: where they are kept, under their own names, for `_make` and `get_config`.
        arguments: the constructor's `locals()`, so that its signature is the only place that lists them.
        weights: such as "kernel", "bias".
    """
    readers = {
        "initializer": initializers.get, "regularizer": regularizers.get, "constraint": constraints.get,
    }  # fmt: skip
    owner = type(layer).__name__.removesuffix("Cell")
    for name in (f"{weight}_{kind}" for weight in weights for kind in readers):
        if name in arguments:
            read: Any = readers[name.rpartition("_")[2]]
            setattr(layer, name, chosen(owner, name, read, arguments[name]))


def read_shape_hints(cls: type, root: type, hints: Mapping[str, Any]) -> Shape | None:
    """The batch input shape that `hints` describe; None if they describe none.

    Args:
        cls: the class whose constructor took them.
        root: the class from which all layers derive.
        hints: the arguments that no constructor took.

    Raises:
        TypeError: one of them is no hint but an unknown argument, or a size is no whole number.
        ValueError: a size is 0 or negative.

    >>> read_shape_hints(object, object, {"input_dim": 4})
    (None, 4)
    """
    owner = cls.__name__
    for name in hints:
        if name not in _SHAPE_HINTS:
            known = constructor_arguments(cls, root)
            mend = meant(name, known)
            if mend.startswith("It takes"):
                mend = did_you_mean(name, _SHAPE_HINTS) or mend
            raise TypeError(say(f"{owner} has no argument {name!r:.60}. {mend:.320}"))
    for name in ("batch_input_shape", "batch_shape"):
        if hints.get(name) is not None:
            return sizes_or_none(owner, name, hints[name])
    size = hints.get("batch_size")
    if hints.get("input_shape") is not None:
        shape = hints["input_shape"]
        return sizes_or_none(
            owner, "input_shape", (size, *(shape if isinstance(shape, list | tuple) else (shape,)))
        )
    if hints.get("input_dim") is not None:
        steps = (hints["input_length"],) if "input_length" in hints else ()
        return sizes_or_none(owner, "input_dim", (size, *steps, hints["input_dim"]))
    return None


def sizes_or_none(owner: str, argument: str, shape: Any) -> Shape:
    """`shape` as a tuple of whole numbers > 0 and None.

    Raises:
        TypeError, ValueError: it is something else.
    """
    sizes = tuple(shape) if isinstance(shape, list | tuple) else (shape,)
    good = isinstance(shape, list | tuple) and all(
        n is None or (isinstance(n, numbers.Integral) and not isinstance(n, bool) and int(n) > 0)
        for n in sizes
    )
    if not good:
        error = ValueError if all(n is None or isinstance(n, numbers.Integral) for n in sizes) else TypeError
        raise error(
            say(
                f"{owner} expects {argument} to be made of whole numbers > 0, or None where a size may vary, "
                f"such as (28, 28, 1) or (4,), got {shown(shape)}."
            )
        )
    return tuple(None if n is None else int(n) for n in sizes)


def plain(value: Any) -> Any:
    """Plain data for JSON: names and descriptions instead of objects, in lists too."""
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return serialize_object(value) if callable(value) else value
