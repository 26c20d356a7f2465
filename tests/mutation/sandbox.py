"""A copy of the tree in which faults are made and tests run. The tree itself is never touched."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mutation.in_the_copy import ELSEWHERE
from mutation.mutants import Mutant, path_of
from mutation.selection import responsible

_COPIED = ["minidl", "kernels", "tests", "examples", "conftest.py", "pyproject.toml", "README.md", "LICENSE"]
PATIENCE = 60  # seconds that a run with a fault may take, beside four times what it takes without
COMPILING = (
    300  # and more for a kernel, which is compiled anew: the runs without a fault find theirs in the cache
)
NO_TESTS = 5  # exit status of pytest where -k leaves none
_moments = itertools.count(1_000_000_000)  # a time of change of its own for every version of a file


@dataclass(frozen=True)
class Normal:
    seconds: float
    failing: list[str]


@dataclass(frozen=True)
class Known:
    tests: dict[tuple[str, ...], Normal] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Outcome:
    mutant: Mutant
    caught: bool
    how: str  # the first test that failed, "timeout", or the end of the output
    seconds: float


class Sandbox:
    """One copy, where one mutant after the other is tested.

    Args:
        place: an empty folder for the copy.
        home: the MINIDL_HOME of its runs. The cache of kernels there knows a changed kernel by a hash of the sources.
        known: how tests do without a fault, as far as it has been tried; sandboxes share it.
    """

    def __init__(self, place: Path, home: Path, known: Known):
        self.root, self.home, self._known = place, home, known
        source = path_of("minidl").parent
        forget = shutil.ignore_patterns("__pycache__", ".hypothesis", ".pytest_cache")
        for name in _COPIED:
            if (source / name).is_dir():
                shutil.copytree(source / name, place / name, ignore=forget)
            elif (source / name).exists():
                shutil.copy2(source / name, place / name)

    def test(self, mutant: Mutant) -> Outcome:
        """Make the fault, run the tests that are responsible, mend it again.

        Raises:
            RuntimeError: the tests cannot run even without a fault, or something else than the copy would be tested.
        """
        seconds, examples = 0.0, [mutant.file]
        patience = PATIENCE + (COMPILING if mutant.file.startswith("kernels/") else 0)
        for tests in responsible(mutant.file, self.root):  # one by one: the first will nearly always do
            usual = self._without_fault(tests)
            left_out = [f"--deselect={test}" for test in usual.failing]
            self._write(mutant.file, mutant.new)
            try:
                began = time.monotonic()
                status, output = self._pytest(
                    ["-x", *examples, *tests, *left_out], patience + 4 * usual.seconds
                )
                seconds += time.monotonic() - began
            finally:
                self._write(mutant.file, mutant.old)
            if status == ELSEWHERE:
                raise RuntimeError(output)
            if status not in (0, NO_TESTS):
                return Outcome(mutant, True, _reason(status, output), seconds)
            examples = []
        return Outcome(mutant, False, "", seconds)

    def _without_fault(self, tests: list[str]) -> Normal:
        """How some tests do when nothing is wrong. Those that fail then tell nothing about a fault."""
        with self._known.lock:
            key = tuple(tests)
            if key not in self._known.tests:
                began = time.monotonic()
                status, output = self._pytest(tests, 1800)
                failing = [line for line in output.splitlines() if line.startswith("FAILED ")]
                failing = [line.removeprefix("FAILED ").partition(" - ")[0] for line in failing]
                if status not in (0, 1, NO_TESTS) or (status == 1 and not failing):
                    raise RuntimeError(f"{' '.join(tests)} does not run without a fault:\n{output[-3000:]}")
                if failing:
                    print("These fail without a fault and are left out:", *failing, sep="\n    ", flush=True)
                self._known.tests[key] = Normal(time.monotonic() - began, failing)
            return self._known.tests[key]

    def _write(self, file: str, text: str) -> None:
        path = self.root / file
        path.write_text(text, encoding="utf-8")
        moment = next(_moments)  # Python takes old bytecode for good where size and time are the same
        os.utime(path, (moment, moment))

    def _pytest(self, arguments: list[str], limit: float) -> tuple[int | None, str]:
        """Exit status and output; None for a run that took longer than `limit`."""
        command = [
            sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "mutation.in_the_copy",
            "-m", "not oracle", "--no-header", "--tb=line", *arguments,
        ]  # fmt: skip
        places = [self.root, self.root / "kernels", self.root / "tests"]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, places)),
            "MUTATION_COPY": str(self.root),
            "MINIDL_HOME": str(self.home),
            "MPLBACKEND": "Agg",
        }
        run = subprocess.Popen(
            command, cwd=self.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", start_new_session=True,
        )  # fmt: skip
        try:
            output, _ = run.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            return None, run.communicate()[0]
        return run.returncode, output


def _reason(status: int | None, output: str) -> str:
    if status is None:
        return "timeout"
    failed = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return (failed or output.splitlines()[-1:] or [f"status {status}"])[0][:150]
