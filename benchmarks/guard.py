"""A guard against kernels that have become slow: how many times faster than the reference is a training step?

    python benchmarks/guard.py

Kernels and reference take turns in one process, on the same model and the same data, with one thread each: on a busy
machine NumPy's own threads wait for each other, and the reference seems slower than it is. So the ratio of their best
times means nearly the same everywhere. BOUNDS are about half of what was measured when they were written.
What falls below its bound is measured once more, longer; a machine may be busy at the wrong time. All of it takes
less than a minute, however slow the kernels.
"""

import math
import os
import sys
import time
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is loaded

from engines import made, row
from models import MODELS

BOUNDS = {  # times as fast as the reference; measured on one core with AVX-512, busy: 8.2, 4.4, 4.2, 5.0, 4.8
    "mnist_cnn": 3.0,
    "conv1d": 2.0,
    "lstm": 2.0,
    "gru": 2.5,
    "simple_rnn": 2.0,
}
STEPS = 2
SECONDS = 2.0  # for a model; twice as long when it is measured once more


def ratio(name: str, seconds: float) -> float:
    """How many times as fast as the reference the kernels train the model."""
    from minidl import kernels_off

    job: dict[str, Any] = {"model": name, "batch_size": MODELS[name].batch_sizes[0], "steps": STEPS}
    with kernels_off():
        reference = made(job | {"engine": "reference"}).epoch
    kernels = made(job | {"engine": "minidl"}).epoch
    kernels()  # in which they are compiled
    fast, slow, end = math.inf, math.inf, time.monotonic() + seconds
    while slow == math.inf or time.monotonic() < end:
        fast = min(fast, _seconds(kernels), _seconds(kernels))
        with kernels_off():
            slow = min(slow, _seconds(reference))
    return slow / fast


def _seconds(run: Any) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def main() -> int:
    """1 if any model is below its bound twice."""
    import minidl

    if (about := minidl.backend.available()["cpu"]).startswith("off"):
        print(f"No kernels to guard, cpu is {about}")
        return 1
    minidl.config.set_threads(1)
    failed = []
    print(row("times as fast as the reference", "measured", "at least"))
    for name, bound in BOUNDS.items():
        measured = ratio(name, SECONDS)
        print(row(name, measured, bound), flush=True)
        if measured < bound:
            measured = ratio(name, 2 * SECONDS)
            print(row("  once more", measured, bound), flush=True)
        if measured < bound:
            failed.append(name)
    if failed:
        print(
            f"Slower than it was: {', '.join(failed)}. Profile a step, or mend BOUNDS if this is meant to be."
        )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
