"""How much memory does a training run need at most? minidl beside PyTorch, each in a process of its own.

    python benchmarks/memory.py

`imported` is the memory of the process once the engine is loaded and the data made, `peak` the most it ever held
until the end of two epochs, both in MB; `training` is the difference.
"""

import argparse
import resource
import sys
from typing import Any

from engines import NAMES, answer, ask, machine, made, parsed, row
from models import MODELS

NAMED = ["mnist_cnn", "lstm", "conv1d", "timedistributed"]
STEPS = 8


def peak() -> float:
    """The most memory this process has held until now, in MB."""
    try:
        with open("/proc/self/status") as file:
            line = next(line for line in file if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
            1 << (20 if sys.platform == "darwin" else 10)
        )


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Peaks before and after two epochs."""
    engine = made(job)
    before = peak()
    engine.epoch()
    engine.epoch()
    return {"imported": before, "peak": peak()}


def main() -> None:
    """Print a table for each model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options = parsed(parser, NAMED)
    print(f"Memory of a training run of 2 x {STEPS} batches\n{machine()}")
    for name in options.model:
        size = MODELS[name].batch_sizes[-1]
        print("\n" + row(f"{name}, batch {size}", "imported MB", "peak MB", "training MB"))
        peaks = {}
        for engine in options.engines:
            job = {"model": name, "engine": engine, "batch_size": size, "steps": STEPS}
            result = ask(__file__, job | {"threads": options.threads})
            if result:
                peaks[engine] = result["peak"]
                more = result["peak"] - result["imported"]
                print(row(NAMES[engine], result["imported"], result["peak"], more), flush=True)
        if {"minidl", "torch"} <= peaks.keys():
            print(f"bar (peak <= PyTorch's): {'met' if peaks['minidl'] <= peaks['torch'] else 'NOT MET'}")


if __name__ == "__main__" and not answer(work):
    main()
