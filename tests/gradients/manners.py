"""What a good function owes beside its numbers, with kernels and without, in float32 and in float64.

Inputs and dy keep their bits. Types are kept. Two runs give the same bits. No output and no gradient lies in the memory
of an input, of dy, or of another. dy of 0 gives gradients of 0. Gradients add up over uses and over backward passes.
An output that nobody uses counts as one whose gradient is 0.
"""

from typing import Any

import numpy as np
from kernel_cases import converted
from registry.entry import Entry, Example
from registry.running import (
    Result,
    assert_close,
    evaluated,
    gradients_for,
    have_kernels,
    using,
    values,
)


def check(entry: Entry, example: Example, rng: Any) -> None:
    dtype = rng.choice(["float32", "float64"])
    kernels = bool(entry.kernel and have_kernels() and rng.integers(2))
    arrays = converted(example.arrays, dtype)
    before = [None if a is None else a.tobytes() for a in arrays]
    with using(kernels):
        dys = gradients_for(values(example, arrays), rng)
        dys_before = [dy.tobytes() for dy in dys]
        first = evaluated(example, arrays, dys)
        check_memory(example, arrays, dys, first)
        kept = Result(*([None if a is None else a.copy() for a in part] for part in first))
        evaluated(example, [turned(a) for a in arrays], [turned(dy) for dy in dys])
        assert same_bits(first, kept), "a later run wrote into the result of an earlier one"
        assert same_bits(first, evaluated(example, arrays, dys)), "two runs give different bits"
        check_types(example, arrays, first, dtype)
        check_sums(example, arrays, dys, first)
        check_no_gradient_in(example, arrays, dys)
    for a, bits in zip((*arrays, *dys), (*before, *dys_before), strict=True):
        assert a is None or a.tobytes() == bits, "an input or dy was changed"


def same_bits(one: Result, other: Result) -> bool:
    pairs = zip((*one.outputs, *one.gradients), (*other.outputs, *other.gradients), strict=True)
    return all(a is None if b is None else a is not None and np.array_equal(a, b) for a, b in pairs)


def check_memory(example: Example, arrays: Any, dys: Any, result: Result) -> None:
    given = [a for a in (*arrays, *dys) if a is not None]
    gradients = [g for g in result.gradients if g is not None]
    for i, g in enumerate(gradients):
        assert g.flags.writeable
        others = (*given, *gradients[:i], *result.outputs)
        assert not any(np.may_share_memory(g, a) for a in others), (
            f"gradient {i} lies in memory of another array"
        )
    for i, y in enumerate(result.outputs):
        others = (*dys, *(() if example.views else (*given, *result.outputs[:i])))
        assert not any(np.may_share_memory(y, a) for a in others), (
            f"output {i} lies in memory of another array"
        )


def check_types(example: Example, arrays: Any, result: Result, dtype: str) -> None:
    for y in result.outputs if example.keeps_type else ():
        assert y.dtype == dtype, f"an output of {dtype} is {y.dtype}"
    for a, g in zip(arrays, result.gradients, strict=True):
        assert g is None or (g.dtype == dtype and g.shape == a.shape), "a gradient of another type or shape"
    without = [i for i, g in enumerate(result.gradients) if g is not None and i not in example.leaves()]
    assert not without, f"arrays {without} have a gradient, and should have none"


def turned(a: Any) -> Any:
    """Other numbers of the same kind: the array back to front."""
    return a if a is None or a.ndim == 0 else a[::-1].copy()


def check_sums(example: Example, arrays: Any, dys: Any, first: Result) -> None:
    tolerance = 1e-12 if str(first.outputs[0].dtype if first.outputs else "") == "float64" else 1e-5
    for g, three in zip(first.gradients, evaluated(example, arrays, dys, again=2).gradients, strict=True):
        if g is not None:
            assert_close(three, 3 * g, tolerance, "three backward passes through one graph")
    if not example.repeats:
        return
    others = [(dy * (0.5 + np.cos(np.arange(dy.size)).reshape(dy.shape))).astype(dy.dtype) for dy in dys]
    apart = evaluated(example, arrays, others).gradients
    both = evaluated(example, arrays, dys, others).gradients
    for g, h, sum_of_both in zip(first.gradients, apart, both, strict=True):
        if g is not None and h is not None:
            assert_close(sum_of_both, g + h, tolerance, "two uses of the same tensors")


def check_no_gradient_in(example: Example, arrays: Any, dys: Any) -> None:
    for g in evaluated(example, arrays, [np.zeros_like(dy) for dy in dys]).gradients:
        assert g is None or not g.any(), "dy is 0, and a gradient is not"
    for i in range(len(dys) if len(dys) > 1 else 0):
        unused = [None if k == i else dy for k, dy in enumerate(dys)]
        zero = [np.zeros_like(dy) if k == i else dy for k, dy in enumerate(dys)]
        ways = (evaluated(example, arrays, way).gradients for way in (unused, zero))
        for a, b in zip(*ways, strict=True):
            assert_close(a, b, 0.0, f"output {i} unused, or with a gradient of 0")
