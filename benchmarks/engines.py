"""minidl and its peers, each behind the same two functions: train for an epoch, and predict.

A measurement is a script with a function `work(job)`, which runs in a process of its own, with one engine:

    ask(__file__, job)    in the script: a new process, and what its `work` returned; None where it failed
    answer(work)          at its end: True in that process, when it has done its job

A job is a dict of numbers and texts: engine, model, batch_size, steps and threads, and `shape` for samples of another
shape than the model's own. With threads = n an engine is held to n cores, and told so in all the ways there are.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from models import MODELS, Timed, data

__all__ = ["NAMES", "PEERS", "Engine", "answer", "ask", "least", "machine", "made", "parsed", "row"]

NAMES = {
    "minidl": "minidl",
    "reference": "minidl, kernels off",
    "torch": "PyTorch",
    "jax": "Keras on JAX",
    "tensorflow": "Keras on TensorFlow",
}
PEERS = ("torch", "jax", "tensorflow")
_THREADS = (
    "MINIDL_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)  # fmt: skip


class Engine(NamedTuple):
    """A model in the hands of an engine."""

    epoch: Callable[[], Any]  # trains for job["steps"] batches
    predict: Callable[[], Any]  # all samples, in batches of job["batch_size"]
    version: str
    threads: str


def _keras(package: Any, threads: str, model: Timed, batch_size: int, steps: int) -> Engine:
    """minidl and Keras alike."""
    x, y = data(model, batch_size, steps)
    loss = "mse"
    if model.classes:
        y, loss = np.eye(model.classes, dtype=np.float32)[y], "categorical_crossentropy"
    asked = None if batch_size == 32 else batch_size  # 32 is what predict takes when no size is asked for
    network = package.Sequential([package.layers.Input(model.shape), *model.layers(package.layers)])
    network.compile(optimizer="adam", loss=loss)
    return Engine(
        lambda: network.fit(x, y, batch_size=batch_size, epochs=1, verbose=0),
        lambda: network.predict(x, batch_size=asked, verbose=0),
        package.__version__,
        threads,
    )


def _torch(name: str, threads: int | None, model: Timed, batch_size: int, steps: int) -> Engine:
    import torch
    import torch_models

    if threads:
        torch.set_num_threads(threads)
    samples, targets = data(model, batch_size, steps)
    x, y = torch_models.arranged(name, samples), torch.from_numpy(targets)
    network = torch_models.MODELS[name]()
    loss = torch.nn.CrossEntropyLoss() if model.classes else torch.nn.MSELoss()
    optimizer = torch.optim.Adam(network.parameters())

    def epoch() -> None:
        network.train()
        for batch in torch.randperm(len(x)).split(batch_size):
            optimizer.zero_grad()
            loss(network(x[batch]), y[batch]).backward()
            optimizer.step()

    def predict() -> Any:
        network.eval()
        with torch.inference_mode():
            outputs = torch.cat([network(batch) for batch in x.split(batch_size)])
            return (outputs.softmax(-1) if model.classes else outputs).numpy()

    return Engine(epoch, predict, torch.__version__, f"{torch.get_num_threads()} threads")


def made(job: dict[str, Any]) -> Engine:
    """The engine of a job with its model. Only here it is imported."""
    engine, name = job["engine"], job["model"]
    model = MODELS[name]
    size = model._replace(shape=tuple(job.get("shape", model.shape))), job["batch_size"], job["steps"]
    if engine == "torch":
        return _torch(name, job.get("threads"), *size)
    if engine in PEERS:
        os.environ.update(KERAS_BACKEND=engine, TF_CPP_MIN_LOG_LEVEL="3")
        import keras

        return _keras(keras, f"{job['threads']} threads" if job.get("threads") else "its own", *size)
    import minidl

    return _keras(minidl, f"{minidl.config.get_threads()} threads", *size)


def ask(script: str, job: dict[str, Any]) -> dict[str, Any] | None:
    """What `work(job)` of the script returns in a new process; None, with a line why, if it fails."""
    environment, threads = dict(os.environ), job.get("threads")
    if threads:
        environment |= dict.fromkeys(_THREADS, str(threads))
        if threads == 1:
            environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    done = subprocess.run(
        [sys.executable, script, "--worker", json.dumps(job)], capture_output=True, text=True, env=environment
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"{job.get('model', '')}: {NAMES.get(job.get('engine', ''), '')} left out, {reason:.70}")
        return None
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def answer(work: Callable[[dict[str, Any]], dict[str, Any]]) -> bool:
    """In a process made by `ask`: do the job, on as many cores as it says, and print the result."""
    if sys.argv[1:2] != ["--worker"]:
        return False
    job = json.loads(sys.argv[2])
    if job.get("threads") and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-job["threads"] :])
    print("\n" + json.dumps(work(job)))
    return True


def least(run: Callable[[], Any], times: int) -> list[float]:
    """Milliseconds of each of several runs, behind one that is not counted, in which things are compiled."""
    run()
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        run()
        taken.append((time.perf_counter() - begin) * 1e3)
    return taken


def machine() -> str:
    """What it was measured on."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"NumPy {np.__version__}"
    )


def row(about: str, *cells: Any, width: int = 13) -> str:
    """A line of a table: numbers to three digits or so, nothing for None."""
    texts = ["-" if c is None else c if isinstance(c, str) else f"{c:.4g}" for c in cells]
    return f"{about:<30}" + "".join(f"{text:>{width}}" for text in texts)


def parsed(parser: Any, models: Iterable[str]) -> Any:
    """The arguments of the command line, among them those that all measurements share."""
    models = list(models)
    parser.add_argument("--model", nargs="+", choices=models, default=models, metavar="NAME")
    parser.add_argument("--engines", nargs="+", choices=list(NAMES), default=["minidl", *PEERS])
    parser.add_argument("--rounds", type=int, default=2, help="processes of each engine, in turns")
    parser.add_argument("--threads", type=int, help="hold every engine to so many cores")
    return parser.parse_args()
