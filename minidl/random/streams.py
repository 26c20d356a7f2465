"""Randomness that can be looked up: what is drawn is a function of (seed, stream, step, call) alone.

An ordinary random generator is a tape that everybody tears a piece from: whoever draws once more, or once
less, changes what all others get. Philox (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3")
is a page number instead. It scrambles a counter with a key, and any page can be opened at any time:

    key = (seed, stream)        counter = (step, call, position)        bits = philox(key, counter)

- **seed** is chosen with `set_seed`, once for the whole program;
- **stream** tells apart those who draw: every layer, initializer and model takes a number when it is made,
  so a script that makes the same things in the same order gives them the same numbers;
- **step** is the number of the training step, and **call** counts the draws of one layer within it.

Training step 7 therefore draws the same dropout masks whenever it runs: in a resumed run, a second time after
a failure, or alone. That is also how masks are held still while gradients are checked: run every evaluation
of the loss under `with training_step(0):`.

>>> set_seed(1)
>>> masks = SeedGenerator()
>>> with training_step(7):
...     first = masks.next().random(3)
>>> with training_step(7):
...     again = masks.next().random(3)
>>> bool((first == again).all())
True

The same seed gives the same numbers on every machine, as long as NumPy's version is the same.
"""

import itertools
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from minidl.utils.checks import text, whole_number
from minidl.utils.registry import Configurable

__all__ = [
    "EXPLICIT", "OUTSIDE", "SeedGenerator", "generator", "generator_at", "global_seed", "new_stream", "set_apart", "set_seed",
    "training_step", "unseeded_generator",
]  # fmt: skip

OUTSIDE = -1  # the step of whatever is drawn outside a training step
_LARGEST = 2**64 - 1  # seed, stream, step and call fill one 64-bit word each
EXPLICIT, _UNSEEDED, _FIRST = 0, 1, 2  # streams: of a seed given by hand, of no seed, from `new_stream`
_lock = threading.RLock()


def generator(seed: int | None, stream: int, step: int = 0, call: int = 0) -> np.random.Generator:
    """NumPy's generator at the coordinates (seed, stream, step, call).

    Args:
        seed: whole number in [0, 2^64); None is the global seed.
        stream: who draws, from `new_stream`.
        step: training step, or `OUTSIDE`.
        call: number of the draw within the step.

    Raises:
        TypeError, ValueError: a coordinate is no whole number, or out of range.

    >>> bool(generator(1, 5, step=3).random() == generator(1, 5, step=3).random())
    True
    """
    seed = global_seed() if seed is None else _seed("generator", seed)
    stream = whole_number("generator", "stream", stream, 0, _LARGEST)
    step = whole_number("generator", "step", step, OUTSIDE, _LARGEST - 1)
    call = whole_number("generator", "call", call, 0, _LARGEST)
    return generator_at(np.array([seed, stream, call, step + 1], np.uint64))


def generator_at(coordinates: Any) -> np.random.Generator:
    """NumPy's generator at what `SeedGenerator.coordinates` has given."""
    counter = np.zeros(4, np.uint64)  # the first word is the position, moved by drawing
    counter[1:3] = coordinates[2:]
    return np.random.Generator(np.random.Philox(key=coordinates[:2], counter=counter))


class _Streams:
    """A global seed, and the stream numbers given out under it."""

    def __init__(self, seed: int):
        self.seed = seed
        self.numbers = itertools.count(_FIRST)
        self.unseeded = SeedGenerator(seed)  # draws where no seed is given, for `normal` and its like
        self.unseeded.stream = _UNSEEDED


_streams: _Streams | None = None
_apart: ContextVar[_Streams | None] = ContextVar("minidl_streams_apart", default=None)


def _current() -> _Streams:
    """The streams of the global seed; the operating system chooses the seed if nobody has."""
    global _streams
    if (apart := _apart.get()) is not None:
        return apart
    with _lock:
        if _streams is None:
            _streams = _Streams(secrets.randbits(64))
        return _streams


def _seed(owner: str, seed: Any) -> int:
    return whole_number(owner, "seed", seed, 0, _LARGEST)


def set_seed(seed: int) -> None:
    """Choose the global seed and number streams from the beginning again.

    Call it before layers and models are made: what exists already keeps the seed it was made under.

    Raises:
        TypeError, ValueError: not a whole number in [0, 2^64).

    >>> set_seed(42)
    >>> a = SeedGenerator().next().random()
    >>> set_seed(42)
    >>> bool(SeedGenerator().next().random() == a)
    True
    """
    global _streams
    streams = _Streams(_seed("set_seed", seed))
    if _apart.get() is not None:
        _apart.set(streams)
        return
    with _lock:
        _streams = streams


@contextmanager
def set_apart(seed: int) -> Iterator[None]:
    """Inside this block the global seed is `seed`, with streams of its own; behind it all is as it was before.

    It holds in this thread: others draw from the global seed meanwhile, as always.

    >>> set_seed(1)
    >>> with set_apart(7):
    ...     number = new_stream()
    >>> new_stream() == number
    True
    """
    token = _apart.set(_Streams(_seed("set_apart", seed)))
    try:
        yield
    finally:
        _apart.reset(token)


def global_seed() -> int:
    """The seed of `set_seed`, or the one the operating system gave."""
    return _current().seed


def unseeded_generator() -> "SeedGenerator":
    """The source behind `minidl.random.normal(shape)` and its like when they are given no seed."""
    return _current().unseeded


def new_stream() -> int:
    """The next free stream number. No two callers get the same, whatever thread they run in."""
    with _lock:
        return next(_current().numbers)


class _Step(NamedTuple):
    number: int
    calls: dict["SeedGenerator", int]  # how often each has drawn within this step


_step: ContextVar[_Step | None] = ContextVar("minidl_training_step", default=None)


@contextmanager
def training_step(step: int) -> Iterator[None]:
    """Inside this block every SeedGenerator draws what belongs to training step number `step`.

    Entered again with the same number, the same is drawn again: that repeats a step bit by bit, and holds
    dropout masks still for a gradient check. It holds in this thread; a worker thread sees it when it is run
    in a copy of the context (`contextvars.copy_context().run`).

    Raises:
        TypeError, ValueError: `step` is not a whole number >= 0.
    """
    token = _step.set(_Step(whole_number("training_step", "step", step, 0, _LARGEST - 1), {}))
    try:
        yield
    finally:
        _step.reset(token)


def current_step() -> Any:
    """What draws belong to at this moment, for `resume_step`."""
    return _step.get()


def resume_step(step: Any) -> None:
    """Let draws belong again to what `current_step` gave."""
    _step.set(step)


class SeedGenerator(Configurable):
    """The source of random numbers that one layer owns.

    Inside `training_step` a draw depends on (seed, stream, step, call within the step); outside, on (seed,
    stream, call since it was made). The two never coincide.

    Args:
        seed: None takes the global seed and a stream of its own. A whole number is a stream of its own that
            everybody with the same number shares: two Dropout layers with seed=3 drop the same units.
        name: what it is called in a config.

    Raises:
        TypeError, ValueError: `seed` is not a whole number in [0, 2^64).

    >>> masks = SeedGenerator(seed=3)
    >>> bool(masks.next().random() == SeedGenerator(seed=3).next().random())
    True
    >>> masks.next().random() == SeedGenerator(seed=3).next().random()  # the second call, and a first one
    False
    """

    def __init__(self, seed: int | None = None, name: str | None = None):
        self.name = "seed_generator" if name is None else text("SeedGenerator", "name", name)
        self._given = seed
        if seed is None:
            with _lock:  # seed and number of the same `set_seed`
                self.seed, self.stream = global_seed(), new_stream()
        else:
            self.seed, self.stream = _seed("SeedGenerator", seed), EXPLICIT
        self._calls_outside = 0

    def next(self) -> np.random.Generator:
        """The generator of the next draw."""
        return generator_at(self.coordinates())

    def coordinates(self) -> Any:
        """Where the next draw is: seed, stream, call and step + 1, four words of 64 bits."""
        step = _step.get()
        with _lock:
            if step is None:
                when, call = OUTSIDE, self._calls_outside
                self._calls_outside += 1
            else:
                when, call = step.number, step.calls.get(self, 0)
                step.calls[self] = call + 1
        return np.array([self.seed, self.stream, call, when + 1], np.uint64)

    def at(self, step: int, call: int = 0) -> np.random.Generator:
        """The generator of a given step and call: `at(3)` for the shuffle of epoch 3. Nothing advances."""
        return generator(self.seed, self.stream, step, call)

    def get_state(self) -> tuple[int, int, int]:
        """(seed, stream, calls outside of training steps): all that decides what is drawn next."""
        return self.seed, self.stream, self._calls_outside

    def set_state(self, state: tuple[int, int, int]) -> None:
        """Go on as the generator that gave this `get_state()` would have.

        >>> a, b = SeedGenerator(), SeedGenerator()
        >>> b.set_state(a.get_state())
        >>> bool(a.next().random() == b.next().random())
        True
        """
        self.seed, self.stream, self._calls_outside = state

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._given, "name": self.name}
