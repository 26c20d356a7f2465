"""Every kernel against its reference: the same signature, the same numbers, and the manners of a good function.

The tests run over all that is registered. A new kernel is tested by being registered, once it has a case.
"""

import inspect
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import CASES, FUNCTIONS, LARGE, REFERENCES, converted, in_memory, layouts
from minidl_kernels.cpu import KERNELS, memory, pool
from parity import (
    RECURRENT,
    TOLERANCE,
    as_tuple,
    assert_same_numbers,
    flat,
    largest,
    left_open,
    run_pair,
    some_gradients,
)
from strategies import normal, seeds

from minidl.backend import kernels_on

NAMES = sorted(KERNELS)
PAIRS = [name for name in NAMES if name != "adam"]  # which have a way back
every = pytest.mark.parametrize
dtypes = st.sampled_from(sorted(TOLERANCE))


@pytest.fixture(autouse=True, scope="module")
def _results_begin_as_rubbish():
    """What a kernel forgets to write is seen: the memory of every result is full of NaN before."""

    def rubbish(shape, dtype):
        return np.full(shape, np.nan, dtype) if np.dtype(dtype).kind == "f" else np.full(shape, 99, dtype)

    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("minidl_kernels.cpu.") and getattr(module, "empty", None) is memory.empty:
                patch.setattr(module, "empty", rubbish)
        yield


def test_what_lies_in_no_window_has_no_gradient():
    x = normal(1, (4, 8, 4, 1))[0]
    options = {"pool": (1, 2), "strides": (1, 3), "padding": ((0, 0), (0, 0))}
    for name in ("max_pool2d", "average_pool2d"):
        (y,), (dx,) = run_pair(KERNELS[name], (x,), options, (np.ones((4, 8, 1, 1)),))
        (wanted,), (d_wanted,) = run_pair(REFERENCES[name], (x,), options, (np.ones((4, 8, 1, 1)),))
        assert_same_numbers(y, wanted)
        assert_same_numbers(dx, d_wanted)
    options["padding"] = ((0, 0), (0, 1))
    dy = np.ones((4, 8, 2, 1))
    for name in ("max_pool2d", "average_pool2d"):
        got, wanted = (run_pair(pairs[name], (x,), options, (dy,)) for pairs in (KERNELS, REFERENCES))
        assert_same_numbers(got[1][0], wanted[1][0])


def test_every_kernel_has_a_case_and_a_reference():
    assert sorted(CASES) == NAMES
    assert sorted(REFERENCES) == NAMES


@every("name", NAMES)
@every("half", ["forward", "backward"])
def test_signatures_are_equal(name, half):
    ours, theirs = getattr(KERNELS[name], half), getattr(REFERENCES[name], half)
    if theirs is None:
        assert ours is None
        return
    one, other = (
        [
            (p.kind, p.default, p.name if half == "forward" else "")
            for p in inspect.signature(f).parameters.values()
        ]
        for f in (ours, theirs)
    )
    if inspect.Parameter.VAR_KEYWORD in [p[0] for p in other]:  # conv2d_relu hands its options on
        other = [*other[:-1], *one[len(other) - 1 :]]
    assert one == other


@every("name", PAIRS)
@given(st.data())
def test_the_numbers_are_those_of_the_reference(name, data):
    case = data.draw(CASES[name])
    arrays = [in_memory(a, data.draw(layouts)) for a in converted(case.arrays, data.draw(dtypes))]
    given_gradients = some_gradients(name, arrays, case.options, data.draw(seeds))
    gradients = tuple(in_memory(g, data.draw(layouts)) for g in given_gradients)
    before = [None if a is None else a.copy() for a in (*arrays, *gradients)]
    assert KERNELS[name].supports(*arrays, **case.options)
    outputs, dxs = run_pair(KERNELS[name], arrays, case.options, gradients)
    wanted_outputs, wanted_dxs = run_pair(REFERENCES[name], arrays, case.options, gradients)
    assert len(outputs) == len(wanted_outputs)
    assert len(dxs) == len(wanted_dxs)
    opened = iter(left_open(name, [*wanted_outputs, *wanted_dxs], arrays, case.options, gradients))
    for got, wanted in zip(outputs, wanted_outputs, strict=True):
        assert_same_numbers(got, wanted, scale=max(largest(wanted) or largest(*arrays), next(opened)))
    for got, wanted in zip(dxs, wanted_dxs, strict=True):
        assert_same_numbers(got, wanted, scale=max(largest(*gradients), next(opened)))
    for a, b in zip((*arrays, *gradients), before, strict=True):
        assert a is None or np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), "an argument was changed"


@every("pairs", [KERNELS, REFERENCES], ids=["kernel", "reference"])
@every("name", PAIRS)
@settings(deadline=None, max_examples=8)
@given(st.data())
def test_results_have_memory_of_their_own(name, pairs, data):
    case = data.draw(CASES[name])
    arrays = converted(case.arrays, "float32")
    gradients = some_gradients(name, arrays, case.options, 0)
    kernel = pairs[name]
    outputs, dxs = run_pair(kernel, arrays, case.options, gradients)
    results = [a for a in (*outputs, *dxs) if a is not None]
    kept = [a.copy() for a in results]
    for i, a in enumerate(results):
        assert type(a) is np.ndarray
        assert a.flags.writeable
        others = (*arrays, *gradients, *results[:i])
        assert not any(b is not None and np.may_share_memory(a, b) for b in others)
    again = [None if a is None else a[::-1].copy() for a in arrays]
    run_pair(kernel, again, case.options, [g[::-1].copy() if g.ndim else g for g in gradients])
    for a, b in zip(results, kept, strict=True):
        assert np.array_equal(a, b), "a later call wrote into an earlier result"


@every("name", PAIRS)
def test_a_cache_serves_twice(name):
    case = next(case for n, case in LARGE if n == name)
    arrays = converted(case.arrays, "float32")
    result, cache = KERNELS[name].forward(*arrays, **case.options)
    gradients = some_gradients(name, arrays, case.options, 0)
    dy = gradients if isinstance(result, tuple) else gradients[0]
    one, two = (flat(KERNELS[name].backward(dy, cache)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@every("dtype", sorted(TOLERANCE))
@every(("name", "case"), LARGE, ids=[f"{i}-{name}" for i, (name, _) in enumerate(LARGE)])
def test_large_arrays_and_any_number_of_threads(name, case, dtype):
    arrays = converted(case.arrays, dtype)
    gradients = some_gradients(name, arrays, case.options, 0)
    results = run_pair(KERNELS[name], arrays, case.options, gradients)
    wanted = run_pair(REFERENCES[name], arrays, case.options, gradients)
    for got, want in zip(sum(results, ()), sum(wanted, ()), strict=True):
        assert_same_numbers(got, want)
    with pool.limited_to(1):
        alone = run_pair(KERNELS[name], arrays, case.options, gradients)
    for got, want in zip(sum(results, ()), sum(alone, ()), strict=True):
        assert want is None or np.array_equal(got, want), "the number of threads changes the bits"


@every("name", PAIRS)
def test_a_gradient_of_another_type_is_converted_and_of_another_shape_refused(name):
    case = next(case for n, case in LARGE if n == name)
    arrays = converted(case.arrays, "float32")
    (dy, *others), kernel = some_gradients(name, arrays, case.options, 0), KERNELS[name]
    result, cache = kernel.forward(*arrays, **case.options)

    def backward(gradient):
        return flat(kernel.backward((gradient, *others) if isinstance(result, tuple) else gradient, cache))

    for a, b in zip(backward(dy.astype(np.float64)), backward(dy), strict=True):
        assert_same_numbers(a, b)
    for wrong in (dy[1:], dy[..., None], np.concatenate([dy, dy])):
        with pytest.raises(ValueError, match="backward expects a gradient of shape"):
            backward(wrong)


# Where ∞ − ∞ comes up, batch normalisation's two ways give NaN at different times.
SPECIAL = [(n, case) for n, case in LARGE if n not in ("batch_normalization", "layer_normalization")]


@every("dtype", sorted(TOLERANCE))
@every("value", [np.nan, np.inf, -np.inf])
@every(("name", "case"), SPECIAL, ids=[f"{i}-{name}" for i, (name, _) in enumerate(SPECIAL)])
def test_nan_and_infinity_are_where_they_belong(name, case, value, dtype):
    rng = np.random.default_rng(0)
    arrays = converted([None if a is None else np.array(a) for a in case.arrays], dtype)
    floats = next(a for a in arrays if a.dtype.kind == "f")
    floats.flat[rng.integers(0, floats.size, 5)] = value
    with np.errstate(all="ignore"):
        gradients = some_gradients(name, arrays, case.options, 0)
        gradients[0].flat[rng.integers(0, gradients[0].size, 3)] = value
        results = run_pair(KERNELS[name], arrays, case.options, gradients)
        wanted = run_pair(REFERENCES[name], arrays, case.options, gradients)
    for got, want in zip(sum(results, ()), sum(wanted, ()), strict=True):
        if want is not None:
            assert np.array_equal(np.isnan(got), np.isnan(want))
            infinite = np.isinf(want)
            assert np.array_equal(got[infinite], want[infinite])


@every("dtype", sorted(TOLERANCE))
@every("name", [n for n in PAIRS if "softmax" in n])
def test_a_row_of_nothing_but_minus_infinity(name, dtype):
    case = next(case for n, case in LARGE if n == name)
    arrays = [np.array(a[:4]) for a in converted(case.arrays, dtype)]
    arrays[0][1] = -np.inf
    gradients = some_gradients(name, arrays, case.options, 0)
    results = run_pair(KERNELS[name], arrays, case.options, gradients)
    wanted = run_pair(REFERENCES[name], arrays, case.options, gradients)
    for got, want in zip(sum(results, ()), sum(wanted, ()), strict=True):
        if want is not None:
            finite = np.isfinite(want)
            assert_same_numbers(got[finite], want[finite])
            np.testing.assert_array_equal(got[~finite], want[~finite])


CONV, POOL, CONV1, POOL1, BOTH = "conv2d", "max_pool2d", "conv1d", "max_pool1d", "conv2d_max_pool"
REFUSED = [
    (CONV, {"strides": (0, 1)}), (CONV, {"strides": (1, -1)}), (CONV, {"dilation": (1, 0)}), (CONV, {"groups": 0}),
    (CONV, {"dilation": (-1, 1)}), (CONV, {"padding": ((0, -1), (0, 0))}), (CONV, {"groups": 2}),
    (CONV, {"dilation": (99, 1)}), (POOL, {"strides": (0, 2)}), (POOL, {"padding": ((-1, 0), (0, 0))}),
    (POOL, {"padding": ((0, 0), (0, 2))}), (POOL, {"pool": (99, 2)}), (POOL, {"pool": (17, 17)}),
    (CONV1, {"strides": (0,)}), (CONV1, {"dilation": (99,)}), (CONV1, {"padding": ((0, -1),)}), (CONV1, {"groups": 2}),
    (POOL1, {"strides": (0,)}), (POOL1, {"padding": ((0, 2),)}), (POOL1, {"pool": (257,)}),
    (BOTH, {"strides": (0, 1)}), (BOTH, {"dilation": (99, 1)}), (BOTH, {"pool": (0, 2)}), (BOTH, {"pool": (20, 2)}),
    (BOTH, {"pool": (2, 20)}), (BOTH, {"pool": (17, 17)}),
]  # fmt: skip


@every(("name", "change"), REFUSED)
def test_options_that_would_lead_outside_of_an_array_are_refused(name, change):
    shapes = {
        CONV: [(2, 20, 20, 3), (3, 3, 3, 4), (4,)], POOL: [(2, 20, 20, 3)],
        CONV1: [(2, 20, 3), (3, 3, 4), (4,)], POOL1: [(2, 400, 3)], BOTH: [(2, 20, 20, 3), (3, 3, 3, 4), (4,)],
    }  # fmt: skip
    arrays = normal(0, *shapes[name])
    options = next(case for n, case in LARGE if n == name).options
    assert KERNELS[name].supports(*arrays, **options)
    assert not KERNELS[name].supports(*arrays, **options | change)


@every(
    ("name", "shapes"),
    [
        (CONV, [(2, 9, 9, 3), (3, 3, 2, 4), (4,)]), (CONV, [(2, 9, 9, 3), (3, 3, 3, 4), (3,)]),
        (CONV, [(9, 9, 3), (3, 3, 3, 4), (4,)]), (CONV, [(2, 9, 9, 3), (3, 3, 4), (4,)]),
        ("dense", [(5, 3), (4, 2), (2,)]), ("dense", [(5, 4), (4, 2), (3,)]), ("dense", [(5, 4), (4, 2, 1), (2,)]),
        ("batch_normalization", [(5, 3), (4,), (3,)]), ("softmax_cross_entropy", [(5, 3), (5, 4)]),
        ("softmax_cross_entropy", [(5, 3), (5, 1)]), ("sigmoid_cross_entropy", [(5, 3), (3,)]), (POOL, [(9, 9, 3)]),
        (CONV1, [(2, 9, 3), (3, 2, 4), (4,)]), (CONV1, [(2, 9, 9, 3), (3, 3, 4), (4,)]),
        (CONV1, [(2, 9, 3), (3, 3, 4), (3,)]), (POOL1, [(9, 3)]), ("layer_normalization", [(2, 9, 3), (9,), (3,)]),
    ],
)  # fmt: skip
def test_shapes_that_do_not_belong_together_are_refused(name, shapes):
    options = next(case for n, case in LARGE if n == name).options
    assert not KERNELS[name].supports(*normal(0, *shapes), **options)


def test_labels_at_and_beyond_the_ends():
    z = normal(0, (4, 3), dtype=np.float32)[0]
    pairs = KERNELS["sparse_softmax_cross_entropy"], REFERENCES["sparse_softmax_cross_entropy"]
    results = [run_pair(pair, [z, np.array([0, 2, -1, -3])], {}, [np.ones(4, np.float32)]) for pair in pairs]
    for got, want in zip(*(sum(r, ()) for r in results), strict=True):
        assert_same_numbers(got, want)
    for wrong in (3, -4):
        for pair in pairs:
            with pytest.raises(IndexError):
                pair.forward(z, np.array([0, 1, wrong, 0]))


@every("name", PAIRS)
@every("kind", ["float16", "complex64", "int32", ">f4", "list", "mixed", "empty"])
def test_what_a_kernel_does_not_take_is_left_to_the_reference(name, kind):
    case = next(case for n, case in LARGE if n == name)
    arrays = converted(case.arrays, "float32")
    if kind == "list":
        arrays[0] = [[1.0, 2.0]]
    elif kind == "empty":
        arrays[0] = arrays[0][:0]
    elif kind != "mixed":
        arrays = converted(case.arrays, kind)
    elif len(arrays) == 1 or arrays[0].dtype.kind != "f" or arrays[1].dtype.kind != "f":
        return
    else:
        arrays[1] = arrays[1].astype("float64")
    assert not KERNELS[name].supports(*arrays, **case.options)


@every("name", PAIRS)
def test_an_empty_batch_works(name):
    case = next(case for n, case in LARGE if n == name)
    arrays = converted(case.arrays, "float32")
    with_batch = 3 if name == "lstm" else 2 if name in RECURRENT or "cross_entropy" in name else 1
    arrays[:with_batch] = [a[:0] for a in arrays[:with_batch]]
    with kernels_on():
        outputs = as_tuple(FUNCTIONS[name].apply(*arrays, **case.options))
    assert outputs[0].shape[0] == 0


# --- adam, which works in place ---------------------------------------------------------------------------------


@given(CASES["adam"], dtypes)
def test_adam_is_that_of_the_reference(case, dtype):
    arrays = converted(case.arrays, dtype)
    wanted = REFERENCES["adam"].forward(*arrays, **case.options)
    w, g, m, v = (a.copy() for a in arrays)
    assert KERNELS["adam"].supports(w, g, m, v, **case.options)
    results = KERNELS["adam"].forward(w, g, m, v, **case.options)
    assert [id(a) for a in results] == [id(w), id(m), id(v)]
    assert np.array_equal(g, arrays[1])
    for got, want in zip(results, wanted, strict=True):
        assert_same_numbers(got, want)


@every("dtype", sorted(TOLERANCE))
def test_adam_at_the_edges(dtype):
    n = 100_000
    w, m, v = (np.full(n, x, dtype) for x in (0.3, 0.0, 0.0))
    g = np.zeros(n, dtype)
    g[:4] = [2e20, -3e38, np.nan, np.inf]
    options = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "step": 1, "weight_decay": 0.0}
    KERNELS["adam"].forward(w, g, m, v, learning_rate=0.1, **options)
    np.testing.assert_allclose(w[:2], [0.2, 0.4], rtol=1e-5)
    assert np.isnan(w[2:4]).all()
    assert (w[4:] == np.asarray(0.3, dtype)).all(), "a weight without a gradient moved"


@every("spoil", ["strided", "read-only", "mixed", "shape"])
def test_adam_leaves_what_it_cannot_change_in_place(spoil):
    w, g, m, v = (np.ones(6, np.float32) for _ in range(4))
    spoilt = {
        "strided": np.ones(12, np.float32)[::2], "read-only": np.broadcast_to(np.float32(1), 6),
        "mixed": np.ones(6), "shape": np.ones((6, 1), np.float32),
    }[spoil]  # fmt: skip
    assert not KERNELS["adam"].supports(spoilt, g, m, v)
    assert not KERNELS["adam"].supports(w, g, m, spoilt)


FORWARD_ONLY = [(n, case) for n, case in LARGE if KERNELS[n].forward_only is not None]


@every("dtype", sorted(TOLERANCE))
@every(("name", "case"), FORWARD_ONLY, ids=[f"{i}-{name}" for i, (name, _) in enumerate(FORWARD_ONLY)])
def test_forward_only_gives_the_bits_of_forward_and_keeps_nothing(name, case, dtype):
    arrays = converted(case.arrays, dtype)
    wanted, _ = KERNELS[name].forward(*arrays, **case.options)
    for n in (1, pool.threads()):
        with pool.limited_to(n):
            got, cache = KERNELS[name].forward_only(*arrays, **case.options)
        assert cache is None
        assert [a.tobytes() for a in as_tuple(got)] == [a.tobytes() for a in as_tuple(wanted)]


@every("name", [name for name in NAMES if KERNELS[name].forward_only is not None])
@given(st.data())
def test_forward_only_gives_the_bits_of_forward_on_arrays_of_any_size(name, data):
    case = data.draw(CASES[name])
    arrays = [in_memory(a, data.draw(layouts)) for a in converted(case.arrays, data.draw(dtypes))]
    before = [None if a is None else a.copy() for a in arrays]
    wanted, _ = KERNELS[name].forward(*arrays, **case.options)
    got, _ = KERNELS[name].forward_only(*arrays, **case.options)
    assert [a.tobytes() for a in as_tuple(got)] == [a.tobytes() for a in as_tuple(wanted)]
    for a, b in zip(arrays, before, strict=True):
        assert a is None or np.array_equal(a, b), "an argument was changed"


@every("dtype", sorted(TOLERANCE))
@every("value", [np.nan, np.inf, -np.inf])
@every(("name", "case"), FORWARD_ONLY, ids=[f"{i}-{name}" for i, (name, _) in enumerate(FORWARD_ONLY)])
def test_forward_only_leaves_nan_and_infinity_where_they_are(name, case, value, dtype):
    arrays = converted([None if a is None else np.array(a) for a in case.arrays], dtype)
    arrays[0].flat[np.random.default_rng(0).integers(0, arrays[0].size, 5)] = value
    wanted, got = (f(*arrays, **case.options)[0] for f in (KERNELS[name].forward, KERNELS[name].forward_only))
    for a, b in zip(as_tuple(got), as_tuple(wanted), strict=True):
        assert np.array_equal(a, b, equal_nan=True)
