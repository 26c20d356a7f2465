"""Callback: code that runs at given moments of training, without a change to the loop."""

from functools import cache, partial
from typing import Any

from minidl.messages import say
from minidl.utils.checks import shown
from minidl.utils.keywords import KnownArguments, check_takes

__all__ = ["Callback", "CallbackList", "History"]


class Callback(KnownArguments):
    """Derive from this and override the moments of interest. `self.model` is the model in training.

    `logs` is a dict of losses and metrics so far; at the end of an epoch it has the validation results too.
    Setting `self.model.stop_training = True` ends training after the current batch.

    >>> class Shout(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(f"epoch {epoch} done")

    A callback that remembers something from one epoch to the next defines `get_state` and `set_state` too. Then a run
    that is interrupted and goes on with `BackupAndRestore` ends like one that never was:

    >>> class Longest(Callback):
    ...     seconds = 0.0
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.seconds = max(self.seconds, logs["seconds"])
    ...     def get_state(self):
    ...         return {"seconds": self.seconds}
    ...     def set_state(self, state):
    ...         self.seconds = state["seconds"]
    """

    model: Any = None
    params: dict[str, Any] | None = None  # "verbose", "epochs" and "steps" (per epoch) of the run
    comes_last: bool = False  # whether its moments come behind those of all others, wherever it stands

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def get_state(self) -> dict[str, Any]:
        """What it has to remember when the run goes on in another process: plain data and arrays, by name."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Be as it was when `get_state` gave this. Called behind `on_train_begin` of all callbacks."""

    def before_training(self, callbacks: "list[Callback]") -> None:
        """Called ahead of `on_train_begin` of all callbacks: the place to refuse a run that none has begun yet.

        Args:
            callbacks: those of the run, in the order they are called, the History of `fit` among them.
        """

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None: ...
    def on_train_end(self, logs: dict[str, Any] | None = None) -> None: ...
    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None: ...
    def on_test_end(self, logs: dict[str, Any] | None = None) -> None: ...
    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None: ...
    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None: ...
    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None: ...
    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None: ...
    def on_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None: ...
    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None: ...

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.on_batch_end(batch, logs)

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None: ...
    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None: ...
    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None: ...
    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None: ...


class History(Callback):
    """What `fit` returns: `history` maps each loss and metric to its values by epoch, `epoch` numbers them.

    `captured` is None on the CPU. On a GPU it is "yes" where steps were captured as one graph, or why they were not.
    minidl's own callbacks leave the graph as it is. One of your own (a class, or a LambdaCallback) may have changed
    anything, so with it the step is captured anew in each epoch, in its first three steps.
    """

    captured: str | None = None

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)

    def get_state(self) -> dict[str, Any]:
        return {"history": self.history, "epoch": self.epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        self.history, self.epoch = state["history"], state["epoch"]


class CallbackList:
    """Passes each moment on to all callbacks, in order; those that come last are put there.

    Args:
        callbacks: callbacks, one callback, or None.
        model: the model they are told about.
        params: epochs, steps and verbosity of the run, for `callback.params`.

    Raises:
        TypeError: something in the list is no Callback.
    """

    def __init__(self, callbacks: Any, model: Any, **params: Any):
        one_or_more = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
        given = [] if callbacks is None else list(one_or_more)
        for callback in given:
            if not isinstance(callback, Callback):
                if isinstance(callback, type):
                    mend = f" Make an instance: {callback.__name__:.40}(...)."
                elif callable(callback):
                    mend = " Wrap a function: LambdaCallback(on_epoch_end=f)."
                else:
                    mend = " Derive it from Callback."
                raise TypeError(
                    say(
                        f"fit, evaluate and predict expect callbacks to be Callback objects, got {shown(callback)}.{mend}"
                    )
                )
            for moment in filter(partial(_overrides, callback), _moments()):
                first = [word for word in ("epoch", "batch") if f"_{word}_" in moment]
                check_takes("The callback's", getattr(callback, moment), *first, "logs")
        given.sort(key=lambda callback: callback.comes_last)
        self.callbacks: list[Callback] = given
        for callback in given:
            callback.set_model(model)
            callback.set_params(params)
        moments = [name for name in vars(Callback) if "_batch_" in name]
        self._watched = {m for m in moments if any(_overrides(callback, m) for callback in given)}
        if {"on_batch_begin", "on_batch_end"} & self._watched:
            self._watched |= {"on_train_batch_begin", "on_train_batch_end"}

    def watches(self, moment: str) -> bool:
        """Whether some callback does anything at this moment of a batch."""
        return moment in self._watched

    def call(self, moment: str, *args: Any) -> None:
        """Call `moment` ("on_epoch_end" ...) of every callback."""
        if moment == "on_train_begin":
            for callback in self.callbacks:
                callback.before_training(self.callbacks)
        for callback in self.callbacks:
            getattr(callback, moment)(*args)


@cache
def _moments() -> tuple[str, ...]:
    return tuple(name for name in vars(Callback) if name.startswith("on_"))


def _overrides(callback: Callback, moment: str) -> bool:
    """Whether the callback has its own function for this moment, from its class or as an attribute."""
    return getattr(getattr(callback, moment), "__func__", None) is not getattr(Callback, moment)
