"""Nadam: Adam that looks ahead along its momentum, as Nesterov's method does."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from minidl.backend import Array
from minidl.optimizers.arguments import SharedArguments
from minidl.optimizers.arithmetic import in_blocks, limited
from minidl.optimizers.base import Optimizer
from minidl.optimizers.one_step import Step
from minidl.optimizers.schedules import LearningRateSchedule

__all__ = ["Nadam", "momentum_at", "momentum_product", "nadam"]


def momentum_at(step: int, beta_1: float) -> float:
    """u_t = β₁ (1 − 0.96ᵗ / 2): the momentum grows from about half of β₁ to β₁.

    >>> round(momentum_at(1, 0.9), 9)
    0.468
    """
    return beta_1 * (1 - 0.5 * 0.96**step)


def momentum_product(step: int, beta_1: float) -> float:
    """u_1 u_2 ... u_t, from t alone, so that there is nothing to save.

    Beyond t = 1000 the factors (1 − 0.96ᵗ / 2) are 1 in double precision.
    """
    t = np.arange(1, min(step, 1000) + 1)
    return float(beta_1**step * np.prod(1 - 0.5 * 0.96**t))


@in_blocks
def nadam(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: int,
) -> tuple[Array, Array, Array]:
    """The equations of `Nadam`; `step` is 1 for the first."""
    g = limited(g)
    u, u_next, product = (
        momentum_at(step, beta_1),
        momentum_at(step + 1, beta_1),
        momentum_product(step, beta_1),
    )
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * (g * g)
    m_hat = u_next / (1 - product * u_next) * m + (1 - u) / (1 - product) * g
    v_hat = v / (1 - beta_2**step)
    return w - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v


class Nadam(Optimizer):
    """Adam with Nesterov's look-ahead: the step already counts the gradient of now at its next weight.

        m <- β₁ m + (1 − β₁) g
        v <- β₂ v + (1 − β₂) g²
        u_t = β₁ (1 − 0.96ᵗ / 2)
        m̂   = u_{t+1} m / (1 − u_1 ⋯ u_{t+1}) + (1 − u_t) g / (1 − u_1 ⋯ u_t)
        v̂   = v / (1 − β₂ᵗ)
        w <- w − lr · m̂ / (√v̂ + ε)

    From Dozat 2016 ("Incorporating Nesterov Momentum into Adam", ICLR workshop). As in Keras m is averaged with
    the constant β₁, while its correction follows the growing u_t.

    Args:
        learning_rate: size of the steps, or a schedule.
        beta_1: how much of the old m is kept, in [0, 1).
        beta_2: how much of the old v is kept, in [0, 1).
        epsilon: keeps the division finite, above 0; added to the corrected root here.
        shared: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see `Optimizer`.

    Raises:
        TypeError, ValueError: an argument is not known, no number, or out of range.

    >>> from minidl.variable import Variable
    >>> w = Variable([1.0])
    >>> Nadam(learning_rate=0.1, beta_1=0.0).apply([[2.0]], [w])  # without momentum, a step of lr
    >>> w.numpy()
    array([0.9], dtype=float32)
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
        return [{"momentum": 0.0, "velocity": 0.0}]

    def update(self, w: Array, g: Array, slots: tuple[Array, ...], step: Step) -> tuple[Array, ...]:
        return nadam(
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
