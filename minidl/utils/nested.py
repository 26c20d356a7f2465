"""Structures of things: one, or lists, tuples and dicts of them, as layers with several inputs or outputs have."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["flatten", "mapped", "packed"]


def flatten(structure: Any) -> list[Any]:
    """The things in a structure, one after the other; those of a dict in the order of its sorted keys, as Keras.

    >>> flatten({"b": 1, "a": [2, (3,)]})
    [2, 3, 1]
    """
    if isinstance(structure, Mapping):
        return [leaf for key in sorted(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, list | tuple):
        return [leaf for part in structure for leaf in flatten(part)]
    return [structure]


def mapped(function: Callable[[Any], Any], structure: Any) -> Any:
    """The same structure with `function` of each thing in its place.

    >>> mapped(str, {"b": 1, "a": [2, (3,)]})
    {'b': '1', 'a': ['2', ('3',)]}
    """
    if isinstance(structure, Mapping):
        return {key: mapped(function, part) for key, part in structure.items()}
    if isinstance(structure, list | tuple):
        parts = [mapped(function, part) for part in structure]
        if isinstance(structure, list):
            return parts
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    return function(structure)


def packed(structure: Any, things: list[Any]) -> Any:
    """`things`, in the order of `flatten`, in the form of `structure`.

    >>> packed({"b": 0, "a": [0, 0]}, ["x", "y", "z"])
    {'b': 'z', 'a': ['x', 'y']}
    """
    return _filled(structure, iter(things))


def _filled(part: Any, waiting: Iterator[Any]) -> Any:
    """A function of its own: one that called itself inside `packed` would be garbage that holds on to `waiting`."""
    if isinstance(part, Mapping):
        filled = {key: _filled(part[key], waiting) for key in sorted(part)}
        return {key: filled[key] for key in part}
    if isinstance(part, list | tuple):
        return type(part)(_filled(entry, waiting) for entry in part)
    return next(waiting)
