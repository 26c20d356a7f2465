"""Optimizers: how weights follow their gradients.

Each file is one rule: its equations as a plain function on arrays, and the class with Keras's arguments around
it. What they share is in `base` (taking charge of variables, the step) and `settings` (learning rate, decay,
clipping). `schedules` holds learning rates that change with time.

>>> from minidl.variable import Variable
>>> w = Variable([4.0])
>>> optimizer = SGD(learning_rate=0.25)
>>> for _ in range(3):  # the minimum of w² is at 0
...     w.grad = None
...     (w * w).backward()
...     _ = optimizer.apply_gradients([(w.grad, w)])
>>> w.numpy()
array([0.5], dtype=float32)
>>> get("adam")
Adam(name='adam...', learning_rate=0.001, ...)
"""

from collections.abc import Mapping
from typing import Any

from minidl.messages import say
from minidl.optimizers import schedules as schedules
from minidl.optimizers.adadelta import Adadelta
from minidl.optimizers.adagrad import Adagrad
from minidl.optimizers.adam import Adam
from minidl.optimizers.adamax import Adamax
from minidl.optimizers.adamw import AdamW
from minidl.optimizers.base import Optimizer
from minidl.optimizers.nadam import Nadam
from minidl.optimizers.rmsprop import RMSprop
from minidl.optimizers.sgd import SGD
from minidl.utils.registry import deserialize_object, serialize_object

__all__ = [
    "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Nadam", "Optimizer", "RMSprop", "deserialize",
    "get", "schedules", "serialize",
]  # fmt: skip

_NAMES: dict[str, type[Optimizer]] = {
    cls.__name__: cls for cls in (SGD, Adadelta, Adagrad, Adam, AdamW, Adamax, Nadam, RMSprop)
}


def get(identifier: Any) -> Optimizer | None:
    """The optimizer that `identifier` means.

    Args:
        identifier: a name in any spelling ("adam", "Adam", "RMSprop"), a dict {"class_name", "config"}, an
            optimizer, or None.

    Raises:
        TypeError, ValueError: none of these.
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str | Mapping):
        return deserialize(identifier)
    if isinstance(identifier, type):
        name = identifier.__name__
        raise TypeError(say(f"Expected an optimizer, got the class {name}. Make one of it: {name}()."))
    raise TypeError(
        say(
            "Expected an optimizer: a name such as 'adam', an instance such as Adam(0.001), or a config dict; "
            f"got {type(identifier).__name__} {identifier!r:.80}."
        )
    )


def serialize(optimizer: Optimizer) -> Any:
    """What a JSON file says about an optimizer, without its state: {"class_name", "config"}."""
    return serialize_object(optimizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The optimizer that `serialize` described; `custom_objects` are your own classes by name."""
    return deserialize_object("optimizer", _NAMES, config, custom_objects)
