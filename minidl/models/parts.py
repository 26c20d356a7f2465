"""The layers that a model is made of, as its reader counts them."""

from collections.abc import Iterator
from typing import Any

from minidl.layers.base import Layer
from minidl.models.model import Model

__all__ = ["is_block", "parts"]


def is_block(layer: Any) -> bool:
    """Whether a reader sees the layers in it, and not itself: models, and layers of one's own that hold only layers."""
    own = isinstance(layer, Model) or not type(layer).__module__.startswith("minidl.")
    return bool(own and getattr(layer, "_layers", None) and not layer._variables)


def parts(holder: Any) -> Iterator[Layer]:
    """The layers as a reader of the model counts them: not models and blocks, but what is in them."""
    for layer in holder._layers:
        if is_block(layer):
            yield from parts(layer)
        else:
            yield layer
