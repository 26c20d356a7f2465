"""Python processes of their own, for what may end a process."""

import os
import subprocess
import sys
from pathlib import Path

import minidl

_PATHS = [str(Path(minidl.__file__).parent.parent), str(Path(__file__).parent)]


def python(*arguments, timeout=200, options=("-W", "error"), **environment):
    """Run `python arguments` to its end and return what it has printed; fails if it fails, or hangs."""
    paths = os.pathsep.join([*_PATHS, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, *options, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
        env=os.environ | {"PYTHONPATH": paths} | environment,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr
