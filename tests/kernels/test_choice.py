"""Who runs: the reference or the kernel. And without Numba: the reference, with a reason when asked."""

import os
import subprocess
import sys

import numpy as np
import pytest
from minidl_kernels.cpu import KERNELS

from minidl import Tensor, backend, ops
from minidl.backend import Pair
from minidl.layers.convolutional.conv2d import Conv2DFunction
from minidl.tensor import Function

REFERENCE = Pair(lambda x: (x, None), lambda dy, cache: (dy,))
RELU = Pair(KERNELS["relu"].forward, KERNELS["relu"].backward)


def chosen(*arrays, name="relu", **options):
    return backend.implementation(name, REFERENCE, arrays, options)


def numbers(n, dtype="float32"):
    return np.zeros(n, dtype)


def test_size_decides():
    assert chosen(numbers(backend.WORTHWHILE)) == RELU
    assert chosen(numbers(backend.WORTHWHILE - 1)) == REFERENCE


def test_all_arrays_count_and_scalars_do_not():
    half = numbers(backend.WORTHWHILE // 2)
    options = {"learning_rate": 0.1}
    assert chosen(half, half, half, half, name="adam", **options) != REFERENCE
    assert chosen(half, None, 3.0, name="dense") == REFERENCE


def test_the_blocks_decide_first():
    with backend.kernels_on():
        assert chosen(numbers(3)) == RELU
        with backend.kernels_off():
            assert not backend.kernels_enabled()
            assert chosen(numbers(10**5)) == REFERENCE
        assert chosen(numbers(3)) == RELU
    assert chosen(numbers(3)) == REFERENCE
    assert backend.kernels_enabled()


def test_what_ran_before_does_not_matter():
    assert chosen(numbers(3)) == REFERENCE
    with backend.kernels_on():
        ops.relu(np.ones((2, 2), np.float32))
    assert chosen(numbers(3)) == REFERENCE


@pytest.mark.parametrize("name", [None, "no such kernel"])
def test_an_op_without_a_kernel_runs_its_reference(name):
    with backend.kernels_on():
        assert chosen(numbers(10**5), name=name) == REFERENCE


@pytest.mark.parametrize("dtype", ["float16", "complex64", "int64"])
def test_an_unsupported_type_runs_the_reference(dtype):
    assert chosen(numbers(10**5, dtype)) == REFERENCE


def test_available_names_both():
    sets = backend.available()
    assert sets["reference"] == f"NumPy {np.__version__}"
    assert sets["cpu"].startswith(f"{len(KERNELS)} kernels, Numba ")


# --- which gradients are wanted -----------------------------------------------------------------------------------


class Told(Function):
    """Notes what `needs` its backward is given."""

    selective = True
    seen = None

    @staticmethod
    def forward(a, b):
        return a * b, (a, b)

    @staticmethod
    def backward(dy, cache, needs=(True, True)):
        Told.seen = needs
        return tuple(dy * x if need else None for x, need in zip(cache[::-1], needs, strict=True))


@pytest.mark.parametrize("needs", [(True, True), (True, False), (False, True)])
def test_a_selective_op_is_told_what_is_wanted(needs):
    a, b = (Tensor([2.0], requires_grad=need) for need in needs)
    Told.apply(a, b).backward()
    assert Told.seen == needs
    assert [x.grad is not None for x in (a, b)] == list(needs)


@pytest.mark.parametrize("block", [backend.kernels_on, backend.kernels_off])
def test_the_gradient_of_the_data_is_not_computed(block):
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(s) for s in ((2, 5, 5, 2), (3, 3, 2, 4), (4,)))
    options = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    gradients = []
    with block():
        for data in (Tensor(x), Tensor(x, requires_grad=True)):
            weights = Tensor(w, requires_grad=True)
            y = Conv2DFunction.apply(data, weights, Tensor(b, requires_grad=True), **options)
            (y * y).sum().backward()
            gradients.append(weights.grad)
            assert (data.grad is None) is not data.requires_grad
    np.testing.assert_array_equal(*gradients)


# --- without Numba ------------------------------------------------------------------------------------------------

WITHOUT = """
import sys
sys.modules["numba"] = {broken}
import numpy as np, minidl
from minidl import backend, layers
x = np.random.default_rng(0).standard_normal((8, 28, 28, 3)).astype("float32")
y = layers.Conv2D(8, 3, activation="relu")(x)
assert y.shape == (8, 26, 26, 8)
line = backend.available()["cpu"]
assert line.startswith("off: "), line
try:
    backend.kernels_on()
except ImportError as error:
    assert "numba" in str(error).lower(), error
else:
    raise SystemExit("kernels_on() without kernels")
"""


def test_kernels_in_plain_python_are_not_used():
    code = "from minidl import backend; print(backend.available()['cpu'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
    )
    assert done.stdout == "off: NUMBA_DISABLE_JIT is set\n"


@pytest.mark.parametrize("broken", ["None", "type(sys)('numba')"])
def test_without_numba_the_reference_runs(broken):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT.format(broken=broken)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")


def test_a_small_example_does_not_wait_for_numba():
    code = """
import sys, numpy as np, minidl
from minidl import layers
model = minidl.Sequential([layers.Dense(8, activation="relu"), layers.Dense(1, activation="sigmoid")])
model.compile(optimizer="adam", loss="binary_crossentropy")
model.fit(np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), np.array([[0], [1], [1], [0]]), epochs=2, verbose=0)
sys.exit("numba" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
