"""The loops of the kernels without their compiler: NUMBA_DISABLE_JIT=1, for a debugger or to measure coverage.

It is also where a read or write outside of an array is noticed: NumPy looks, compiled code does not.
"""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from kernel_cases import CASES, REFERENCES
from minidl_kernels.cpu import COMPILED, KERNELS

assert not COMPILED

def as_tuple(x):
    return x if isinstance(x, tuple) else (x,)

def check(name, case):
    arrays = [a if a is None or name != "adam" else a.copy() for a in case.arrays]
    assert KERNELS[name].supports(*arrays, **case.options)
    wanted, wanted_cache = REFERENCES[name].forward(*arrays, **case.options)[:2]
    got, cache = KERNELS[name].forward(*arrays, **case.options)[:2]
    pairs = list(zip(as_tuple(got), as_tuple(wanted)))
    if KERNELS[name].forward_only is not None:
        pairs += list(zip(as_tuple(KERNELS[name].forward_only(*arrays, **case.options)[0]), as_tuple(wanted)))
    if name != "adam":
        dy = tuple(np.ones_like(y) for y in as_tuple(wanted))
        dy = dy if isinstance(wanted, tuple) else dy[0]
        pairs += list(zip(KERNELS[name].backward(dy, cache), REFERENCES[name].backward(dy, wanted_cache)))
    for a, b in pairs:
        assert (a is None) == (b is None)
        for got, wanted in zip(as_tuple(a), as_tuple(b)):  # a gradient of some rows is a pair (rows, values)
            if got is not None:
                np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-11, err_msg=name)

from minidl_kernels.cpu import exponential

for number, digits in ((np.float32, 1e-6), (np.float64, 1e-14)):
    x = -np.linspace(0, 20, 50, dtype=number)
    for ours, wanted in (("exp", np.exp), ("tanh", np.tanh)):
        one = getattr(exponential, f"_{ours}_{np.dtype(number).itemsize * 8}")
        np.testing.assert_allclose([one(v) for v in x], wanted(x), rtol=digits)

for name in sorted(KERNELS):
    few = settings(max_examples=15, database=None, derandomize=True, deadline=None, phases=[Phase.generate],
                   suppress_health_check=list(HealthCheck))
    few(given(CASES[name])(lambda case: check(name, case)))()
"""


def test_every_kernel_runs_in_plain_python():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(Path(__file__).parent.parent)],
        capture_output=True, text=True, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
