"""Schedules that fall along the cosine: flat at both ends, steep in the middle."""

import math
from typing import Any

from minidl.optimizers.schedules.base import LearningRateSchedule

__all__ = ["CosineDecay", "CosineDecayRestarts"]


class CosineDecay(LearningRateSchedule):
    """The rate falls along half a wave of the cosine, after a linear warm-up if one is asked for.

        rate = top · (α + (1 − α) · (1 + cos(π · step / decay_steps)) / 2),   step <= decay_steps

    `top` is `initial_learning_rate`. With a warm-up, the rate first goes straight from
    `initial_learning_rate` to `warmup_target` in `warmup_steps`, and then falls from there. From Loshchilov &
    Hutter 2016 (arXiv:1608.03983); the warm-up is Keras's.

    Args:
        initial_learning_rate: rate at step 0.
        decay_steps: number of steps of the fall, above 0, without the warm-up.
        alpha: what is left at the end, as a fraction of the top, from 0 to 1.
        warmup_target: rate at the end of the warm-up; None for no warm-up, whatever `warmup_steps` says.
        warmup_steps: number of steps of the warm-up.

    Raises:
        TypeError, ValueError: an argument is no number or out of range.

    >>> CosineDecay(0.1, decay_steps=100)(50)
    0.05
    >>> CosineDecay(0.0, decay_steps=100, warmup_target=0.1, warmup_steps=10)(5)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ):
        self.initial_learning_rate = self._number("initial_learning_rate", initial_learning_rate, minimum=0)
        self.decay_steps = self._number("decay_steps", decay_steps, above=0)
        self.alpha = self._number("alpha", alpha, minimum=0, maximum=1)
        self.name = self._text("name", name)
        self.warmup_target = (
            None if warmup_target is None else self._number("warmup_target", warmup_target, minimum=0)
        )
        self.warmup_steps = self._number("warmup_steps", warmup_steps, minimum=0)

    def __call__(self, step: Any) -> float:
        step, top = float(step), self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return top + (self.warmup_target - top) * step / self.warmup_steps
            step, top = step - self.warmup_steps, self.warmup_target
        wave = (1 + math.cos(math.pi * min(step / self.decay_steps, 1.0))) / 2
        return top * (self.alpha + (1 - self.alpha) * wave)


class CosineDecayRestarts(LearningRateSchedule):
    """Falls along the cosine again and again, each longer and lower than the one before.

        rate = initial_learning_rate · (α + (1 − α) · m_mul^i · (1 + cos(π · s / T_i)) / 2)
        T_i = first_decay_steps · t_mul^i,   s = steps since the i-th restart

    From Loshchilov & Hutter 2016 (arXiv:1608.03983). Restarts are counted one by one, not by a logarithm, so
    the step of a restart is never rounded into the period before it.

    Args:
        initial_learning_rate: rate at step 0.
        first_decay_steps: length of the first period, above 0.
        t_mul: how much longer each period is than the one before, 1 or more.
        m_mul: how much of the rate's height each period keeps, 0 or more.
        alpha: what is left at the end of a period, as a fraction of `initial_learning_rate`, from 0 to 1.

    Raises:
        TypeError, ValueError: an argument is no number or out of range.

    >>> schedule = CosineDecayRestarts(0.1, first_decay_steps=100)
    >>> schedule(0), schedule(50), schedule(100), schedule(200)
    (0.1, 0.05, 0.1, 0.05)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        self.initial_learning_rate = self._number("initial_learning_rate", initial_learning_rate, minimum=0)
        self.first_decay_steps = self._number("first_decay_steps", first_decay_steps, above=0)
        self.t_mul = self._number("t_mul", t_mul, minimum=1)
        self.m_mul = self._number("m_mul", m_mul, minimum=0)
        self.alpha = self._number("alpha", alpha, minimum=0, maximum=1)
        self.name = self._text("name", name)

    def __call__(self, step: Any) -> float:
        restarts, since, period = 0, float(step), self.first_decay_steps
        if self.t_mul == 1:
            restarts, since = int(since // period), since % period
        while since >= period:
            restarts, since, period = restarts + 1, since - period, period * self.t_mul
        wave = self.m_mul**restarts * (1 + math.cos(math.pi * since / period)) / 2
        return self.initial_learning_rate * (self.alpha + (1 - self.alpha) * wave)
