"""Memory of any layout, for inputs, weights and the incoming gradient: the same numbers, and the arrays as they were.

C and Fortran order, negative strides, every second cell with NaN between, stride 0, read-only (tests/layouts.py).
"""

from typing import Any

import numpy as np
from kernel_cases import in_memory
from layouts import LAYOUTS
from registry.entry import Entry, Example
from registry.running import assert_results_close, evaluated, gradients_for, have_kernels, using, values

ALL = (*LAYOUTS, "repeated")


def check(entry: Entry, example: Example, rng: Any) -> None:
    arrays = [in_memory(a, rng.choice(ALL)) for a in example.arrays]
    plain = [None if a is None else a.copy() for a in arrays]
    with using(kernels=False):
        dys = [in_memory(dy, rng.choice(ALL)) for dy in gradients_for(values(example, plain), rng)]
        plain_dys = [dy.copy() for dy in dys]
        wanted = evaluated(example, plain, plain_dys)
    for kernels in (False, True) if entry.kernel and have_kernels() else (False,):
        with using(kernels):
            got = evaluated(example, arrays, dys)
        strides = [None if a is None else a.strides for a in (*arrays, *dys)]
        assert_results_close(got, wanted, 1e-12, f"layouts {strides}, kernels {kernels}")
        for a, before in zip((*arrays, *dys), (*plain, *plain_dys), strict=True):
            assert a is None or np.array_equal(a, before), f"an array was changed, kernels {kernels}"
