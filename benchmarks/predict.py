"""How long does the MNIST network need to predict 10,000 images, in each engine's own way?

In batches of 32, which is what Keras's `predict` takes when no size is asked for, and of 128. minidl takes some of the
32 together when it is not asked (`minidl/models/together.py`).

python benchmarks/predict.py
"""

import argparse
from typing import Any

from engines import NAMES, PEERS, answer, ask, least, machine, made, parsed, row

IMAGES = 10_000
BATCHES = (32, 128)  # the one that `predict` takes when none is said, and a larger one
BAR = 0.5  # times the fastest peer


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds of all images."""
    engine = made(job)
    return {"version": engine.version, "times": least(engine.predict, 7)}


def main() -> None:
    """Let the engines take turns, print a table for each batch size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options = parsed(parser, ["mnist_cnn"])
    print(f"predict on {IMAGES:,} images of 28 x 28\n{machine()}; {options.rounds} rounds of 7")
    for batch_size in BATCHES:
        steps = -(-IMAGES // batch_size)
        best: dict[str, float] = {}
        for _ in range(options.rounds):
            for engine in options.engines:
                job = {"model": "mnist_cnn", "engine": engine, "batch_size": batch_size, "steps": steps}
                result = ask(__file__, job | {"threads": options.threads})
                if result:
                    # The last batch is a full one; what it has too many is taken off.
                    time = min(result["times"]) * IMAGES / (steps * batch_size)
                    best[engine] = min(time, best.get(engine, time))
        peer = min([best[e] for e in PEERS if e in best], default=None)
        print("\n" + row(f"in batches of {batch_size}", "min ms", "/ best peer"))
        for engine, time in best.items():
            print(row(NAMES[engine], time, time / peer if peer else None))
        if peer and "minidl" in best:
            met = best["minidl"] <= BAR * peer
            print(f"bar (/ best peer <= {BAR}): {'met' if met else 'NOT MET'}", flush=True)


if __name__ == "__main__" and not answer(work):
    main()
