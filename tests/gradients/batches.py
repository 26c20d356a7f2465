"""(e) A batch gives what its samples give one by one: outputs and their gradients in a row, those of weights summed.

And a batch of no samples gives no outputs, no gradients by its inputs, and gradients by the weights that are 0.
"""

from typing import Any

import numpy as np
from registry.entry import Entry, Example
from registry.running import assert_close, evaluated, gradients_for, have_kernels, using, values


def check(entry: Entry, example: Example, rng: Any) -> None:
    if example.batch is None:
        return
    for kernels in (False, True) if entry.kernel and have_kernels() else (False,):
        with using(kernels):
            check_parts(example, rng)
            check_no_samples(example)


def check_parts(example: Example, rng: Any) -> None:
    assert example.batch is not None
    arrays, out = example.arrays, example.batch_out
    dys = gradients_for(values(example, arrays), rng)
    whole = evaluated(example, arrays, dys)
    n = next(
        a.shape[k] for a, k in zip(arrays, example.batch, strict=True) if a is not None and k is not None
    )
    if n == 0:
        return
    parts = [
        evaluated(example, samples(example, slice(i, i + 1)), [cut(dy, slice(i, i + 1), out) for dy in dys])
        for i in range(n)
    ]
    for j, y in enumerate(whole.outputs):
        assert_close(np.concatenate([p.outputs[j] for p in parts], out), y, 1e-12, f"samples: output {j}")
    for j, axis in enumerate(example.batch):
        found = [p.gradients[j] for p in parts]
        dx = whole.gradients[j]
        assert (dx is None) == all(g is None for g in found), (
            f"gradient {j} is there for a batch or a sample only"
        )
        if dx is not None:
            together = sum(found) if axis is None else np.concatenate(found, axis)
            assert_close(together, dx, 1e-12, f"samples: gradient {j}")


def check_no_samples(example: Example) -> None:
    assert example.batch is not None
    arrays = samples(example, slice(0, 0))
    ys = values(example, arrays)
    for y in ys:
        assert y.shape[example.batch_out] == 0, f"a batch of no samples gave an output of shape {y.shape}"
    for a, axis, dx in zip(arrays, example.batch, evaluated(example, arrays, ys).gradients, strict=True):
        if dx is not None:
            assert dx.shape == a.shape
            assert axis is not None or not dx.any(), "no samples, and yet a gradient"


def samples(example: Example, part: slice) -> list[Any]:
    assert example.batch is not None
    return [
        a if a is None or k is None else cut(a, part, k)
        for a, k in zip(example.arrays, example.batch, strict=True)
    ]


def cut(a: Any, part: slice, axis: int) -> Any:
    return a[(slice(None),) * axis + (part,)].copy()
