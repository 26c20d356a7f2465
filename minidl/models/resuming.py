"""Where a run of `fit` is, and how a later one goes on from there, to the last bit as if nothing had happened.

While `fit` runs, `model._position` is (epoch, batches of it that are done, first_step): first_step is the training step
that has decided the order of the samples. Once an epoch is over, the position is the beginning of the next.
`model.scores.get_state()` has the sums that its losses and metrics have reached in the epoch. A callback that saves
the two, with the weights, the optimizer and what other callbacks remember, can do in `on_train_begin` of a later run:

    restore weights and optimizer
    model._resume_at(epoch, batches, first_step, scores_state)

Then `fit` begins with that epoch, and with the batch behind those that are done. What is random in a step depends on
nothing but seeds and the number of the step (`optimizer.iterations`), so weights and history come out the same.
A generator cannot be told where to begin; it is read from its beginning up to the batch.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from minidl.models.data import Batch
from minidl.models.sources import Source

__all__ = ["Resume", "Run"]


class Resume(NamedTuple):
    """Where to go on."""

    epoch: int
    batch: int = 0
    first_step: int | None = None
    scores: Any = None
    then: Callable[[], None] | None = None  # what to do when `fit` is there, and has read the data up to it


class Run:
    """The epochs and batches that `fit` goes through, and how far it is.

    Args:
        data: the batches.
        epoch: the first epoch.
    """

    def __init__(self, data: Source, epoch: int):
        self.data = data
        self.epoch = epoch
        self.done = 0  # batches of this epoch

    @property
    def position(self) -> tuple[int, int, int]:
        """Epoch, batches of it that are done, and the step that has decided the order."""
        return self.epoch, self.done, self.data.drawn_at

    def go_on(self, resume: Resume, now: int) -> None:
        """Be where an earlier run was, which has come to the training step `now`."""
        self.epoch, self.done = resume.epoch, resume.batch
        first = now - resume.batch if resume.first_step is None else resume.first_step
        taken = max(0, now - first) or resume.batch  # without weights to train no step is counted
        self.data.go_on(first, taken)

    def batches(self, now: int) -> Iterator[tuple[int, Batch]]:
        """The batches of this epoch that are left, with their numbers; `now` is the number of the training step."""
        return enumerate(self.data.epoch(now - self.done, self.done), self.done)

    def next_epoch(self) -> None:
        """Note that this epoch is over."""
        self.epoch, self.done = self.epoch + 1, 0
