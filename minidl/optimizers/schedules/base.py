"""The base of learning-rate schedules."""

from typing import Any

import numpy as np

from minidl.messages import say
from minidl.utils.checks import flag, number, shown, text
from minidl.utils.registry import Configurable

__all__ = ["LearningRateSchedule"]


class LearningRateSchedule(Configurable):
    """The base of all schedules: define `__call__(step) -> learning rate`.

    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 / (1 + step)
    >>> Halving()(1)
    0.05
    """

    def __call__(self, step: Any) -> float:
        raise TypeError(say(f"{type(self).__name__} does not define __call__(self, step) -> learning rate."))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments: here, all attributes. Override it where they are called differently."""
        return dict(vars(self))

    def _number(self, argument: str, value: Any, **bounds: float) -> float:
        return number(type(self).__name__, argument, value, **bounds)

    def _numbers(self, argument: str, values: Any, **bounds: float) -> list[float]:
        if not isinstance(values, list | tuple | np.ndarray):
            raise TypeError(
                say(f"{type(self).__name__} expects {argument} to be a list of numbers, got {shown(values)}.")
            )
        return [self._number(argument, value, **bounds) for value in values]

    def _flag(self, argument: str, value: Any) -> bool:
        return flag(type(self).__name__, argument, value)

    def _text(self, argument: str, value: Any) -> str | None:
        return None if value is None else text(type(self).__name__, argument, value)
