"""All that wants a GPU, in one call: the tests on it, accuracy against the CPU, memory over many steps, and the table.

    python benchmarks/on_gpu.py
    python benchmarks/on_gpu.py --parts accuracy memory table --json results.json

Needs CuPy and an NVIDIA GPU; PyTorch with CUDA for the peers in the table. What fails is told at the end, and by the
exit status (1; 2 where there is no GPU to use); the other parts run. Data sets that cannot be had here are replaced by
small ones, and the line says so.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
Data = tuple[Any, Any, Any, Any]


def tests() -> dict[str, Any]:
    """pytest -m gpu."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "gpu", "tests/gpu"]
    code = subprocess.run(command, cwd=ROOT).returncode
    return {"passed": code == 0}


def mnist() -> tuple[str, Data]:
    """60,000 digits, or the small ones of scikit-learn."""
    import minidl

    try:
        (x, y), (x_test, y_test) = minidl.datasets.mnist.load_data()
        name = "MNIST"
    except OSError:
        from sklearn.datasets import load_digits

        images, digits = load_digits(return_X_y=True)
        images = np.kron(images.reshape(-1, 8, 8), np.ones((3, 3))) * (255 / 16)
        images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
        x, y, x_test, y_test = images[:1500], digits[:1500], images[1500:], digits[1500:]
        name = "8 x 8 digits, enlarged (MNIST could not be had)"
    x, x_test = (a[..., None].astype("float32") / 255 for a in (x, x_test))
    return name, (x, y.astype("int64"), x_test, y_test.astype("int64"))


def har() -> tuple[str, Data]:
    """Human activity recognition, or made-up series that differ in frequency."""
    import minidl

    try:
        (x, y), (x_test, y_test) = minidl.datasets.uci_har.load_data()
        name = "UCI HAR"
    except OSError:
        rng = np.random.default_rng(0)
        y = rng.integers(0, 6, 4000)
        time_ = np.linspace(0, 1, 128)[None, :, None]
        phases = rng.random((4000, 1, 9)) * 6
        x = np.sin((4 + 3 * y[:, None, None]) * time_ + phases) + rng.normal(0, 0.5, (4000, 128, 9))
        x, y, x_test, y_test = x[:3000], y[:3000], x[3000:], y[3000:]
        name = "made-up series (UCI HAR could not be had)"
    return name, (x.astype("float32"), y.astype("int64"), x_test.astype("float32"), y_test.astype("int64"))


def accuracy() -> dict[str, Any]:
    """The same network, from the same weights, trained on the CPU and on the GPU."""
    from models import MODELS

    import minidl

    results: dict[str, Any] = {"passed": True}
    cases = [("mnist_cnn", mnist, 3, MODELS["mnist_cnn"].layers), ("lstm_64", har, 8, _lstm)]
    for name, load, epochs, layers in cases:
        about, (x, y, x_test, y_test) = load()
        scores = {}
        for where in ("cpu", "gpu"):
            with minidl.device(where):
                minidl.utils.set_random_seed(1)
                model = minidl.Sequential([minidl.layers.Input(x.shape[1:]), *layers(minidl.layers)])
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            begin = time.perf_counter()
            history = model.fit(x, y, 64, epochs, verbose=0)
            scores[where] = model.evaluate(x_test, y_test, verbose=0)[1]
            took, how = time.perf_counter() - begin, history.captured
            captured = "" if how is None else f", captured: {how}"
            print(
                f"{name} on {where}: {scores[where]:.4f} on {about}, {epochs} epochs in {took:.1f} s{captured}",
                flush=True,
            )
        near = scores["gpu"] > scores["cpu"] - 0.01
        results |= {name: scores}
        results["passed"] = results["passed"] and near
    return results


def _lstm(layers: Any) -> list[Any]:
    return [layers.LSTM(64), layers.Dense(6, activation="softmax")]


def memory() -> dict[str, Any]:
    """What the GPU's memory holds after many steps, captured and plain, must be what it held after a few."""
    import cupy

    import minidl

    rng = np.random.default_rng(0)
    x, y = rng.random((2000, 28, 28, 1), "float32"), rng.integers(0, 10, 2000)
    held = []
    with minidl.device("gpu"):
        from models import MODELS

        model = minidl.Sequential(
            [minidl.layers.Input((28, 28, 1)), *MODELS["mnist_cnn"].layers(minidl.layers)]
        )
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        for _ in range(6):
            model.fit(x, y, 30, 20, verbose=0)
            model.fit(x, y, 30, 2, verbose=0, callbacks=[minidl.callbacks.Callback()])
            model.evaluate(x, y, verbose=0)
            cupy.get_default_memory_pool().free_all_blocks()
            free, total = cupy.cuda.runtime.memGetInfo()
            held.append((total - free) / 2**20)
    print("MiB held after each of 6 rounds of 1,474 steps: " + ", ".join(f"{h:.0f}" for h in held))
    return {"passed": held[-1] - held[1] < 8, "held": held}


def table() -> dict[str, Any]:
    """`gpu_steps.run`; each row has its bar."""
    import gpu_steps

    rows = gpu_steps.run()
    return {"passed": all(row["met"] for row in rows), "about": gpu_steps.about(), "rows": rows}


PARTS = {part.__name__: part for part in (tests, accuracy, memory, table)}


def main() -> int:
    """0; 1 if any part fails, 2 if there is no GPU to use."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--json", metavar="FILE", help="also write all results there")
    options = parser.parse_args()
    import gpu_steps

    if not gpu_steps.ready():
        return 2
    print(gpu_steps.about())
    results: dict[str, Any] = {}
    for name in options.parts:
        print(f"\n=== {name}", flush=True)
        try:
            results[name] = PARTS[name]()
        except Exception as error:
            print(f"{type(error).__name__}: {error}")
            results[name] = {"passed": False, "error": str(error)}
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1), encoding="utf-8")
    failed = [name for name, result in results.items() if not result["passed"]]
    print(f"\nfailed: {', '.join(failed)}" if failed else "\nall passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
