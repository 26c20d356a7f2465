"""Which class a call of a model's class makes: it depends on whether it is given inputs and outputs.

    Model(inputs, outputs)       a Functional                    `Model.__new__` gives it out in place of a Model
    Mine(), derived from Model   a Mine, with its own `call`
    Mine(inputs, outputs)        both                            a class made of Mine and Functional, in this order

The last form is for a class that overrides, say, `compute_loss`, and leaves the layers to a graph. It may also come
from within: an `__init__` of Mine that builds a graph ends in `super().__init__(inputs=..., outputs=...)`. By then
the object is there already, so it changes its class on the spot.
"""

import functools
from typing import Any

from minidl.layers.known import KNOWN

__all__ = ["also_functional", "has_ends"]


def has_ends(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a model is made from its inputs and outputs."""
    return bool(args) or not {"inputs", "outputs"}.isdisjoint(kwargs)


@functools.cache
def also_functional(kind: Any) -> Any:
    """The class `kind`, with what Functional can do behind what it says itself."""
    about = {"__module__": kind.__module__, "__doc__": kind.__doc__, "__qualname__": kind.__qualname__}
    return type(kind.__name__, (kind, KNOWN["Functional"]), about)
