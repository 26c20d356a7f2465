"""Data in numbered batches: the base class for those who make or load each batch when it is needed."""

from collections.abc import Iterator
from typing import Any

from minidl.messages import say

__all__ = ["PyDataset", "Sequence"]


class PyDataset:
    """A series of batches. Derive from it and define `__len__` and `__getitem__`; `fit` takes it as `x`.

    Args:
        workers, use_multiprocessing, max_queue_size: understood for scripts written for Keras. Batches are
            made one after the other, where they are used.

    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         return [[float(index)]], [[float(index**2)]]
    >>> Squares(workers=4)[2]
    ([[2.0]], [[4.0]])
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __len__(self) -> int:
        """The number of batches."""
        raise NotImplementedError(
            say(f"{type(self).__name__} must define __len__(self), the number of batches.")
        )

    def __getitem__(self, index: int) -> Any:
        """Batch number `index`: (x, y) or (x, y, sample_weight)."""
        raise NotImplementedError(say(f"{type(self).__name__} must define __getitem__(self, index)."))

    def __iter__(self) -> Iterator[Any]:
        """The batches from the first to the last, once."""
        return (self[i] for i in range(len(self)))

    def on_epoch_end(self) -> None:
        """Called after each epoch: the place to shuffle."""


Sequence = PyDataset
