"""Your own classes and functions by name, so that a file can ask for them. Your program registers, a file never does.

A file can only name what is in a table. `custom_objects={"MyLayer": MyLayer}` fills the table for one call,
`custom_object_scope` for a block, and this decorator for the rest of the program:

>>> @register_keras_serializable(package="shop")
... def squashed(x):
...     return x / (1 + abs(x))
>>> registered_name(squashed)
'shop>squashed'
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from minidl.messages import say
from minidl.utils.registry import custom_object_scope, objects_in_scope

__all__ = ["custom_object_scope", "register_keras_serializable", "registered_name", "registered_objects"]

T = TypeVar("T", bound=Callable[..., Any])

_REGISTERED: dict[str, Any] = {}


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Decorator: files may name this class or function as "package>name". The later of two of a name counts.

    Args:
        package: keeps the names of several packages apart.
        name: by default that of the class or function.

    Raises:
        TypeError: a class without get_config, which could not be written.
    """

    def register(obj: T) -> T:
        if isinstance(obj, type) and not hasattr(obj, "get_config"):
            raise TypeError(
                say(f"{obj.__name__} has no get_config(), which files describe it by. Define it first.")
            )
        _REGISTERED[f"{package}>{name or obj.__name__}"] = obj
        return obj

    return register


def registered_name(obj: Any) -> str:
    """The name of a class or function in files: the one it is registered under, or else its own.

    Args:
        obj: the class or function, or what it is called in the program.
    """
    for name, registered in _REGISTERED.items():
        if obj is registered or obj == registered.__name__:
            return name
    return obj if isinstance(obj, str) else str(obj.__name__)


def registered_objects(custom_objects: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All that a file may name besides minidl's own: what is registered, in scope, and in `custom_objects`.

    Raises:
        TypeError: `custom_objects` is no dict of names.
    """
    if not isinstance(custom_objects, Mapping | None) or not all(
        isinstance(n, str) for n in custom_objects or {}
    ):
        raise TypeError(
            say(f"custom_objects is a dict of names to classes or functions, got {custom_objects!r:.80}.")
        )
    return {**_REGISTERED, **objects_in_scope(), **(custom_objects or {})}
