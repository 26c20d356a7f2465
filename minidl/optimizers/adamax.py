"""Adamax: Adam with the largest recent gradient in the place of the root mean square."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from minidl.backend import Array
from minidl.optimizers.arguments import SharedArguments
from minidl.optimizers.arithmetic import in_blocks
from minidl.optimizers.base import Optimizer
from minidl.optimizers.one_step import Step
from minidl.optimizers.schedules import LearningRateSchedule

__all__ = ["Adamax", "adamax"]


@in_blocks
def adamax(
    w: Array,
    g: Array,
    m: Array,
    u: Array,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: int,
) -> tuple[Array, Array, Array]:
    """The equations of `Adamax`. Nothing is squared, so gradients of any size are as good as any other."""
    m = beta_1 * m + (1 - beta_1) * g
    u = np.maximum(beta_2 * u, np.abs(g))
    return w - learning_rate / (1 - beta_1**step) * m / (u + epsilon), m, u


class Adamax(Optimizer):
    """Steps along an average gradient, measured by its largest recent magnitude.

        m <- β₁ m + (1 − β₁) g
        u <- max(β₂ u, |g|)
        w <- w − lr / (1 − β₁ᵗ) · m / (u + ε)

    u is what v becomes in `Adam` when squares and roots are replaced by p-th powers and roots, and p goes to
    infinity. From Kingma & Ba 2014 (arXiv:1412.6980), section 7. The ε is Keras's.

    Args:
        learning_rate: size of the steps, or a schedule.
        beta_1: how much of the old m is kept, in [0, 1).
        beta_2: how fast the largest magnitude is forgotten, in [0, 1).
        epsilon: keeps the division finite, above 0.
        shared: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see `Optimizer`.

    Raises:
        TypeError, ValueError: an argument is not known, no number, or out of range.

    >>> from minidl.variable import Variable
    >>> w = Variable([1.0, 1.0])
    >>> Adamax(learning_rate=0.1).apply([[0.5, -1e30]], [w])
    >>> w.numpy().round(5)
    array([0.9, 1.1], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **shared: Unpack[SharedArguments],
    ):
        super().__init__(learning_rate, **shared)
        self.beta_1 = self._number("beta_1", beta_1, minimum=0, below=1)
        self.beta_2 = self._number("beta_2", beta_2, minimum=0, below=1)
        self.epsilon = self._number("epsilon", epsilon, above=0)

    def slots(self) -> Sequence[Mapping[str, float]]:
        return [{"momentum": 0.0, "norm": 0.0}]

    def update(self, w: Array, g: Array, slots: tuple[Array, ...], step: Step) -> tuple[Array, ...]:
        return adamax(
            w, g, *slots, learning_rate=step.learning_rate, beta_1=self.beta_1, beta_2=self.beta_2,
            epsilon=self.epsilon, step=step.number,
        )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
