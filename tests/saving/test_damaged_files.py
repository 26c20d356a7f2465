"""Thousands of files damaged by chance: refused, or read as they were saved to the last bit; never a third thing.

The damage is done by `hostile.damage`, in a process of its own that a crash of a library does not end.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from counts import DEEP

import minidl

TESTS = Path(__file__).parent.parent


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the files are read in forks")
def test_no_damage_is_read_as_something_else(record_property):
    """12,500 flipped bits, 7,500 other edits, 3,000 files without checksums, 4,500 made ones in the profile `deep`."""
    pytest.importorskip("h5py")
    roots = [str(TESTS), str(Path(minidl.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "hostile.damage", "1" if DEEP else "0.1"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, roots))},
        capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["faults"] == []
    tried, refused = Counter(), Counter()
    for what, outcome, number in found["counts"]:
        tried[what] += number
        refused[what] += number * (outcome == "refused")
    assert sum(tried.values()) > (27_000 if DEEP else 2_700)
    for what, number in tried.items():
        assert refused[what] > 0.02 * number, f"{what} is not damage"
        record_property(f"survived: {what}", number)
