"""What every optimizer is told when it is made: the learning rate, weight decay, clipping."""

import inspect
import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from minidl.messages import say
from minidl.optimizers.arguments import refuse_unknown
from minidl.optimizers.schedules import LearningRateSchedule
from minidl.optimizers.schedules import deserialize as deserialize_schedule
from minidl.optimizers.schedules import serialize as serialize_schedule
from minidl.utils.checks import flag, number, shown, text
from minidl.utils.naming import unique_name
from minidl.utils.registry import Configurable
from minidl.variable import Variable

__all__ = ["Settings"]


class Settings(Configurable):
    """The hyper-parameters that do not belong to one rule; see `Optimizer` for the arguments."""

    decays_in_rule: ClassVar[bool] = False
    """Whether the rule takes care of weight decay. If not, the weights have shrunk before it sees them."""

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **unknown: Any,
    ):
        owner = type(self).__name__
        if unknown:
            refuse_unknown(owner, unknown, inspect.signature(type(self)).parameters)
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = {k: self._number(k, v, above=0) for k, v in clips.items() if v is not None}
        if len(given) > 1:
            raise ValueError(say(f"{owner} expects one way to clip at most, got {', '.join(given)}."))
        self.clipnorm = given.get("clipnorm")
        self.clipvalue = given.get("clipvalue")
        self.global_clipnorm = given.get("global_clipnorm")
        self.weight_decay = (
            None if weight_decay is None else self._number("weight_decay", weight_decay, minimum=0)
        )
        self.name = unique_name(owner) if name is None else text(owner, "name", name)
        self._iterations = Variable(np.int64(0), trainable=False, dtype="int64", name="iteration")
        self._rate = self._as_rate(learning_rate)
        self._spared_variables: list[Variable] = []
        self._spared_names: list[str] = []

    def _number(self, argument: str, value: Any, **bounds: float) -> float:
        return number(type(self).__name__, argument, value, **bounds)

    def _flag(self, argument: str, value: Any) -> bool:
        return flag(type(self).__name__, argument, value)

    @property
    def iterations(self) -> Variable:
        """The number of steps taken so far."""
        return self._iterations

    @property
    def learning_rate(self) -> float:
        """The rate of the next step. Assign a number, or a schedule, to change it.

        Raises:
            ValueError: a schedule gave something that is no learning rate.
            TypeError: a number is assigned in the place of a schedule.
        """
        if isinstance(self._rate, Variable):
            return float(self._rate)
        step = int(self._iterations)
        rate = float(self._rate(step))
        if not 0 <= rate < math.inf:
            raise ValueError(
                say(
                    f"{self.name} expects a learning rate >= 0 from {type(self._rate).__name__}, "
                    f"got {rate} at step {step}."
                )
            )
        return rate

    @learning_rate.setter
    def learning_rate(self, value: float | LearningRateSchedule) -> None:
        if not isinstance(self._rate, Variable) and not isinstance(value, LearningRateSchedule):
            raise TypeError(
                say(
                    f"The learning rate of {self.name} follows {type(self._rate).__name__} and cannot be set to a "
                    f"number. Make the optimizer with a number, {type(self).__name__}(learning_rate=0.01), or "
                    "assign another schedule."
                )
            )
        self._rate = self._as_rate(value)

    def _as_rate(self, value: Any) -> Variable | LearningRateSchedule:
        if isinstance(value, LearningRateSchedule):
            return value
        if callable(value):
            mend = "Derive a class from optimizers.schedules.LearningRateSchedule and pass an instance."
            if isinstance(value, type):
                mend = f"Make an instance: {value.__name__:.40}(...)."
            raise TypeError(
                say(
                    f"{type(self).__name__} expects learning_rate to be a number or an instance of a "
                    f"LearningRateSchedule, got {shown(value)}. {mend}"
                )
            )
        rate = self._number("learning_rate", value, minimum=0)
        return Variable(np.float64(rate), trainable=False, name="learning_rate")

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Spare some variables from weight decay; a later call replaces what an earlier one said.

        Args:
            var_list: the variables themselves.
            var_names: parts of names; "bias" spares every variable with "bias" in its name.

        Raises:
            TypeError: `var_names` is one string instead of several.
        """
        if isinstance(var_names, str):
            raise TypeError(
                say(
                    f"{self.name} expects var_names to be a list, got {var_names!r:.60}. Write [{var_names!r:.60}]."
                )
            )
        self._spared_variables = list(var_list or ())
        self._spared_names = list(var_names or ())

    def decays(self, variable: Variable) -> bool:
        """Whether weight decay acts on `variable`."""
        return not (
            any(variable is spared for spared in self._spared_variables)
            or any(part in variable.name for part in self._spared_names)
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same optimizer again, without its state."""
        rate = self._rate
        return {
            "name": self.name,
            "learning_rate": float(rate) if isinstance(rate, Variable) else serialize_schedule(rate),
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """The optimizer that `get_config` described; `custom_objects` are your own schedules by name."""
        arguments = dict(config)
        if isinstance(arguments.get("learning_rate"), Mapping):
            arguments["learning_rate"] = deserialize_schedule(arguments["learning_rate"], custom_objects)
        return cls(**arguments)
