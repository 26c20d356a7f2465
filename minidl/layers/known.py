"""minidl's own layer classes by name: the only ones that a description in a file may ask for.

A layer around another layer (Bidirectional, TimeDistributed, RNN) describes the inner one within its own config, and
makes it again from there. Classes of your own are passed along as `custom_objects`.
"""

from collections.abc import Mapping
from typing import Any

from minidl.utils.registry import deserialize_object

__all__ = ["KNOWN", "layer_from"]

KNOWN: dict[str, type] = {}  # filled by `Layer.__init_subclass__`


def layer_from(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The layer that {"class_name", "config"} describes; a layer itself is returned as it is.

    Raises:
        ValueError: an unknown class, another form, or arguments that do not fit.
    """
    return (
        deserialize_object("layer", KNOWN, config, custom_objects) if isinstance(config, Mapping) else config
    )
