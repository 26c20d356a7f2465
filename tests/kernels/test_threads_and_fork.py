"""Kernels in several threads at once, in forked children and in spawned ones. Each test is a process of its own,
because a mishap here would end the process."""

import subprocess
import sys

import pytest

COMMON = """
import multiprocessing as mp, sys, threading
import numpy as np
from minidl_kernels.cpu import KERNELS, pool

OPTIONS = dict(strides=(1, 1), padding=((1, 1), (0, 1)), dilation=(1, 1), groups=1)

def work(seed):
    rng = np.random.default_rng(seed)
    x, w, b = (rng.standard_normal(s, dtype=np.float32) for s in ((8, 17, 16, 5), (3, 3, 5, 33), (33,)))
    y, cache = KERNELS["conv2d_relu"].forward(x, w, b, **OPTIONS)
    dx, dw, db = KERNELS["conv2d_relu"].backward(y, cache)
    v = rng.standard_normal((4000, 40), dtype=np.float32)
    z, cache = KERNELS["dense"].forward(y.reshape(8, -1)[:, :4000], v, None)
    return [a.tobytes() for a in (y, dx, dw, db, z, *KERNELS["dense"].backward(z, cache)[:2])]

def child(queue):
    queue.put([work(i) for i in range(3)])

def in_child(context):
    queue = context.Queue()
    process = context.Process(target=globals()["child"], args=(queue,))
    process.start()
    result = queue.get(timeout=100)
    process.join(100)
    assert process.exitcode == 0, process.exitcode
    return result
"""

EIGHT_THREADS = """
alone = [work(i) for i in range(8)]
results = [[] for _ in range(8)]
def repeat(i):
    for _ in range(6):
        results[i].append(work(i))
threads = [threading.Thread(target=repeat, args=(i,)) for i in range(8)]
for t in threads: t.start()
for t in threads: t.join()
assert all(len(r) == 6 for r in results)
assert all(again == alone[i] for i in range(8) for again in results[i])
"""

FIRST_USE_IN_THREADS = """
results = [None] * 8
def first(i):
    results[i] = work(0)
threads = [threading.Thread(target=first, args=(i,)) for i in range(8)]
for t in threads: t.start()
for t in threads: t.join()
assert all(r == results[0] and r is not None for r in results)
"""

FORK = """
before = [work(i) for i in range(3)]
for _ in range(2):
    assert in_child(mp.get_context("fork")) == before
assert [work(i) for i in range(3)] == before
"""

FORK_BEFORE_FIRST_USE = """
first = in_child(mp.get_context("fork"))
assert [work(i) for i in range(3)] == first
"""

FORK_WHILE_OTHERS_WORK = """
wanted = [work(i) for i in range(3)]
stop = threading.Event()
def keep_busy():
    while not stop.is_set():
        work(9)
threads = [threading.Thread(target=keep_busy) for _ in range(3)]
for t in threads: t.start()
try:
    for _ in range(3):
        assert in_child(mp.get_context("fork")) == wanted
finally:
    stop.set()
    for t in threads: t.join()
"""

FORK_WHILE_OTHERS_COMPILE = """
from minidl_kernels.cpu.cache import compiled
stop = threading.Event()
def compile_on():
    while not stop.is_set():
        compiled(lambda x: x + 1)(1)
thread = threading.Thread(target=compile_on)
thread.start()
def compile_in_child(queue):
    queue.put(compiled(lambda x: x * 2)(4))
child = compile_in_child
try:
    for _ in range(5):
        assert in_child(mp.get_context("fork")) == 8
finally:
    stop.set()
    thread.join()
"""

SPAWN = """
if __name__ == "__main__":
    before = [work(i) for i in range(3)]
    assert in_child(mp.get_context("spawn")) == before
"""

AT_EXIT = """
import atexit
work(0)
y, _ = KERNELS["relu"].forward(np.ones((600, 600), np.float32))
atexit.register(lambda: work(1))
threading.Thread(target=lambda: [work(2) for _ in range(30)], daemon=True).start()
"""


@pytest.mark.parametrize(
    ("script", "threads"),
    [
        *[("EIGHT_THREADS", n) for n in "124"],
        *[("FIRST_USE_IN_THREADS", n) for n in "124"],
        *[("FORK", n) for n in "124"],
        *[("FORK_WHILE_OTHERS_WORK", n) for n in "124"],
        ("FORK_BEFORE_FIRST_USE", "2"),
        ("FORK_WHILE_OTHERS_COMPILE", "2"),
        ("SPAWN", "2"),
        ("AT_EXIT", "2"),
    ],
)
def test_process(script, threads, tmp_path, monkeypatch):
    if "FORK" in script and sys.platform != "linux":
        pytest.skip("fork is for Linux")
    file = tmp_path / "script.py"
    file.write_text(COMMON + globals()[script])
    monkeypatch.setenv("MINIDL_THREADS", threads)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", file],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
