"""LambdaCallback: a callback from plain functions, where a class would be too much."""

import difflib
from collections.abc import Callable
from typing import Any

from minidl.callbacks.base import Callback
from minidl.messages import say

__all__ = ["LambdaCallback"]

Hook = Callable[..., Any] | None


class LambdaCallback(Callback):
    """Calls a function at each moment for which one is given.

    Args:
        on_epoch_begin, on_epoch_end: functions f(epoch, logs).
        on_train_begin, on_train_end: functions f(logs).
        on_train_batch_begin, on_train_batch_end: functions f(batch, logs).
        others: functions for the other moments of `Callback`, by name: `on_test_begin`, `on_predict_batch_end` ...

    Raises:
        TypeError: not a function, or not a moment.

    >>> import minidl
    >>> model = minidl.Sequential([minidl.layers.Dense(1, kernel_initializer="ones")])
    >>> model.compile(minidl.optimizers.SGD(0.0), "mse")
    >>> tell = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> history = model.fit([[1.0]], [[3.0]], epochs=2, verbose=0, callbacks=[tell])
    0 4.0
    1 4.0
    """

    def __init__(
        self,
        on_epoch_begin: Hook = None,
        on_epoch_end: Hook = None,
        on_train_begin: Hook = None,
        on_train_end: Hook = None,
        on_train_batch_begin: Hook = None,
        on_train_batch_end: Hook = None,
        **others: Hook,
    ):
        moments = [name for name in vars(Callback) if name.startswith("on_")]
        for name in others:
            if name not in moments:
                close = difflib.get_close_matches(name, moments, 1) or ["on_epoch_end"]
                raise TypeError(
                    say(f"LambdaCallback knows no moment {name!r:.60}: did you mean {close[0]!r}?")
                )
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, function in (given | others).items():
            if function is None:
                continue
            if not callable(function):
                raise TypeError(say(f"LambdaCallback expects {name} to be a function, got {function!r:.60}."))
            setattr(self, name, function)
