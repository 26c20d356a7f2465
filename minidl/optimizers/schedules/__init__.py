"""Learning-rate schedules: large steps while far from the goal, small ones near it.

A schedule is a function of the step (0 for the first) that an optimizer takes in place of a number. It is
computed in double precision from the step alone, so a training that is resumed at step 500 goes on with the
same rate. To write one, derive from `LearningRateSchedule` and define `__call__`.

>>> from minidl.optimizers import SGD
>>> optimizer = SGD(learning_rate=CosineDecay(0.1, decay_steps=1000))
>>> optimizer.learning_rate
0.1
"""

from collections.abc import Mapping
from typing import Any

from minidl.optimizers.schedules.base import LearningRateSchedule
from minidl.optimizers.schedules.cosine import CosineDecay, CosineDecayRestarts
from minidl.optimizers.schedules.decays import (
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from minidl.utils.registry import deserialize_object, serialize_object

__all__ = [
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay", "LearningRateSchedule",
    "PiecewiseConstantDecay", "PolynomialDecay", "deserialize", "serialize",
]  # fmt: skip

_NAMES: dict[str, type[LearningRateSchedule]] = {
    cls.__name__: cls
    for cls in (
        CosineDecay, CosineDecayRestarts, ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay,
        PolynomialDecay,
    )
}  # fmt: skip


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """What a JSON file says about a schedule: {"class_name", "config"}."""
    return serialize_object(learning_rate_schedule)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The schedule that `serialize` described; `custom_objects` are your own classes by name."""
    return deserialize_object("learning-rate schedule", _NAMES, config, custom_objects)
