"""(b) Where the function takes complex numbers: gradients against the complex step, to 1e-12 of the largest.

f(x + ih·v) = f(x) + ih·J·v, but for terms of h², and with h = 1e-30 there are none. So the imaginary part is J·v to
the last digits; with v = 1 for a single element, for some elements, and a random v for all of them together.
"""

from typing import Any

import numpy as np
from registry.entry import Entry, Example
from registry.running import evaluated, gradients_for, values

from minidl import backend
from minidl.backend import Array

H = 1e-30
ELEMENTS = 8  # of each array, one by one


def check(entry: Entry, example: Example, rng: Any) -> None:
    if not example.analytic:
        return
    with backend.kernels_off():
        us = gradients_for(values(example, example.arrays), rng)
        found = evaluated(example, example.arrays, us).gradients
        for i in example.leaves():
            got = np.zeros(example.arrays[i].shape) if found[i] is None else found[i]
            for v in directions(example.arrays[i], rng):
                moved = list(example.arrays)
                moved[i] = example.arrays[i] + 1j * H * v
                terms = np.concatenate(
                    [(u * y.imag / H).ravel() for u, y in zip(us, values(example, moved), strict=True)]
                )
                error = abs(float(np.sum(got * v)) - float(terms.sum()))
                size = max(1.0, float(np.abs(terms).sum()))
                assert error <= 1e-12 * size, (
                    f"array {i}: off by {error:.3g} of {size:.3g} from the complex step"
                )


def directions(x: Array, rng: Any) -> list[Array]:
    """All elements at random, and some single ones."""
    if not x.size:
        return []
    found = [rng.standard_normal(x.shape)]
    for place in rng.permutation(x.size)[:ELEMENTS]:
        one = np.zeros(x.shape)
        one.flat[place] = 1.0
        found.append(one)
    return found
