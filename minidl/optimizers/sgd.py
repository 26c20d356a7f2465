"""Stochastic gradient descent, and descent with a memory of where it was going: momentum."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from minidl.backend import Array, Pair, implementation
from minidl.devices import on_gpu
from minidl.optimizers.arguments import SharedArguments
from minidl.optimizers.arithmetic import in_blocks
from minidl.optimizers.base import Optimizer
from minidl.optimizers.one_step import Step
from minidl.optimizers.schedules import LearningRateSchedule

__all__ = ["SGD", "sgd", "sgd_momentum"]


def sgd(w: Array, g: Array, *, learning_rate: float) -> tuple[Array]:
    """w <- w − lr · g"""
    return (w - learning_rate * g,)


@in_blocks
def sgd_momentum(
    w: Array,
    g: Array,
    m: Array,
    *,
    learning_rate: float,
    momentum: float,
    nesterov: bool,
) -> tuple[Array, Array]:
    """m <- μ m − lr · g,  then w <- w + m, or w <- w + μ m − lr · g (Nesterov)."""
    m = momentum * m - learning_rate * g
    if nesterov:
        return w + momentum * m - learning_rate * g, m
    return w + m, m


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked for.

        w <- w − lr · g                                   momentum = 0

        m <- μ m − lr · g                                 momentum μ: a ball that rolls downhill
        w <- w + m
        w <- w + μ m − lr · g                             nesterov: look ahead along m first

    The method is from Robbins & Monro 1951, momentum from Polyak 1964, the look-ahead from Nesterov 1983 in
    the form of Sutskever et al. 2013 ("On the importance of initialization and momentum in deep learning").
    That the learning rate is inside m, so that a new rate acts only on what comes after, is Keras's choice.

    Args:
        learning_rate: size of the steps, or a schedule.
        momentum: how much of the last step is kept, from 0 to 1.
        nesterov: whether to look ahead. Without momentum it changes nothing.
        shared: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see `Optimizer`.

    Raises:
        TypeError, ValueError: an argument is not known, no number, or out of range.

    >>> from minidl.variable import Variable
    >>> w = Variable([1.0])
    >>> optimizer = SGD(learning_rate=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.apply([[1.0]], [w])
    ...     print(w.numpy())
    [0.5]
    [-0.25]
    """

    captured_rate = np.float32

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **shared: Unpack[SharedArguments],
    ):
        super().__init__(learning_rate, **shared)
        self.momentum = self._number("momentum", momentum, minimum=0, maximum=1)
        self.nesterov = self._flag("nesterov", nesterov)

    def slots(self) -> Sequence[Mapping[str, float]]:
        return [{"momentum": 0.0}] if self.momentum else []

    def update(self, w: Array, g: Array, slots: tuple[Array, ...], step: Step) -> tuple[Array, ...]:
        options: dict[str, Any] = {"learning_rate": step.learning_rate}
        if slots:
            options |= {"momentum": self.momentum, "nesterov": self.nesterov}
        run: Any = sgd_momentum if slots else sgd
        if on_gpu(w):  # where all of it is one launch
            run = implementation(run.__name__, Pair(run), (w, g, *slots), options).forward
        return run(w, g, *slots, **options)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
