"""ReduceLROnPlateau: smaller steps when larger ones lead nowhere any more.

When the loss stays on one level, the weights often jump to and fro across a narrow valley. A smaller learning rate lets
them descend into it. When that moment comes nobody knows in advance; this callback waits for it.
"""

from typing import Any

from minidl.callbacks.learning_rate_scheduler import expect_settable_rate
from minidl.callbacks.monitor import Monitor
from minidl.utils.checks import number, whole_number

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(Monitor):
    """Multiplies the learning rate by `factor` when `monitor` has not become better for `patience` epochs.

        new rate = max(rate · factor, min_lr)

    The history has as "learning_rate" the rate with which each epoch was trained, before a reduction at its end.

    Args:
        monitor: a key of the logs, such as "val_loss" or "val_accuracy".
        factor: in [0, 1).
        patience: after how many epochs without a gain to reduce.
        verbose: 1 prints each reduction.
        mode: "min", "max" or "auto", by the name.
        min_delta: a value must be better by more than this to count as a gain.
        cooldown: after a reduction the count of epochs without a gain rests for so many epochs.
        min_lr: the rate does not fall below this.

    Raises:
        TypeError: an argument of the wrong kind, or the optimizer follows a schedule of its own.
        ValueError: an argument out of range.

    The steps of this Adam are too small to gain anything. Epoch 0 sets the mark; from there the rate halves every two
    epochs.

    >>> import minidl
    >>> model = minidl.Sequential([minidl.layers.Dense(1, kernel_initializer="ones")])
    >>> model.compile(minidl.optimizers.Adam(1e-8), "mse")
    >>> plateau = ReduceLROnPlateau(monitor="loss", factor=0.5, patience=2)
    >>> model.fit([[1.0]], [[3.0]], epochs=6, verbose=0, callbacks=[plateau]).history["learning_rate"]
    [1e-08, 1e-08, 1e-08, 5e-09, 5e-09, 2.5e-09]
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        super().__init__(monitor, mode, min_delta)
        owner = "ReduceLROnPlateau"
        self.factor = number(owner, "factor", factor, minimum=0, below=1)
        self.patience = whole_number(owner, "patience", patience, 0)
        verbose = int(verbose) if isinstance(verbose, bool) else verbose
        self.verbose = whole_number(owner, "verbose", verbose, 0)
        self.cooldown = whole_number(owner, "cooldown", cooldown, 0)
        self.min_lr = number(owner, "min_lr", min_lr, minimum=0)
        self._begin()

    def _begin(self) -> None:
        self.wait = self.cooldown_counter = 0
        self.best: float | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        expect_settable_rate("ReduceLROnPlateau", self.model.optimizer)
        self._begin()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = {} if logs is None else logs
        logs["learning_rate"] = self.model.optimizer.learning_rate
        self.more_is_better()  # a name that nobody knows the direction of is told even where it is missing
        value = self.value(logs)
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.best is None or self.better(value, self.best):  # the first sets the mark, even if it is NaN
            self.best, self.wait = value, 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        if optimizer.learning_rate <= self.min_lr:
            return
        optimizer.learning_rate = max(optimizer.learning_rate * self.factor, self.min_lr)
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            print(
                f"Epoch {epoch + 1}: ReduceLROnPlateau lowers the learning rate to {optimizer.learning_rate}."
            )

    def get_state(self) -> dict[str, Any]:
        return {"wait": self.wait, "cooldown_counter": self.cooldown_counter, "best": self.best}

    def set_state(self, state: dict[str, Any]) -> None:
        self.wait, self.cooldown_counter, self.best = state["wait"], state["cooldown_counter"], state["best"]
