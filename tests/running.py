"""Running one op in one implementation, with everything that can be asked of every op."""

import numpy as np
import pytest

from minidl import backend
from minidl.tensor import Tensor

KERNELS = pytest.mark.parametrize("kernels", [False, True], ids=["reference", "kernels"])


def using(kernels, function):
    """A block in which `function` runs its reference, or its kernel; without a kernel the test is skipped."""
    if not kernels:
        return backend.kernels_off()
    if function.kernel is None or function.kernel not in backend._cpu_kernels()[0]:
        pytest.skip(f"no kernel for {function.__name__}")
    return backend.kernels_on()


def run(function, arrays, dy=None, **options):
    """The outputs of `function`, and the gradients of its inputs if `dy` (of the first output) is given.

    Whatever the op is, its arguments must be as they were afterwards.
    """
    before = [None if a is None else np.array(a) for a in arrays]
    tensors = [None if a is None else Tensor(a, requires_grad=dy is not None) for a in arrays]
    outputs = function.apply(*tensors, **options)
    several = isinstance(outputs, tuple)
    first = outputs[0] if several else outputs
    gradients = None
    if dy is not None:
        dy_before = np.array(dy)
        first.backward(gradient=dy)
        gradients = [None if t is None else t.grad for t in tensors]
        assert np.array_equal(dy, dy_before), "dy was changed"
    for a, b in zip(arrays, before, strict=True):
        assert a is None or np.array_equal(a, b), "an input was changed"
    results = tuple(y.numpy() for y in outputs) if several else outputs.numpy()
    return results, gradients


def assert_close(got, wanted, tolerance=1e-6):
    """`got` differs from `wanted` by at most `tolerance` of the largest number in it; same shape, no NaN."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape
    if wanted.size:
        scale = np.max(np.abs(wanted))
        assert np.max(np.abs(got - wanted)) <= tolerance * scale + np.finfo(got.dtype).tiny
