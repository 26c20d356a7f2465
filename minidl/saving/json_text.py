"""JSON from files of unknown origin: plain data, of bounded size and depth, that means one thing only.

The JSON reader of the standard library is lenient: it takes NaN and Infinity, which JSON does not have, lets a
later key silently replace an earlier one of the same name, guesses at encodings, and ends in a RecursionError
where brackets are nested too deep. All of that is refused here.
"""

import json
from collections.abc import Iterator
from typing import Any

from minidl.messages import say
from minidl.saving.files import MAX_CONFIG, MAX_DEPTH, FilePath, refusal

__all__ = ["objects_in", "read_json"]


def read_json(raw: bytes, path: FilePath, part: str, limit: int = MAX_CONFIG) -> dict[str, Any]:
    """The JSON object that `raw` spells.

    Args:
        raw: UTF-8 text.
        path: the file it comes from, for the error.
        part: what it is in that file, for the error.
        limit: the most bytes it may have.

    Raises:
        ValueError: it is not one JSON object within the limits.

    >>> read_json(b'{"name": "dense"}', "model.keras", "config.json")
    {'name': 'dense'}
    """
    wanted = f"{part} to be a JSON object"
    if len(raw) > limit:
        raise refusal(path, f"{wanted} of at most {limit:,} bytes", f"{len(raw):,}")
    try:
        found = json.loads(raw.decode(), object_pairs_hook=_distinct, parse_constant=_refuse_constant)
    except RecursionError:
        raise refusal(path, wanted, "brackets nested too deep") from None
    except ValueError as error:  # also of text that is not UTF-8, and of whole numbers without end
        raise refusal(path, wanted, f"{error}", "The file is damaged, or not what its name says.") from error
    if not isinstance(found, dict):
        raise refusal(path, wanted, f"a {type(found).__name__}")
    if _deeper_than(found, MAX_DEPTH):
        raise refusal(path, wanted, f"more than {MAX_DEPTH} brackets inside each other")
    return found


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    """All JSON objects in a value, itself included, however deep; what lies inside of one comes after it.

    >>> [sorted(found) for found in objects_in([{"a": [{"b": 1}]}, 2])]
    [['a'], ['b']]
    """
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict):
            yield inner
            waiting += inner.values()
        elif isinstance(inner, list):
            waiting += inner


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise ValueError(say(f"the key {twice!r:.60} twice"))
    return found


def _refuse_constant(text: str) -> None:
    raise ValueError(say(f"{text}, which is no JSON number"))


def _deeper_than(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)
