"""EarlyStopping: end training when it does not help any more.

Training goes on lowering the training loss long after the model has begun to learn the noise of its data by heart;
the loss on data it does not train on turns upward then. Ending at that point costs nothing and is a strong regulariser.
(L. Prechelt, Early stopping, but when?, 1998.)
"""

from typing import Any

from minidl.backend import Array
from minidl.callbacks.monitor import Monitor
from minidl.utils.checks import flag, number, whole_number

__all__ = ["EarlyStopping"]


class EarlyStopping(Monitor):
    """Ends training when `monitor` has not become better for `patience` epochs.

    Args:
        monitor: a key of the logs, such as "val_loss" or "val_accuracy".
        min_delta: a value must be better by more than this to count as a gain.
        patience: after how many epochs without a gain to end.
        verbose: 1 prints the epoch in which training ended.
        mode: "min", "max" or "auto", by the name.
        baseline: a value to beat; as long as it is not beaten, no gain starts the count anew.
        restore_best_weights: give the model back, at the end of training, the weights of its best epoch (also if
            training was not ended early).
        start_from_epoch: epochs (from 0) before this one are not looked at.

    `stopped_epoch` is the epoch, from 0, in which it ended training; 0 if it has not. `best` is the best value.

    With an Adam that makes no steps nothing ever becomes better. Epoch 0 sets the mark; epochs 1 and 2 are the two
    for which it waits.

    >>> import minidl
    >>> model = minidl.Sequential([minidl.layers.Dense(1, kernel_initializer="ones")])
    >>> model.compile(minidl.optimizers.Adam(0.0), "mse")
    >>> stopping = EarlyStopping(monitor="loss", patience=2)
    >>> history = model.fit([[1.0], [2.0]], [[3.0], [5.0]], epochs=100, verbose=0, callbacks=[stopping])
    >>> len(history.epoch), stopping.stopped_epoch, stopping.best
    (3, 2, 6.5)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__(monitor, mode, min_delta)
        self.patience = whole_number("EarlyStopping", "patience", patience, 0)
        verbose = int(verbose) if isinstance(verbose, bool) else verbose
        self.verbose = whole_number("EarlyStopping", "verbose", verbose, 0)
        self.baseline = None if baseline is None else number("EarlyStopping", "baseline", baseline)
        self.restore_best_weights = flag("EarlyStopping", "restore_best_weights", restore_best_weights)
        self.start_from_epoch = whole_number("EarlyStopping", "start_from_epoch", start_from_epoch, 0)
        self._begin()

    def _begin(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[Array] | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._begin()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.more_is_better()  # a name that nobody knows the direction of is told even where it is missing
        value = self.value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.better(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.baseline is None or self.better(value, self.baseline):
                self.wait = 0
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f"The weights are those of epoch {self.best_epoch + 1} again.")
            self.model.set_weights(self.best_weights)

    def get_state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _REMEMBERED}

    def set_state(self, state: dict[str, Any]) -> None:
        for name in _REMEMBERED:
            setattr(self, name, state[name])


_REMEMBERED = ("wait", "stopped_epoch", "best_epoch", "best", "best_weights")
