"""Every entry of the registry against every check, over as many configurations as the profile says.

The checks, one a file: jacobian, complex_step, adjoint, kernels, batches, layouts, manners. A new op, layer, loss or
activation takes part by its entry in tests/registry.
"""

import numpy as np
import pytest
from gradients import adjoint, batches, complex_step, jacobian, kernels, layouts, manners
from hypothesis import given
from hypothesis import strategies as st
from registry.every import ENTRIES

CHECKS = (jacobian, complex_step, adjoint, kernels, batches, layouts, manners)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_every_check_holds(entry, record_property):
    tried = 0

    @given(entry.examples, st.integers(0, 2**32 - 1))
    def holds(example, seed):
        nonlocal tried
        tried += 1
        for check in CHECKS:
            try:
                check.check(entry, example, np.random.default_rng(seed))
            except BaseException as error:
                error.add_note(f"in the check {check.__name__} of {entry.name}: {example}")
                raise

    holds()
    record_property("survived: configurations of the registry of gradients, by all checks", tried)
