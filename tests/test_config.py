"""Settings: how many threads kernels use. Each test leaves the setting as it was."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from minidl_kernels import threads
from minidl_kernels.cpu import pool

import minidl
from minidl import config

CORES = threads.cores()


@pytest.fixture(autouse=True)
def the_usual_threads_afterwards():
    yield
    config.set_threads(None)


def who_helped(parts=8):
    """The names of the threads that took a part of some slow work."""
    names, lock = set(), threading.Lock()

    def function(counter, parts):
        while True:
            with lock:
                part = int(counter[0])
                counter[0] += 1
            if part >= parts:
                return
            names.add(threading.current_thread().name)
            time.sleep(0.02)

    pool.run(function, parts)
    return names


def test_by_default_the_pool_decides():
    assert config.get_threads() == pool.threads() == threads.usual()


@pytest.mark.skipif(CORES < 2, reason="one core")
def test_the_next_kernel_obeys():
    config.set_threads(1)
    assert len(who_helped()) == 1
    config.set_threads(2)
    assert len(who_helped()) == 2
    config.set_threads(1)
    assert len(who_helped()) == 1


def test_none_goes_back_to_the_default():
    config.set_threads(1)
    assert config.get_threads() == pool.threads() == 1
    config.set_threads(None)
    assert config.get_threads() == threads.usual()


def test_numpy_integers_are_whole_numbers():
    config.set_threads(np.int64(1))
    assert type(config.get_threads()) is int


@pytest.mark.parametrize("wrong", [0, -1, CORES + 1])
def test_a_number_without_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=rf"set_threads expects n from 1 to {CORES}.*got {wrong}"):
        config.set_threads(wrong)
    assert config.get_threads() == threads.usual()


@pytest.mark.parametrize("wrong", ["2", 1.0, True, [1]])
def test_another_type_is_refused(wrong):
    with pytest.raises(TypeError, match="set_threads expects n to be a whole number or None"):
        config.set_threads(wrong)


@pytest.mark.parametrize("layer", [minidl.layers.LSTM(33), minidl.layers.Conv1D(40, 3, activation="relu")])
def test_any_number_gives_the_same_bits(layer):
    x = np.random.default_rng(0).standard_normal((70, 50, 9), dtype=np.float32)
    layer(x)
    results = []
    for n in range(1, CORES + 1):
        config.set_threads(n)
        x_ = minidl.Tensor(x, requires_grad=True)
        y = layer(x_)
        y.sum().backward()
        results.append([a.tobytes() for a in (y.data, x_.grad, *[w.grad for w in layer.trainable_variables])])
        for w in layer.trainable_variables:
            w.grad = None
    assert all(result == results[0] for result in results)


def test_setting_it_loads_no_compiler():
    script = "import sys, minidl; minidl.config.set_threads(1); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


@pytest.mark.skipif(CORES < 2, reason="one core")
def test_it_goes_before_the_environment():
    script = "import minidl; minidl.config.set_threads(2); from minidl_kernels.cpu import pool; print(pool.threads())"
    environment = os.environ | {"MINIDL_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, env=environment)
    assert done.stdout.split() == [b"2"]


FORK = """
import os, sys, threading
import numpy as np, minidl
from minidl_kernels.cpu import pool

dense = minidl.layers.Dense(300)
x = np.ones((900, 400), np.float32)
minidl.config.set_threads(2)
stop = threading.Event()
def change():
    while not stop.is_set():
        for n in (1, 2, None):
            minidl.config.set_threads(n)
changing = threading.Thread(target=change)
expected = dense(x).data.tobytes()
changing.start()
for _ in range(20):
    assert dense(x).data.tobytes() == expected
stop.set()
changing.join()
minidl.config.set_threads(1)
child = os.fork()
if child == 0:
    same = minidl.config.get_threads() == 1 and dense(x).data.tobytes() == expected
    minidl.config.set_threads(2)
    os._exit(not (same and dense(x).data.tobytes() == expected and pool.threads() == 2))
assert os.waitpid(child, 0)[1] == 0
assert minidl.config.get_threads() == 1
"""


@pytest.mark.skipif(CORES < 2 or not hasattr(os, "fork"), reason="one core, or no fork")
def test_threads_that_change_it_and_a_forked_child():
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


def test_precision_is_remembered_and_wrong_names_are_refused():
    assert config.get_precision() == "float32"
    config.set_precision("tf32")
    try:
        assert config.get_precision() == "tf32"
        for wrong in ("TF32", "float16", None, 32, ["tf32"]):
            with pytest.raises(
                ValueError, match=r"set_precision expects value to be 'float32' or 'tf32', got"
            ):
                config.set_precision(wrong)
        assert config.get_precision() == "tf32"
    finally:
        config.set_precision("float32")


def test_precision_changes_nothing_on_the_cpu():
    x, w = np.linspace(1, 2, 300, dtype="float32").reshape(30, 10), np.full((10, 3), 1.0001, "float32")
    layer = minidl.layers.Dense(3, use_bias=False)
    layer.build((30, 10))
    layer.set_weights([w])
    plain = layer(x).numpy()
    config.set_precision("tf32")
    try:
        assert (layer(x).numpy() == plain).all()
    finally:
        config.set_precision("float32")
