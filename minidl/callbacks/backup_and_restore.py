"""BackupAndRestore: a run that was killed goes on where it was, and ends as if nothing had happened.

To load the last weights and train for the epochs that are left is not enough. The optimizer has momenta, the learning
rate may have been lowered, EarlyStopping has counted, the samples come in a certain order and half of them have been
seen, the loss of the epoch is a sum in the making, dropout has its random numbers. A run that forgets one of these ends
with other weights than one that ran through. Here all of it is in one file.
"""

import contextlib
import os
from typing import Any

from minidl.callbacks.backup_file import read_state, write_state
from minidl.callbacks.backup_form import malformed, same_form
from minidl.callbacks.base import Callback
from minidl.callbacks.batch_count import BatchCount
from minidl.callbacks.model_state import check_model, copied, model_state, set_model_state
from minidl.messages import say
from minidl.utils.checks import as_path, flag
from minidl.utils.seeds import global_generators, set_global_generators
from minidl.utils.warned import warn

__all__ = ["BackupAndRestore"]

_FORMAT = "minidl backup 1"


class BackupAndRestore(Callback):
    """Keeps a backup of the run; when the same script is started again, `fit` continues from it, bit by bit.

    The weights and the history are those of a run that was never interrupted. The backup has the weights, the state of
    the optimizer and of all callbacks, the history so far, the place in the data, and the seeds, which the script need
    not set. It is written whole or not at all: a process that is killed while it writes leaves the backup before.

    Args:
        backup_dir: folder for the backup. Each `fit` of a script needs one of its own.
        save_freq: "epoch", or a number of batches, which are counted through the epochs.
        double_checkpoint: keep the backup before the last one too, and take it should the last one be damaged.
        delete_checkpoint: remove the backup when the run has ended. If it is kept, and the script is started again,
            there is nothing left to train: `fit` returns the history. With more `epochs` it goes on, unless a callback
            had ended the run.

    The model, the data and the arguments of `fit` must be the same. A generator of batches is read from its beginning
    and its first batches pass by. The global generators of Python and NumPy (`random.random()`, `np.random.rand()`) are
    brought back, so that data drawn with them goes on too. Not brought back are generators that you have made, with
    `np.random.default_rng` say, and the place in a generator of batches that stands in `validation_data`.

    Raises:
        TypeError, ValueError: an argument of the wrong kind; or the backup is damaged, or of another model or run.
            Nothing is changed then.
        OSError: the backup cannot be written.

    >>> import minidl, tempfile
    >>> class Crash(Callback):
    ...     def on_epoch_begin(self, epoch, logs=None):
    ...         if epoch == 2:
    ...             raise RuntimeError("the lights went out")
    >>> def fit(*callbacks):
    ...     model = minidl.Sequential([minidl.layers.Dense(1, kernel_initializer="ones")])
    ...     model.compile(minidl.optimizers.SGD(0.25), "mse")
    ...     return model.fit([[1.0]], [[3.0]], epochs=3, verbose=0, callbacks=[*callbacks]).history["loss"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     try:
    ...         fit(BackupAndRestore(folder), Crash())
    ...     except RuntimeError:
    ...         fit(BackupAndRestore(folder)) == fit()
    True
    """

    comes_last = True  # it saves what the others have become

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ):
        owner = "BackupAndRestore"
        self.backup_dir = os.path.abspath(as_path(owner, "backup_dir", backup_dir))
        self.save_freq = save_freq
        self._count = BatchCount(owner, "save_freq", save_freq)
        self.double_checkpoint = flag(owner, "double_checkpoint", double_checkpoint)
        self.delete_checkpoint = flag(owner, "delete_checkpoint", delete_checkpoint)
        self._latest = os.path.join(self.backup_dir, "latest.npz")
        self._previous = os.path.join(self.backup_dir, "previous.npz")
        self._others: list[Callback] = []
        self._remembering: list[Callback] = []  # those that define get_state
        self._backup: dict[str, Any] | None = None
        self._began = 0  # the number of the step with which the run began, in whatever process
        if self._count.every is not None:  # else nobody need make logs for each batch
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]

    # --- at the beginning -----------------------------------------------------------------------------------

    def before_training(self, callbacks: list[Callback]) -> None:
        self._others = [callback for callback in callbacks if callback is not self]
        self._remembering = [c for c in self._others if type(c).get_state is not Callback.get_state]
        self._count.passed = 0
        self._began = int(self.model.optimizer.iterations)
        self._backup = self._read()

    def _read(self) -> dict[str, Any] | None:
        """The backup there is, if any, found to fit this run."""
        found = None
        for path in (self._latest, self._previous):
            try:
                found = read_state(path)
            except FileNotFoundError:
                continue
            except NotADirectoryError as error:
                raise ValueError(
                    say(
                        f"BackupAndRestore expects backup_dir to be a folder, or free to become one, got "
                        f"{self.backup_dir[-120:]!r}, which is a file or inside of one. Choose another name."
                    )
                ) from error
            except ValueError as error:
                if path == self._previous or not os.path.exists(self._previous):
                    raise
                warn(f"BackupAndRestore takes the backup before the last one. {error}")
                continue
            self._check(path, found)
            break
        return found

    def _check(self, path: str, found: dict[str, Any]) -> None:
        problem = None
        if found.get("format") != _FORMAT:
            problem = f"{found.get('format')!r:.60} in the place of {_FORMAT!r}"
        elif (problem := malformed(found)) is not None:
            pass
        elif found["began"] > self._began:
            problem = f"a run that began with step {found['began']}, this one begins with {self._began}"
        elif [name for name, _ in found["callbacks"]] != self._names():
            names = [name for name, _ in found["callbacks"]]
            problem = f"the callbacks {', '.join(names)}, this run has {', '.join(self._names())}"
        elif found["batch"] and found["steps"] != self._steps():
            problem = f"{found['steps']} batches in an epoch, this run has {self._steps()}"
        else:
            problem = check_model(self.model, found["model"])
        if problem is not None:
            raise ValueError(
                say(
                    f"{path[-120:]} is a backup of another run: it has {problem}. Give each fit a backup_dir of its own, "
                    "or remove the file to begin anew."
                )
            )

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self._backup is None:
            return
        backup, self._backup = self._backup, None
        if backup["batch"]:
            # `fit` goes on within an epoch, but nobody in this process has been told that it began.
            for callback in self._others:
                callback.on_epoch_begin(backup["epoch"], {})
        self._take_on(backup)
        self._began = backup["began"]
        epoch = (self.params or {})["epochs"] if backup["stopped"] else backup["epoch"]
        drawn = backup.get("generators")  # files of before have none
        self.model._resume_at(
            epoch, backup["batch"], backup["first_step"], backup["scores"],
            then=None if drawn is None else lambda: set_global_generators(drawn),
        )  # fmt: skip

    def _take_on(self, backup: dict[str, Any]) -> None:
        """Make model and callbacks what they were; where a part cannot take its state, none does."""
        before = copied(model_state(self.model)), [callback.get_state() for callback in self._remembering]
        try:
            _try_generators(backup.get("generators"))
            if not all(same_form(s, now) for (_, s), now in zip(backup["callbacks"], before[1], strict=True)):
                raise ValueError(say("its callbacks remember other things."))
            set_model_state(self.model, backup["model"])
            for callback, (_, state) in zip(self._remembering, backup["callbacks"], strict=True):
                callback.set_state(state)
        except Exception as error:
            set_model_state(self.model, before[0])
            for callback, state in zip(self._remembering, before[1], strict=True):
                callback.set_state(state)
            raise ValueError(
                say(
                    f"The backup in {self.backup_dir[-120:]} does not fit this run: {error!s:.150} "
                    "Give each fit a backup_dir of its own, or remove the backup to begin anew."
                )
            ) from error

    # --- while it runs --------------------------------------------------------------------------------------

    def _after_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        due = self._count.due()
        if due and not self.model.stop_training:  # if it stops here, the end of the epoch comes next
            self._write()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._count.every is None:
            self._write()

    def _write(self) -> None:
        epoch, batch, first_step = self.model._position
        state = {
            "format": _FORMAT,
            "began": self._began,
            "epoch": epoch,
            "batch": batch,  # of the epoch are done
            "first_step": first_step,  # which has decided the order of the samples
            "steps": self._steps(),
            "stopped": bool(self.model.stop_training),
            "scores": self.model.scores.get_state() if batch else None,
            "model": model_state(self.model),
            "generators": global_generators(),
            "callbacks": [
                (name, callback.get_state())
                for name, callback in zip(self._names(), self._remembering, strict=True)
            ],
        }
        os.makedirs(self.backup_dir, exist_ok=True)
        if self.double_checkpoint:
            with contextlib.suppress(FileNotFoundError):
                os.replace(self._latest, self._previous)
        write_state(self._latest, state)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if not self.delete_checkpoint:
            return
        for path in (self._latest, self._previous):
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
        with contextlib.suppress(OSError):  # somebody keeps other files there
            os.rmdir(self.backup_dir)

    def _names(self) -> list[str]:
        return [type(callback).__name__ for callback in self._remembering]

    def _steps(self) -> int | None:
        steps: int | None = (self.params or {}).get("steps")
        return steps


def _try_generators(drawn: Any) -> None:
    """See that the global generators can take these states, which they are given later."""
    if drawn is not None:
        now = global_generators()
        try:
            set_global_generators(drawn)
        finally:
            set_global_generators(now)
