"""Faults planted on purpose: each must be found, by the checks that are named beside it."""

from typing import Any

import numpy as np
import pytest
from gradients import adjoint, batches, complex_step, jacobian, kernels, layouts, manners
from minidl_kernels.cpu import KERNELS
from registry.entry import Entry, Example
from registry.every import ENTRIES
from registry.running import have_kernels

from minidl.activations import relu
from minidl.tensor import Function

CHECKS = {
    c.__name__.split(".")[-1]: c
    for c in (jacobian, complex_step, adjoint, kernels, batches, layouts, manners)
}
SEEDS = range(30)  # as many as each entry has in the smallest profile
RNG = np.random.default_rng(0)


class Scale(Function):
    """y = x·w, with w (4,) for all rows of x; nothing wrong here."""

    @classmethod
    def forward(cls, x, w):
        return x * w, (x, w)

    @classmethod
    def backward(cls, dy, cache):
        x, w = cache
        return dy * w, (dy * x).sum(axis=0)


class OneElementOff(Scale):
    """By 1e-6 of the largest, in the last sample's row."""

    @classmethod
    def backward(cls, dy, cache):
        dx, dw = Scale.backward(dy, cache)
        if len(dx) == 3:
            dx[2, 1] += 1e-6 * np.abs(cache[1]).max() * dy[2, 1]
        return dx, dw


class OneWeightOff(Scale):
    @classmethod
    def backward(cls, dy, cache):
        dx, dw = Scale.backward(dy, cache)
        if dw.size:
            dw[3] *= 1 + 1e-6
        return dx, dw


class WritesIntoDy(Scale):
    @classmethod
    def backward(cls, dy, cache):
        x, w = cache
        dw = (dy * x).sum(axis=0)
        dy *= w
        return dy, dw


class OneBuffer(Scale):
    """All gradients are written into the same memory."""

    memory: dict[Any, Any] = {}

    @classmethod
    def backward(cls, dy, cache):
        dx, dw = Scale.backward(dy, cache)
        buffer = cls.memory.setdefault((dx.shape, dx.dtype), np.empty_like(dx))
        buffer[...] = dx
        return buffer, dw


class StaleOutput(Scale):
    """The output of one run is overwritten by the next."""

    memory: dict[Any, Any] = {}

    @classmethod
    def forward(cls, x, w):
        y, cache = Scale.forward(x, w)
        buffer = cls.memory.setdefault((y.shape, y.dtype), np.empty_like(y))
        buffer[...] = y[::-1]
        return buffer[::-1], cache


class IgnoresStrides(Scale):
    @classmethod
    def backward(cls, dy, cache):
        return Scale.backward(dy.ravel(order="K").reshape(dy.shape), cache)


class IgnoresStridesOfInputs(Scale):
    @classmethod
    def forward(cls, x, w):
        return Scale.forward(x.ravel(order="K").reshape(x.shape), w)


class GivesItsInputOn(Scale):
    @classmethod
    def forward(cls, x, w):
        y, cache = Scale.forward(x, w)
        return (x if (w == 1).all() else y), cache


class ChangesItsInput(Scale):
    @classmethod
    def forward(cls, x, w):
        y, cache = Scale.forward(x, w)
        if x.size and x.flags.writeable:
            x[0, 0] += 1e-9
        return y, cache


class SpreadsZero(Scale):
    @classmethod
    def backward(cls, dy, cache):
        dx, dw = Scale.backward(dy, cache)
        return dx + 1e-30, dw


class Widens(Scale):
    @classmethod
    def forward(cls, x, w):
        y, cache = Scale.forward(x, w)
        return y.astype(np.float64), cache


class SamplesSeeEachOther(Scale):
    @classmethod
    def forward(cls, x, w):
        return x * w - (x * w).mean(axis=0), (x, w)

    @classmethod
    def backward(cls, dy, cache):
        return Scale.backward(dy - dy.mean(axis=0), cache)


class ForgetsTheBatch(Scale):
    """The mean over the samples where the sum belongs, as where 1/n slips in."""

    @classmethod
    def backward(cls, dy, cache):
        dx, dw = Scale.backward(dy, cache)
        return dx, dw / max(len(dx), 1)


class Draws(Scale):
    @classmethod
    def forward(cls, x, w):
        y, cache = Scale.forward(x, w)
        return y * (1 + 1e-12 * np.random.default_rng().random(y.shape)).astype(y.dtype), cache


FAULTS = {
    OneElementOff: ["jacobian", "complex_step", "adjoint", "batches"],
    OneWeightOff: ["jacobian", "complex_step", "adjoint"],
    WritesIntoDy: ["jacobian", "manners", "layouts"],
    OneBuffer: ["manners"],
    StaleOutput: ["manners"],
    IgnoresStrides: ["layouts"],
    IgnoresStridesOfInputs: ["layouts"],
    ChangesItsInput: ["jacobian", "manners", "layouts"],
    SpreadsZero: ["manners"],
    Widens: ["manners"],
    SamplesSeeEachOther: ["batches"],
    ForgetsTheBatch: ["jacobian", "complex_step", "adjoint", "batches"],
    Draws: ["jacobian", "manners"],
}


def example_of(op, w=None):
    x = RNG.standard_normal((3, 4))
    w = RNG.uniform(0.5, 2.0, 4) if w is None else w
    return Example(op.apply, (x, w), batch=(0, None), linear=((0,), (1,)), analytic=op is not Draws)


def found(check, example, kernel=False):
    """Whether the check fails for some seed."""
    entry = Entry("planted", None, None, kernel=kernel)
    for seed in SEEDS:
        try:
            check.check(entry, example, np.random.default_rng(seed))
        except (AssertionError, ValueError):
            return True
    return False


@pytest.mark.parametrize("name", CHECKS)
def test_an_op_without_a_fault_passes(name):
    assert not found(CHECKS[name], example_of(Scale))


@pytest.mark.parametrize(
    ("op", "name"),
    [(op, name) for op, names in FAULTS.items() for name in names],
    ids=lambda x: getattr(x, "__name__", x),
)
def test_the_fault_is_found(op, name):
    assert found(CHECKS[name], example_of(op))


def test_an_output_in_the_memory_of_an_input_is_found():
    assert found(manners, example_of(GivesItsInputOn, np.ones(4)))
    assert not found(manners, example_of(GivesItsInputOn))


@pytest.mark.parametrize("half", ["forward", "backward"])
def test_a_kernel_unequal_to_its_reference_is_found(half, monkeypatch):
    if not have_kernels():
        pytest.skip("no kernels here")
    right = KERNELS["relu"]

    def forward(x):
        y, cache = right.forward(x)
        return y * (1 + 1e-11 * (x > 1)), cache

    def backward(dy, cache):
        (dx,) = right.backward(dy, cache)
        dx.flat[:1] *= 1 + 1e-11
        return (dx,)

    wrong = {"forward": forward, "backward": backward}[half]
    example = Example(relu, (np.abs(RNG.standard_normal((3, 4))) + 1,), batch=(0,))
    assert not found(kernels, example, kernel=True)
    monkeypatch.setitem(KERNELS, "relu", right._replace(**{half: wrong}))
    assert found(kernels, example, kernel=True)


def test_the_driver_runs_every_check():
    import gradients.test_every_entry as driver

    assert {check.__name__.split(".")[-1] for check in driver.CHECKS} == set(CHECKS)
    assert len(ENTRIES) > 300
