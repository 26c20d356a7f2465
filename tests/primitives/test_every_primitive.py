"""Every traced function against NumPy: values, types, and which have no gradient.

Their gradients are held to the standard of all: tests/gradients.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from registry.calls import Call
from registry.primitives import CALLS, CONSTANTS, PLAIN

from minidl.tensor import Tensor

FEW = settings(deadline=None, max_examples=12)
named = pytest.mark.parametrize("function", CALLS, ids=lambda f: getattr(f, "__name__", f))


# --- tests ----------------------------------------------------------------------------------------------


@named
def test_value_and_type_are_numpys(function: Any) -> None:
    @FEW
    @given(CALLS[function])
    def check(call: Call) -> None:
        for dtype in (np.float64, np.float32):
            arrays = [x.astype(dtype) for x in call.arrays]
            y, wanted = call.function(*map(Tensor, arrays)), call.function(*arrays)
            assert isinstance(y, Tensor)
            assert y.shape == np.shape(wanted)
            assert y.dtype == (np.float64 if "astype" in str(function) else dtype)
            np.testing.assert_allclose(
                y.numpy(), wanted, rtol=2e-5 if dtype == np.float32 else 1e-12, atol=1e-6
            )

    check()


@pytest.mark.parametrize("function", CONSTANTS, ids=lambda f: f.__name__)
def test_constants_are_numpys_and_have_no_graph(function: Any) -> None:
    x, *others = CONSTANTS[function]
    y = function(Tensor(x, requires_grad=x.dtype.kind == "f"), *others)
    assert isinstance(y, Tensor)
    assert not y.requires_grad
    np.testing.assert_array_equal(y.numpy(), function(x, *others))


@pytest.mark.parametrize("function", PLAIN, ids=lambda f: f.__name__)
def test_plain_answers(function: Any) -> None:
    x, *others = PLAIN[function]
    assert function(Tensor(x), *others) == function(x, *others)
    assert not isinstance(function(Tensor(x), *others), Tensor)
