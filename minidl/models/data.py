"""Where batches come from: arrays cut into pieces, a generator, or an object that hands out batches by number.

Each source yields (x, y, sample_weight) once around per epoch and knows how many steps that takes, if anyone
does. Data is converted and checked once, when it enters; a step then only picks rows.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.random import SeedGenerator
from minidl.tensor import Tensor
from minidl.utils.checks import whole_number

__all__ = [
    "ArraySource",
    "Batch",
    "GeneratorSource",
    "SequenceSource",
    "Source",
    "as_array",
    "source",
    "split",
]


class Batch(NamedTuple):
    x: Any
    y: Any = None
    sample_weight: Any = None


def as_array(data: Any, name: str) -> Array:
    """`data` (array, list, Tensor, pandas object ...) as an array of native numbers.

    Raises:
        TypeError: it does not hold real numbers.
        ValueError: rows of different lengths, or a single number.
    """
    if isinstance(data, Tensor):
        data = data.data
    elif hasattr(data, "to_numpy"):
        data = data.to_numpy()
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array: what is hidden would be used. Pass data.filled(...) instead."
        )
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{name} has rows of different lengths. Pad them to one length first.") from error
    if array.dtype.kind == "O":
        raise TypeError(
            f"{name} holds Python objects, not numbers (dtype object). Convert it, for example with "
            "np.asarray(x, dtype='float32'); rows must have equal lengths."
        )
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} expects real numbers, got dtype {array.dtype}. Convert it with astype('float32')."
        )
    if array.ndim == 0:
        raise ValueError(
            f"{name} expects at least one sample along the first axis, got the single number {array}."
        )
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


class Source:
    """What the training loop sees of the data."""

    steps: int | None = None  # batches in an epoch, None if only the end will tell

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of one epoch; `number` (the training step it begins with) decides their order."""
        raise NotImplementedError

    def peek(self) -> Batch:
        """A batch to learn shapes from. It is not lost for training."""
        raise NotImplementedError


class ArraySource(Source):
    """Arrays cut into batches; the last one may be smaller.

    Args:
        x, y, sample_weight: data of equal length; y and sample_weight may be None.
        batch_size: samples in a batch.
        shuffler: the randomness that gives each epoch its own order; None keeps the order of the data.
        steps: batches in an epoch, if not all.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int = 32,
        shuffler: SeedGenerator | None = None,
        steps: int | None = None,
    ):
        self.data = Batch(
            as_array(x, "x"),
            None if y is None else as_array(y, "y"),
            None if sample_weight is None else as_array(sample_weight, "sample_weight"),
        )
        self.n = len(self.data.x)
        if self.n == 0:
            raise ValueError("x has no samples (its first axis is 0 long).")
        for name, array in zip(Batch._fields[1:], self.data[1:], strict=True):
            if array is not None and len(array) != self.n:
                raise ValueError(
                    f"x has {self.n} samples and {name} has {len(array)}: each sample needs its own. "
                    f"Shapes: x {self.data.x.shape}, {name} {array.shape}."
                )
        self.batch_size = batch_size
        self.shuffler = shuffler
        in_all = -(-self.n // self.batch_size)
        self.steps = in_all if steps is None else min(steps, in_all)

    def epoch(self, number: int) -> Iterator[Batch]:
        order = self.shuffler.at(number).permutation(self.n) if self.shuffler is not None else None
        for start in range(0, self.steps * self.batch_size, self.batch_size):  # type: ignore[operator]
            rows = (
                slice(start, start + self.batch_size)
                if order is None
                else order[start : start + self.batch_size]
            )
            yield Batch(*(None if array is None else array[rows] for array in self.data))

    def peek(self) -> Batch:
        return Batch(*(None if array is None else array[: self.batch_size] for array in self.data))


class GeneratorSource(Source):
    """An iterator of (x,), (x, y) or (x, y, sample_weight).

    With `steps` an epoch takes that many batches and the next one goes on from there. Without it the first
    epoch runs to the end of the iterator, so a generator is empty afterwards; an iterable starts anew.
    """

    def __init__(self, iterable: Any, steps: int | None = None):
        self.iterable = iterable
        self.iterator = iter(iterable)
        self.steps = steps
        self.ahead: list[Batch] = []
        self.ended = False

    def epoch(self, number: int) -> Iterator[Batch]:
        if self.ended and self.steps is None:
            self.iterator = iter(self.iterable)
        taken = 0
        while self.steps is None or taken < self.steps:
            batch = self.ahead.pop() if self.ahead else self._next()
            if batch is None:
                if self.steps is not None:
                    raise ValueError(
                        f"The generator ended after {taken} of {self.steps} batches of this epoch. Make it yield "
                        "for ever, or lower steps_per_epoch or epochs."
                    )
                if taken == 0:
                    raise ValueError(
                        "The generator has no batch for this epoch: an earlier one used it up. Pass an object "
                        "that can be iterated again, or an endless generator with steps_per_epoch."
                    )
                return
            taken += 1
            yield batch

    def peek(self) -> Batch:
        if not self.ahead:
            first = self._next()
            if first is None:
                raise ValueError("The generator yields no batch.")
            self.ahead.append(first)
        return self.ahead[0]

    def _next(self) -> Batch | None:
        for batch in self.iterator:
            return as_batch(batch)
        self.ended = True
        return None


class SequenceSource(Source):
    """An object with `len()` batches and `object[i]` -> (x, y) or (x, y, sample_weight), as `keras.utils.Sequence`.

    Its `on_epoch_end()` is called after each epoch, if it has one. Batches are shuffled, not samples.
    """

    def __init__(self, sequence: Any, shuffler: SeedGenerator | None, steps: int | None = None):
        self.sequence = sequence
        self.shuffler = shuffler
        if len(sequence) == 0:
            raise ValueError(f"{type(sequence).__name__} has length 0: no batches to train on.")
        self.steps = len(sequence) if steps is None else min(steps, len(sequence))

    def epoch(self, number: int) -> Iterator[Batch]:
        n = len(self.sequence)
        order = self.shuffler.at(number).permutation(n) if self.shuffler is not None else range(n)
        for i in order[: self.steps]:
            yield as_batch(self.sequence[int(i)])
        if hasattr(self.sequence, "on_epoch_end"):
            self.sequence.on_epoch_end()

    def peek(self) -> Batch:
        return as_batch(self.sequence[0])


def as_batch(batch: Any) -> Batch:
    """(x,), (x, y) or (x, y, sample_weight) as a Batch of arrays."""
    parts = batch if isinstance(batch, tuple) else (batch,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"A batch is (x, y) or (x, y, sample_weight), got a tuple of {len(parts)}.")
    return Batch(*(None if p is None else as_array(p, n) for n, p in zip(Batch._fields, parts, strict=False)))


def source(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffler: SeedGenerator | None = None,
    steps: int | None = None,
) -> Source:
    """The source for whatever `fit`, `evaluate` or `predict` was given.

    Raises:
        TypeError, ValueError: x is missing; y or sample_weight stand beside a source that brings its own.
    """
    size = 32 if batch_size is None else whole_number("fit", "batch_size", batch_size, 1)
    if steps is not None:
        steps = whole_number("fit", "steps_per_epoch", steps, 1)
    if x is None:
        raise ValueError("x is None: pass the samples as an array, or a generator of batches.")
    indexed = hasattr(x, "__getitem__") and hasattr(x, "__len__")
    is_array = (
        isinstance(x, np.ndarray | Tensor | list | tuple) or hasattr(x, "to_numpy") or hasattr(x, "__array__")
    )
    if is_array:
        return ArraySource(x, y, sample_weight, size, shuffler, steps)
    if isinstance(x, Mapping | str) or not (indexed or hasattr(x, "__iter__")):
        raise TypeError(f"x expects arrays, lists, pandas objects or batches, got {type(x).__name__}.")
    if y is not None or sample_weight is not None or batch_size is not None:
        raise ValueError(
            f"{type(x).__name__} yields whole batches (x, y, sample_weight): "
            "leave out y, sample_weight and batch_size."
        )
    return SequenceSource(x, shuffler, steps) if indexed else GeneratorSource(x, steps)


def split(x: Any, y: Any, sample_weight: Any, share: float) -> tuple[Batch, Batch]:
    """The first samples for training, the last `share` of them for validation: before any shuffling, as Keras.

    Raises:
        ValueError: `share` is not between 0 and 1, or leaves one side without samples.
    """
    if not 0 < share < 1:
        raise ValueError(f"fit expects validation_split between 0 and 1, got {share!r}.")
    if x is None or not (isinstance(x, np.ndarray | Tensor | list | tuple) or hasattr(x, "to_numpy")):
        raise ValueError("validation_split cuts arrays. For a generator, pass validation_data.")
    data = ArraySource(x, y, sample_weight).data
    at = int(np.floor(len(data.x) * (1 - share)))
    if at in (0, len(data.x)):
        raise ValueError(f"validation_split={share} of {len(data.x)} samples leaves one side without any.")
    first = Batch(*(None if a is None else a[:at] for a in data))
    return first, Batch(*(None if a is None else a[at:] for a in data))
