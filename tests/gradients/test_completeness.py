"""Whatever has a gradient has an entry in tests/registry; what has none fails here by its name."""

import numpy as np
from gradients.discovery import everything, functions, missing
from hypothesis import HealthCheck, Phase, given, settings
from kernel_cases import CASES, REFERENCES
from minidl_kernels.cpu import KERNELS
from registry.every import ENTRIES
from registry.running import values

from minidl import backend, layers
from minidl.graph import taken_down
from minidl.tensor import Function

REGISTERED = {entry.what for entry in ENTRIES}


def test_everything_has_an_entry():
    names = missing(everything(), REGISTERED)
    assert not names, f"give these an entry in tests/registry: {', '.join(names)}"


def test_an_entry_has_a_name_of_its_own_and_something_that_exists():
    names = [entry.name for entry in ENTRIES]
    assert len(set(names)) == len(names)
    known = everything() | functions()
    gone = missing(REGISTERED, known)
    assert not gone, f"these entries are of nothing: {', '.join(gone)}"


def test_every_op_runs_in_the_examples_of_some_entry():
    """An op inside of a layer or a loss needs no entry, but somebody must run it."""
    tape, run = [], set()
    few = settings(
        max_examples=12,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for entry in ENTRIES:

        @few
        @given(entry.examples)
        def one(example):
            values(example, example.arrays)

        with backend.kernels_off(), taken_down(tape):
            one()
        run |= {applied.forward for applied in tape}
        tape.clear()
    names = missing(functions(), {op for op in functions() if op.forward in run})
    assert not names, f"no example of the registry runs these ops: {', '.join(names)}"


def test_every_kernel_belongs_to_an_op_of_an_entry():
    assert sorted(CASES) == sorted(REFERENCES) == sorted(KERNELS)
    by_kernel = {op.kernel: op for op in functions() if op.kernel in KERNELS}
    assert set(KERNELS) - set(by_kernel) == {"adam"}  # an update rule, without a way back
    assert not missing(by_kernel.values(), REGISTERED)


def test_a_new_op_layer_or_function_without_an_entry_is_named():
    class Quadruple(Function):
        """An op that someone has just written."""

        forward = staticmethod(lambda x: (4 * x, None))
        backward = staticmethod(lambda dy, cache: (4 * dy,))

    class Squash(layers.Layer):
        """A layer that someone has just written."""

    found = {*everything(), Quadruple, Squash, np.sinc, "ops.erfinv"}
    assert missing(found, REGISTERED) == ["Quadruple", "Squash", "ops.erfinv", "sinc"]
    assert missing(everything(), REGISTERED - {np.exp, layers.Dense}) == ["Dense", "exp"]
