"""Batches of the past, and the value that follows: Keras 2's generator for forecasting."""

import json
from typing import Any, Self

import numpy as np

from minidl.messages import say
from minidl.random import SeedGenerator
from minidl.utils.checks import flag, whole_number
from minidl.utils.py_dataset import PyDataset

__all__ = ["TimeseriesGenerator"]


class TimeseriesGenerator(PyDataset):
    """Batches of windows over `data`, each with the target of the step right behind it; `fit` takes it as `x`.

        sample of row t = data[t − length], data[t − length + r], ... before data[t]     r = sampling_rate
        target of row t = targets[t]            t = start_index + length, and on by `stride` up to end_index

    Args:
        data: recording, first axis time. For a recurrent layer shape (time, features).
        targets: a value for each step of `data`.
        length: how far a window reaches back; it holds length / sampling_rate steps, rounded up.
        sampling_rate: every how many steps one is taken.
        stride: rows from one window to the next.
        start_index: what lies before is not used.
        end_index: the last row that may be a target; None is the last there is.
        shuffle: draw every row of a batch at random, as Keras did: some may come twice in an epoch and some
            not at all.
        reverse: whether the latest step comes first.
        batch_size: windows in a batch. The last batch may have fewer.
        kwargs: as in `PyDataset`.

    Attributes:
        start_index: the first row that is a target, so `length` more than the argument.

    Raises:
        TypeError, ValueError: an argument is out of range, or no row is left.

    >>> pairs = TimeseriesGenerator(np.arange(6), np.arange(6) * 10, length=2, batch_size=3)
    >>> len(pairs)
    2
    >>> x, y = pairs[0]
    >>> x.tolist(), y.tolist()
    ([[0, 1], [1, 2], [2, 3]], [20, 30, 40])
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.data, self.targets = np.asarray(data), np.asarray(targets)
        if self.data.ndim == 0 or self.targets.ndim == 0 or len(self.data) != len(self.targets):
            raise ValueError(
                say(
                    "TimeseriesGenerator expects a target for every step of data, got shapes "
                    f"{self.data.shape} and {self.targets.shape}."
                )
            )
        owner, last = "TimeseriesGenerator", len(self.data) - 1
        self.length = whole_number(owner, "length", length, 1)
        self.sampling_rate = whole_number(owner, "sampling_rate", sampling_rate, 1)
        self.stride = whole_number(owner, "stride", stride, 1)
        self.batch_size = whole_number(owner, "batch_size", batch_size, 1)
        self.start_index = whole_number(owner, "start_index", start_index, 0) + self.length
        self.end_index = last if end_index is None else whole_number(owner, "end_index", end_index, 0, last)
        self.shuffle = flag(owner, "shuffle", shuffle)
        self.reverse = flag(owner, "reverse", reverse)
        self._draws = SeedGenerator()
        if self.start_index > self.end_index:
            raise ValueError(
                say(
                    f"TimeseriesGenerator has no row left: the first target is start_index + length = {start_index} + "
                    f"{length}, the last one may be {self.end_index}. Shorten length, or pass more data."
                )
            )

    def __len__(self) -> int:
        return -(-(self.end_index - self.start_index + 1) // (self.batch_size * self.stride))

    def __getitem__(self, index: int) -> Any:
        index = range(len(self))[index]
        if self.shuffle:
            rows = self._draws.next().integers(self.start_index, self.end_index + 1, self.batch_size)
        else:
            span = self.batch_size * self.stride
            first = self.start_index + span * index
            rows = np.arange(first, min(first + span, self.end_index + 1), self.stride)
        back = np.arange(-self.length, 0, self.sampling_rate)
        if self.reverse:
            back = back[::-1]
        return self.data[np.add.outer(rows, back)], self.targets[rows]

    def get_config(self) -> dict[str, Any]:
        """The arguments, data and targets as JSON texts. (Keras wrote start_index + length as start_index.)

        >>> TimeseriesGenerator([1, 2, 3], [1, 2, 3], length=1).get_config()["data"]
        '[1, 2, 3]'
        """
        options = ("length", "sampling_rate", "stride", "end_index", "shuffle", "reverse", "batch_size")
        return {
            "data": json.dumps(self.data.tolist()),
            "targets": json.dumps(self.targets.tolist()),
            "start_index": self.start_index - self.length,
            **{name: getattr(self, name) for name in options},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A new generator from `get_config`.

        >>> first = TimeseriesGenerator([1, 2, 3], [1, 2, 3], length=1)
        >>> TimeseriesGenerator.from_config(first.get_config())[0][1].tolist()
        [2, 3]
        """
        return cls(**{**config, "data": json.loads(config["data"]), "targets": json.loads(config["targets"])})

    def to_json(self, **kwargs: Any) -> str:
        """`get_config` as JSON; `kwargs` are for `json.dumps`.

        >>> text = TimeseriesGenerator([1, 2, 3], [1, 2, 3], length=2).to_json()
        >>> x, y = TimeseriesGenerator.from_config(json.loads(text)["config"])[0]
        >>> x.tolist(), y.tolist()
        ([[1, 2]], [3])
        """
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)
