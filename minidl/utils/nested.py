"""Structures of things: one, or lists, tuples and dicts of them, as layers with several inputs or outputs have."""

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["alongside", "as_list", "flatten", "mapped", "packed"]

IsLeaf = Callable[[Any], bool]


def as_list(value: Any) -> list[Any]:
    """One thing, several, or none at all (None), as a list.

    >>> as_list(1), as_list((1, 2)), as_list(None)
    ([1], [1, 2], [])
    """
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def flatten(structure: Any, is_leaf: IsLeaf | None = None) -> list[Any]:
    """The things in a structure, one after the other; those of a dict in the order of its sorted keys, as Keras.

    Args:
        structure: whatever it is.
        is_leaf: says of a list, tuple or dict whether it is one thing, such as a shape.

    >>> flatten({"b": 1, "a": [2, (3,)]}), flatten([(2, 3), [(4,)]], lambda x: isinstance(x, tuple))
    ([2, 3, 1], [(2, 3), (4,)])
    """
    if is_leaf is not None and is_leaf(structure):
        return [structure]
    if isinstance(structure, Mapping):
        return [leaf for key in sorted(structure) for leaf in flatten(structure[key], is_leaf)]
    if isinstance(structure, list | tuple):
        return [leaf for part in structure for leaf in flatten(part, is_leaf)]
    return [structure]


def mapped(function: Callable[[Any], Any], structure: Any, is_leaf: IsLeaf | None = None) -> Any:
    """The same structure with `function` of each thing in its place.

    >>> mapped(str, {"b": 1, "a": [2, (3,)]})
    {'b': '1', 'a': ['2', ('3',)]}
    """
    if is_leaf is not None and is_leaf(structure):
        return function(structure)
    if isinstance(structure, Mapping):
        # In the order of `flatten`, on which `packed` relies.
        done = {key: mapped(function, structure[key], is_leaf) for key in sorted(structure)}
        return {key: done[key] for key in structure}
    if isinstance(structure, list | tuple):
        parts = [mapped(function, part, is_leaf) for part in structure]
        if isinstance(structure, list):
            return parts
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    return function(structure)


def packed(structure: Any, things: list[Any], is_leaf: IsLeaf | None = None) -> Any:
    """`things`, in the order of `flatten`, in the form of `structure`.

    >>> packed({"b": 0, "a": [0, 0]}, ["x", "y", "z"])
    {'b': 'z', 'a': ['x', 'y']}
    """
    waiting = iter(things)
    return mapped(lambda _: next(waiting), structure, is_leaf)


def alongside(structure: Any, given: Any) -> list[Any]:
    """What is given for each thing in a structure, in the order of `flatten`; [given] where it has another form.

    >>> alongside([["x", "y"], "z"], [[[1, 2], 3], 4]), alongside({"b": "x", "a": "y"}, {"a": 1, "b": 2, "c": 3})
    ([[1, 2], 3, 4], [1, 2])
    """
    if isinstance(structure, Mapping) and isinstance(given, Mapping) and set(structure) <= set(given):
        pairs = [(structure[key], given[key]) for key in sorted(structure)]
    elif (
        isinstance(structure, list | tuple)
        and isinstance(given, list | tuple)
        and len(structure) == len(given)
    ):
        pairs = list(zip(structure, given, strict=True))
    else:
        return [given]
    return [x for part, own in pairs for x in alongside(part, own)]
