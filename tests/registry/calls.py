"""For every traced NumPy function a way to call it: arrays, and options for them.

`CALLS` and `CONSTANTS` together name all of them: tests/registry/primitives.py.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from minidl.devices import beside


class Call(NamedTuple):
    """A function of tensors or arrays, and arrays to call it with."""

    function: Callable[..., Any]
    arrays: tuple[np.ndarray, ...]


# --- drawing --------------------------------------------------------------------------------------------

SIZES = st.sampled_from([3, 2, 4, 1, 0])
shapes = st.lists(SIZES, max_size=3).map(tuple)
filled = shapes.filter(lambda shape: 0 not in shape)
seeds = st.integers(0, 10_000)


def numbers(draw: Any, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> np.ndarray:
    return np.random.default_rng(draw(seeds)).uniform(low, high, shape)


def broadcastable(draw: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to `shape`: some axes 1, some leading ones missing."""
    ones = [1 if draw(st.integers(0, 3)) == 0 else n for n in shape]
    return tuple(ones[draw(st.integers(0, len(shape))) :] if draw(st.integers(0, 3)) == 0 else ones)


def an_axis(draw: Any, rank: int) -> int:
    return draw(st.integers(-rank, rank - 1))


def some_axes(draw: Any, rank: int) -> Any:
    """None, one axis, or several, from either end."""
    axes = draw(st.lists(st.integers(0, rank - 1), unique=True, max_size=rank)) if rank else []
    signed = tuple(a - rank * draw(st.integers(0, 1)) for a in axes)
    if not signed:
        return None
    return signed[0] if len(signed) == 1 and draw(st.booleans()) else signed


def of_one(function: Any, low: float = -2.0, high: float = 2.0) -> st.SearchStrategy[Call]:
    @st.composite
    def call(draw: Any) -> Call:
        return Call(function, (numbers(draw, draw(shapes), low, high),))

    return call()


def of_two(
    function: Any, first: tuple[float, float] = (-2, 2), second: tuple[float, float] = (-2, 2)
) -> st.SearchStrategy[Call]:
    @st.composite
    def call(draw: Any) -> Call:
        shape = draw(shapes)
        a, b = (numbers(draw, broadcastable(draw, shape), *bounds) for bounds in (first, second))
        return Call(function, (a, b))

    return call()


def reduction(
    function: Any, allow_empty: bool = True, low: float = -2.0, **options: Any
) -> st.SearchStrategy[Call]:
    @st.composite
    def call(draw: Any) -> Call:
        shape = draw(shapes if allow_empty else filled)
        axis, keepdims = some_axes(draw, len(shape)), draw(st.booleans())
        return Call(
            lambda x: function(x, axis=axis, keepdims=keepdims, **options), (numbers(draw, shape, low),)
        )

    return call()


@st.composite
def averages(draw: Any) -> Call:
    shape = draw(filled.filter(len))
    axis, x = draw(st.integers(-len(shape), len(shape) - 1)), numbers(draw, shape)
    kind = draw(st.sampled_from(["none", "same", "vector"]))
    if kind == "none":
        return Call(lambda x: np.average(x, axis), (x,))
    weights = numbers(draw, shape if kind == "same" else (shape[axis],), 0.5, 2.0)
    return Call(lambda x, w: np.average(x, axis, weights=w), (x, weights))


@st.composite
def norms(draw: Any) -> Call:
    shape = draw(filled.filter(len))
    order, keepdims = draw(st.sampled_from([None, 1, 2, 3, np.inf, -np.inf])), draw(st.booleans())
    axis = None if order is None and draw(st.booleans()) else an_axis(draw, len(shape))
    return Call(lambda x: np.linalg.norm(x, order, axis, keepdims), (numbers(draw, shape),))


@st.composite
def reshapes(draw: Any) -> Call:
    shape = draw(shapes)
    size = math.prod(shape)
    choices = [(size,), (1, size), (size, 1), shape[::-1], (*shape, 1)] + ([(-1,), (1, -1)] if size else [])
    new = draw(st.sampled_from(choices))
    return Call(lambda x: np.reshape(x, new), (numbers(draw, shape),))


@st.composite
def transposes(draw: Any) -> Call:
    shape = draw(shapes)
    axes = draw(st.one_of(st.none(), st.permutations(range(len(shape)))))
    axes = axes if axes is None else tuple(a - len(shape) * draw(st.integers(0, 1)) for a in axes)
    return Call(lambda x: np.transpose(x, axes), (numbers(draw, shape),))


def with_axes(function: Any, count: int, **bounds: Any) -> st.SearchStrategy[Call]:
    """A function of an array and `count` of its axes."""

    @st.composite
    def call(draw: Any) -> Call:
        shape = draw(shapes.filter(len))
        axes = [an_axis(draw, len(shape)) for _ in range(count)]
        return Call(lambda x: function(x, *axes), (numbers(draw, shape),))

    return call()


@st.composite
def new_axes(draw: Any) -> Call:
    shape = draw(shapes)
    axis = draw(st.sampled_from([0, -1, (0, -1)]))
    return Call(lambda x: np.expand_dims(x, axis), (numbers(draw, shape),))


@st.composite
def squeezes(draw: Any) -> Call:
    shape = draw(shapes)
    ones = [a for a, n in enumerate(shape) if n == 1]
    axis = draw(st.sampled_from([None, *ones]))
    return Call(lambda x: np.squeeze(x, axis), (numbers(draw, shape),))


@st.composite
def broadcasts(draw: Any) -> Call:
    shape = draw(shapes)
    return Call(lambda x: np.broadcast_to(x, shape), (numbers(draw, broadcastable(draw, shape)),))


@st.composite
def indexings(draw: Any) -> Call:
    shape = draw(filled.filter(lambda s: len(s) >= 1))
    n = shape[0]
    index = draw(
        st.one_of(
            st.integers(-n, n - 1),
            st.slices(n),
            st.just(None),
            st.just(...),
            st.just((..., -1)),
            st.just((slice(None, None, -1), None)),
            st.lists(st.integers(-n, n - 1), min_size=1, max_size=4),
            st.lists(st.booleans(), min_size=n, max_size=n).map(np.array),
            st.lists(st.integers(0, n - 1), min_size=2, max_size=2).map(lambda rows: (np.array(rows), ...)),
        )
    )
    return Call(lambda x: x[index], (numbers(draw, shape),))


@st.composite
def splits(draw: Any) -> Call:
    shape = draw(shapes.filter(len))
    axis = an_axis(draw, len(shape))
    n = shape[axis]
    where = draw(
        st.one_of(st.sampled_from([k for k in (1, 2, 3, 4) if n % k == 0]), st.just([1, 2]), st.just([0, n]))
    )
    part = draw(st.integers(0, (where if isinstance(where, int) else len(where) + 1) - 1))
    return Call(lambda x: np.split(x, where, axis)[part], (numbers(draw, shape),))


@st.composite
def flips(draw: Any) -> Call:
    shape = draw(shapes)
    axis = some_axes(draw, len(shape))
    return Call(lambda x: np.flip(x, axis), (numbers(draw, shape),))


@st.composite
def takes(draw: Any) -> Call:
    shape = draw(filled.filter(len))
    axis = draw(st.one_of(st.none(), st.integers(-len(shape), len(shape) - 1)))
    n = math.prod(shape) if axis is None else shape[axis]
    picked = np.array(draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=6)))
    picked = picked.reshape(draw(st.sampled_from([(-1,), (1, -1)])))
    return Call(lambda x: np.take(x, picked, axis), (numbers(draw, shape),))


@st.composite
def takes_along(draw: Any) -> Call:
    shape = draw(filled.filter(len))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    wanted = list(shape)
    wanted[axis] = draw(st.integers(1, 4))
    indices = np.random.default_rng(draw(seeds)).integers(-shape[axis], shape[axis], wanted)
    return Call(lambda x: np.take_along_axis(x, indices, axis), (numbers(draw, shape),))


@st.composite
def joins(draw: Any) -> Call:
    shape = draw(shapes.filter(len))
    axis = an_axis(draw, len(shape))
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        part = list(shape)
        part[axis] = draw(SIZES)
        parts.append(numbers(draw, tuple(part)))
    return Call(lambda *xs: np.concatenate(xs, axis), tuple(parts))


@st.composite
def stacks(draw: Any) -> Call:
    shape = draw(shapes)
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    return Call(
        lambda *xs: np.stack(xs, axis), tuple(numbers(draw, shape) for _ in range(draw(st.integers(1, 3))))
    )


@st.composite
def unstacks(draw: Any) -> Call:
    rest = draw(shapes)
    axis = draw(st.integers(0, len(rest)))
    shape = (*rest[:axis], draw(st.integers(1, 3)), *rest[axis:])
    return Call(lambda x: np.unstack(x, axis=axis)[-1], (numbers(draw, shape),))


@st.composite
def pads(draw: Any) -> Call:
    mode = draw(st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]))
    shape = draw(shapes if mode == "constant" else filled)
    each = [(draw(st.integers(0, 2)), draw(st.integers(0, 3))) for _ in shape]
    widths = draw(st.sampled_from([each or 0, 1, (1, 2)]))
    options = {"constant_values": 1.5} if mode == "constant" else {}
    return Call(lambda x: np.pad(x, widths, mode, **options), (numbers(draw, shape),))


@st.composite
def rolls(draw: Any) -> Call:
    shape = draw(shapes)
    axis = some_axes(draw, len(shape))
    shift = draw(st.integers(-5, 5))
    shift = (shift, 1)[: len(axis)] + (2,) * (len(axis) - 2) if isinstance(axis, tuple) else shift
    return Call(lambda x: np.roll(x, shift, axis), (numbers(draw, shape),))


@st.composite
def repeats(draw: Any) -> Call:
    shape = draw(shapes)
    axis = draw(st.one_of(st.none(), st.integers(-len(shape), len(shape) - 1))) if shape else None
    n = math.prod(shape) if axis is None else shape[axis]
    times = draw(st.one_of(st.integers(0, 3), st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    return Call(lambda x: np.repeat(x, np.array(times, int), axis), (numbers(draw, shape),))


@st.composite
def tiles(draw: Any) -> Call:
    times = draw(st.one_of(st.integers(0, 3), st.lists(st.integers(0, 2), min_size=1, max_size=3)))
    return Call(lambda x: np.tile(x, times), (numbers(draw, draw(shapes)),))


@st.composite
def running_sums(draw: Any) -> Call:
    shape = draw(shapes.filter(len))
    axis = draw(st.one_of(st.none(), st.integers(-len(shape), len(shape) - 1)))
    return Call(lambda x: np.cumsum(x, axis), (numbers(draw, shape),))


@st.composite
def sorts(draw: Any) -> Call:
    shape = draw(shapes.filter(len))
    axis = draw(st.one_of(st.none(), st.integers(-len(shape), len(shape) - 1)))
    return Call(lambda x: np.sort(x, axis), (numbers(draw, shape),))


@st.composite
def matrix_products(draw: Any) -> Call:
    n, i, u = draw(SIZES), draw(SIZES), draw(SIZES)
    stack = draw(st.lists(SIZES, max_size=1).map(tuple))
    a = draw(st.sampled_from([(i,), (n, i), (*stack, n, i), (2, *stack, n, i)]))
    b = draw(st.sampled_from([(i,), (i, u), (*broadcastable(draw, stack), i, u)]))
    return Call(np.matmul, (numbers(draw, a), numbers(draw, b)))


@st.composite
def dots(draw: Any) -> Call:
    n, i, u = draw(SIZES), draw(SIZES), draw(SIZES)
    pairs = [
        ((), (n, i)),
        ((n, i), ()),
        ((i,), (i,)),
        ((n, i), (i, u)),
        ((2, n, i), (2, i, u)),
        ((n, i), (2, i, u)),
    ]
    a, b = draw(st.sampled_from(pairs))
    return Call(np.dot, (numbers(draw, a), numbers(draw, b)))


@st.composite
def tensordots(draw: Any) -> Call:
    n, i, u = draw(SIZES), draw(SIZES), draw(SIZES)
    a, b, axes = draw(
        st.sampled_from(
            [
                ((n, i), (i, u), 1),
                ((n, i), (n, i), 2),
                ((n,), (u,), 0),
                ((n, i, u), (i, n), ([0, 1], [1, 0])),
                ((n, i), (u, i), (-1, -1)),
            ]
        )
    )
    return Call(lambda a, b: np.tensordot(a, b, axes), (numbers(draw, a), numbers(draw, b)))


@st.composite
def einsums(draw: Any) -> Call:
    sizes = {letter: draw(SIZES) for letter in "ijkb"}
    formula = draw(
        st.sampled_from(
            [
                "ij,jk->ik",
                "ij->ji",
                "ij->j",
                "ij->",
                "i,j->ij",
                "ij,ij->i",
                "bij,bjk->bik",
                "ij,jk,kb->ib",
                "i,i",
            ]
            + ["ij,jk", "...ij,jk->...ik", "...i,...i->...", "bi...->...b", "ij,kj->"]
        )
    )
    hidden = draw(st.lists(SIZES, max_size=2).map(tuple))
    operands = []
    for k, term in enumerate(formula.partition("->")[0].split(",")):
        dots = hidden if k == 0 else broadcastable(draw, hidden)
        before, ellipsis, after = term.partition("...")
        middle = dots if ellipsis else ()
        operands.append(numbers(draw, (*(sizes[c] for c in before), *middle, *(sizes[c] for c in after))))
    return Call(lambda *xs: np.einsum(formula, *xs), tuple(operands))


@st.composite
def clips(draw: Any) -> Call:
    low, high = draw(st.sampled_from([(-1.0, 1.0), (None, 0.5), (-0.5, None), (1.0, -1.0)]))
    return Call(lambda x: np.clip(x, low, high), (numbers(draw, draw(shapes)),))


@st.composite
def choices(draw: Any) -> Call:
    shape = draw(shapes)
    condition = numbers(draw, broadcastable(draw, shape)) > 0
    a, b = (numbers(draw, broadcastable(draw, shape)) for _ in range(2))
    return Call(lambda a, b: np.where(beside(condition, a.data), a, b), (a, b))


@st.composite
def conversions(draw: Any) -> Call:
    return Call(lambda x: x.astype(np.float64), (numbers(draw, draw(shapes)),))
