"""When a kernel's numbers are those of its reference."""

import numpy as np
from kernel_cases import REFERENCES
from strategies import normal

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
RECURRENT = ("gru", "lstm", "simple_rnn")


def as_tuple(x):
    return x if isinstance(x, tuple) else (x,)


def largest(*arrays):
    return max((float(np.max(np.abs(a))) for a in arrays if a is not None and a.size), default=0.0)


def assert_same_numbers(got, wanted, scale=0.0):
    assert type(got) is type(wanted)
    if wanted is None:
        return
    assert got.shape == wanted.shape
    assert got.dtype == wanted.dtype
    if got.size:
        np.testing.assert_allclose(
            got, wanted, rtol=0, atol=TOLERANCE.get(str(wanted.dtype), 0) * max(scale, largest(wanted))
        )


def left_open(name, wanted, arrays, options, gradients):
    """For each of `wanted`, of the reference, a scale at which it counts as the same number in float32.

    Recurrence may enlarge what is rounded at each step. How much, shows in float64: by how far the reference is off, and
    by how far its results move if each number that comes in is rounded once more; a step rounds about ten times.
    """
    if "cross_entropy" in name:
        return [1.0] * len(wanted)  # log of a sum that is 1 or more
    if name not in RECURRENT or wanted[0].dtype != np.float32:
        return [0.0] * len(wanted)
    rng = np.random.default_rng(0)

    def exactly(rounding):
        given = [
            [
                a if a is None else a.astype(np.float64) * (1 + rounding * rng.choice([-1, 1], a.shape))
                for a in part
            ]
            for part in (arrays, gradients)
        ]
        outputs, dxs = run_pair(REFERENCES[name], given[0], options, tuple(given[1]))
        return [*outputs, *dxs]

    exact, moved = exactly(0), exactly(np.finfo(np.float32).eps)
    far = [
        0.0 if a is None else max(2 * largest(a - b), 10 * largest(b - c))
        for a, b, c in zip(wanted, exact, moved, strict=True)
    ]
    return [distance / TOLERANCE["float32"] for distance in far]


def run_pair(pair, arrays, options, gradients):
    """Outputs and input gradients."""
    result, cache = pair.forward(*arrays, **options)
    dxs = pair.backward(gradients if isinstance(result, tuple) else gradients[0], cache)
    return as_tuple(result), flat(dxs)


def flat(dxs):
    """Gradients of inputs, those that are pairs (rows, values) opened."""
    return tuple(part for dx in dxs for part in as_tuple(dx))


def some_gradients(name, arrays, options, seed):
    outputs = as_tuple(REFERENCES[name].forward(*arrays, **options)[0])
    return tuple(normal(seed, *[np.shape(y) for y in outputs], dtype=outputs[0].dtype))
