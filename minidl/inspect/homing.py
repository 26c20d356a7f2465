"""What lives on a GPU, on the host: where inspect needs NumPy's arrays, it works with copies there."""

from typing import Any

from minidl.devices import device, to_numpy
from minidl.layers.base import Layer
from minidl.layers.holder import all_layers
from minidl.models.data import Batch
from minidl.utils.nested import mapped

__all__ = ["batch_at_home", "take_layer_home"]


def take_layer_home(layer: Layer) -> None:
    """Move a copy of a layer to the host: its weights, and the states of recurrent layers. Gradients are forgotten."""
    for v in layer.weights:
        v.data, v.grad, v._grad_home = v.numpy(), None, None
    with device("cpu"):
        for part in all_layers(layer):
            if hasattr(part, "set_state"):
                part.set_state(part.get_state())


def batch_at_home(batch: Batch) -> Batch:
    """The batch with NumPy's arrays; those that are on the host already are not copied."""
    return Batch(*[mapped(_at_home, part) for part in batch])


def _at_home(array: Any) -> Any:
    return None if array is None else to_numpy(array)
