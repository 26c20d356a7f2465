"""Adadelta: steps that have the unit of the weights, so that no learning rate is needed."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from minidl.backend import Array
from minidl.optimizers.arguments import SharedArguments
from minidl.optimizers.arithmetic import in_blocks, limited
from minidl.optimizers.base import Optimizer
from minidl.optimizers.one_step import Step
from minidl.optimizers.schedules import LearningRateSchedule

__all__ = ["Adadelta", "adadelta"]


@in_blocks
def adadelta(
    w: Array,
    g: Array,
    a: Array,
    d: Array,
    *,
    learning_rate: float,
    rho: float,
    epsilon: float,
) -> tuple[Array, Array, Array]:
    """The equations of `Adadelta`; a and d are the averages of g² and of Δ²."""
    g = limited(g)
    a = rho * a + (1 - rho) * (g * g)
    delta = np.sqrt(d + epsilon) * g / np.sqrt(a + epsilon)
    d = rho * d + (1 - rho) * (delta * delta)
    return w - learning_rate * delta, a, d


class Adadelta(Optimizer):
    """Divides the gradient by its recent size, and multiplies by the recent size of the steps.

        a <- ρ a + (1 − ρ) g²
        Δ  = g · √(d + ε) / √(a + ε)
        d <- ρ d + (1 − ρ) Δ²
        w <- w − lr · Δ

    From Zeiler 2012 (arXiv:1212.5701), where there is no learning rate (lr = 1). Keras's default of 0.001 makes
    it very slow; pass 1.0 for the method of the paper.

    Args:
        learning_rate: factor on the steps, or a schedule.
        rho: how much of the old averages is kept, in [0, 1).
        epsilon: sets the size of the first steps, above 0.
        shared: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see `Optimizer`.

    Raises:
        TypeError, ValueError: an argument is not known, no number, or out of range.

    >>> from minidl.variable import Variable
    >>> w = Variable([1.0])
    >>> Adadelta(learning_rate=1.0, rho=0.75, epsilon=0.01).apply([[100.0]], [w])  # about √ε / √(1 − ρ)
    >>> w.numpy().round(3)
    array([0.8], dtype=float32)
    """

    captured_rate = np.float32

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **shared: Unpack[SharedArguments],
    ):
        super().__init__(learning_rate, **shared)
        self.rho = self._number("rho", rho, minimum=0, below=1)
        self.epsilon = self._number("epsilon", epsilon, above=0)

    def slots(self) -> Sequence[Mapping[str, float]]:
        return [{"accumulated_grad": 0.0, "accumulated_delta_var": 0.0}]

    def update(self, w: Array, g: Array, slots: tuple[Array, ...], step: Step) -> tuple[Array, ...]:
        return adadelta(w, g, *slots, learning_rate=step.learning_rate, rho=self.rho, epsilon=self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}
