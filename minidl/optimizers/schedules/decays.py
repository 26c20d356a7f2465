"""Schedules that fall with time: by a factor, as 1 / time, along a polynomial, or in steps of your own."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from minidl.messages import say
from minidl.optimizers.schedules.base import LearningRateSchedule

__all__ = ["ExponentialDecay", "InverseTimeDecay", "PiecewiseConstantDecay", "PolynomialDecay"]


class ExponentialDecay(LearningRateSchedule):
    """The rate falls by the same factor in equal numbers of steps.

        rate = initial_learning_rate · decay_rate^(step / decay_steps)

    Args:
        initial_learning_rate: rate at step 0.
        decay_steps: number of steps in which the rate is multiplied by `decay_rate` once, above 0.
        decay_rate: the factor, above 0.
        staircase: round the exponent down, so that the rate falls in steps.

    Raises:
        TypeError, ValueError: an argument is no number or out of range.

    >>> ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)(200)
    0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        self.initial_learning_rate = self._number("initial_learning_rate", initial_learning_rate, minimum=0)
        self.decay_steps = self._number("decay_steps", decay_steps, above=0)
        self.decay_rate = self._number("decay_rate", decay_rate, above=0)
        self.staircase = self._flag("staircase", staircase)
        self.name = self._text("name", name)

    def __call__(self, step: Any) -> float:
        exponent = float(step) / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (
            math.floor(exponent) if self.staircase else exponent
        )


class InverseTimeDecay(LearningRateSchedule):
    """The rate falls as 1 / time: fast at first, then ever more slowly.

        rate = initial_learning_rate / (1 + decay_rate · step / decay_steps)

    Args:
        initial_learning_rate: rate at step 0.
        decay_steps: unit of time, in steps, above 0.
        decay_rate: how fast, 0 or more.
        staircase: round step / decay_steps down.

    Raises:
        TypeError, ValueError: an argument is no number or out of range.

    >>> InverseTimeDecay(0.1, decay_steps=100, decay_rate=1.0)(300)
    0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        self.initial_learning_rate = self._number("initial_learning_rate", initial_learning_rate, minimum=0)
        self.decay_steps = self._number("decay_steps", decay_steps, above=0)
        self.decay_rate = self._number("decay_rate", decay_rate, minimum=0)
        self.staircase = self._flag("staircase", staircase)
        self.name = self._text("name", name)

    def __call__(self, step: Any) -> float:
        time = float(step) / self.decay_steps
        return self.initial_learning_rate / (
            1 + self.decay_rate * (math.floor(time) if self.staircase else time)
        )


class PiecewiseConstantDecay(LearningRateSchedule):
    """One rate up to a boundary, the next up to the next.

        rate = values[i] for boundaries[i − 1] < step <= boundaries[i]

    Args:
        boundaries: last step of each piece but the final one, ascending.
        values: rates, one more than boundaries.

    Raises:
        TypeError, ValueError: the lengths do not fit, boundaries do not ascend, a value is out of range.

    >>> schedule = PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.1])
    >>> schedule(10), schedule(11), schedule(21)
    (1.0, 0.5, 0.1)
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"):
        self.boundaries = self._numbers("boundaries", boundaries)
        self.values = self._numbers("values", values, minimum=0)
        self.name = self._text("name", name)
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                say(
                    "PiecewiseConstantDecay expects one more of values than of boundaries, "
                    f"got {len(self.values)} values and {len(self.boundaries)} boundaries."
                )
            )
        if any(a >= b for a, b in pairwise(self.boundaries)):
            raise ValueError(
                say(f"PiecewiseConstantDecay expects ascending boundaries, got {self.boundaries!s:.80}.")
            )

    def __call__(self, step: Any) -> float:
        return self.values[bisect_left(self.boundaries, float(step))]


class PolynomialDecay(LearningRateSchedule):
    """The rate goes to an end value along a power of the time that remains; a straight line for power 1.

        rate = end + (initial − end) · (1 − step / decay_steps)^power,   step <= decay_steps

    Args:
        initial_learning_rate: rate at step 0.
        decay_steps: number of steps to the end value, above 0.
        end_learning_rate: the end value.
        power: the exponent, 0 or more.
        cycle: instead of staying at the end value, start again each time it is reached, on a decay that is
            stretched to the next multiple of `decay_steps`.

    Raises:
        TypeError, ValueError: an argument is no number or out of range.

    >>> PolynomialDecay(0.1, decay_steps=100, end_learning_rate=0.02)(50)
    0.06
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        self.initial_learning_rate = self._number("initial_learning_rate", initial_learning_rate, minimum=0)
        self.decay_steps = self._number("decay_steps", decay_steps, above=0)
        self.end_learning_rate = self._number("end_learning_rate", end_learning_rate, minimum=0)
        self.power = self._number("power", power, minimum=0)
        self.cycle = self._flag("cycle", cycle)
        self.name = self._text("name", name)

    def __call__(self, step: Any) -> float:
        step, end = float(step), self.decay_steps
        if self.cycle:
            end *= max(1, math.ceil(step / end))
        remaining = 1 - min(step / end, 1.0)
        fall = self.initial_learning_rate - self.end_learning_rate
        return self.end_learning_rate + fall * remaining**self.power
