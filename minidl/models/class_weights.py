"""Class weights: rare classes made to count more, as a weight for each sample of a batch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl.devices import is_array
from minidl.messages import say
from minidl.models.data import Batch
from minidl.utils.checks import number

__all__ = ["checked_class_weight", "class_weights"]


def checked_class_weight(weights: Any, owner: str = "fit") -> dict[int, float]:
    """`weights`, if it is a dict from classes to weights.

    Raises:
        TypeError, ValueError: it is not.

    >>> checked_class_weight({0: 1, np.int64(1): 2.5})
    {0: 1.0, 1: 2.5}
    """
    if not isinstance(weights, Mapping):
        raise TypeError(
            say(
                f"{owner} expects class_weight to be a dict class -> weight, such as {{0: 1.0, 1: 5.0}}, got {weights!r:.80}."
            )
        )
    checked = {}
    for label, weight in weights.items():
        if (
            isinstance(label, bool)
            or not isinstance(label, int | float | np.number)
            or not float(label).is_integer()
        ):
            raise TypeError(
                say(f"{owner} expects class_weight to have whole numbers as classes, got {label!r:.60}.")
            )
        checked[int(label)] = number(owner, f"the weight of class {label} in class_weight", weight, minimum=0)
    return checked


def class_weights(batch: Batch, weights: Mapping[int, float]) -> Batch:
    """`batch` with sample weights by class. Classes that are not in `weights` weigh 1.

    The class of a sample is the position of the 1 in a one-hot target, else the target itself.

    Raises:
        ValueError: there is no y, or one for several outputs, or the batch brings weights of its own.

    >>> batch = Batch(np.zeros((3, 1)), np.array([0, 1, 2]))
    >>> class_weights(batch, {0: 0.5, 1: 4.0}).sample_weight
    array([0.5, 4. , 1. ], dtype=float32)
    """
    if batch.y is None:
        raise ValueError(say("class_weight needs y."))
    if not is_array(batch.y):
        raise ValueError(
            say(
                "class_weight is for models with one output. For several, pass sample_weight with an array for each."
            )
        )
    if batch.sample_weight is not None:
        raise ValueError(say("Expected class_weight or sample_weight, not both: multiply them yourself."))
    y: Any = batch.y
    if y.ndim > 1:
        y = y.argmax(axis=-1) if y.shape[-1] > 1 else y[..., 0]
    sample_weight = np.ones_like(y, np.float32, order="C")
    for label, weight in weights.items():
        sample_weight[y == label] = weight
    return batch._replace(sample_weight=sample_weight)
