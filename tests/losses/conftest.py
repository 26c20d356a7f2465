"""Slopes by differences, for the tests of losses."""

import numpy as np
import pytest

from minidl.tensor import Tensor


@pytest.fixture
def check_gradient():
    """check(f, x): the gradient that f sends back to x is that of Σ k·f(x), by five-point differences."""

    def check(f, x, h=1e-3, rtol=1e-8):
        x = np.asarray(x, np.float64)
        factors = np.linspace(0.5, 1.5, max(f(Tensor(x)).size, 1))

        def total(v):
            return float(np.sum(factors * f(Tensor(v)).numpy().ravel()))

        expected = np.zeros_like(x)
        for index in np.ndindex(x.shape):
            step = np.zeros_like(x)
            step[index] = h
            expected[index] = (
                total(x - 2 * step) - 8 * total(x - step) + 8 * total(x + step) - total(x + 2 * step)
            ) / (12 * h)
        leaf = Tensor(x, requires_grad=True)
        y = f(leaf)
        y.backward(factors.reshape(y.shape))
        scale = max(1.0, float(np.abs(expected).max(initial=0)))
        assert leaf.grad.shape == x.shape
        assert np.allclose(leaf.grad, expected, rtol=rtol, atol=rtol * scale)

    return check
