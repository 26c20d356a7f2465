"""(c) Where the function is linear in some arrays: ⟨J·v, u⟩ = ⟨v, Jᵀ·u⟩ to 1e-12, and J·v is f(v) − f(0)."""

from typing import Any

import numpy as np
from registry.entry import Entry, Example
from registry.running import evaluated, gradients_for, values

from minidl import backend


def check(entry: Entry, example: Example, rng: Any) -> None:
    with backend.kernels_off():
        for group in example.linear:
            positions = [i for i in group if i in example.leaves()]
            origin, at = list(example.arrays), list(example.arrays)
            for i in positions:
                origin[i] = np.zeros_like(example.arrays[i])
                at[i] = rng.standard_normal(example.arrays[i].shape)
            offsets, ys = values(example, origin), values(example, at)
            us = gradients_for(ys, rng)
            found = evaluated(example, example.arrays, us).gradients
            left = np.concatenate(
                [((y - y0) * u).ravel() for y, y0, u in zip(ys, offsets, us, strict=True)] or [np.zeros(0)]
            )
            right = [(at[i] * found[i]).ravel() for i in positions if found[i] is not None]
            error = abs(float(left.sum()) - float(sum(r.sum() for r in right)))
            size = max(1.0, float(np.abs(left).sum()), float(sum(np.abs(r).sum() for r in right)))
            assert error <= 1e-12 * size, (
                f"arrays {group}: ⟨J·v, u⟩ and ⟨v, Jᵀ·u⟩ are {error:.3g} of {size:.3g} apart"
            )
