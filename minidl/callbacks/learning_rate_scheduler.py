"""LearningRateScheduler: a learning rate for each epoch, as a plain function.

Large steps get near a minimum fast, small ones settle in it. A schedule in the optimizer
(`minidl.optimizers.schedules`) changes the rate with every step; this callback does so once an epoch, and its function
may look at anything, the rate so far included.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.callbacks.base import Callback
from minidl.messages import say
from minidl.utils.checks import number, shown, whole_number
from minidl.variable import Variable

__all__ = ["LearningRateScheduler", "expect_settable_rate"]


class LearningRateScheduler(Callback):
    """Sets the optimizer's learning rate at the begin of each epoch. The history has it as "learning_rate".

    Args:
        schedule: function of (epoch, rate so far), or of (epoch) alone, which returns a float; epochs count from 0. The
            schedules of `minidl.optimizers.schedules` will do: they count epochs then.
        verbose: 1 prints each rate.

    Raises:
        TypeError: `schedule` is no such function, or the optimizer already follows a schedule of its own.
        ValueError: `schedule` returns something else than a float, or no learning rate.

    >>> import minidl
    >>> model = minidl.Sequential([minidl.layers.Dense(1)])
    >>> model.compile(minidl.optimizers.SGD(0.5), "mse")
    >>> halve = LearningRateScheduler(lambda epoch, rate: rate if epoch < 2 else rate / 2)
    >>> model.fit([[1.0]], [[2.0]], epochs=4, verbose=0, callbacks=[halve]).history["learning_rate"]
    [0.5, 0.5, 0.25, 0.125]
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0):
        self._takes_rate = _takes_rate(schedule)
        self.schedule = schedule
        verbose = int(verbose) if isinstance(verbose, bool) else verbose
        self.verbose = whole_number("LearningRateScheduler", "verbose", verbose, 0)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        expect_settable_rate("LearningRateScheduler", self.model.optimizer)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        optimizer = self.model.optimizer
        rate: Any = (
            self.schedule(epoch, optimizer.learning_rate) if self._takes_rate else self.schedule(epoch)
        )
        if not isinstance(rate, float | np.floating):
            raise ValueError(
                say(
                    f"LearningRateScheduler expects schedule to return a float, got {type(rate).__name__} "
                    f"{rate!r:.60} in epoch {epoch + 1}. Write return float(...)."
                )
            )
        optimizer.learning_rate = number("LearningRateScheduler", "what schedule returns", rate, minimum=0)
        if self.verbose:
            print(f"Epoch {epoch + 1}: LearningRateScheduler sets the learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = self.model.optimizer.learning_rate


def expect_settable_rate(owner: str, optimizer: Any) -> None:
    """Refuse an optimizer whose learning rate follows a schedule: two cannot steer.

    Raises:
        TypeError: it does.
    """
    if not isinstance(optimizer._rate, Variable):
        raise TypeError(
            say(
                f"{owner} sets the learning rate, but that of {optimizer.name} follows "
                f"{type(optimizer._rate).__name__}. Make the optimizer with a number, "
                f"{type(optimizer).__name__}(learning_rate=0.01), or leave {owner} out."
            )
        )


def _takes_rate(schedule: Any) -> bool:
    """Whether to call `schedule` with (epoch, rate), and not with (epoch)."""
    if callable(schedule):
        try:
            signature = inspect.signature(schedule)
        except ValueError:  # a function written in C may not tell
            return True
        for arguments in ((0, 0.1), (0,)):
            try:
                signature.bind(*arguments)
            except TypeError:
                continue
            return len(arguments) == 2
    raise TypeError(
        say(
            f"LearningRateScheduler expects schedule to be a function of (epoch, rate) or (epoch), got {shown(schedule)}."
        )
    )
