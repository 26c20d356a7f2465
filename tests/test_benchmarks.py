"""The measurements in benchmarks/: the guard notices a slow kernel, and what the floor counts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from minidl_kernels import cpu

from minidl import config

FOLDER = Path(__file__).parent.parent / "benchmarks"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="benchmarks are not at hand")


@pytest.fixture(autouse=True)
def its_folder(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # as the guard would for its process
    yield
    config.set_threads(None)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(FOLDER)):
            del sys.modules[name]


SLOW = """
import sys, time
import guard
from minidl_kernels import cpu

guard.BOUNDS, guard.SECONDS = {"mnist_cnn": 1.5}, 0.5
kernel = cpu.KERNELS["dense"]

def slow(*arrays, **options):
    time.sleep(0.5)
    return kernel.forward(*arrays, **options)

if "slow" in sys.argv:
    cpu.KERNELS["dense"] = kernel._replace(forward=slow)
sys.exit(guard.main())
"""


@pytest.mark.skipif(not cpu.COMPILED, reason="no kernels to guard")
def test_the_guard_fails_when_a_kernel_is_slow():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(FOLDER), *sys.path])}

    def guarded(*arguments):
        command = [sys.executable, "-c", SLOW, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)

    done = guarded()
    assert done.returncode == 0, done.stdout + done.stderr
    done = guarded("slow")
    assert done.returncode == 1
    assert done.stdout.count("once more") == 1
    assert "Slower than it was: mnist_cnn" in done.stdout


def test_one_busy_moment_is_forgiven(monkeypatch):
    import guard

    ratios = iter([1.0, 9.0])
    monkeypatch.setattr(guard, "BOUNDS", {"lstm": 4.0})
    monkeypatch.setattr(guard, "ratio", lambda *_: next(ratios))
    assert guard.main() == 0


def test_no_kernels_at_all_are_no_success(monkeypatch, capsys):
    import guard

    monkeypatch.setattr("minidl.backend.available", lambda: {"cpu": "off: no Numba"})
    assert guard.main() == 1
    assert "off: no Numba" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "products"),
    [
        # forward, d weights, dx; the first layer has no dx
        ("mnist_cnn", 2 * 26 * 26 * 288 + 3 * (11 * 11 * 18432 + 1600 * 128 + 128 * 10)),
        ("lstm", 128 * (2 * 9 * 400 + 3 * 100 * 400) + 3 * (100 * 100 + 100 * 6)),
        ("gru", 128 * (2 * 9 * 192 + 3 * 64 * 192) + 3 * 64 * 6),
    ],
)
def test_the_floor_counts_the_products(name, products):
    import floor

    assert floor.flops(name, 32) == 2 * 32 * products


def test_a_measurement_answers_from_a_process_of_its_own(capsys):
    import engines

    job = {"model": "conv_lstm_small", "engine": "minidl", "batch_size": 4, "steps": 2, "threads": 1}
    script = str(FOLDER / "train_step.py")
    result = engines.ask(script, job)
    assert result["threads"] == "1 threads"
    assert len(result["times"]) == 5
    assert engines.ask(script, job | {"engine": "nobody's", "model": "none"}) is None
    assert "left out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("time_", "peer", "floor", "expected"),
    [
        (5.0, 10.0, 1.0, "met"),
        (5.1, 10.0, 1.0, "NOT MET"),
        (9.0, 10.0, 6.0, "met"),
        (9.0, None, 6.0, "met"),
        (9.1, None, 6.0, "no peer"),
    ],
)
def test_the_verdict(time_, peer, floor, expected):
    import train_step

    said = train_step.verdict(time_, peer, floor)
    assert said.endswith(f": {expected}") or expected in said.split(": ")[1]


@pytest.mark.parametrize(
    ("captured", "eager", "graph", "expected"),
    [
        ("yes", 3.0, 1.0, "met"),
        ("yes", 2.99, 1.5, "NOT MET"),
        ("yes", 4.0, 0.99, "NOT MET"),
        ("a callback looks at every batch", 4.0, 2.0, "NOT MET"),
        ("yes", 4.0, None, "no peer"),
        (None, None, None, "NOT MET"),
    ],
)
def test_the_verdict_on_a_gpu(captured, eager, graph, expected):
    import gpu_steps

    assert gpu_steps.verdict(captured, eager, graph) == expected


WITHOUT_CUPY = """
import runpy, sys

sys.modules["cupy"] = None
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("script", ["on_gpu.py", "train_step.py --device gpu"])
def test_without_a_gpu_the_reason_is_told(script):
    file, *arguments = script.split()
    command = [sys.executable, "-c", WITHOUT_CUPY, str(FOLDER / file), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert "CuPy" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_in_the_folder_has_the_name_of_a_package_of_the_tests():
    names = {path.stem for path in FOLDER.glob("*.py")}
    assert not names & {path.name for path in (FOLDER.parent / "tests").iterdir() if path.is_dir()} - {
        "models"
    }
