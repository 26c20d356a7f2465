"""What the call of a layer leaves behind besides its output: penalties, and new values of its state.

A layer that keeps statistics (BatchNormalization) computes new ones while it runs forward. If it stored them
there and then, a step that fails later, or is interrupted, would have changed the model by half. So inside a
`CallContext` they wait, and the training loop commits them together with the new weights. Outside of one they
are stored at once.

`training` is passed down the same way: a layer called inside another layer's `call` runs in its mode.
"""

import threading
from typing import NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.tensor import Tensor
from minidl.utils.interrupts import postponed_interrupt
from minidl.variable import Variable

__all__ = ["Average", "CallContext", "add_loss", "average", "latest", "mode", "update"]


class _Mode(threading.local):
    training = False
    context: "CallContext | None" = None


mode = _Mode()


class Average(NamedTuple):
    """What has happened to a running average: variable ← variable·momentum + batch·(1 − momentum)."""

    variable: Variable
    batch: Tensor  # on the graph, so that a step that is replayed finds it again
    momentum: float


class CallContext:
    """Collects, for the thread that opened it, what layers leave behind until `commit`."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []
        self.updates: dict[int, tuple[Variable, Array]] = {}  # by the variable's id
        self.averages: list[Average] = []  # those of the updates that are running averages, in their order

    def __enter__(self) -> "CallContext":
        self._outer, mode.context = mode.context, self
        return self

    def __exit__(self, *error: object) -> None:
        mode.context = self._outer

    def commit(self) -> None:
        """Store the new values; no Ctrl-C comes in between."""
        if self.updates:
            with postponed_interrupt():
                for variable, value in self.updates.values():
                    variable.assign(value)


def add_loss(loss: Tensor) -> None:
    """Add a penalty to the loss of the step that is running; without one it has nowhere to go."""
    if mode.context is not None:
        mode.context.losses.append(loss)


def update(variable: Variable, value: Array) -> None:
    """Give a state variable a new value: at the end of the step that is running, or now.

    Raises:
        ValueError: the shape differs. It is told here, where a step can still be given up as a whole.
    """
    if np.shape(value) != variable.shape:
        raise ValueError(
            say(
                f"{variable.path} has shape {variable.shape}, cannot take a value of shape {np.shape(value)}."
            )
        )
    if mode.context is not None:
        mode.context.updates[id(variable)] = variable, value
    else:
        variable.assign(value)


def average(variable: Variable, batch: Tensor, momentum: float) -> None:
    """Let a running average take in that of a batch."""
    update(variable, latest(variable) * momentum + batch.data * (1 - momentum))
    if mode.context is not None:
        mode.context.averages.append(Average(variable, batch, momentum))


def latest(variable: Variable) -> Array:
    """The value to go on from: a layer that is called twice in a step updates its state twice."""
    waiting = mode.context.updates.get(id(variable)) if mode.context is not None else None
    return variable.data if waiting is None else waiting[1]
