"""How calls are counted at the ends of a graph: Keras begins with 1 for a model inside a model, with 0 for others.

A Functional model has, in Keras, a call that links its own input to its own output, before anybody calls it. Where
the description of a model says from which call its outputs come, that one is counted; in the calls between layers it
is not.
"""

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["renumbered"]


def renumbered(config: Mapping[str, Any], is_model: Callable[[Any], bool], by: int) -> dict[str, Any]:
    """The config of a Functional model with other numbers for calls of models at its ends.

    Args:
        config: name, layers with their calls, and the ends.
        is_model: whether the entry of a layer describes a Functional model.
        by: what to add to the numbers: 1 for Keras, -1 from there.
    """
    layers = config.get("layers")
    listed = layers if isinstance(layers, list) else []
    models = {part.get("name") for part in listed if isinstance(part, Mapping) and is_model(part)}

    def end(value: Any) -> Any:
        """[layer, call, output], or lists and dicts of them."""
        if isinstance(value, Mapping):
            return {key: end(entry) for key, entry in value.items()}
        if not isinstance(value, list):
            return value
        if [type(entry) for entry in value] == [str, int, int]:
            return [value[0], value[1] + by, value[2]] if value[0] in models else value
        return [end(entry) for entry in value]

    return {**config, **{key: end(config[key]) for key in ("input_layers", "output_layers") if key in config}}
