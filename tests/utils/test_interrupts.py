"""Real signals, sent to this process while the block runs."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext

import pytest

from minidl.utils.interrupts import postponed_interrupt


class Interrupted(Exception):  # noqa: N818
    """Raised by the tests' own handler: a KeyboardInterrupt that gets away would end the whole test run."""


def handler(signum, frame):
    raise Interrupted


@pytest.fixture(autouse=True)
def own_handler():
    before = signal.signal(signal.SIGINT, handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt():
    """To the main thread and no other: through another one it would arrive some time later."""
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def test_an_interrupt_waits_for_the_end_of_the_block():
    done = []
    with pytest.raises(Interrupted), postponed_interrupt():  # noqa: PT012
        interrupt()
        done.append("whole")
    assert done == ["whole"]
    assert signal.getsignal(signal.SIGINT) is handler


def test_without_an_interrupt_nothing_happens():
    with postponed_interrupt():
        assert signal.getsignal(signal.SIGINT) is not handler
    assert signal.getsignal(signal.SIGINT) is handler


def test_outside_the_block_interrupts_arrive_as_always():
    with postponed_interrupt():
        pass
    with pytest.raises(Interrupted):
        interrupt()


def test_the_default_handler_gives_keyboard_interrupt():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt), postponed_interrupt():
        interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_many_interrupts_are_one():
    calls = []
    signal.signal(signal.SIGINT, lambda signum, frame: calls.append((signum, frame is not None)))
    with postponed_interrupt():
        for _ in range(3):
            interrupt()
        assert calls == []
    assert calls == [(signal.SIGINT, True)]


def test_nested_blocks_wait_for_the_outer_one():
    done = []
    with pytest.raises(Interrupted), postponed_interrupt():  # noqa: PT012
        with postponed_interrupt():
            interrupt()
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is handler


def test_an_error_in_the_block_passes_and_the_handler_is_back():
    with pytest.raises(ZeroDivisionError), postponed_interrupt():
        1 / 0  # noqa: B018
    assert signal.getsignal(signal.SIGINT) is handler


def test_an_interrupt_beside_an_error_keeps_both():
    with pytest.raises(Interrupted) as caught, postponed_interrupt():  # noqa: PT012
        interrupt()
        1 / 0  # noqa: B018
    assert isinstance(caught.value.__context__, ZeroDivisionError)


def test_ignored_interrupts_stay_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with postponed_interrupt():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_handler_from_outside_python_is_left_alone():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "getsignal", lambda number: None)
        patch.setattr(signal, "signal", lambda *arguments: pytest.fail("touched the handler"))
        with postponed_interrupt():
            pass


def test_other_threads_are_left_alone():
    handlers, errors = [], []

    def work():
        try:
            with postponed_interrupt():
                handlers.append(signal.getsignal(signal.SIGINT))
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [handler]
    assert errors == []


def test_the_systems_default_ends_the_process_after_the_block():
    program = """
import os, signal
from minidl.utils.interrupts import postponed_interrupt
signal.signal(signal.SIGINT, signal.SIG_DFL)
with postponed_interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    print("whole", flush=True)
print("never", flush=True)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.stdout == "whole\n"
    assert ended.returncode == -signal.SIGINT


def cuts_seen(guard) -> int:
    """Interrupts rain on a loop of two-part updates: how many of 100 arrived with only one part done."""
    state = {"first": 0, "second": 0}
    seen: list[bool] = []
    signal.signal(signal.SIGINT, lambda signum, frame: seen.append(state["first"] != state["second"]))
    stop = threading.Event()

    def rain():
        while not stop.is_set():
            interrupt()
            time.sleep(0.0003)

    sender = threading.Thread(target=rain)
    sender.start()
    deadline = time.monotonic() + 30
    while len(seen) < 100 and time.monotonic() < deadline:
        with guard():
            state["first"] += 1
            for _ in range(200):
                pass
            state["second"] += 1
    stop.set()
    sender.join()
    assert len(seen) >= 100
    return sum(seen)


def test_no_update_is_ever_cut_in_half():
    assert cuts_seen(nullcontext) > 0  # the rain does hit: without the guard updates are cut
    assert cuts_seen(postponed_interrupt) == 0
