"""Does the cost of a training step grow as the work does? minidl alone.

    python benchmarks/scaling.py

- The recurrent layers over sequences of T = 32 ... 2,048 steps: time ~ T^p with p near 1.
- Batches of 16 ... 256: time ~ N^p with p not above 1.
- The convolution models on two cores against one.
"""

import argparse
import itertools
import math
from typing import Any

import numpy as np
from engines import answer, ask, least, machine, made, parsed, row

LENGTHS = [32 << i for i in range(7)]
BATCHES = [16 << i for i in range(5)]
RECURRENT = ["simple_rnn", "gru", "lstm"]
CONVOLUTIONS = ["mnist_cnn", "conv1d", "timedistributed"]
TWO_CORES_BAR = 1.7  # times as fast as one
LINEAR_BAR = 1.1  # the exponent


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds of a step, the best of some epochs."""
    return {"time": min(least(made(job).epoch, 5)) / job["steps"]}


def step(job: dict[str, Any], rounds: int) -> float:
    """The best time of several processes."""
    results = [ask(__file__, job | {"engine": "minidl"}) for _ in range(rounds)]
    return min([result["time"] for result in results if result], default=math.nan)


def growth(title: str, name: str, sizes: list[int], times: list[float]) -> None:
    """A table of times, the ratio of each to the one before, and the exponent between the last and the middle one."""
    print("\n" + row(f"{name}, {title}", *[f"{n:,}" for n in sizes], width=9))
    print(row("ms", *times, width=9))
    print(row("per doubling", None, *[b / a for a, b in itertools.pairwise(times)], width=9))
    half = len(sizes) // 2
    exponent = float(np.polyfit(np.log(sizes[half:]), np.log(times[half:]), 1)[0])
    met = exponent <= LINEAR_BAR
    print(
        f"time ~ size^{exponent:.2f} in the upper half; bar (<= {LINEAR_BAR}): {'met' if met else 'NOT MET'}"
    )


def main() -> None:
    """Lengths, batches, threads."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options = parsed(parser, [*RECURRENT, *CONVOLUTIONS])
    print(f"How a training step grows; float32\n{machine()}")
    for name in options.model:
        job = {"model": name, "steps": 4, "batch_size": 64, "threads": options.threads}
        if name in RECURRENT:
            times = [step(job | {"shape": [t, 9]}, options.rounds) for t in LENGTHS]
            growth("batch 64, T =", name, LENGTHS, times)
        times = [step(job | {"batch_size": n, "steps": 8}, options.rounds) for n in BATCHES]
        growth("batch =", name, BATCHES, times)
    print("\n" + row("two cores against one", "1 core, ms", "2 cores, ms", "ratio"))
    for name in [name for name in options.model if name in CONVOLUTIONS]:
        one, two = math.inf, math.inf
        job = {"model": name, "batch_size": 128 if name == "mnist_cnn" else 64, "steps": 8}
        for _ in range(options.rounds + 1):  # in turns
            one, two = min(one, step(job | {"threads": 1}, 1)), min(two, step(job | {"threads": 2}, 1))
        print(
            row(name, one, two, one / two) + ("" if one / two >= TWO_CORES_BAR else "   bar NOT MET"),
            flush=True,
        )


if __name__ == "__main__" and not answer(work):
    main()
