"""Every traced function against NumPy, against differences, against the complex step, and in odd layouts.

CALLS says how to call each of them; a new primitive that is in neither CALLS nor CONSTANTS fails here.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl.gradcheck import complex_step, gradcheck
from minidl.special import erf
from minidl.tensor import TRACED, Tensor

FEW = settings(deadline=None, max_examples=12)


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
    return Call(lambda a, b: np.where(condition, a, b), (a, b))


@st.composite
def conversions(draw: Any) -> Call:
    return Call(lambda x: x.astype(np.float64), (numbers(draw, draw(shapes)),))


def error_function(x: Any) -> Any:
    """`minidl.special.erf` on tensors; an array of its values by the standard library."""
    return TRACED[erf](x) if isinstance(x, Tensor) else np.vectorize(math.erf, otypes=[float])(x)


CALLS: dict[Any, st.SearchStrategy[Call]] = {
    np.add: of_two(np.add),
    np.subtract: of_two(np.subtract),
    np.multiply: of_two(np.multiply),
    np.divide: of_two(np.divide, second=(0.5, 2)),
    np.power: of_two(np.power, first=(0.3, 2)),
    np.maximum: of_two(np.maximum),
    np.minimum: of_two(np.minimum),
    np.remainder: of_two(np.remainder, second=(0.5, 2)),
    np.logaddexp: of_two(np.logaddexp),
    np.arctan2: of_two(np.arctan2, first=(0.2, 2)),
    np.negative: of_one(np.negative),
    np.absolute: of_one(np.absolute),
    np.positive: of_one(np.positive),
    np.square: of_one(np.square),
    np.sqrt: of_one(np.sqrt, 0.2, 3),
    np.cbrt: of_one(np.cbrt, 0.2, 3),
    np.reciprocal: of_one(np.reciprocal, 0.4, 3),
    np.exp: of_one(np.exp),
    np.exp2: of_one(np.exp2),
    np.expm1: of_one(np.expm1),
    np.log: of_one(np.log, 0.2, 3),
    np.log2: of_one(np.log2, 0.2, 3),
    np.log10: of_one(np.log10, 0.2, 3),
    np.log1p: of_one(np.log1p, -0.7, 3),
    np.sin: of_one(np.sin),
    np.cos: of_one(np.cos),
    np.tan: of_one(np.tan, -1, 1),
    np.arcsin: of_one(np.arcsin, -0.8, 0.8),
    np.arccos: of_one(np.arccos, -0.8, 0.8),
    np.arctan: of_one(np.arctan),
    np.sinh: of_one(np.sinh),
    np.cosh: of_one(np.cosh),
    np.tanh: of_one(np.tanh),
    np.arcsinh: of_one(np.arcsinh),
    np.arccosh: of_one(np.arccosh, 1.3, 3),
    np.arctanh: of_one(np.arctanh, -0.8, 0.8),
    erf: of_one(error_function),
    np.clip: clips(),
    np.where: choices(),
    "astype": conversions(),
    np.astype: conversions(),
    np.sum: reduction(np.sum),
    np.mean: reduction(np.mean, allow_empty=False),
    np.average: averages(),
    np.var: reduction(np.var, allow_empty=False),
    np.std: reduction(np.std, allow_empty=False),
    np.prod: reduction(np.prod),
    np.max: reduction(np.max, allow_empty=False),
    np.min: reduction(np.min, allow_empty=False),
    np.linalg.norm: norms(),
    "getitem": indexings(),
    np.reshape: reshapes(),
    np.ravel: of_one(np.ravel),
    np.transpose: transposes(),
    np.swapaxes: with_axes(np.swapaxes, 2),
    np.moveaxis: with_axes(np.moveaxis, 2),
    np.expand_dims: new_axes(),
    np.squeeze: squeezes(),
    np.broadcast_to: broadcasts(),
    np.split: splits(),
    np.flip: flips(),
    np.take: takes(),
    np.take_along_axis: takes_along(),
    np.sort: sorts(),
    np.concatenate: joins(),
    np.stack: stacks(),
    np.unstack: unstacks(),
    np.pad: pads(),
    np.roll: rolls(),
    np.repeat: repeats(),
    np.tile: tiles(),
    np.cumsum: running_sums(),
    np.matmul: matrix_products(),
    np.dot: dots(),
    np.outer: of_two(np.outer).filter(lambda call: all(x.ndim == 1 for x in call.arrays)),
    np.tensordot: tensordots(),
    np.einsum: einsums(),
}

_pair = (np.array([[1.0, -2.0], [0.0, 3.5]]), np.array([[1.0, 2.0], [0.5, -3.5]]))
CONSTANTS: dict[Any, tuple[Any, ...]] = {
    **dict.fromkeys((np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal), _pair),
    **dict.fromkeys((np.logical_and, np.logical_or, np.logical_xor, np.isclose, np.floor_divide), _pair),
    **dict.fromkeys(
        (np.bitwise_and, np.bitwise_or, np.bitwise_xor),
        (np.array([True, True, False]), np.array([True, False, False])),
    ),
    np.invert: (np.array([True, False]),),
    **dict.fromkeys((np.logical_not, np.isnan, np.isinf, np.isfinite, np.sign, np.floor, np.ceil), _pair[:1]),
    **dict.fromkeys(
        (np.rint, np.trunc, np.round, np.argmax, np.argmin, np.argsort, np.count_nonzero), _pair[:1]
    ),
    **dict.fromkeys((np.any, np.all, np.zeros_like, np.ones_like), _pair[:1]),
}
PLAIN = {
    np.shape: _pair[:1],
    np.ndim: _pair[:1],
    np.size: _pair[:1],
    np.array_equal: _pair,
    np.allclose: _pair,
}
NOT_ANALYTIC = {
    np.maximum, np.minimum, np.remainder, np.logaddexp, np.arctan2, np.absolute, np.cbrt, np.exp2, np.clip, "astype",
    np.astype, np.max, np.min, np.linalg.norm, np.sort,
}  # fmt: skip  # of a complex argument: not defined, or another function

named = pytest.mark.parametrize("function", CALLS, ids=lambda f: getattr(f, "__name__", f))


# --- tests ----------------------------------------------------------------------------------------------


def test_every_traced_function_is_tested() -> None:
    assert set(TRACED) - {*CALLS, *CONSTANTS, *PLAIN} == set()


@named
def test_value_and_type_are_numpys(function: Any) -> None:
    @FEW
    @given(CALLS[function])
    def check(call: Call) -> None:
        for dtype in (np.float64, np.float32):
            arrays = [x.astype(dtype) for x in call.arrays]
            y, wanted = call.function(*map(Tensor, arrays)), call.function(*arrays)
            assert isinstance(y, Tensor)
            assert y.shape == np.shape(wanted)
            assert y.dtype == (np.float64 if "astype" in str(function) else dtype)
            np.testing.assert_allclose(
                y.numpy(), wanted, rtol=2e-5 if dtype == np.float32 else 1e-12, atol=1e-6
            )

    check()


@named
def test_gradients_agree_with_differences(function: Any) -> None:
    @settings(deadline=None, max_examples=30)
    @given(CALLS[function])
    def check(call: Call) -> None:
        gradcheck(call.function, *call.arrays)

    check()


@pytest.mark.parametrize(
    "function", [f for f in CALLS if f not in NOT_ANALYTIC], ids=lambda f: getattr(f, "__name__", f)
)
def test_gradients_agree_with_the_complex_step(function: Any) -> None:
    @FEW
    @given(CALLS[function])
    def check(call: Call) -> None:
        wanted = complex_step(lambda *xs: call.function(*map(Tensor, xs)), *call.arrays)
        for got, jacobian in zip(jacobians(call.function, call.arrays), wanted, strict=True):
            largest = np.abs(jacobian).max(initial=0)
            np.testing.assert_allclose(got, jacobian, rtol=0, atol=1e-13 * max(1.0, largest))

    check()


def jacobians(function: Callable[..., Tensor], arrays: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """One backward pass for each element of the output."""
    tensors = [Tensor(x, requires_grad=True) for x in arrays]
    y = function(*tensors)
    rows: list[list[np.ndarray]] = [[] for _ in arrays]
    for one in np.eye(y.size):
        for t in tensors:
            t.grad = None
        y.backward(one.reshape(y.shape), retain_graph=True)
        for row, t in zip(rows, tensors, strict=True):
            row.append(np.zeros(t.shape) if t.grad is None else t.grad)
    return [np.reshape(row, (*y.shape, *x.shape)) for row, x in zip(rows, arrays, strict=True)]


def laid_out(x: np.ndarray, layout: str) -> np.ndarray:
    """The numbers of `x` (its first row only, for "stride 0") in another memory layout."""
    if layout == "C" or x.ndim == 0:
        return x.copy()
    if layout == "Fortran":
        return np.asfortranarray(x)
    if layout == "negative strides":
        return x[::-1].copy()[::-1]
    if layout == "every second":
        room = np.full([2 * n for n in x.shape], np.nan)
        room[tuple(slice(None, None, 2) for _ in x.shape)] = x
        return room[tuple(slice(None, None, 2) for _ in x.shape)]
    if layout == "stride 0" and len(x):
        return np.broadcast_to(x[:1].copy(), x.shape)
    frozen = x.copy()
    frozen.flags.writeable = False
    return frozen


LAYOUTS = ["C", "Fortran", "negative strides", "every second", "stride 0", "read-only"]


@named
def test_memory_layout_makes_no_difference_and_inputs_stay(function: Any) -> None:
    @settings(deadline=None, max_examples=20)
    @given(CALLS[function], st.lists(st.sampled_from(LAYOUTS), min_size=4, max_size=4))
    def check(call: Call, layouts: list[str]) -> None:
        odd = [laid_out(x, layout) for x, layout in zip(call.arrays, layouts, strict=False)]
        plain = [x.copy() for x in odd]
        dy = laid_out(np.random.default_rng(0).uniform(1, 2, call.function(*plain).shape), layouts[-1])
        results = []
        for arrays, seed in ((odd, dy), (plain, dy.copy())):
            tensors = [Tensor(x, requires_grad=True) for x in arrays]
            y = call.function(*tensors)
            y.backward(seed)
            results.append([y.numpy(), *(t.grad for t in tensors)])
        for got, wanted in zip(*results, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-14)
        for x, before in zip(odd, plain, strict=True):
            np.testing.assert_array_equal(x, before)

    check()


@pytest.mark.parametrize("function", CONSTANTS, ids=lambda f: f.__name__)
def test_constants_are_numpys_and_have_no_graph(function: Any) -> None:
    x, *others = CONSTANTS[function]
    y = function(Tensor(x, requires_grad=x.dtype.kind == "f"), *others)
    assert isinstance(y, Tensor)
    assert not y.requires_grad
    np.testing.assert_array_equal(y.numpy(), function(x, *others))


@pytest.mark.parametrize("function", PLAIN, ids=lambda f: f.__name__)
def test_plain_answers(function: Any) -> None:
    x, *others = PLAIN[function]
    assert function(Tensor(x), *others) == function(x, *others)
    assert not isinstance(function(Tensor(x), *others), Tensor)
