"""Counting batches across epochs, for what is done "every so many batches"."""

from typing import Any

from minidl.messages import say
from minidl.utils.checks import whole_number

__all__ = ["BatchCount"]


class BatchCount:
    """Tells after which batches something is due.

    Args:
        owner: class whose argument this is, for the message.
        argument: its name.
        every: "epoch" for never within an epoch, or a number of batches; they are counted through the epochs.

    Raises:
        TypeError, ValueError: `every` is neither.

    >>> count = BatchCount("ModelCheckpoint", "save_freq", 2)
    >>> [count.due() for batch in range(5)]
    [False, True, False, True, False]
    """

    def __init__(self, owner: str, argument: str, every: Any):
        if isinstance(every, str) and every != "epoch":
            raise ValueError(
                say(f"{owner} expects {argument} to be 'epoch' or a number of batches, got {every!r:.60}.")
            )
        self.every: int | None = None if every == "epoch" else whole_number(owner, argument, every, 1)
        self.passed = 0  # batches since it was due

    def due(self) -> bool:
        """Count one more batch; whether it is due behind it."""
        self.passed += 1
        if self.every is None or self.passed < self.every:
            return False
        self.passed = 0
        return True
