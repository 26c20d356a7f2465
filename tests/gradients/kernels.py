"""(d) With kernels the same numbers as without, forward and backward, in float32 and float64."""

from typing import Any

from kernel_cases import converted
from registry.entry import Entry, Example
from registry.running import assert_results_close, evaluated, gradients_for, have_kernels, using, values

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def check(entry: Entry, example: Example, rng: Any) -> None:
    if not entry.kernel or not have_kernels():
        return
    for dtype, tolerance in TOLERANCE.items():
        arrays = converted(example.arrays, dtype)
        with using(kernels=False):
            dys = gradients_for(values(example, arrays), rng)
            wanted = evaluated(example, arrays, dys)
        with using(kernels=True):
            got = evaluated(example, arrays, dys)
        assert_results_close(got, wanted, tolerance, f"kernels, {dtype}")
        for a, b in zip((*got.outputs, *got.gradients), (*wanted.outputs, *wanted.gradients), strict=True):
            assert a is None or b is None or a.dtype == b.dtype == dtype
