"""(a) Every element of the Jacobian, by inputs and weights, against five-point differences: 1e-7 of the largest.

The differences are `minidl.gradcheck`'s, which also asks that a second backward pass through one graph gives the same,
that nobody writes to dy, and that the function gives the same in a second run.
"""

from typing import Any

from registry.entry import Entry, Example


def check(entry: Entry, example: Example, rng: Any) -> None:
    example.differences()
