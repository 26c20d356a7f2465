"""How long is one training step? minidl beside its peers, on small models.

    python benchmarks/train_step.py
    python benchmarks/train_step.py --model lstm gru --engines minidl torch --json result.json

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
from models import MODELS, Timed, data

EPOCHS = 5  # timed by a process; the first one, in which things are compiled, is not
NAMES = {
    "minidl": "minidl",
    "reference": "minidl, kernels off",
    "torch": "PyTorch",
    "jax": "Keras on JAX",
    "tensorflow": "Keras on TensorFlow",
}
PEERS = ("torch", "jax", "tensorflow")
Epoch = Callable[[], Any]
Results = dict[str, dict[str, Any]]  # engine -> version, threads, times


def fits(package: Any, model: Timed, batch_size: int, steps: int) -> Epoch:
    """One epoch of `fit`, of minidl or of Keras."""
    x, y = data(model, batch_size, steps)
    loss = "mse"
    if model.classes:
        y, loss = np.eye(model.classes, dtype=np.float32)[y], "categorical_crossentropy"
    network = package.Sequential([package.layers.Input(model.shape), *model.layers(package.layers)])
    network.compile(optimizer="adam", loss=loss)
    return lambda: network.fit(x, y, batch_size=batch_size, epochs=1, verbose=0)


def minidl_epoch(name: str, batch_size: int, steps: int) -> tuple[Epoch, str, str]:
    import minidl

    line = minidl.backend.available()["cpu"]
    return fits(minidl, MODELS[name], batch_size, steps), minidl.__version__, line.rpartition(", ")[2]


def keras_epoch(name: str, batch_size: int, steps: int) -> tuple[Epoch, str, str]:
    import keras

    return fits(keras, MODELS[name], batch_size, steps), keras.__version__, "its own"


def torch_epoch(name: str, batch_size: int, steps: int) -> tuple[Epoch, str, str]:
    import torch
    import torch_models

    samples, targets = data(MODELS[name], batch_size, steps)
    x, y = torch_models.arranged(name, samples), torch.from_numpy(targets)
    network = torch_models.MODELS[name]()
    loss = torch.nn.CrossEntropyLoss() if MODELS[name].classes else torch.nn.MSELoss()
    optimizer = torch.optim.Adam(network.parameters())

    def epoch() -> None:
        for batch in torch.randperm(len(x)).split(batch_size):
            optimizer.zero_grad()
            loss(network(x[batch]), y[batch]).backward()
            optimizer.step()

    return epoch, torch.__version__, f"{torch.get_num_threads()} threads"


def work(engine: str, name: str, batch_size: int, steps: int) -> dict[str, Any]:
    """What one process does: milliseconds of a step, the mean of each epoch."""
    if engine in ("jax", "tensorflow"):
        os.environ.update(KERAS_BACKEND=engine, TF_CPP_MIN_LOG_LEVEL="3")
    make = {"minidl": minidl_epoch, "reference": minidl_epoch, "torch": torch_epoch}.get(engine, keras_epoch)
    block = nullcontext()
    if engine == "reference":
        from minidl import kernels_off

        block = kernels_off()
    epoch, version, threads = make(name, batch_size, steps)
    times = []
    with block:
        epoch()
        for _ in range(EPOCHS):
            begin = time.perf_counter()
            epoch()
            times.append((time.perf_counter() - begin) / steps * 1e3)
    return {"version": version, "threads": "NumPy's" if engine == "reference" else threads, "times": times}


def process(engine: str, name: str, batch_size: int, steps: int) -> dict[str, Any] | None:
    """`work` in a new process; None if the engine, or a layer it would need, is not there."""
    arguments = ["--worker", engine, "--model", name, "--batch-size", str(batch_size), "--steps", str(steps)]
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"{name}: {NAMES[engine]} left out, {reason:.70}")
        return None
    return json.loads(done.stdout.splitlines()[-1])


def table(results: Results, name: str, batch_size: int) -> str:
    """The lines for one model and batch size; ratios are of the smallest times."""
    least = {engine: min(result["times"]) for engine, result in results.items()}
    bases = {
        "/ PyTorch": least.get("torch"),
        "/ best peer": min([least[e] for e in PEERS if e in least], default=None),
        "/ reference": least.get("reference"),
    }
    title = f"{name}, batch {batch_size}"
    lines = ["", f"{title:<28}{'min ms':>9}{'median':>9}" + "".join(f"{base:>13}" for base in bases)]
    for engine, result in results.items():
        about = f"{NAMES[engine]} {result['version'] if engine != 'reference' else ''}"
        ratios = [f"{least[engine] / base:.2f}" if base else "-" for base in bases.values()]
        median = statistics.median(result["times"])
        lines.append(
            f"{about:<28}{least[engine]:>9.3f}{median:>9.3f}" + "".join(f"{ratio:>13}" for ratio in ratios)
        )
    return "\n".join(lines)


def measured(
    name: str, batch_sizes: list[int], steps: int, rounds: int, engines: list[str]
) -> dict[int, Results]:
    """Batch size -> results of one model. An engine that fails once is not asked again."""
    everything: dict[int, Results] = {n: {} for n in batch_sizes}
    left_out = set()
    for _ in range(rounds):
        for engine in engines:
            for n, results in everything.items():
                result = process(engine, name, n, steps) if engine not in left_out else None
                if result is None:
                    left_out.add(engine)
                    continue
                results.setdefault(engine, result | {"times": []})["times"] += result["times"]
    return everything


def main() -> None:
    """Read the arguments, let the engines take turns, print a table for each model."""
    models = "".join(f"\n  {name:<17}{model.about}" for name, model in MODELS.items())
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"models:{models}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", nargs="+", choices=list(MODELS), default=["mnist_cnn"], metavar="NAME")
    parser.add_argument("--batch-size", type=int, nargs="+", help="by default those of the model")
    parser.add_argument("--steps", type=int, help="in an epoch; by default those of the model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", nargs="+", choices=list(NAMES), default=list(NAMES))
    parser.add_argument("--json", metavar="FILE", help="also write all times there")
    parser.add_argument("--worker", choices=list(NAMES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(options.worker, options.model[0], options.batch_size[0], options.steps)))
        return
    print("One training step: forward, backward, Adam; float32")
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"NumPy {np.__version__}; {options.rounds} rounds of {EPOCHS} epochs")  # fmt: skip
    everything: dict[str, dict[int, Results]] = {}
    threads: dict[str, str] = {}
    for name in options.model:
        model = MODELS[name]
        batch_sizes = options.batch_size or list(model.batch_sizes)
        everything[name] = measured(
            name, batch_sizes, options.steps or model.steps, options.rounds, options.engines
        )
        for n, results in everything[name].items():
            print(table(results, name, n), flush=True)
            threads |= {NAMES[engine]: result["threads"] for engine, result in results.items()}
    print("\nThreads: " + ", ".join(f"{engine} {count}" for engine, count in threads.items()))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(everything, file, indent=1)


if __name__ == "__main__":
    main()
