"""Every test begins with unused names and the same random numbers, and leaves the settings as they were."""

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
