"""RMSprop: each weight's step is measured by the recent size of its own gradient."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from minidl.backend import Array, Pair, implementation
from minidl.devices import on_gpu
from minidl.optimizers.arguments import SharedArguments
from minidl.optimizers.arithmetic import in_blocks, limited
from minidl.optimizers.base import Optimizer
from minidl.optimizers.one_step import Step
from minidl.optimizers.schedules import LearningRateSchedule

__all__ = ["RMSprop", "rmsprop"]


@in_blocks
def rmsprop(
    w: Array,
    g: Array,
    v: Array,
    m: Array | None,
    mean: Array | None,
    *,
    learning_rate: float,
    rho: float,
    momentum: float,
    epsilon: float,
) -> tuple[Array, Array, Array | None, Array | None]:
    """The equations of `RMSprop`. Without momentum m is None, without centring the mean is."""
    g = limited(g)
    v = rho * v + (1 - rho) * (g * g)
    spread = v
    if mean is not None:
        mean = rho * mean + (1 - rho) * g
        # A variance cannot be negative, but the difference of two rounded numbers can.
        spread = np.maximum(v - mean * mean, 0)
    increment = learning_rate * g / np.sqrt(spread + epsilon)
    if m is not None:
        increment = m = momentum * m + increment
    return w - increment, v, m, mean


class RMSprop(Optimizer):
    """Divides the gradient by a running root mean square of itself.

        v <- ρ v + (1 − ρ) g²
        w <- w − lr · g / √(v + ε)

        ḡ <- ρ ḡ + (1 − ρ) g,     √(v − ḡ² + ε) instead       centered: by the standard deviation
        m <- μ m + lr · g / √(…),  w <- w − m                 momentum μ

    From Hinton's lecture 6e of "Neural Networks for Machine Learning", 2012; the centred form and momentum are
    from Graves 2013 (arXiv:1308.0850). That ε stands inside the root is Keras's choice.

    Args:
        learning_rate: size of the steps, or a schedule.
        rho: how much of the old average is kept, in [0, 1).
        momentum: how much of the last step is kept, from 0 to 1.
        epsilon: keeps the division finite, above 0.
        centered: whether to divide by the standard deviation of the gradient instead.
        shared: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see `Optimizer`.

    Raises:
        TypeError, ValueError: an argument is not known, no number, or out of range.

    >>> from minidl.variable import Variable
    >>> w = Variable([1.0, 1.0])
    >>> RMSprop(learning_rate=0.1, rho=0.75).apply([[1.0, 100.0]], [w])  # each moves by lr / √(1 − ρ)
    >>> w.numpy()
    array([0.8, 0.8], dtype=float32)
    """

    captured_rate = np.float32

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **shared: Unpack[SharedArguments],
    ):
        super().__init__(learning_rate, **shared)
        self.rho = self._number("rho", rho, minimum=0, below=1)
        self.momentum = self._number("momentum", momentum, minimum=0, maximum=1)
        self.epsilon = self._number("epsilon", epsilon, above=0)
        self.centered = self._flag("centered", centered)

    def slots(self) -> Sequence[Mapping[str, float]]:
        asked = {"velocity": True, "momentum": self.momentum > 0, "average_gradient": self.centered}
        return [{name: 0.0} for name, wanted in asked.items() if wanted]

    def update(self, w: Array, g: Array, slots: tuple[Array, ...], step: Step) -> tuple[Array, ...]:
        v, *optional = slots
        m = optional.pop(0) if self.momentum else None
        mean = optional.pop(0) if self.centered else None
        options: dict[str, Any] = {
            "learning_rate": step.learning_rate, "rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon,
        }  # fmt: skip
        run: Any = rmsprop
        if on_gpu(w):  # where all of it is one launch
            run = implementation("rmsprop", Pair(rmsprop), (w, g, v, m, mean), options).forward
        new = run(w, g, v, m, mean, **options)
        return tuple(array for array in new if array is not None)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
