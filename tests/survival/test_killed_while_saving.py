"""SIGKILL while saving, 500 times: the file is the old one or the new one, complete. See killed_while_saving.py."""

import os
from pathlib import Path

import pytest
from processes import python

KILLS = 500
WAYS = ["keras", "h5", "npz", "safetensors", "ModelCheckpoint", "BackupAndRestore"]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are made by fork")


@pytest.mark.parametrize("way", WAYS)
def test_the_file_is_complete_and_old_or_new(way, counted):
    if way == "h5":
        pytest.importorskip("h5py")
    share = -(-KILLS // len(WAYS))
    script = Path(__file__).with_name("killed_while_saving.py")
    out, err = python(script, share, WAYS.index(way), way, options=["-W", "ignore"])
    assert out == ""
    halves = int(err.split()[2])
    assert halves > share / 50, "the kills hit while it was writing"
    counted("SIGKILL while saving", share)
    counted("SIGKILL while saving, in the middle of a file", halves)
