"""The pool of threads, and memory that is used again."""

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
    assert pool._Pool().usual == int(setting)


@pytest.mark.parametrize("setting", ["", "0", "-2", "many"])
def test_a_useless_number_of_threads_is_ignored(setting, monkeypatch):
    monkeypatch.setenv("MINIDL_THREADS", setting)
    assert 1 <= pool._Pool().usual <= 8


# --- memory -----------------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_idle(monkeypatch):
    monkeypatch.setattr(memory, "_idle", {})
    monkeypatch.setattr(memory, "_blocks", {})
    monkeypatch.setattr(memory, "_watch", threading.Thread())


def bytes_held():
    return sum(block.memory.nbytes for block in memory._blocks.values())


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


MB = 1 << 20  # what an array of LARGE takes


@pytest.mark.usefixtures("nothing_idle")
def test_what_a_step_needs_waits_for_the_next(monkeypatch):
    monkeypatch.setattr(memory, "MOST_IDLE", 2 * MB)
    arrays = [memory.empty(LARGE, np.float32) for _ in range(9)]
    addresses = {x.ctypes.data for x in arrays}
    del arrays
    arrays = [memory.empty(LARGE, np.float32) for _ in range(9)]
    assert {x.ctypes.data for x in arrays} == addresses


@pytest.mark.usefixtures("nothing_idle")
def test_what_nobody_asks_for_makes_room(monkeypatch):
    monkeypatch.setattr(memory, "MOST_IDLE", 2 * MB)
    arrays = [memory.empty(LARGE, np.float32) for _ in range(8)]
    del arrays
    for rows in range(1024, 4096, 512):  # batches of ever other lengths, 2 MB to 8
        memory.empty((rows, 512), np.float32)
        assert bytes_held() <= (8 + 2) * MB


@pytest.mark.usefixtures("nothing_idle")
def test_what_is_in_use_is_never_given_back(monkeypatch):
    monkeypatch.setattr(memory, "MOST_IDLE", 0)
    arrays = [memory.empty((i, 512), np.float32) for i in range(100, 900, 40)]
    for i, x in enumerate(arrays):
        x[:] = i
    others = [memory.empty((i, 512), np.float32) for i in range(100, 900, 40)]
    for x in others:
        x[:] = -1
    assert all((x == i).all() for i, x in enumerate(arrays))


@pytest.mark.usefixtures("nothing_idle")
def test_in_time_the_system_has_its_memory_again(monkeypatch):
    monkeypatch.setattr(memory, "MOST_IDLE", 2 * MB)
    monkeypatch.setattr(memory, "PATIENCE", 0.02)
    arrays = [memory.empty(LARGE, np.float32) for _ in range(8)]
    kept = arrays[0]
    kept[:] = 7
    assert memory._watch.is_alive()
    del arrays
    deadline = time.monotonic() + 10
    while memory._watch.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert bytes_held() == MB  # `kept` alone
    assert (kept == 7).all()


@pytest.mark.usefixtures("nothing_idle")
def test_threads_that_take_and_drop_never_share(monkeypatch):
    monkeypatch.setattr(memory, "MOST_IDLE", MB)
    monkeypatch.setattr(memory, "PATIENCE", 0.001)
    wrong = []

    def work(own):
        for turn in range(300):
            arrays = [memory.empty((300 + 40 * i, 256), np.float32) for i in range(4)]
            for i, x in enumerate(arrays):
                x[:] = own * 1000 + i
            wrong.extend(turn for i, x in enumerate(arrays) if not (x == own * 1000 + i).all())

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.usefixtures("nothing_idle")
def test_memory_that_comes_back_loses_no_interrupt():
    """Ctrl-C may come while an array dies: it must reach the program, and not end in an ignored error."""
    caught = 0
    for _ in range(40):
        timer = threading.Timer(0.01, signal.raise_signal, [signal.SIGINT])
        try:
            timer.start()
            end = time.monotonic() + 5
            while time.monotonic() < end:
                memory.empty(LARGE, np.float32)
        except KeyboardInterrupt:
            caught += 1
        timer.join()
    assert caught == 40


@pytest.mark.parametrize("size", [131_072, 131_073, 200_000, 1_000_000, 12_345_678])
def test_sizes_are_rounded_up_a_little(size):
    rounded = memory._size_of((size,), 1)
    assert size <= rounded <= size * 1.125 + 4096
    assert len({memory._size_of((n,), 1) for n in range(size, 2 * size, size // 1000)}) <= 32


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
