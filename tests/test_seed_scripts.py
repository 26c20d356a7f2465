"""Scripts that users wrote for Keras, run with the import changed: they come with their own checks.

They lie beside the project, in ../shared/seed_scripts, or where MINIDL_SEED_SCRIPTS says.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "seed_scripts"
FOLDER = Path(os.environ.get("MINIDL_SEED_SCRIPTS", BESIDE))
SCRIPTS = sorted(FOLDER.glob("[0-9]*_*.py"))


@pytest.mark.skipif(not SCRIPTS, reason=f"no scripts in {FOLDER}")
def test_all_of_them_are_there():
    assert len(SCRIPTS) >= 21


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script(script, tmp_path):
    environment = {**os.environ, "DL": "minidl", "COLUMNS": "120", "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment | {"PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
    )
    lines = done.stdout.splitlines()
    failed = [line for line in lines if line.startswith("[FAIL]")]
    assert done.returncode == 0, "\n".join([*failed, *lines[-2:], done.stderr[-2000:]])
    assert lines[-1].startswith("PASS"), lines[-1]
