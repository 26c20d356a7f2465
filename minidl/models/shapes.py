"""What tables and pictures say of a layer in one model: which calls it has there, of what kind it is, its shapes."""

from collections.abc import Mapping
from typing import Any

from minidl.layers.known import is_a
from minidl.symbolic import Call, is_shape, shapes_of

__all__ = ["calls_of", "is_chain", "kind_of", "output_shapes", "shape_text"]


def is_chain(model: Any) -> bool:
    """Whether this is a Sequential, built or not: its layers run one after the other."""
    return is_a("Sequential", model)


def calls_of(model: Any) -> list[Call]:
    """The calls that a model makes of its layers, in their order; none if it has its own `call`, or is unbuilt."""
    return list(getattr(model, "calls", ()))


def kind_of(layer: Any) -> str:
    """The class of a layer, or what an operation does."""
    return str(getattr(layer, "kind", type(layer).__name__))


def output_shapes(layer: Any, calls: list[Call]) -> Any:
    """The shape of the output, or a structure of them; None if nobody knows.

    Args:
        calls: those of the layer in this model. Without them it may have run inside a model with its own `call`.
    """
    if calls:
        return shapes_of(calls[-1].output)
    if not layer.built or layer._built_for is None:
        return None
    try:
        return layer.compute_output_shape(layer._built_for)
    except (TypeError, ValueError):
        return None


def shape_text(shapes: Any) -> str:
    """A shape, or a structure of them, as tables show it.

    >>> shape_text((None, 8)), shape_text([(None, 8), (None, 3)]), shape_text({"a": (None, 8)})
    ('(None, 8)', '[(None, 8), (None, 3)]', '{a: (None, 8)}')
    """
    if shapes is None:
        return "?"
    if isinstance(shapes, Mapping):
        return "{" + ", ".join(f"{key}: {shape_text(part)}" for key, part in shapes.items()) + "}"
    if is_shape(shapes):
        return str(tuple(shapes))
    parts = [shape_text(part) for part in shapes]
    return parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"
