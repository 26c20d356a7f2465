"""Adagrad: weights that have moved much move ever more slowly."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from minidl.backend import Array
from minidl.optimizers.arguments import SharedArguments
from minidl.optimizers.arithmetic import in_blocks, limited
from minidl.optimizers.base import Optimizer
from minidl.optimizers.one_step import Step
from minidl.optimizers.schedules import LearningRateSchedule

__all__ = ["Adagrad", "adagrad"]


@in_blocks
def adagrad(w: Array, g: Array, a: Array, *, learning_rate: float, epsilon: float) -> tuple[Array, Array]:
    """a <- a + g²,  w <- w − lr · g / √(a + ε)"""
    g = limited(g)
    a = a + g * g
    return w - learning_rate * g / np.sqrt(a + epsilon), a


class Adagrad(Optimizer):
    """Divides the gradient by the root of the sum of all its squares so far.

        a <- a + g²
        w <- w − lr · g / √(a + ε)

    So weights whose gradient is seldom other than 0, of rare words say, keep taking large steps. From Duchi,
    Hazan & Singer 2011 ("Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", JMLR
    12). That a starts at 0.1, and that ε stands inside the root, are Keras's choices.

    Args:
        learning_rate: size of the steps, or a schedule. The paper's own experiments use far more than 0.001.
        initial_accumulator_value: first value of a, 0 or more.
        epsilon: keeps the division finite, above 0.
        shared: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see `Optimizer`.

    Raises:
        TypeError, ValueError: an argument is not known, no number, or out of range.

    >>> from minidl.variable import Variable
    >>> w = Variable([1.0])
    >>> Adagrad(learning_rate=0.1, initial_accumulator_value=9.0).apply([[4.0]], [w])  # 1 − 0.1 · 4 / √(9 + 16)
    >>> w.numpy()
    array([0.92], dtype=float32)
    """

    captured_rate = np.float32

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **shared: Unpack[SharedArguments],
    ):
        super().__init__(learning_rate, **shared)
        self.initial_accumulator_value = self._number(
            "initial_accumulator_value", initial_accumulator_value, minimum=0
        )
        self.epsilon = self._number("epsilon", epsilon, above=0)

    def slots(self) -> Sequence[Mapping[str, float]]:
        return [{"accumulator": self.initial_accumulator_value}]

    def update(self, w: Array, g: Array, slots: tuple[Array, ...], step: Step) -> tuple[Array, ...]:
        return adagrad(w, g, *slots, learning_rate=step.learning_rate, epsilon=self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }
