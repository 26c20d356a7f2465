"""How long is one training step? minidl beside its peers, on the network of its MNIST example.

    python benchmarks/train_step.py
    python benchmarks/train_step.py --batch-size 32 --engines minidl torch --json result.json

Every engine runs in a process of its own, and they take turns: A B C A B C ..., so that a busy minute of the machine
hits all of them. An engine that is not installed is left out. `benchmarks/README.md` says how to read the result.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

EPOCHS = 5  # timed by a process; the first one, in which things are compiled, is not
NAMES = {
    "minidl": "minidl",
    "reference": "minidl, kernels off",
    "torch": "PyTorch",
    "jax": "Keras on JAX",
    "tensorflow": "Keras on TensorFlow",
}


def data(batch_size: int, steps: int) -> tuple[Any, Any]:
    """Images (N, 28, 28, 1) and classes (N,) for one epoch; what is in them does not matter here."""
    rng = np.random.default_rng(0)
    n = batch_size * steps
    return rng.random((n, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, n)


def layers_of(layers: Any) -> list[Any]:
    """The network, in Keras's words."""
    return [
        layers.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]


def fits(package: Any, batch_size: int, steps: int) -> Callable[[], Any]:
    """One epoch of `fit`, of minidl or of Keras."""
    x, classes = data(batch_size, steps)
    y = np.eye(10, dtype=np.float32)[classes]
    model = package.Sequential(layers_of(package.layers))
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    return lambda: model.fit(x, y, batch_size=batch_size, epochs=1, verbose=0)


def minidl_epoch(batch_size: int, steps: int) -> tuple[Callable[[], Any], str, str]:
    import minidl

    line = minidl.backend.available()["cpu"]
    return fits(minidl, batch_size, steps), minidl.__version__, line.rpartition(", ")[2]


def keras_epoch(batch_size: int, steps: int) -> tuple[Callable[[], Any], str, str]:
    import keras

    return fits(keras, batch_size, steps), keras.__version__, "its own"


def torch_epoch(batch_size: int, steps: int) -> tuple[Callable[[], Any], str, str]:
    import torch
    from torch import nn

    x, classes = (torch.from_numpy(a) for a in data(batch_size, steps))
    x = x.permute(0, 3, 1, 2).contiguous()
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    optimizer, loss = torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss()

    def epoch() -> None:
        for batch in torch.randperm(len(x)).split(batch_size):
            optimizer.zero_grad()
            loss(model(x[batch]), classes[batch]).backward()
            optimizer.step()

    return epoch, torch.__version__, f"{torch.get_num_threads()} threads"


def work(engine: str, batch_size: int, steps: int) -> dict[str, Any]:
    """What one process does: milliseconds of a step, the mean of each epoch."""
    if engine in ("jax", "tensorflow"):
        os.environ.update(KERAS_BACKEND=engine, TF_CPP_MIN_LOG_LEVEL="3")
    make = {"minidl": minidl_epoch, "reference": minidl_epoch, "torch": torch_epoch}.get(engine, keras_epoch)
    block = nullcontext()
    if engine == "reference":
        from minidl import kernels_off

        block = kernels_off()
    epoch, version, threads = make(batch_size, steps)
    times = []
    with block:
        epoch()
        for _ in range(EPOCHS):
            begin = time.perf_counter()
            epoch()
            times.append((time.perf_counter() - begin) / steps * 1e3)
    return {"version": version, "threads": "NumPy's" if engine == "reference" else threads, "times": times}


def process(engine: str, batch_size: int, steps: int) -> dict[str, Any] | None:
    """`work` in a new process; None if the engine is not there."""
    command = [
        sys.executable,
        __file__,
        "--worker",
        engine,
        "--batch-size",
        str(batch_size),
        "--steps",
        str(steps),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"{NAMES[engine]:<20} left out: {reason[:58]}")
        return None
    return json.loads(done.stdout.splitlines()[-1])


def table(results: dict[str, dict[str, Any]], batch_size: int) -> str:
    """The lines for one batch size; ratios are of the smallest times."""
    least = {engine: min(result["times"]) for engine, result in results.items()}
    lines = ["", f"batch {batch_size:<28}{'min ms':>9}{'median':>9}{'/ PyTorch':>12}{'/ reference':>13}"]
    for engine, result in results.items():
        about = f"{NAMES[engine]} {result['version'] if engine != 'reference' else ''}"
        ratios = [
            f"{least[engine] / least[base]:.2f}" if base in least else "-" for base in ("torch", "reference")
        ]
        median = statistics.median(result["times"])
        lines.append(f"{about:<34}{least[engine]:>9.2f}{median:>9.2f}{ratios[0]:>12}{ratios[1]:>13}")
    return "\n".join(lines)


def main() -> None:
    """Read the arguments, let the engines take turns, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch-size", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--steps", type=int, default=50, help="in an epoch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", nargs="+", choices=list(NAMES), default=list(NAMES))
    parser.add_argument("--json", metavar="FILE", help="also write all times there")
    parser.add_argument("--worker", choices=list(NAMES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(options.worker, options.batch_size[0], options.steps)))
        return
    print("One training step of the MNIST network: forward, backward, Adam; float32")
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"NumPy {np.__version__}")  # fmt: skip
    print(f"{options.rounds} rounds, {EPOCHS} epochs of {options.steps} steps in each")
    engines = list(options.engines)
    everything: dict[int, dict[str, dict[str, Any]]] = {n: {} for n in options.batch_size}
    for _ in range(options.rounds):
        for engine in list(engines):
            for n, results in everything.items():
                result = process(engine, n, options.steps) if engine in engines else None
                if result is None:
                    engines = [e for e in engines if e != engine]
                    continue
                results.setdefault(engine, result | {"times": []})["times"] += result["times"]
    for n, results in everything.items():
        print(table(results, n))
    threads = {NAMES[e]: r["threads"] for results in everything.values() for e, r in results.items()}
    print("\nThreads: " + ", ".join(f"{name} {count}" for name, count in threads.items()))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(everything, file, indent=1)


if __name__ == "__main__":
    main()
