"""A save that is killed or finds the disk full leaves a complete file; and only regular files are read."""

import os
import subprocess
import sys
import time

import pytest

from minidl.saving.files import open_regular, refusal


@pytest.fixture
def place(tmp_path):
    return tmp_path / "model.npz"


def only(place):
    return os.listdir(place.parent) == [place.name]


KILLED_WHILE_SAVING = """
import os, signal, sys, time, numpy as np
from minidl.saving import {module}
place = sys.argv[1]
arrays = {{name: np.full((300, 300), value, np.float32) for value, name in enumerate("abc")}}
{module}.save(place, arrays)
for trial in range(20):
    child = os.fork()
    while child == 0:
        {module}.save(place, arrays)
    time.sleep(0.005 + 0.0017 * trial)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found = {module}.load(place, dict.fromkeys("abc", ((300, 300), "float32")))
    print([int(found[name].max()) for name in "abc"], len(os.listdir(os.path.dirname(place))) <= 2)
"""


@pytest.mark.parametrize("module", ["npz", "safetensors_file"])
def test_a_killed_save_leaves_a_complete_file(place, module):
    command = [sys.executable, "-c", KILLED_WHILE_SAVING.format(module=module), str(place)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["[0, 1, 2] True"] * 20  # at most one unfinished file beside it


FULL_DISK = """
import os, resource, sys, numpy as np
from minidl.saving import {module}
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    {module}.save(sys.argv[1], {{"a": np.zeros(50_000, np.float32)}})
except OSError as error:
    sys.exit(f"{{type(error).__name__}} {{error}}")
"""


@pytest.mark.parametrize("module", ["npz", "safetensors_file"])
def test_a_full_disk_keeps_the_old_file(place, module):
    place.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK.format(module=module), str(place)], capture_output=True, text=True
    )
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "File too large. 200," in done.stderr
    assert f"unchanged.: '{place}'" in done.stderr
    assert place.read_bytes() == b"old"
    assert only(place)


# --- reading ------------------------------------------------------------------------------------------------


def test_a_regular_file_is_opened_also_through_a_link(place, tmp_path):
    place.write_bytes(b"content")
    (tmp_path / "link").symlink_to(place)
    for path in (place, str(place), tmp_path / "link"):
        with open_regular(path, 7) as file:
            assert file.read() == b"content"


def test_what_is_no_readable_file_is_refused_at_once(place, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "empty").touch()
    place.write_bytes(b"content")
    start = time.monotonic()
    for path, error, text in [
        (tmp_path / "pipe", ValueError, "expected a file, got a named pipe"),
        ("/dev/zero", ValueError, "expected a file, got a device"),
        (tmp_path, ValueError, "expected a file, got a folder"),
        (tmp_path / "empty", ValueError, "got an empty file"),
        (place, ValueError, "expected at most 6 bytes, got 7"),
        (tmp_path / "none", FileNotFoundError, "none"),
        (tmp_path / "loop", OSError, "loop"),
    ]:
        with pytest.raises(error, match=text):
            open_regular(path, 6)
    assert time.monotonic() - start < 1


def test_refusals_are_short():
    text = str(refusal("/very" * 200 + "/model.npz", "e" * 1000, "g" * 1000, "Mend it."))
    assert len(text) < 500
    assert text.endswith("Mend it.")
    assert "/model.npz: expected eee" in text
