"""A routine: a small training step as a list of calls on memory that stays.

In a step of a small model NumPy computes for some 0.3 µs in each call, and Python takes longer to get there: to make
views, to allocate, to pass arrays from op to op. So the second step of an epoch is a rehearsal. It runs the ops of the
tape (`minidl.models.replay`) on live arrays (`minidl.models.live`), forward and backward, and what remains is a list:

    copyto(x, batch.x)                         each batch is copied to where the first one was
    matmul(x, w, out=z)
    add(z, b, out=t) ...
    copyto(gradient of w in the optimizer's flat array, dw)

Each later step is this list from front to end: the same calls, in the same order, on arrays of the same layout, and so
the same numbers, bit for bit. An op that cannot be taken apart, such as a compiled kernel, is one call in it, and its
results are copied to where the others expect them.

All memory of a step is kept for the next one, which only pays for small arrays: see `LARGEST`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter, is_
from typing import Any

import numpy as np

from minidl.backend import Array, chained, noted
from minidl.graph import unbroadcast
from minidl.messages import say
from minidl.models.live import Call, Live, NotRepeatableError, plain

__all__ = ["LARGEST", "Routine"]

LARGEST = 2**18  # numbers in all arrays of a step together; above, the calls take longer than what is saved

_data = attrgetter("data")


class Routine:
    """A step, taken down call by call while it is run for the first time.

    Args:
        replay: the step, taken down op by op.
        arrays: the data of a batch. The gradients of that step are left where the optimizer looks.

    Raises:
        NotRepeatableError: something in it may come out in another form next time.
    """

    update: Callable[[], None] | None = None  # the step of the optimizer behind it

    def __init__(self, replay: Any, arrays: Sequence[Array]):
        self.notes: list[Call] = []
        self.inputs = [_copied(array) for array in arrays]
        self.weights = [weight for _, weight in replay.weights]
        self.memory = [weight.data for weight in self.weights]
        values = replay.values.copy()
        values[: len(arrays)] = [Live(array, self.notes) for array in self.inputs]
        for place, weight in replay.weights:
            values[place] = Live(weight.data, self.notes)
        caches = [self._forward(op, values) for op in replay.ops]
        gradients: list[Any] = [None] * len(values)
        gradients[replay.loss] = np.ones_like(plain(values[replay.loss]))
        for op in reversed(replay.ops):
            self._backward(op, caches.pop(), values, gradients)
        self.loss = plain(values[replay.loss])
        self.y_pred = None if replay.y_pred is None else plain(values[replay.y_pred])
        self.homes = self._bring_home([gradients[place] for place, _ in replay.weights])
        self.calls = chained(self.notes)
        self._leave_gradients()

    def holds(self) -> bool:
        """Whether all weights are where they were."""
        return all(map(is_, map(_data, self.weights), self.memory))

    def run(self, arrays: Sequence[Array]) -> None:
        """The step on other data."""
        for own, array in zip(self.inputs, arrays, strict=True):
            own[...] = array
        for call in self.calls:
            call()
        self._leave_gradients()

    def _leave_gradients(self) -> None:
        for weight, home in zip(self.weights, self.homes, strict=True):
            weight.grad = home

    # --- the rehearsal --------------------------------------------------------------------------------------

    def _forward(self, op: Any, values: list[Any]) -> Any:
        """Run an op, forward; returns its cache."""
        given = [values[i] for i in op.inputs]
        begin = len(self.notes)
        try:
            if not given:  # it is made of random numbers
                raise NotRepeatableError
            found = noted(op.forward, *plain(given), **op.options)
            if found is None:
                made, cache = op.forward(*given, **op.options)
            else:
                (made, cache), calls = found
                self.notes += calls
                made = self._alive(made)
            results = made if op.several else (made,)
        except Exception:  # whatever it asked for that a live array has not: it gets ordinary ones
            del self.notes[begin:]
            cache = _Whole(partial(op.forward, *plain(given), **op.options), op.several)
            results = cache.lives(self.notes)
        for place, y in zip(op.outputs, results, strict=True):
            values[place] = y if isinstance(y, Live) else np.asarray(y)
        return cache

    def _alive(self, made: Any) -> Any:
        """What a kernel has made: an array, or a tuple of them with None between."""
        if isinstance(made, tuple):
            return tuple([self._alive(one) for one in made])
        return None if made is None else Live(made, self.notes)

    def _backward(self, op: Any, cache: Any, values: list[Any], gradients: list[Any]) -> None:
        """Run an op, backward, if a gradient has arrived at one of its outputs."""
        dys = [gradients[i] for i in op.outputs]
        if op.backward is None or all(dy is None for dy in dys):
            return
        given = [
            np.zeros_like(plain(values[i])) if dy is None else dy
            for i, dy in zip(op.outputs, dys, strict=True)
        ]
        dy = tuple(given) if op.several else given[0]
        begin = len(self.notes)
        try:
            run: Any = op.backward
            options: dict[str, Any] = {}
            if isinstance(run, partial):  # of a selective op
                run, options = run.func, run.keywords
            found = noted(run, plain(dy), cache, **options)
            if found is None:
                dxs = run(dy, cache, **options)
            else:
                self.notes += found[1]
                dxs = self._alive(found[0])
        except Exception:
            del self.notes[begin:]
            dxs = _WholeBackward(op.backward, plain(dy), cache).lives(self.notes)
        for i, place in op.wanted:
            if dxs[i] is not None:
                dx, before = _fitted(dxs[i], plain(values[place])), gradients[place]
                gradients[place] = dx if before is None else before + dx

    def _bring_home(self, gradients: Sequence[Any]) -> list[Array | None]:
        """Let the gradients of the weights end in the optimizer's flat array. Returns where."""
        homes: list[Any] = [
            None if g is None else w._grad_home for w, g in zip(self.weights, gradients, strict=True)
        ]
        if any(g is not None and home is None for g, home in zip(gradients, homes, strict=True)):
            raise NotRepeatableError(say("A weight belongs to no optimizer."))
        arrays: list[Any] = [None if g is None else plain(g) for g in gradients]
        kept = [*self.inputs, *self.memory, self.loss, self.y_pred, *arrays]  # what others look at
        used = Counter(id(_owner(array)) for array in kept if array is not None)
        moves: dict[int, tuple[Array, Array]] = {}  # id of memory -> the memory, and where it goes
        copies: list[Call] = []
        movable = all(isinstance(note, partial) for note in self.notes)
        for gradient, array, home in zip(gradients, arrays, homes, strict=True):
            if home is None:
                continue
            np.copyto(home, array)
            whole = _owner(array)
            if movable and isinstance(gradient, Live) and used[id(whole)] == 1 and _fits(whole, array, home):
                moves[id(whole)] = whole, home
            else:
                copies.append(partial(np.copyto, home, array))
        self.notes = [*(_moved(self.notes, moves) if moves else self.notes), *copies]
        return homes


class _Whole:
    """An op that is run as it is, and its results are copied to memory that stays."""

    def __init__(self, run: Callable[[], Any], several: bool):
        self.run, self.several = run, several
        made, self.cache = run()
        self.targets = [_copied(np.asarray(y)) for y in (made if several else (made,))]

    def lives(self, notes: list[Any]) -> list[Live]:
        """The results; the next ones come with the call that is noted."""
        notes.append(self)
        return [Live(target, notes) for target in self.targets]

    def __call__(self) -> None:
        made, self.cache = self.run()
        for target, y in zip(self.targets, made if self.several else (made,), strict=True):
            np.copyto(target, y)


class _WholeBackward:
    """The same for the way back."""

    def __init__(self, run: Callable[..., Any], dy: Any, cache: Any):
        self.run, self.dy = run, dy
        self.forward = cache if isinstance(cache, _Whole) else None
        self.cache = plain(cache)
        self.targets = [None if dx is None else _copied(dx) for dx in self._made()]

    def _made(self) -> Any:
        return self.run(self.dy, self.cache if self.forward is None else self.forward.cache)

    def lives(self, notes: list[Any]) -> list[Live | None]:
        """The gradients."""
        notes.append(self)
        return [None if target is None else Live(target, notes) for target in self.targets]

    def __call__(self) -> None:
        for target, dx in zip(self.targets, self._made(), strict=True):
            if target is not None:
                np.copyto(target, dx)


def _copied(array: Any) -> Array:
    """A copy of the same layout: sums and products of another one may round otherwise."""
    if not isinstance(array, np.ndarray) or not (array.flags.c_contiguous or array.flags.f_contiguous):
        raise NotRepeatableError(say("An array does not lie in one piece."))
    return array.copy(order="C" if array.flags.c_contiguous else "F")


def _fitted(dx: Any, x: Array) -> Any:
    """`minidl.graph.fitted` for live arrays."""
    if isinstance(dx, tuple):
        raise NotRepeatableError(say("How many rows of a table get a gradient depends on the numbers."))
    dx = unbroadcast(dx, x.shape)
    return dx if dx.dtype == x.dtype else dx.astype(x.dtype)


def _owner(array: Array) -> Array:
    """The array to whose memory a view belongs."""
    return _owner(array.base) if isinstance(array.base, np.ndarray) else array


def _fits(whole: Array, array: Array, home: Array) -> bool:
    """Whether `home` can stand in place of `whole`, of which `array` is a view."""
    same = whole.size == home.size and whole.dtype == home.dtype
    return same and whole.flags.carray and array.flags.carray


def _moved(notes: list[Any], moves: dict[int, tuple[Array, Array]]) -> list[Any]:
    """The notes with other memory in place of some, which saves a copy."""

    def moved(x: Any) -> Any:
        if isinstance(x, partial):
            return partial(x.func, *map(moved, x.args), **{name: moved(y) for name, y in x.keywords.items()})
        if type(x) in (tuple, list):
            return type(x)(map(moved, x))
        if isinstance(x, np.ndarray) and id(_owner(x)) in moves:
            whole, home = moves[id(_owner(x))]
            return np.ndarray(x.shape, x.dtype, home, x.ctypes.data - whole.ctypes.data, x.strides)
        return x

    return [moved(call) for call in notes]
