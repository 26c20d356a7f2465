"""Calls of NumPy as lines of a table: the same bits in the same places, and what is in doubt stays a call."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minidl_kernels.cpu import chained
from strategies import normal, seeds

SPECIAL = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 1e-45, 3e38, -3e38], "float32")
SHAPES = [(), (1,), (5,), (16,), (32, 3), (32, 16), (3, 1), (1, 3), (4, 2, 8), (2, 1, 5)]
ARITHMETIC = [np.add, np.subtract, np.multiply, np.divide]


def numbers(seed, shape, special=True):
    """Numbers of many sizes; with all that is special among them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape) * 10.0 ** rng.normal(size=shape)
    return np.where(rng.random(shape) < 0.3 * special, rng.choice(SPECIAL, shape), x).astype("float32")[()]


def lower(rng, shape):
    """A shape that is broadcast to `shape`."""
    kept = tuple(n if rng.random() < 0.6 else 1 for n in shape)
    return kept[rng.integers(0, len(shape) + 1) :] if rng.random() < 0.3 else kept


def agrees(call, out, line=True):
    """What is left in `out` by the call, and by what is made of it."""
    (ours,) = chained([call])
    assert (ours.func is not call.func) == line
    results = []
    for run in (call, ours):
        out[...] = 7
        with np.errstate(all="ignore"):
            run()
        results.append(out.copy())
    wanted, out = results
    exact = np.where(np.isnan(wanted), 0, wanted).tobytes() == np.where(np.isnan(out), 0, out).tobytes()
    assert exact
    assert np.array_equal(np.isnan(wanted), np.isnan(out))


def laid(rng, x):
    """`x` in another layout."""
    x = np.asarray(x)
    return [x, np.asarray(x, order="F"), np.repeat(x, 2, -1)[..., ::2] if x.ndim else x][rng.integers(3)]


@settings(deadline=None, max_examples=200)
@given(shape=st.sampled_from(SHAPES), function=st.sampled_from(ARITHMETIC), swapped=st.booleans(), seed=seeds)
def test_arithmetic_of_any_layout(shape, function, swapped, seed):
    rng = np.random.default_rng(seed)
    a, b = numbers(seed, shape), numbers(seed + 1, lower(rng, shape))
    a, b = laid(rng, a), laid(rng, b)
    out = np.empty(shape, "float32", order="F" if seed % 2 else "C")
    (ours,) = chained([call := partial(function, *((b, a) if swapped else (a, b)), out=out)])
    agrees(call, out, line=ours is not call)
    if a.flags.c_contiguous and b.flags.c_contiguous and out.flags.c_contiguous and len(shape) < 3:
        assert ours is not call


@settings(deadline=None, max_examples=60)
@given(shape=st.sampled_from(SHAPES), seed=seeds)
def test_masks_copies_and_comparisons(shape, seed):
    rng = np.random.default_rng(seed)
    x, flags, zero = np.asarray(numbers(seed, shape)), rng.random(shape) < 0.5, np.asarray(0, "float32")
    out, kept = np.empty(shape, "float32"), np.empty(shape, "int32")
    flags = np.asarray(flags)
    agrees(partial(np.add, x, flags, out=out), out)
    agrees(partial(np.multiply, flags, x.view("int32"), out=kept), kept)
    agrees(partial(np.copyto, out, x), out)
    agrees(partial(np.copyto, out, x, where=flags), out)
    agrees(partial(np.copyto, out, 0, where=flags), out)
    agrees(partial(np.copyto, out, x.astype("float64") / 3, casting="unsafe"), out)
    agrees(partial(np.maximum, np.where(x == 0, 0, x).astype("float32"), zero, out=out), out)
    for compare in (np.greater, np.equal):
        agrees(partial(compare, x, zero, out=flags), flags)


@pytest.mark.parametrize("rows", [1, 2, 33])
@settings(deadline=None, max_examples=60)
@given(n=st.integers(1, 140), seed=seeds)
def test_sums_and_maxima_in_the_order_of_numpy(rows, n, seed):
    x, short = numbers(seed, (rows, n), special=seed % 3 == 0), n <= 128
    out, total, one = np.empty((rows, 1), "float32"), np.empty(n), np.empty(())
    lowest = np.asarray(np.finfo("float32").min)
    agrees(partial(np.add.reduce, x, axis=-1, dtype=None, keepdims=True, out=out), out, short)
    agrees(partial(np.add.reduce, x, axis=0, dtype=np.float64, out=total), total, n > 1)
    agrees(partial(np.add.reduce, x, 0, np.float64, total), total, n > 1)
    agrees(partial(np.add.reduce, x[0], axis=None, dtype=np.float64, out=one), one, short)
    x = np.where(x == 0, 0, x).astype("float32")  # which of 0 and -0 is larger, NumPy answers now so, now so
    agrees(partial(np.maximum.reduce, x, axis=-1, keepdims=True, initial=lowest, out=out), out, short)


IN_ORDER = [lambda x: x, lambda x: np.asarray(x, order="F"), lambda x: np.pad(x, ((0, 0), (0, 5)))[:, :-5]]
OUT_OF_ORDER = [
    lambda x: np.repeat(x, 2, 1)[:, ::2], lambda x: x[::-1], lambda x: np.broadcast_to(x[:1], x.shape),
]  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(sizes=st.tuples(*[st.integers(1, 40)] * 3), ways=st.tuples(*[st.integers(0, 5)] * 2), seed=seeds)
def test_matrix_products(sizes, ways, seed):
    (m, k, n), laid_out = sizes, [*IN_ORDER, *OUT_OF_ORDER]
    a, b = (laid_out[i](x) for i, x in zip(ways, normal(seed, (m, k), (k, n), dtype=np.float32), strict=True))
    call = partial(np.matmul, a, b, out=np.empty((m, n), "float32"))
    if min(sizes) == 1 or max(ways) >= len(IN_ORDER):
        assert chained([call]) == [call]  # not all versions of NumPy have one way for these
    else:
        agrees(call, call.keywords["out"])


def test_what_is_unusual_is_left_to_numpy_or_means_the_same():
    x, out, nan = np.array([[1.0, -2, 3]], "float32"), np.empty(3, "float32"), np.asarray(np.nan, "float32")
    flag = np.asarray(True)[()]
    for call in (
        partial(np.copyto, out, x),
        partial(np.copyto, out, x[0], where=False),
        partial(np.copyto, out, x[0], where=flag),
        partial(np.maximum.reduce, x, axis=-1, initial=None, out=out[:1]),
        partial(np.maximum.reduce, x, axis=-1, initial=np._NoValue, out=out[:1]),
    ):
        assert chained([call]) == [call]
    agrees(partial(np.maximum, x[0], nan, out=out), out)
    assert np.isnan(out).all()


def test_lines_follow_each_other_and_their_arrays_stay_alive():
    x, y = np.arange(4, dtype="float32"), np.empty(4, "float32")
    calls = [partial(np.add, x, np.ones(4, "float32"), out=y), partial(np.multiply, y, y, out=y)]
    calls += [partial(np.exp, y, out=y), partial(np.subtract, y, np.asarray(1, "float32"), out=y)]
    y[...] = 5
    ours = chained(calls)
    assert np.all(y == 5)  # nothing is computed by looking
    del calls
    assert len(ours) == 3
    for call in ours:
        call()
    assert np.array_equal(y, np.exp(np.arange(1, 5, dtype="float32") ** 2) - np.float32(1))


def test_what_overlaps_is_left_to_numpy():
    x = np.arange(8, dtype="float32")
    call = partial(np.add, x[:-1], x[1:], out=x[1:])
    assert chained([call]) == [call]
    assert chained([partial(np.add, x, x, out=x)])[0].func is not np.add


def test_other_types_are_left_to_numpy():
    x = np.ones((2, 3))
    call = partial(np.add, x, x, out=np.empty((2, 3)))
    assert chained([call]) == [call]
