"""Where each weight of a model stands in a file: the tree of layers, as Keras 3 walks it.

A layer's place is the way to it from the model, its weights are numbered in the order they were made:

    layers/dense/vars/0              the kernel of the first Dense of a Sequential or Functional model
    layers/dense_1/vars/1            the bias of the second
    layers/lstm/cell/vars/0          a layer inside a layer: the name of the attribute that holds it
    hidden/vars/0, blocks/dense/...  in a model of your own too; in lists and dicts, the class in snake case

The class and not the layer's name, because names count up: the second model of a script has `dense_7` where the
first one had `dense`. Attributes are visited in the order of the alphabet, those with an underscore last, and a
layer that can be reached on two ways stands on the first of them.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from minidl.layers.holder import WeightHolder
from minidl.layers.known import is_a
from minidl.utils.naming import snake_case
from minidl.variable import Variable

__all__ = ["Place", "places"]

# What all layers have, and what keeps notes of layers that stand elsewhere.
_NOT_PLACES = frozenset(
    {"_calls", "_containers", "_frozen_variables", "_noted_layers", "_variables", "metrics"}
)


class Place(NamedTuple):
    """A layer (or optimizer) with the weights that are its own, and its path in the file; "" is the model."""

    path: str
    owner: Any
    variables: Sequence[Variable]


def places(model: Any) -> list[Place]:
    """The places of a model and of all layers inside it.

    >>> from minidl.layers import LSTM, RNN, LSTMCell
    >>> for place in places(RNN([LSTMCell(2), LSTMCell(3)])):
    ...     place.path, place.owner.name
    ('', 'rnn...')
    ('cell', 'stacked_rnn_cells...')
    ('cell/cells/lstm_cell', 'lstm_cell...')
    ('cell/cells/lstm_cell_1', 'lstm_cell...')
    """
    found: dict[int, Place] = {}
    _visit(model, "", found)
    return list(found.values())


def _visit(holder: Any, path: str, found: dict[int, Place]) -> None:
    if id(holder) in found:
        return
    found[id(holder)] = Place(path, holder, [*holder._variables, *holder._frozen_variables])
    for name, child in _children(holder):
        below = f"{path}/{name}" if path else name
        if isinstance(child, WeightHolder):
            _visit(child, below, found)
        elif isinstance(child, list | tuple | dict):
            _visit_container(child, below, found, set())


def _visit_container(container: Any, path: str, found: dict[int, Place], seen: set[int]) -> None:
    if id(container) in seen:
        return
    seen.add(id(container))
    taken: dict[str, int] = {}
    for item in list(container.values()) if isinstance(container, dict) else container:
        if isinstance(item, WeightHolder):
            _visit(item, f"{path}/{_numbered(snake_case(type(item).__name__), taken)}", found)
        elif isinstance(item, list | tuple | dict):
            _visit_container(item, f"{path}/{_numbered('container', taken)}", found, seen)


def _numbered(name: str, taken: dict[str, int]) -> str:
    number = taken[name] = taken.get(name, -1) + 1
    return f"{name}_{number}" if number else name


def _children(holder: Any) -> Iterator[tuple[str, Any]]:
    """What hangs on a layer: attributes by name; of a model, the list of its layers too."""
    if is_a("Sequential", holder) or is_a("Functional", holder):
        yield "layers", holder.layers
    names = {name for name in vars(holder) if not name.startswith("__")} | _properties(type(holder))
    for name in sorted(names - _NOT_PLACES, key=lambda n: f"~{n}" if n.startswith("_") else n):
        child = None
        with suppress(Exception):  # a property of yours that has no value yet stops no saving, as in Keras
            child = getattr(holder, name)
        yield name, child


def _properties(cls: type) -> set[str]:
    """Properties that may give layers: those of classes from outside, and `layers`."""
    own = {"layers"} if hasattr(cls, "layers") else set()
    return own | {
        name
        for part in cls.__mro__
        if not part.__module__.startswith("minidl.") and part is not object
        for name, value in vars(part).items()
        if isinstance(value, property) and not name.startswith("__")
    }
