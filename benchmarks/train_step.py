"""How long is one training step? minidl beside its peers, on small models, and beside what the machine can do.

    python benchmarks/train_step.py
    python benchmarks/train_step.py --model lstm gru --engines minidl torch --json result.json
    python benchmarks/train_step.py --threads 1
    python benchmarks/train_step.py --device gpu

Every engine runs in a process of its own, and they take turns: A B C A B C ..., so that a busy minute of the machine
hits all of them. An engine that is not installed is left out. `benchmarks/README.md` says how to read the result.
On a GPU the peer is PyTorch, eager and as a CUDA graph, and all is in `gpu_steps.py`.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from engines import NAMES, PEERS, answer, ask, least, machine, made, parsed
from floor import flops, rate
from models import MODELS

EPOCHS = 5  # timed by a process; the first one, in which things are compiled, is not
PEER_BAR, FLOOR_BAR = 0.5, 1.5  # one of the two is to be met: times the fastest peer, times the floor
Results = dict[str, dict[str, Any]]  # engine -> version, threads, times


def work(job: dict[str, Any]) -> dict[str, Any]:
    """What one process does: milliseconds of a step, the mean of each epoch."""
    if job["engine"] == "reference":
        from minidl import kernels_off

        with kernels_off():
            return _timed(job) | {"threads": "NumPy's"}
    return _timed(job)


def _timed(job: dict[str, Any]) -> dict[str, Any]:
    engine = made(job)
    times = [t / job["steps"] for t in least(engine.epoch, EPOCHS)]
    return {"version": engine.version, "threads": engine.threads, "times": times}


def table(results: Results, name: str, batch_size: int, floor: float) -> str:
    """The lines for one model and batch size; ratios are of the smallest times."""
    best = {engine: min(result["times"]) for engine, result in results.items()}
    bases = {
        "/ PyTorch": best.get("torch"),
        "/ best peer": min([best[e] for e in PEERS if e in best], default=None),
        "/ floor": floor,
    }
    title = f"{name}, batch {batch_size}"
    lines = ["", f"{title:<28}{'min ms':>9}{'median':>9}" + "".join(f"{base:>13}" for base in bases)]
    for engine, result in results.items():
        about = f"{NAMES[engine]} {result['version'] if engine != 'reference' else ''}"
        ratios = "".join(f"{best[engine] / base:>13.2f}" if base else f"{'-':>13}" for base in bases.values())
        lines.append(f"{about:<28}{best[engine]:>9.3f}{statistics.median(result['times']):>9.3f}{ratios}")
    lines.append(f"{'floor':<28}{floor:>9.3f}")
    if "minidl" in best:
        lines.append(verdict(best["minidl"], bases["/ best peer"], floor))
    return "\n".join(lines)


def verdict(time: float, peer: float | None, floor: float) -> str:
    """Whether the bar is met: half the time of the fastest peer, or near the floor."""
    near = time <= FLOOR_BAR * floor
    if peer is None and not near:
        return "bar: no peer to compare with"
    met = near or (peer is not None and time <= PEER_BAR * peer)
    return f"bar (/ best peer <= {PEER_BAR}, or / floor <= {FLOOR_BAR}): {'met' if met else 'NOT MET'}"


def measured(
    job: dict[str, Any], batch_sizes: list[int], rounds: int, engines: list[str]
) -> dict[int, Results]:
    """Batch size -> results of one model. An engine that fails once is not asked again."""
    everything: dict[int, Results] = {n: {} for n in batch_sizes}
    left_out = set()
    for _ in range(rounds):
        for engine in engines:
            for n, results in everything.items():
                more = {"engine": engine, "batch_size": n}
                result = ask(__file__, job | more) if engine not in left_out else None
                if result is None:
                    left_out.add(engine)
                    continue
                results.setdefault(engine, result | {"times": []})["times"] += result["times"]
    return everything


def on_gpu(batch_sizes: list[int] | None, file: str | None) -> int:
    """The table for a GPU; 2 where there is none to use."""
    import gpu_steps

    if not gpu_steps.ready():
        return 2
    rows = gpu_steps.run(batch_sizes=batch_sizes)
    if file:
        Path(file).write_text(
            json.dumps({"about": gpu_steps.about(), "rows": rows}, indent=1), encoding="utf-8"
        )
    return 0


def main() -> int:
    """Read the arguments, let the engines take turns, print a table for each model. Returns the exit status."""
    models = "".join(f"\n  {name:<17}{model.about}" for name, model in MODELS.items())
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"models:{models}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--batch-size", type=int, nargs="+", help="by default those of the model")
    parser.add_argument("--steps", type=int, help="in an epoch; by default those of the model")
    parser.add_argument("--json", metavar="FILE", help="also write all times there")
    parser.add_argument(
        "--device", choices=["cpu", "gpu"], default="cpu", help="gpu: models of its own, see gpu_steps.py"
    )
    options = parsed(parser, MODELS)
    if options.device == "gpu":
        return on_gpu(options.batch_size, options.json)
    speed = 0.0
    print("One training step: forward, backward, Adam; float32")
    print(f"{machine()}; {options.rounds} rounds of {EPOCHS} epochs")
    everything: dict[str, dict[int, Results]] = {}
    threads: dict[str, str] = {}
    for name in options.model:
        model = MODELS[name]
        job = {"model": name, "steps": options.steps or model.steps, "threads": options.threads}
        batch_sizes = options.batch_size or list(model.batch_sizes)
        speed = max(speed, rate(options.threads))  # the machine may be busy at one time
        everything[name] = measured(job, batch_sizes, options.rounds, options.engines)
        for n, results in everything[name].items():
            print(table(results, name, n, flops(name, n) / speed), flush=True)
            threads |= {NAMES[engine]: result["threads"] for engine, result in results.items()}
    cores = f"{options.threads} of its cores" if options.threads else "all cores"
    print(f"\nFloor: at {speed / 1e6:.0f} GFLOP/s, the best of NumPy's matrix product on {cores}")
    print("Threads: " + ", ".join(f"{engine} {count}" for engine, count in threads.items()))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(everything, file, indent=1)
    return 0


if __name__ == "__main__" and not answer(work):
    sys.exit(main())
