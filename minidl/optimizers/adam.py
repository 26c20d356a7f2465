"""Adam: momentum for the direction, the recent size of the gradient for the scale."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from minidl.backend import Array, Pair, implementation, prepared
from minidl.optimizers.arguments import SharedArguments
from minidl.optimizers.arithmetic import decayed, in_blocks, limited
from minidl.optimizers.base import Optimizer
from minidl.optimizers.one_step import Step
from minidl.optimizers.schedules import LearningRateSchedule

__all__ = ["Adam", "adam", "amsgrad"]


def _averages(g: Array, m: Array, v: Array, beta_1: float, beta_2: float) -> tuple[Array, Array]:
    """The running averages of g and g². They start at 0, and are too small at first."""
    g = limited(g)
    return beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * (g * g)


def _corrected(learning_rate: float, beta_1: float, beta_2: float, step: int) -> float:
    """The learning rate, with the factor that makes up for averages that started at 0."""
    return learning_rate * math.sqrt(1 - beta_2**step) / (1 - beta_1**step)


@in_blocks
def adam(
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
    weight_decay: float,
) -> tuple[Array, Array, Array]:
    """The equations of `Adam`; `step` is 1 for the first. A kernel may run in its place (see `minidl.backend`):
    it changes w, m and v themselves and returns them."""
    w = decayed(w, learning_rate, weight_decay)
    m, v = _averages(g, m, v, beta_1, beta_2)
    return w - m * _corrected(learning_rate, beta_1, beta_2, step) / (np.sqrt(v) + epsilon), m, v


@in_blocks
def amsgrad(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    v_max: Array,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: int,
    weight_decay: float,
) -> tuple[Array, Array, Array, Array]:
    """Adam with the largest v so far in the divisor, so that the divisor never shrinks."""
    w = decayed(w, learning_rate, weight_decay)
    m, v = _averages(g, m, v, beta_1, beta_2)
    v_max = np.maximum(v_max, v)
    return w - m * _corrected(learning_rate, beta_1, beta_2, step) / (np.sqrt(v_max) + epsilon), m, v, v_max


class Adam(Optimizer):
    """Steps along m, a running average of the gradient, divided by √v, the usual size of each weight's gradient.

        w <- w − lr · λ · w                                            weight_decay λ, if there is one
        m <- β₁ m + (1 − β₁) g
        v <- β₂ v + (1 − β₂) g²
        w <- w − lr · √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)

    m and v start at 0, and the factor in t, the number of the step, makes up for that: the first step is
    −lr · sign(g), where |g| is far above ε / √(1 − β₂), 3e-6 by default. From Kingma & Ba 2014
    (arXiv:1412.6980). Keras adds ε to the uncorrected √v, the paper's "ε hat", so ε weighs more in the first
    steps than in PyTorch. `amsgrad` divides by the largest v so far (Reddi, Kale & Kumar 2018,
    arXiv:1904.09237), uncorrected too. The weight decay is that of `AdamW`.

    Args:
        learning_rate: size of the steps, or a schedule.
        beta_1: how much of the old m is kept, in [0, 1).
        beta_2: how much of the old v is kept, in [0, 1).
        epsilon: keeps the division finite, above 0; gradients well below it give smaller steps.
        amsgrad: whether to divide by the largest v so far.
        shared: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see `Optimizer`.

    Raises:
        TypeError, ValueError: an argument is not known, no number, or out of range.

    >>> from minidl.variable import Variable
    >>> w = Variable([1.0, 1.0])
    >>> Adam(learning_rate=0.1).apply([[0.5, -3.0]], [w])  # each by lr, whatever the size of its gradient
    >>> w.numpy().round(5)
    array([0.9, 1.1], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **shared: Unpack[SharedArguments],
    ):
        super().__init__(learning_rate, **shared)
        self.beta_1 = self._number("beta_1", beta_1, minimum=0, below=1)
        self.beta_2 = self._number("beta_2", beta_2, minimum=0, below=1)
        self.epsilon = self._number("epsilon", epsilon, above=0)
        self.amsgrad = self._flag("amsgrad", amsgrad)

    decays_in_rule = True  # so that a kernel does all in one pass
    captured_rate = np.float64  # which has the number of the step from the GPU too

    def slots(self) -> Sequence[Mapping[str, float]]:
        averages = {"momentum": 0.0, "velocity": 0.0}
        return [averages, {"velocity_hat": 0.0}] if self.amsgrad else [averages]

    def update(self, w: Array, g: Array, slots: tuple[Array, ...], step: Step) -> tuple[Array, ...]:
        options: dict[str, Any] = {
            "learning_rate": step.learning_rate, "beta_1": self.beta_1, "beta_2": self.beta_2,
            "epsilon": self.epsilon, "step": step.number, "weight_decay": step.weight_decay,
        }  # fmt: skip
        if self.amsgrad:
            return amsgrad(w, g, *slots, **options)
        run: Any = implementation("adam", Pair(adam), (w, g, *slots), options).forward
        return run(w, g, *slots, **options)

    def updates(self, w: Array, g: Array, slots: tuple[Array, ...]) -> Callable[[Step], tuple[Array, ...]]:
        if self.amsgrad or type(self).update is not Adam.update or "update" in vars(self):
            return super().updates(w, g, slots)
        rule: Any = implementation("adam", Pair(adam), (w, g, *slots), {}).forward
        again = prepared(rule, w, g, *slots)
        if again is None:
            return super().updates(w, g, slots)

        def update(step: Step) -> tuple[Array, ...]:
            again(step.learning_rate, self.beta_1, self.beta_2, self.epsilon, step.number, step.weight_decay)
            return w, *slots

        return update

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }
