"""Where a model lives, and how its data gets there.

A model lives where its weights are: on the device that was current when they were made. What `fit`, `evaluate` and
`predict` are given is moved there once: arrays as a whole if they are not too large to stay, else batch by batch, and
batches of a generator as they come. What these calls return is made of Python's and NumPy's numbers.
"""

import sys
from typing import Any

import numpy as np

from minidl.cuda import possible
from minidl.devices import current_device, device, home, is_array, to_device, to_numpy
from minidl.layers.holder import all_layers
from minidl.models.data import Batch
from minidl.models.sources import ArraySource
from minidl.utils.nested import flatten, mapped, packed

__all__ = [
    "batch_at_home", "brought", "home_of", "joined", "measured", "moved", "resident", "settle", "take_home",
    "take_layer_home",
]  # fmt: skip


def home_of(model: Any) -> str:
    """The device of a model: that of its weights, or the current one as long as there are none."""
    if not possible() and current_device() == "cpu":
        return "cpu"
    weights = model.weights
    return home(weights[0].data) if weights else current_device()


def brought(inputs: Any, name: str) -> Any:
    """What a model on `name` is called with: arrays of NumPy go there, tensors stay where they are."""
    return mapped(lambda x: to_device(x, name) if isinstance(x, np.ndarray) else x, inputs)


def take_home(model: Any) -> None:
    """Move a model from a GPU to the host: weights, the state of its optimizer, its metrics and its recurrent layers."""
    optimizer = model.optimizer
    slots = [v.numpy().copy() for v in optimizer.variables] if optimizer is not None else []
    for variable in (v for metric in model.metrics for v in metric.variables):
        _bring_home(variable)
    take_layer_home(model)
    if optimizer is not None and optimizer.built:
        with device("cpu"):
            trained = optimizer.flat.variables
            optimizer.reset()
            optimizer.build(trained)
            for variable, array in zip(optimizer.variables, slots, strict=True):
                variable.assign(array)


def take_layer_home(layer: Any) -> None:
    """Move a layer to the host: its weights, and the states of recurrent layers. Gradients are forgotten."""
    for variable in layer.weights:
        _bring_home(variable)
    with device("cpu"):
        for part in all_layers(layer):
            if hasattr(part, "set_state"):
                part.set_state(part.get_state())


def _bring_home(variable: Any) -> None:
    variable.data, variable.grad, variable._grad_home = variable.numpy(), None, None


def batch_at_home(batch: Batch) -> Batch:
    """A batch whose arrays are NumPy's; those that are on the host already are not copied."""
    return Batch(*(mapped(lambda x: None if x is None else to_numpy(x), part) for part in batch))


def moved(batch: Batch, name: str) -> Batch:
    """A batch whose arrays are on the device `name`; itself on the CPU, where all data begins."""
    return batch if name == "cpu" else Batch(*(_moved(part, name) for part in batch))


def _moved(part: Any, name: str) -> Any:
    return mapped(lambda x: None if x is None else to_device(x, name), part)


def settle(model: Any, *sources: Any) -> str:
    """Move the arrays of sources to the device of `model`, if they may stay there; returns that device."""
    name = home_of(model)
    for source in sources if name != "cpu" else ():
        if isinstance(source, ArraySource):
            arrays = [x for part in source.data for x in flatten(part) if x is not None]
            if sum(x.nbytes for x in arrays if home(x) != name) <= _room(name):
                source.data = moved(source.data, name)
    return name


def _room(name: str) -> int:
    """Bytes of data that may come to stay on a GPU: half of what is free, the other half is for what a step makes."""
    cupy = sys.modules["cupy"]  # it is there: something is on a GPU
    with cupy.cuda.Device(int(name.partition(":")[2])):
        free, _ = cupy.cuda.runtime.memGetInfo()
        return int(free + cupy.get_default_memory_pool().free_bytes()) // 2


def resident(source: ArraySource, name: str) -> bool:
    """Whether all arrays of a source are on the device `name`."""
    arrays = [x for part in source.data for x in flatten(part) if x is not None]
    return all(home(x) == name for x in arrays)


def joined(outputs: list[Any]) -> Any:
    """What a model made of one batch after the other, in one: an array of NumPy, or a list or dict of them.

    >>> joined([np.zeros((2, 1)), np.zeros((1, 1))]).shape
    (3, 1)
    """
    if is_array(outputs[0]):
        return to_numpy(np.concatenate(outputs))
    parts = [to_numpy(np.concatenate(each)) for each in zip(*map(flatten, outputs), strict=True)]
    return packed(outputs[0], parts)


def measured(loss: Any) -> Any:
    """The number in a loss. On a GPU it stays there, so that nobody waits for it: an array without axes."""
    return float(loss) if type(loss.data) is np.ndarray else loss.data
