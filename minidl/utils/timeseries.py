"""Windows over a long recording, cut when they are needed: the recording is held once, not once per window."""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.utils.checks import flag, whole_number
from minidl.utils.py_dataset import PyDataset

__all__ = ["timeseries_dataset_from_array"]


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> PyDataset:
    """Batches of windows over `data`, to loop over or to give to `fit`.

        window i = data[s], data[s + r], ..., data[s + (L − 1)·r]     s = i·sequence_stride, r = sampling_rate
        target i = targets[s]

    A target belongs to the *first* step of its window. To predict the value that follows each window of L
    steps, move the targets: `timeseries_dataset_from_array(data, data[L:], L)`.

    Args:
        data: recording, first axis time; shape (time,) or (time, features).
        targets: as above, or None for windows alone.
        sequence_length: steps L in a window.
        sequence_stride: steps from the start of one window to that of the next.
        sampling_rate: every how many steps one is taken.
        batch_size: windows in a batch, the last may have fewer; None for single windows.
        shuffle: draw windows in random order, in another one after each epoch of `fit`. (`fit` by itself
            shuffles whole batches; `fit(shuffle=False)` keeps their order.)
        seed: of that order; None takes it from the global seed.
        start_index: what lies before is not used.
        end_index: what lies there and behind is not used.

    Raises:
        TypeError, ValueError: an argument is out of range, or no window fits.

    >>> batches = timeseries_dataset_from_array(np.arange(10), np.arange(10) * 10, 3, batch_size=2)
    >>> len(batches)
    4
    >>> x, y = batches[0]
    >>> x.tolist(), y.tolist()
    ([[0, 1, 2], [1, 2, 3]], [0, 10])
    """
    owner = "timeseries_dataset_from_array"
    x = _recording(owner, "data", data)
    n = len(x)
    length = whole_number(owner, "sequence_length", sequence_length, 1)
    stride = whole_number(owner, "sequence_stride", sequence_stride, 1, n - 1)
    rate = whole_number(owner, "sampling_rate", sampling_rate, 1, n - 1)
    if batch_size is not None:
        batch_size = whole_number(owner, "batch_size", batch_size, 1)
    shuffle = flag(owner, "shuffle", shuffle)
    if seed is not None:
        seed = whole_number(owner, "seed", seed, 0, 2**64 - 1)
    start = 0 if start_index is None else whole_number(owner, "start_index", start_index, 0, n - 1)
    end = n if end_index is None else whole_number(owner, "end_index", end_index, start + 1, n)
    y = None if targets is None else _recording(owner, "targets", targets)[start:end]
    windows = end - start - (length - 1) * rate
    if windows < 1:
        raise ValueError(
            say(
                f"{owner} needs {(length - 1) * rate + 1} steps for a window of sequence_length={length} at "
                f"sampling_rate={rate}, got {end - start}."
            )
        )
    starts = np.arange(0, windows if y is None else min(windows, len(y)), stride)
    if len(starts) == 0:
        raise ValueError(say(f"{owner} has no target at or after start_index={start}."))
    return _Windows(x[start:end], y, starts, np.arange(length) * rate, batch_size, shuffle, seed)


def _recording(owner: str, argument: str, data: Any) -> Array:
    array = np.asarray(data)
    if array.ndim == 0 or (argument == "data" and len(array) < 2):
        raise ValueError(
            say(f"{owner} expects {argument} with time along its first axis, got shape {array.shape}.")
        )
    return array


class _Windows(PyDataset):
    """Batches of windows that begin at `starts` and take the steps `offsets` from there."""

    def __init__(
        self,
        x: Array,
        y: Array | None,
        starts: Array,
        offsets: Array,
        batch_size: int | None,
        shuffle: bool,
        seed: int | None,
    ):
        super().__init__()
        self._x, self._y, self._starts, self._offsets = x, y, starts, offsets
        self.batch_size = batch_size
        self._order = None
        if shuffle:
            from minidl.random import (
                SeedGenerator,
            )  # not above: minidl.random itself imports from minidl.utils

            self._order = SeedGenerator(seed)
        self._epoch = -1
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        self._epoch += 1
        if self._order is not None:
            self._starts = self._order.at(self._epoch).permutation(np.sort(self._starts))

    def __len__(self) -> int:
        return -(-len(self._starts) // (self.batch_size or 1))

    def __getitem__(self, index: int) -> Any:
        index = range(len(self))[index]
        if self.batch_size is None:
            start = self._starts[index]
        else:
            start = self._starts[index * self.batch_size : (index + 1) * self.batch_size]
        x = self._x[np.add.outer(start, self._offsets)]
        return x if self._y is None else (x, self._y[start])
