"""Every test begins with unused names and the same random numbers, and leaves the settings as they were."""

import os
import signal
import sys

import pytest
from counts import summary
from hypothesis import HealthCheck, settings

from minidl import backend, graph
from minidl.random import streams
from minidl.utils import set_random_seed
from minidl.utils.naming import reset_names

# How many configurations hypothesis draws for a test that has no number of its own: MINIDL_PROFILE=deep pytest.
settings.register_profile("dev", deadline=None, max_examples=30)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True, print_blob=True)
settings.register_profile(
    "deep", deadline=None, max_examples=300, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("MINIDL_PROFILE", "dev"))


def pytest_configure():
    """What a shell starts in the background does not hear Ctrl-C; some tests send one."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _same_beginning_and_nothing_left_behind(monkeypatch):
    reset_names()
    monkeypatch.setattr(streams, "_streams", None)
    set_random_seed(0)
    yield
    assert graph.mode.grad_enabled
    assert backend.kernels_enabled()


@pytest.fixture(autouse=True)
def _programs_of_jax_do_not_pile_up(request):
    """Keras on JAX compiles thousands of small programs in the tests; held all at once, they end the process."""
    yield
    if request.node.get_closest_marker("oracle") and "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


def pytest_terminal_summary(terminalreporter):
    """What the suites in tests/survival have counted."""
    lines = summary(report for reports in terminalreporter.stats.values() for report in reports)
    if lines:
        terminalreporter.section("survived")
        for line in lines:
            terminalreporter.write_line(line)
