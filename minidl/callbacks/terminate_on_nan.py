"""TerminateOnNaN: no more steps once the loss is no number."""

import math
from typing import Any

from minidl.callbacks.base import Callback
from minidl.messages import say
from minidl.utils.checks import flag

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """Ends training after the first batch with which the loss of the epoch becomes NaN or infinite.

    That epoch still ends in the usual way, with its validation and its place in the history. The weights are those of
    the step just made, so most often NaN too; `EarlyStopping(restore_best_weights=True)` behind it in the list gives
    back those of the best epoch. A loss that is NaN in validation only does not end training.

    Args:
        raise_error: whether to raise an error out of `fit` instead of ending the epoch.

    Raises:
        RuntimeError: the loss is NaN or infinite, and `raise_error` is true.

    >>> import warnings
    >>> import minidl
    >>> model = minidl.Sequential([minidl.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x, y = [[1.0], [2.0], [3.0]], [[1.0], [float("inf")], [3.0]]
    >>> options = {"batch_size": 1, "epochs": 9, "shuffle": False, "verbose": 0}
    >>> with warnings.catch_warnings():  # fit warns as well, and says where the infinity came from
    ...     warnings.simplefilter("ignore")
    ...     history = model.fit(x, y, callbacks=[TerminateOnNaN()], **options)
    Batch 2: the loss is inf, training ends.
    >>> len(history.epoch)
    1
    """

    def __init__(self, raise_error: bool = False):
        self.raise_error = flag("TerminateOnNaN", "raise_error", raise_error)

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                say(
                    f"Batch {batch + 1}: the loss is {loss}, training ends. A smaller learning rate or clipnorm=1.0 in the "
                    "optimizer may help; look for NaN in the data too."
                )
            )
        print(f"Batch {batch + 1}: the loss is {loss}, training ends.")
        self.model.stop_training = True
