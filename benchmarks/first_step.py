"""How long from starting Python to the end of the first training step? With nothing compiled yet, and from then on.

    python benchmarks/first_step.py
    python benchmarks/first_step.py --model lstm --engines minidl torch --rounds 5

Each figure is of a process of its own: the interpreter starts, imports, makes the model and fits one batch. `cold` has
an empty MINIDL_HOME, as on a new machine; the `warm` ones behind it find what that one compiled. Peers keep
nothing on disk, so for them there is one figure. The engines take turns, and the least of all rounds counts. On a busy
machine the seconds of the processor (CPU, both cores together) say more than those of the clock.
An engine that is not installed, or has not got the model (`torch_models.py`), is left out.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from models import MODELS, SENSORS, Timed

NAMES = {"minidl": "minidl", "torch": "PyTorch", "jax": "Keras on JAX", "tensorflow": "Keras on TensorFlow"}


def har_plain(layers: Any) -> list[Any]:
    """The first network of `examples/05_har_cnn_lstm.py`."""
    return [
        layers.Conv1D(32, 1, activation="relu"),
        layers.MaxPooling1D(1),
        layers.LSTM(32),
        layers.Dense(16, activation="relu"),
        layers.Dense(6, activation="softmax"),
    ]


def har_strong(layers: Any) -> list[Any]:
    """The second one, without its layer of noise."""
    pairs = [
        (layers.Conv1D(64, 5, activation="relu"), layers.BatchNormalization(momentum=0.9)),
        (layers.MaxPooling1D(2), layers.SpatialDropout1D(0.2)),
        (layers.Conv1D(64, 5, activation="relu"), layers.BatchNormalization(momentum=0.9)),
        (layers.MaxPooling1D(2), layers.SpatialDropout1D(0.2)),
        (layers.LSTM(64, return_sequences=True), layers.GlobalAveragePooling1D()),
    ]
    return [
        *(layer for pair in pairs for layer in pair),
        layers.Dropout(0.5),
        layers.Dense(6, activation="softmax"),
    ]


TIMED = {
    "mnist_cnn": MODELS["mnist_cnn"],
    "lstm": MODELS["lstm"],
    "har_plain": Timed("Conv1D and LSTM", SENSORS, 6, (64,), 1, har_plain),
    "har_strong": Timed("two Conv1D, BatchNormalization, LSTM", SENSORS, 6, (64,), 1, har_strong),
}

PROGRAM = """
import sys
sys.path.insert(0, {here!r})
from first_step import TIMED, step
step({engine!r}, {name!r})
"""


def step(engine: str, name: str) -> None:
    """Import the engine, build the model, fit one batch."""
    import numpy as np
    from models import data

    model = TIMED[name]
    x, y = data(model, model.batch_sizes[0], 1)
    if engine == "torch":
        import torch
        import torch_models

        network, loss = torch_models.MODELS[name](), torch.nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(network.parameters())
        loss(network(torch_models.arranged(name, x)), torch.from_numpy(y)).backward()
        optimizer.step()
        return
    if engine == "minidl":
        import minidl as package
    else:
        import keras as package
    network = package.Sequential([package.layers.Input(model.shape), *model.layers(package.layers)])
    network.compile(optimizer="adam", loss="categorical_crossentropy")
    network.fit(x, np.eye(model.classes, dtype=np.float32)[y], batch_size=len(x), verbose=0)


def seconds(engine: str, name: str, home: str) -> tuple[float, float] | None:
    """One process, from its start to its end: by the clock, and of the processor. None if the engine is not there."""
    environment = os.environ | {"MINIDL_HOME": home, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if engine in ("jax", "tensorflow"):
        environment["KERAS_BACKEND"] = engine
    program = PROGRAM.format(here=os.path.dirname(os.path.abspath(__file__)), engine=engine, name=name)
    begin, before = time.perf_counter(), os.times()
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    if done.returncode:
        print(f"{name}: {NAMES[engine]} left out, {(done.stderr.strip().splitlines() or ['?'])[-1]:.80}")
        return None
    took, after = time.perf_counter() - begin, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return took, used


def importing() -> float:
    """Seconds that `import minidl` takes, NumPy included."""
    program = "import time; begin = time.perf_counter(); import minidl; print(time.perf_counter() - begin)"
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout)


def measured(name: str, engines: list[str], rounds: int) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """(engine, kind) -> seconds of each round."""
    times: dict[tuple[str, str], list[tuple[float, float]]] = {}
    left_out = set()
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as home:
            for engine in engines:
                for kind in ("cold", "warm", "warm") if engine == "minidl" else ("each time",):
                    took = None if engine in left_out else seconds(engine, name, home)
                    if took is None:
                        left_out.add(engine)
                    else:
                        times.setdefault((engine, kind), []).append(took)
    return times


def main() -> None:
    """Read the arguments, let the engines take turns, print a table for each model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="+", choices=list(TIMED), default=list(TIMED), metavar="NAME")
    parser.add_argument("--engines", nargs="+", choices=list(NAMES), default=list(NAMES))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"import minidl: {min(importing() for _ in range(2 * options.rounds)):.3f} s")
    for name in options.model:
        times = measured(name, options.engines, options.rounds)
        print(f"\n{name + ', first step':<40}{'min s':>8}{'median':>8}{'CPU s':>8}")
        for (engine, kind), seen in times.items():
            took, used = zip(*seen, strict=True)
            row = f"{min(took):>8.2f}{statistics.median(took):>8.2f}{min(used):>8.2f}"
            print(f"{NAMES[engine] + ', ' + kind:<40}{row}", flush=True)


if __name__ == "__main__":
    main()
