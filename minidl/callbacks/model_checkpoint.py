"""ModelCheckpoint: the model in a file while it trains, every time or whenever it is the best so far."""

import os
from typing import Any

import numpy as np

from minidl.callbacks.batch_count import BatchCount
from minidl.callbacks.monitor import Monitor
from minidl.messages import say
from minidl.utils.checks import as_path, either, flag, number, whole_number
from minidl.utils.warned import warn

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(Monitor):
    """Saves the model, or its weights, at the end of each epoch or every so many batches.

    The file is written whole or not at all: a run that is killed while it saves leaves the file of before. To go on
    with a run exactly where it was, see `BackupAndRestore`; this callback is for models to keep.

    Args:
        filepath: where to. It ends in .keras; with `save_weights_only` in .weights.h5, .npz or .safetensors. What
            stands in braces is filled in, as by `str.format`: {epoch}, {batch} (within an epoch only), both counted
            from 1, and the keys of the logs, {val_loss:.2f}. Folders that are missing are made.
        monitor: a key of the logs, such as "val_loss" or "val_accuracy".
        verbose: 1 says what it does.
        save_best_only: save only if `monitor` is better than in all saves before. Where the logs do not have
            `monitor`, there is a warning, and the model is saved.
        save_weights_only: `model.save_weights` instead of `model.save`.
        mode: "min", "max" or "auto", by the name.
        save_freq: "epoch", or a number of batches, which are counted through the epochs. The logs of a batch have
            the means of its epoch so far, and nothing of the validation.
        initial_value_threshold: a value to beat from the beginning, with `save_best_only`.

    `best` is the best value so far. A second `fit` goes on from it.

    Raises:
        TypeError, ValueError: an argument of the wrong kind; or `filepath` names something that is not in the logs.
        OSError: the file cannot be written.

    >>> best = ModelCheckpoint("best.keras", monitor="val_accuracy", save_best_only=True)
    >>> often = ModelCheckpoint("{epoch:02d}-{batch}.weights.h5", save_weights_only=True, save_freq=100)
    >>> model.fit(x, y, callbacks=[best, often])  # doctest: +SKIP
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ):
        super().__init__(monitor, mode)
        owner = "ModelCheckpoint"
        self.filepath = as_path(owner, "filepath", filepath)
        verbose = int(verbose) if isinstance(verbose, bool) else verbose
        self.verbose = whole_number(owner, "verbose", verbose, 0)
        self.save_best_only = flag(owner, "save_best_only", save_best_only)
        self.save_weights_only = flag(owner, "save_weights_only", save_weights_only)
        endings = (".weights.h5", ".npz", ".safetensors") if self.save_weights_only else (".keras",)
        if not self.filepath.endswith(endings):
            raise ValueError(
                say(
                    f"{owner} expects filepath to end in {either(endings)} with save_weights_only="
                    f"{self.save_weights_only}, got {self.filepath!r:.120}."
                )
            )
        self.save_freq = save_freq
        self._count = BatchCount(owner, "save_freq", save_freq)
        self.best = (
            None
            if initial_value_threshold is None
            else number(owner, "initial_value_threshold", initial_value_threshold)
        )
        self._epoch = 0
        if self._count.every is not None:  # else nobody need make logs for each batch
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch

    def _after_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._count.due():
            self._consider(logs or {}, batch=batch + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch
        if self._count.every is None:
            self._consider(logs or {})

    def _consider(self, logs: dict[str, Any], **batch: int) -> None:
        path = self._path({"epoch": self._epoch + 1} | batch | logs)
        if self._is_due(logs):
            folder = os.path.dirname(path)
            if folder:
                os.makedirs(folder, exist_ok=True)
            save = self.model.save_weights if self.save_weights_only else self.model.save
            save(path, overwrite=True)
            self._say(f"the model is saved in {path}")

    def _path(self, names: dict[str, Any]) -> str:
        try:
            return self.filepath.format(**names)
        except KeyError as error:
            raise ValueError(
                say(
                    f"ModelCheckpoint cannot make a name of {self.filepath!r:.120}: there is no {error.args[0]!r:.60} at "
                    f"this moment, but {', '.join(map(repr, names))}."
                )
            ) from None
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise ValueError(
                say(
                    f"ModelCheckpoint cannot make a name of {self.filepath!r:.120}: {error!s:.100}. Write, for example, "
                    "'{epoch:02d}-{loss:.2f}.keras'."
                )
            ) from None

    def _is_due(self, logs: dict[str, Any]) -> bool:
        if not self.save_best_only:
            return True
        self.more_is_better()  # a name that nobody knows the direction of is told even where it is missing
        watched: Any = logs.get(self.monitor)
        if np.ndim(watched) > 0:
            self._warn(f"{self.monitor!r} is not one number, so that none is the best: every model is saved.")
            return True
        value = self.value(logs)
        if value is None:
            return True
        known = "none" if self.best is None else f"{self.best:.5f}"
        if self.better(value, self.best):
            self._say(f"{self.monitor} is {value:.5f}, better than {known}")
            self.best = value
            return True
        self._say(f"{self.monitor} is {value:.5f}, not better than {known}")
        return False

    def _warn(self, text: str) -> None:
        if not self._warned:
            self._warned = True
            warn(f"ModelCheckpoint: {text}")

    def _say(self, text: str) -> None:
        if self.verbose:
            print(f"Epoch {self._epoch + 1}: {text}.")

    def get_state(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "batches": self._count.passed,
            "epoch": self._epoch,
            "warned": self._warned,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        self.best, self._epoch, self._warned = state["best"], state["epoch"], state["warned"]
        self._count.passed = state["batches"]
