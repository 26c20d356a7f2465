"""Every test begins with unused names and the same random numbers, and leaves the settings as they were."""

import sys

import pytest

from minidl import backend, graph
from minidl.random import streams
from minidl.utils import set_random_seed
from minidl.utils.naming import reset_names


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
