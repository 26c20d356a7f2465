"""Kernels that take notes: the calls that were noted make what the kernel would make of the new numbers."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import CASES, converted
from minidl_kernels.cpu import KERNELS, noted_in, pool
from strategies import normal, seeds

REPEAT = sorted(name for name, kernel in KERNELS.items() if kernel.repeats)


def there_and_back(kernel, arrays, options, dys):
    """Outputs and gradients."""
    y, cache = kernel.forward(*arrays, **options)
    several = isinstance(y, tuple)
    dxs = kernel.backward(dys if several else dys[0], cache)
    return [*(y if several else (y,)), *dxs]


def gradients(kernel, arrays, options, seed):
    y = kernel.forward(*arrays, **options)[0]
    return tuple(normal(seed, one.shape, dtype=one.dtype)[0] for one in (y if isinstance(y, tuple) else (y,)))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", REPEAT)
@settings(deadline=None, max_examples=6)
@given(data=st.data())
def test_calls_make_the_same_of_other_numbers(name, threads, data):
    kernel, dtype = KERNELS[name], data.draw(st.sampled_from(["float32", "float64"]))
    arrays, options = data.draw(CASES[name])
    arrays = converted(arrays, dtype)
    others = [None if a is None else np.array(a[..., ::-1]) for a in arrays]
    others = [o if o is None or o.dtype.kind == "f" else a for o, a in zip(others, arrays, strict=True)]
    seed = data.draw(seeds)
    dys, other_dys = gradients(kernel, arrays, options, seed), gradients(kernel, others, options, seed + 1)
    given_arrays = [None if a is None else a.copy() for a in arrays]
    given_dys = tuple(dy.copy() for dy in dys)
    calls = []
    with pool.limited_to(threads), noted_in(calls):
        made = there_and_back(kernel, given_arrays, options, given_dys)
    for array, other in zip([*given_arrays, *given_dys], [*others, *other_dys], strict=True):
        if array is not None:
            array[...] = other
    for call in calls:
        call()
    for ours, expected in zip(made, there_and_back(kernel, others, options, other_dys), strict=True):
        assert (ours is None) == (expected is None)
        if expected is not None:
            assert np.array_equal(ours, expected)


def test_notes_are_calls_and_end_with_the_block():
    calls, x = [], np.ones(8, "float32")
    with noted_in(calls):
        KERNELS["relu"].forward(x)
    KERNELS["relu"].forward(x)
    assert len(calls) == 1
    assert isinstance(calls[0], partial)
