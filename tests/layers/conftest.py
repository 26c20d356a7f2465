"""Every test of layers begins with unused names and the same seed."""

import pytest

from minidl import random
from minidl.random import streams
from minidl.utils.naming import reset_names


@pytest.fixture(autouse=True)
def _own_names_and_seed(monkeypatch):
    reset_names()
    monkeypatch.setattr(streams, "_streams", None)
    random.set_seed(7)
