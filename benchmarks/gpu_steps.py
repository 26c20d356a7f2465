"""A training step on a GPU: minidl through `fit`, beside PyTorch, eager and as a CUDA graph, on the same GPU.

`train_step.py --device gpu` runs this; `on_gpu.py` too. Everything is on the GPU before the clock starts, and samples are
shuffled and gathered there by all three. The clock stops when the GPU is done. minidl is timed by the difference between a
`fit` of many epochs and one of a single epoch, since the first steps are those in which a step is captured.
"""

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from models import MODELS, SENSORS, Timed, data

__all__ = ["about", "ready", "run", "verdict"]


def lstm_64(layers: Any) -> list[Any]:
    return [layers.LSTM(64), layers.Dense(6, activation="softmax")]


ON_GPU = {
    "mnist_cnn": MODELS["mnist_cnn"]._replace(batch_sizes=(32, 64, 128, 256), steps=100),
    "lstm_64": Timed("LSTM(64), 128 steps", SENSORS, 6, (32, 64, 128, 256), 100, lstm_64),
}
EPOCHS, REPEATS = 5, 5
EAGER_BAR, GRAPH_BAR = 3.0, 1.0  # to be met: times as fast as PyTorch, eager and as a CUDA graph


def ready() -> bool:
    """Whether there is a GPU to use; else the reason is printed."""
    import minidl

    try:
        minidl.set_device("gpu")
    except minidl.DeviceError as error:
        print(error, file=sys.stderr)
        return False
    minidl.set_device("cpu")
    return True


def verdict(captured: str | None, eager: float | None, graph: float | None) -> str:
    """Whether a row meets the bar.

    Args:
        captured: what `History.captured` says; None where minidl could not be timed.
        eager, graph: the time of PyTorch over minidl's; None where one of the two is not known.
    """
    if captured is not None and captured != "yes":
        return "NOT MET"
    if eager is None or graph is None:
        return "NOT MET" if captured is None else "no peer"
    return "met" if eager >= EAGER_BAR and graph >= GRAPH_BAR else "NOT MET"


def about() -> str:
    """GPU, driver, versions and commit."""
    import cupy

    import minidl

    device = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    found = [_said(query), _said(["git", "rev-parse", "--short=12", "HEAD"])]
    driver, commit = [text or "unknown" for text in found]
    return (
        f"{device}, driver {driver}, CuPy {cupy.__version__}, minidl {minidl.__version__} at {commit}, "
        f"Python {platform.python_version()}"
    )


def _said(command: list[str]) -> str:
    try:
        return (
            subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[0].strip()
        )
    except (OSError, subprocess.CalledProcessError):
        return ""


def ours(name: str, batch_size: int, precision: str) -> tuple[list[float], str]:
    """Microseconds of a step, and whether it was captured."""
    import minidl

    model = ON_GPU[name]
    x, y = data(model, batch_size, model.steps)
    minidl.config.set_precision(precision)
    with minidl.device("gpu"):
        network = minidl.Sequential([minidl.layers.Input(model.shape), *model.layers(minidl.layers)])
        network.compile("adam", "sparse_categorical_crossentropy")

        def fit(epochs: int) -> float:
            begin = time.perf_counter()
            fit.captured = network.fit(x, y, batch_size, epochs, verbose=0).captured  # type: ignore[attr-defined]
            return time.perf_counter() - begin

        fit(2)
        times = [(fit(1 + EPOCHS) - fit(1)) / (EPOCHS * model.steps) * 1e6 for _ in range(REPEATS)]
    minidl.config.set_precision("float32")
    return times, fit.captured  # type: ignore[attr-defined]


def _network(name: str) -> Any:
    import torch_models
    from torch import nn

    if name == "lstm_64":
        return nn.Sequential(torch_models.Recurrent(nn.LSTM, 9, 64), nn.Linear(64, 6))
    return torch_models.MODELS[name]()


def torchs(name: str, batch_size: int, precision: str, graph: bool) -> list[float]:
    """Microseconds of a step in PyTorch."""
    import torch
    import torch_models

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    model = ON_GPU[name]
    samples, targets = data(model, batch_size, model.steps)
    arranged = torch.from_numpy(samples) if name == "lstm_64" else torch_models.arranged(name, samples)
    x, y = arranged.cuda(), torch.from_numpy(targets).cuda()
    network, loss_of = _network(name).cuda(), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters(), fused=True, capturable=graph)
    some_x, some_y = x[:batch_size].clone(), y[:batch_size].clone()

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss_of(network(some_x), some_y).backward()
        optimizer.step()

    run = step
    if graph:
        run = _as_graph(step, optimizer)

    def epoch() -> None:
        for batch in torch.randperm(len(x), device="cuda").split(batch_size):
            torch.index_select(x, 0, batch, out=some_x)
            torch.index_select(y, 0, batch, out=some_y)
            run()

    epoch()
    return [_clocked(epoch, torch.cuda.synchronize) / model.steps for _ in range(REPEATS)]


def _as_graph(step: Callable[[], None], optimizer: Any) -> Callable[[], None]:
    """The step of PyTorch as a CUDA graph, recorded as its manual says."""
    import torch

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        step()
    return graph.replay  # type: ignore[no-any-return]


def _clocked(run: Callable[[], Any], wait: Callable[[], Any]) -> float:
    wait()
    begin = time.perf_counter()
    run()
    wait()
    return (time.perf_counter() - begin) * 1e6


def _tried(run: Callable[[], Any]) -> Any:
    """What `run` returns; None, with a line why, where it fails, so that the rest of the table comes."""
    try:
        return run()
    except Exception as error:
        print(f"    left out: {type(error).__name__}: {error!s:.160}")
        return None


def run(names: list[str] | None = None, batch_sizes: list[int] | None = None) -> list[dict[str, Any]]:
    """Measure, print the table, and return it."""
    print(f"\nOne training step on a GPU, microseconds (median of {REPEATS})\n{about()}\n")
    print(
        f"{'model, batch, precision':<34}{'minidl':>9}{'torch':>9}{'graph':>9}{'torch/ours':>12}{'graph/ours':>12}"
        f"  bar: torch/ours >= {EAGER_BAR:g}, graph/ours >= {GRAPH_BAR:g}"
    )
    rows = []
    for name in names or list(ON_GPU):
        for n in batch_sizes or ON_GPU[name].batch_sizes:
            for precision in ("float32", "tf32"):
                mine = _tried(lambda: ours(name, n, precision))  # noqa: B023
                eager = _tried(lambda: torchs(name, n, precision, False))  # noqa: B023
                graph = _tried(lambda: torchs(name, n, precision, True))  # noqa: B023
                medians = [
                    t and float(np.round(statistics.median(t), 1)) for t in (mine and mine[0], eager, graph)
                ]
                a, b, c = medians
                ratios = (a and b and b / a, a and c and c / a)
                bar = verdict(mine and mine[1], *ratios)
                cells = [*medians, *(ratio and round(ratio, 2) for ratio in ratios)]
                texts = "".join(
                    f"{'-' if t is None else t:>{w}}" for t, w in zip(cells, (9, 9, 9, 12, 12), strict=True)
                )
                how = "" if mine is None or mine[1] == "yes" else f"   not captured: {mine[1]}"
                print(f"{name + f', {n}, {precision}':<34}{texts}  {bar}{how}", flush=True)
                rows.append({"model": name, "batch": n, "precision": precision, "captured": mine and mine[1]})
                rows[-1] |= dict(zip(("minidl", "torch", "torch_graph"), medians, strict=True))
                rows[-1] |= {"bar": bar, "met": bar == "met"}
    return rows
