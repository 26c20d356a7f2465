"""Where batches come from: arrays cut into pieces, a generator, or an object that hands out batches by number.

Each source yields (x, y, sample_weight) once around per epoch and knows how many steps that takes, if anyone
does. It can also go on in the middle of an epoch, where an earlier run has stopped (`Source.go_on`).
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from minidl.backend import Array
from minidl.devices import beside, is_array
from minidl.messages import say
from minidl.models.data import Batch, are_samples, as_batch, one_batch
from minidl.random import SeedGenerator
from minidl.utils.nested import flatten, mapped
from minidl.utils.py_dataset import PyDataset
from minidl.utils.warned import warn

__all__ = ["ArraySource", "GeneratorSource", "Rows", "SequenceSource", "Source", "source"]

_ENDLESS = (itertools.cycle, itertools.count)
_MANY = 100_000  # batches of an epoch that may have no end


class Source:
    """What the training loop sees of the data."""

    steps: int | None = None  # batches in an epoch, None if only the end will tell
    drawn_at: int = 0  # the training step that has decided the order that is followed

    def epoch(self, number: int | None = None, done: int = 0) -> Iterator[Batch]:
        """The batches of one epoch.

        Args:
            number: the training step it begins with, which decides the order; None for no training: from the
                first sample on, in their own order.
            done: how many of them are behind us, after `go_on`.
        """
        raise NotImplementedError

    def go_on(self, drawn_at: int, taken: int) -> None:
        """Be where a run was that had decided on its order at step `drawn_at` and taken so many batches of it."""
        raise NotImplementedError

    def peek(self) -> Batch:
        """A batch to learn shapes from. It is not lost for training."""
        raise NotImplementedError


class _Numbered(Source):
    """Batches that have numbers. An epoch that takes only some of them is followed by one that goes on from there.

    Args:
        in_all: number of batches.
        things: number of what is shuffled, samples or batches.
        shuffler: the randomness that gives each round its own order; None keeps that of the data.
        steps: batches in an epoch, if not all.
    """

    def __init__(self, in_all: int, things: int, shuffler: SeedGenerator | None, steps: int | None):
        if steps is not None and steps > in_all:
            warn(
                f"An epoch of {steps} steps was asked for, but the data makes {in_all} batches: it ends there."
            )
        self.in_all, self._things = in_all, things
        self.steps: int = in_all if steps is None else min(steps, in_all)
        self.shuffler = shuffler
        self._next = 0
        self._order: Array | None = None

    def go_on(self, drawn_at: int, taken: int) -> None:
        self._next, self.drawn_at = taken % self.in_all, drawn_at
        if self.shuffler is not None:
            self._order = self.shuffler.at(drawn_at).permutation(self._things)

    def _numbers(self, number: int | None, done: int) -> Iterator[tuple[int, Array | None]]:
        """For each batch of an epoch its number, and the order of all things there are (None for their own)."""
        if number is None:
            self._next, self._order = 0, None
        for step in range((number or 0) + done, (number or 0) + self.steps):
            if self._next == 0 and number is not None:
                self.drawn_at = step
                if self.shuffler is not None:
                    self._order = self.shuffler.at(step).permutation(self._things)
            at, self._next = self._next, (self._next + 1) % self.in_all
            yield at, self._order


class Rows(NamedTuple):
    """A batch that nobody has gathered yet: the samples at the places `part` of `order`, or of the data where that is None."""

    part: slice
    order: Any


class ArraySource(_Numbered):
    """Arrays cut into batches; the last one may be smaller. Samples are shuffled.

    Args:
        data: all samples.
        batch_size: samples in a batch.
        shuffler, steps: see above.

    `gathers` is False where an epoch is to be one of `Rows`: a captured step takes its samples itself.
    """

    gathers = True

    def __init__(
        self, data: Batch, batch_size: int, shuffler: SeedGenerator | None = None, steps: int | None = None
    ):
        self.data = data
        self.batch_size = batch_size
        self._plain = all(part is None or is_array(part) for part in data)
        super().__init__(-(-data.samples // batch_size), data.samples, shuffler, steps)

    @property
    def form(self) -> Any:
        """The shape of a sample of everything in the data: two sources of one form fit the same models."""
        return [mapped(lambda a: None if a is None else a.shape[1:], part) for part in self.data]

    def epoch(self, number: int | None = None, done: int = 0) -> Iterator[Any]:
        drawn = there = None
        for i, order in self._numbers(number, done):
            if order is not drawn:  # one copy to the device for each new order
                drawn, there = order, self._beside_data(order)
            order = there
            rows = Rows(slice(i * self.batch_size, (i + 1) * self.batch_size), order)
            yield self.gathered(rows) if self.gathers else rows

    def _beside_data(self, order: Array | None) -> Any:
        first = flatten(self.data.x)[0]
        return None if order is None else beside(order, first)

    def gathered(self, rows: Rows) -> Batch:
        """The samples of a batch."""
        part, order = rows
        if not self._plain:
            return Batch(*(mapped(lambda a: _picked(a, part, order), arrays) for arrays in self.data))
        return Batch(*[_picked(array, part, order) for array in self.data])

    def peek(self) -> Batch:
        return self.gathered(Rows(slice(self.batch_size), None))


def _picked(array: Array | None, part: slice, order: Array | None) -> Array | None:
    """The rows of `array` that stand at the places `part` of `order`."""
    if array is None or order is None:
        return None if array is None else array[part]
    return array.take(order[part], axis=0)


class GeneratorSource(Source):
    """An iterator of (x,), (x, y) or (x, y, sample_weight).

    With `steps` an epoch takes that many batches and the next one goes on from there. Without it the first
    epoch runs to the end of the iterator, so a generator is empty afterwards; an iterable starts anew.
    """

    def __init__(self, iterable: Any, steps: int | None = None, arrange: Callable[..., Batch] = one_batch):
        if steps is None and isinstance(iterable, _ENDLESS):
            raise ValueError(
                say(
                    f"{type(iterable).__name__} never ends. Say how many batches make an epoch: steps_per_epoch=...."
                )
            )
        self.iterable = iterable
        self.arrange = arrange
        self.iterator = iter(iterable)
        self.steps = steps
        self.ahead: list[Batch] = []
        self.ended = self.begun = self.yielded = False

    def go_on(self, drawn_at: int, taken: int) -> None:
        """A generator cannot be told where to begin: it is read from its beginning, and so many batches pass by."""
        self.drawn_at, self.begun = drawn_at, True
        for _ in range(taken):
            self._take()

    def epoch(self, number: int | None = None, done: int = 0) -> Iterator[Batch]:
        if self.ended and self.steps is None and done == 0:
            self.iterator = iter(self.iterable)
        if not self.begun:
            self.drawn_at, self.begun = number or 0, True
        taken = done
        while self.steps is None or taken < self.steps:
            batch = self._take()
            if batch is None:
                if not self.yielded:
                    raise ValueError(say("The generator yields no batch. Make it yield (x, y)."))
                if self.steps is not None:
                    raise ValueError(
                        say(
                            f"The generator ended after {taken} of {self.steps} batches of this epoch. Make it yield "
                            "for ever, or lower steps_per_epoch or epochs."
                        )
                    )
                if taken == 0:
                    raise ValueError(
                        say(
                            "The generator has no batch for this epoch: an earlier one used it up. Pass an object "
                            "that can be iterated again, or an endless generator with steps_per_epoch."
                        )
                    )
                self.drawn_at = (number or 0) + taken  # what comes next begins anew
                return
            taken += 1
            if taken == _MANY and self.steps is None:
                warn(
                    f"The generator has given {taken:,} batches in this epoch and goes on. If it never ends, stop with "
                    "Ctrl-C, and pass steps_per_epoch (or steps, or validation_steps)."
                )
            yield batch

    def peek(self) -> Batch:
        if not self.ahead:
            first = self._next()
            if first is None:
                raise ValueError(say("The generator yields no batch. Make it yield (x, y)."))
            self.ahead.append(first)
        return self.ahead[0]

    def _take(self) -> Batch | None:
        return self.ahead.pop() if self.ahead else self._next()

    def _next(self) -> Batch | None:
        for batch in self.iterator:
            self.yielded = True
            return as_batch(batch, self.arrange)
        self.ended = True
        return None


class SequenceSource(_Numbered):
    """An object with `len()` batches and `object[i]` -> (x, y) or (x, y, sample_weight), as `keras.utils.Sequence`.

    Its `on_epoch_end()` is called after each epoch, if it has one. Batches are shuffled, not samples.
    """

    def __init__(
        self,
        sequence: Any,
        shuffler: SeedGenerator | None,
        steps: int | None = None,
        arrange: Callable[..., Batch] = one_batch,
    ):
        self.sequence = sequence
        self.arrange = arrange
        if isinstance(sequence, PyDataset) and not hasattr(sequence, "workers"):
            warn(f"{type(sequence).__name__}.__init__ should call super().__init__(**kwargs), and has not.")
        try:
            batches = len(sequence)
        except TypeError as error:  # len() of a float, say
            name = type(sequence).__name__
            raise TypeError(
                say(f"{name} must return a whole number from __len__(self), the number of batches.")
            ) from error
        if batches == 0:
            raise ValueError(say(f"{type(sequence).__name__} has length 0: no batches to train on."))
        super().__init__(batches, batches, shuffler, steps)

    def epoch(self, number: int | None = None, done: int = 0) -> Iterator[Batch]:
        for i, order in self._numbers(number, done):
            yield as_batch(self.sequence[i if order is None else int(order[i])], self.arrange)
        if hasattr(self.sequence, "on_epoch_end"):
            self.sequence.on_epoch_end()

    def peek(self) -> Batch:
        return as_batch(self.sequence[0], self.arrange)


def source(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffler: SeedGenerator | None = None,
    steps: int | None = None,
    arrange: Callable[..., Batch] = one_batch,
) -> Source:
    """The source for whatever `fit`, `evaluate` or `predict` was given.

    Args:
        x: arrays, batches, or a Batch of arrays that are arranged already.
        y, sample_weight, batch_size, shuffler, steps: as there.
        arrange: makes a batch of x, y and sample_weight.

    Raises:
        TypeError, ValueError: x is missing; y or sample_weight stand beside a source that brings its own.
    """
    if isinstance(x, Batch):
        return ArraySource(x, batch_size or 32, shuffler, steps)
    if x is None or are_samples(x):
        return ArraySource(arrange(x, y, sample_weight), batch_size or 32, shuffler, steps)
    indexed = hasattr(x, "__getitem__") and hasattr(x, "__len__")
    if isinstance(x, str | bytes | type) or not (indexed or hasattr(x, "__iter__")):
        mend = " Call it, and pass what it returns." if callable(x) else ""
        if isinstance(x, str | bytes):
            mend = " Read the file first, for example with np.load or np.loadtxt."
        raise TypeError(
            say(f"x expects arrays, lists, pandas objects or batches, got {type(x).__name__}.{mend}")
        )
    if y is not None or sample_weight is not None or batch_size is not None:
        raise ValueError(
            say(
                f"{type(x).__name__} yields whole batches (x, y, sample_weight): "
                "leave out y, sample_weight and batch_size."
            )
        )
    return SequenceSource(x, shuffler, steps, arrange) if indexed else GeneratorSource(x, steps, arrange)
