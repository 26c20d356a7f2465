"""The pool of threads, and memory that is used again."""

import gc
import signal
import threading
import time

import numpy as np
import pytest
from minidl_kernels.cpu import memory, pool


def python_parts(done, action=None):
    """A function for `pool.run`, in Python: it notes the parts it does."""
    lock = threading.Lock()

    def function(counter, parts, *arguments):
        while True:
            with lock:
                part = int(counter[0])
                counter[0] += 1
            if part >= parts:
                return
            if action is not None:
                action(part)
            done.append((part, arguments))

    return function


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("parts", [1, 2, 7])
def test_each_part_is_done_once(parts, threads):
    done = []
    with pool.limited_to(threads):
        pool.run(python_parts(done), parts, "x")
    assert sorted(done) == [(i, ("x",)) for i in range(parts)]


def test_a_limit_ends_with_its_block():
    before = pool.threads()
    with pool.limited_to(1):
        assert pool.threads() == 1
    assert pool.threads() == before


@pytest.mark.skipif(pool.threads() < 2, reason="one core")
def test_helpers_help():
    names = set()

    def note(part):
        names.add(threading.current_thread().name)
        time.sleep(0.02)

    pool.run(python_parts([], note), 8)
    assert len(names) > 1


@pytest.mark.skipif(pool.threads() < 2, reason="one core")
def test_an_error_in_any_thread_arrives():
    def fail_in_helpers(part):
        time.sleep(0.02)
        if threading.current_thread() is not threading.main_thread():
            raise ArithmeticError("in a helper")

    with pytest.raises(ArithmeticError, match="in a helper"):
        pool.run(python_parts([], fail_in_helpers), 8)
    done = []
    pool.run(python_parts(done), 3)
    assert len(done) == 3


@pytest.mark.skipif(pool.threads() < 2, reason="one core")
def test_an_interrupt_waits_for_the_helpers():
    at_work = threading.Event()
    finished = []

    def action(part):
        if threading.current_thread() is threading.main_thread():
            at_work.wait(5)
            signal.raise_signal(signal.SIGINT)
        else:
            at_work.set()
            time.sleep(0.1)
            finished.append(part)

    with pytest.raises(KeyboardInterrupt):
        pool.run(python_parts([], action), 2)
    assert finished


def test_shares_depend_on_the_size_alone():
    assert [pool.shares(n) for n in (0, 1, pool.SHARE, 2 * pool.SHARE, 10**9)] == [1, 1, 1, 2, 32]


@pytest.mark.parametrize("setting", ["3", "1"])
def test_the_number_of_threads_can_be_set(setting, monkeypatch):
    monkeypatch.setenv("MINIDL_THREADS", setting)
    assert pool._Pool().threads == int(setting)


@pytest.mark.parametrize("setting", ["", "0", "-2", "many"])
def test_a_useless_number_of_threads_is_ignored(setting, monkeypatch):
    monkeypatch.setenv("MINIDL_THREADS", setting)
    assert 1 <= pool._Pool().threads <= 8


# --- memory -----------------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_idle():
    memory._idle.clear()
    yield
    memory._idle.clear()


LARGE = (512, 512)


@pytest.mark.usefixtures("nothing_idle")
def test_memory_comes_back_when_the_last_view_is_gone():
    x = memory.empty(LARGE, np.float32)
    address, view = x.ctypes.data, x.reshape(-1)[4:].reshape(3, -1)[1:]
    assert (x.dtype, x.shape, type(x)) == (np.float32, LARGE, np.ndarray)
    assert x.flags.carray
    assert address % memory.ALIGNMENT == 0
    del x
    other = memory.empty(LARGE, np.float32)
    assert not np.may_share_memory(other, view)
    del view
    assert memory.empty(LARGE, np.float32).ctypes.data == address


@pytest.mark.usefixtures("nothing_idle")
def test_another_size_gets_other_memory_and_another_type_the_same():
    x = memory.empty(LARGE, np.float32)
    address = x.ctypes.data
    del x
    assert memory.empty((512, 600), np.float32).ctypes.data != address
    assert memory.empty((256, 512), np.float64).ctypes.data == address


@pytest.mark.usefixtures("nothing_idle")
def test_small_arrays_are_ordinary():
    assert memory.empty((3, 4), np.uint8).base is None


@pytest.mark.usefixtures("nothing_idle")
def test_idle_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(memory, "MOST_IDLE", 3 << 20)
    arrays = [memory.empty(LARGE, np.float32) for _ in range(3)]
    del arrays
    assert sum(map(len, memory._idle.values())) == 3
    arrays = [memory.empty(LARGE, np.float32) for _ in range(4)]
    del arrays
    gc.collect()
    assert sum(size * len(waiting) for size, waiting in memory._idle.items()) <= 3 << 20


def test_threads_do_not_share_scratch():
    def use(results):
        results.append(memory.scratch("test", 100, np.dtype(np.float32)))

    results = []
    threads = [threading.Thread(target=use, args=(results,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    own = memory.scratch("test", 100, np.dtype(np.float32))
    assert memory.scratch("test", 50, np.dtype(np.float32)) is own
    assert not any(np.may_share_memory(a, own) for a in results)
    assert memory.scratch("test", 200, np.dtype(np.float32)).size == 200


def test_a_huge_scratch_is_not_kept(monkeypatch):
    monkeypatch.setattr(memory, "LARGEST_SCRATCH", 100)
    one, two = (memory.scratch("huge", 1000, np.dtype(np.float32)) for _ in range(2))
    assert not np.may_share_memory(one, two)
