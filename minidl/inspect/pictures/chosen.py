"""The layer or model that a picture is of."""

from typing import Any

from minidl.layers.base import Layer
from minidl.messages import say
from minidl.models.model import Model
from minidl.models.parts import parts
from minidl.utils.checks import did_you_mean, shown

__all__ = ["check_built", "named_layer"]


def check_built(owner: str, target: Any) -> None:
    """Raise TypeError unless `target` is a layer or a model, and ValueError if it has no weights yet.

    Args:
        owner: the function that draws, for messages.
        target: what it was given.
    """
    if not isinstance(target, Layer):
        raise TypeError(say(f"{owner} expects a layer or a model, got {shown(target)}."))
    if not target.built:
        raise ValueError(
            say(
                f"{owner}: {target.name} has no weights yet. Call it on data, or build it: build(input_shape)."
            )
        )


def named_layer(owner: str, model: Any, layer: str | int) -> Any:
    """The layer of a model with this name or index; a name may also be that of a layer in a block or model inside.

    Raises:
        TypeError: `model` is none.
        ValueError: it has no such layer.
    """
    if not isinstance(model, Model):
        raise TypeError(say(f"{owner} takes layer only with a model, got {shown(model)}. Leave it out."))
    if isinstance(layer, int):
        return model.get_layer(index=layer)
    inside = {part.name: part for part in [*parts(model), *model.layers]}
    if layer not in inside:
        mend = did_you_mean(layer, inside) or f"Its layers: {', '.join(inside):.250}."
        raise ValueError(say(f"{model.name} has no layer {layer!r:.60}. {mend}"))
    return inside[layer]
