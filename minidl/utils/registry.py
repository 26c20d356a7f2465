"""Names for objects: from "glorot_uniform" to an object, from an object to a description in JSON, and back.

Every module whose objects can be named (initializers, regularizers, losses, optimizers ...) keeps one closed
table of name -> class or function and hands it to the functions here. A file can therefore name nothing that
is not in a table: there is no module path in a description, and nothing is ever imported because of one.

>>> lookup("fruit", {"apple": 1, "RedPear": 2}, "red_pear")
2
"""

import difflib
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Self, TypeVar

from minidl.messages import say
from minidl.utils.checks import either
from minidl.utils.keywords import KnownArguments

__all__ = [
    "Configurable", "custom_object_scope", "deserialize_object", "family_of", "get_object", "is_described", "lookup",
    "objects_in_scope", "serialize_object",
]  # fmt: skip

T = TypeVar("T")

_custom_objects: ContextVar[Mapping[str, Any]] = ContextVar(
    "minidl_custom_objects", default=MappingProxyType({})
)


@contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any]) -> Iterator[None]:
    """Inside this block, these classes and functions of your own can be named wherever minidl's can.

    >>> def twice(x):
    ...     return 2 * x
    >>> with custom_object_scope({"twice": twice}):
    ...     get_object("activation", {}, "twice") is twice
    True
    """
    token = _custom_objects.set({**_custom_objects.get(), **custom_objects})
    try:
        yield
    finally:
        _custom_objects.reset(token)


def objects_in_scope() -> dict[str, Any]:
    """What the `custom_object_scope`s around this call have named."""
    return dict(_custom_objects.get())


class Configurable(KnownArguments):
    """Base class of objects that are known by the arguments they were made with."""

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`, in a form that JSON can hold."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A new object from `get_config`."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r:.40}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def _folded(name: str) -> str:
    """One spelling for "GlorotUniform", "glorot_uniform" and "glorotuniform"."""
    return name.replace("_", "").lower()


def lookup(kind: str, names: Mapping[str, T], identifier: str) -> T:
    """The entry of `names` called `identifier`, in CamelCase or in snake_case.

    Args:
        kind: what the table holds, for the message ("initializer", "loss").
        names: the closed table. An exact name wins over another spelling.
        identifier: the name to look for.

    Raises:
        TypeError: `identifier` is not a string.
        ValueError: no such name; the message lists those that come close.

    >>> lookup("activation", {"relu": max}, "rleu")
    Traceback (most recent call last):
    ValueError: Unknown activation 'rleu'. Did you mean 'relu'?
    """
    if not isinstance(identifier, str):
        raise TypeError(
            say(f"A {kind} is chosen by its name, got {type(identifier).__name__} {identifier!r:.80}.")
        )
    if identifier in names:
        return names[identifier]
    spellings: dict[str, str] = {}
    for name in names:
        spellings.setdefault(_folded(name), name)
    wanted = _folded(identifier)
    if wanted in spellings:
        return names[spellings[wanted]]
    close = [spellings[name] for name in difflib.get_close_matches(wanted, spellings)]
    known = ", ".join(sorted(spellings.values(), key=str.lower)[:12])
    hint = f"Did you mean {either(close)}?" if close else f"Known names: {known} ..."
    raise ValueError(say(f"Unknown {kind} {identifier[:60]!r}. {hint}"))


def serialize_object(obj: Any) -> Any:
    """What a JSON file says about `obj`: None, the name of a function, or {"class_name", "config"}.

    Raises:
        TypeError: `obj` has no get_config() and no name to find it by (a lambda, say).

    >>> serialize_object(max)
    'max'
    """
    if obj is None or isinstance(obj, str):
        return obj
    if hasattr(obj, "get_config") and not isinstance(obj, type):
        return {"class_name": type(obj).__name__, "config": obj.get_config()}
    name = getattr(obj, "__name__", "<lambda>")
    if "<" in name or isinstance(obj, type):
        raise TypeError(
            say(
                f"Only named functions and objects with get_config() can be written to a file, got {obj!r:.120}."
            )
        )
    return name


def is_described(value: Any) -> bool:
    """Whether this is an object as `serialize_object` describes it, and no other dict.

    >>> is_described({"class_name": "Adam", "config": {}}), is_described({"left": "mse", "right": "mae"})
    (True, False)
    """
    return isinstance(value, Mapping) and "class_name" in value


def deserialize_object(
    kind: str, names: Mapping[str, Any], config: Any, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """The object that `serialize_object` described.

    Args:
        kind: what the table holds, for messages.
        names: the closed table.
        config: a name, or {"class_name": name, "config": arguments of its from_config}. Other keys, such as
            the "module" that Keras writes, are not read.
        custom_objects: the caller's own classes and functions by name, looked at first; handed on to a from_config
            that takes them.

    Raises:
        ValueError: `config` has another form, names nothing in the tables, or its arguments do not fit.
    """
    custom_objects = {**_custom_objects.get(), **(custom_objects or {})}
    table = {**names, **custom_objects}
    if isinstance(config, str):
        found = lookup(kind, table, config)
        return found() if isinstance(found, type) else found
    name = config.get("class_name") if isinstance(config, Mapping) else None
    arguments = config.get("config") if isinstance(config, Mapping) else None
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        raise ValueError(
            say(
                f'The description of a {kind} is a name or {{"class_name": name, "config": arguments}}, '
                f"got {config!r:.120}."
            )
        )
    found = lookup(kind, table, name)
    if not hasattr(found, "from_config"):
        raise ValueError(say(f"The {kind} {name!r} is a function and takes no config; write just its name."))
    inner = {"custom_objects": custom_objects} if _passes_on(found.from_config) else {}
    try:
        return found.from_config(dict(arguments), **inner)
    except TypeError as error:
        raise ValueError(say(f"The {kind} {name} cannot be made from its config: {error}")) from error


def _passes_on(from_config: Any) -> bool:
    """Whether a from_config wants the caller's own objects, for the objects inside."""
    return "custom_objects" in inspect.signature(from_config).parameters


# What the classes that others derive from are called in messages, and what else may stand in a place.
_FAMILIES = {
    "Initializer": "initializer", "Regularizer": "regularizer", "Constraint": "constraint", "Loss": "loss",
    "Metric": "metric", "Settings": "optimizer", "LearningRateSchedule": "schedule", "Layer": "layer",
    "Callback": "callback",
}  # fmt: skip
_ALSO = {"activation": ("layer",), "metric": ("loss",)}


def family_of(cls: type) -> str | None:
    """What objects of this class are, if it derives from a base of minidl's."""
    bases = [base.__name__ for base in cls.__mro__ if base.__module__.startswith("minidl.")]
    return next((_FAMILIES[name] for name in bases if name in _FAMILIES), None)


def _made(kind: str, cls: type) -> Any:
    """An object of a class, which was given in the place of one."""
    try:
        return cls()
    except TypeError as error:
        name = cls.__name__
        raise TypeError(
            say(f"Expected a {kind}, got the class {name}, which needs arguments: {name}(...).")
        ) from error


def get_object(
    kind: str, names: Mapping[str, Any], identifier: Any, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """The object a user means by `identifier`.

    None stays None; a name or a description is looked up (a class is instantiated with its defaults); a class
    is instantiated; any other callable is returned as it is.

    Raises:
        ValueError: an unknown name or a description that does not fit.
        TypeError: none of these.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str | Mapping):
        return deserialize_object(kind, names, identifier, custom_objects)
    found = _made(kind, identifier) if isinstance(identifier, type) else identifier
    family = family_of(type(found))
    if family not in (None, kind, *_ALSO.get(kind, ())):
        raise TypeError(say(f"Expected a {kind}, got a {family}: {identifier!r:.80}."))
    if callable(found) or (found is not identifier and identifier.__module__ != "builtins"):
        return found
    raise TypeError(
        say(
            f"Expected a{'n' if kind[0] in 'aeiou' else ''} {kind}: a name, a callable, a config dict or None; "
            f"got {type(identifier).__name__} {identifier!r:.80}."
        )
    )
