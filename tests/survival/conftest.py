"""The suites here count what they do; `tests/conftest.py` prints the sums at the end of a run."""

import pytest


@pytest.fixture
def counted(record_property):
    """counted("kills while saving", 50): so many more of these were survived."""
    return lambda what, how_many: record_property(f"survived: {what}", how_many)
