"""The layers that a model is made of, as its reader counts them."""

from collections.abc import Iterator
from typing import Any

from minidl.layers.base import Layer
from minidl.models.model import Model

__all__ = ["parts"]


def parts(holder: Any) -> Iterator[Layer]:
    """The layers as a reader of the model counts them: not models and blocks, but what is in them."""
    for layer in holder._layers:
        is_block = isinstance(layer, Model) or not type(layer).__module__.startswith("minidl.")
        if is_block and layer._layers and not layer._variables:
            yield from parts(layer)
        else:
            yield layer
