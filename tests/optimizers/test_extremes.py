"""Gradients that are huge, zero, infinite or not a number, and weights that must not notice where they need not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import optimizers
from minidl.optimizers.arithmetic import limited
from minidl.variable import Variable

SQUARING = [
    optimizers.Adam, lambda lr: optimizers.Adam(lr, amsgrad=True), lambda lr: optimizers.AdamW(lr, 0.0),
    optimizers.Nadam, optimizers.Adamax, optimizers.RMSprop,
    lambda lr: optimizers.RMSprop(lr, momentum=0.5, centered=True), optimizers.Adagrad,
    optimizers.Adadelta,
]  # fmt: skip
ALL = [*SQUARING, optimizers.SGD, lambda lr: optimizers.SGD(lr, momentum=0.9, nesterov=True)]


@pytest.mark.parametrize("make", [*SQUARING[:5]])
@pytest.mark.parametrize(("dtype", "size"), [("float32", 2e20), ("float32", 3e38), ("float64", 1e200)])
def test_adam_takes_steps_of_the_learning_rate_where_the_square_overflows(make, dtype, size):
    w = Variable(np.array([1.0, 1.0, 1.0], dtype))
    optimizer, ordinary = make(0.01), make(0.01)
    beside = Variable(np.array([1.0, 1.0, 1.0], dtype))
    for _ in range(20):
        optimizer.apply([[size, -size, 1.0]], [w])
        ordinary.apply([[1.0, -1.0, 1.0]], [beside])
    if make is not optimizers.Nadam:  # it looks ahead, so its first steps are shorter
        assert w.numpy() == pytest.approx([0.8, 1.2, 0.8], abs=2e-5)
    assert w.numpy() == pytest.approx(beside.numpy(), abs=2e-5)
    assert w.numpy()[2] == beside.numpy()[2]


@pytest.mark.parametrize("make", ALL)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=6))
@settings(deadline=None, max_examples=25)
def test_finite_gradients_never_give_nan(make, gradients):
    if make in ALL[-2:]:
        gradients = [float(np.clip(g, -1e37, 1e37)) for g in gradients]  # these steps are as long as g
    w = Variable([1.0])
    optimizer = make(0.01)
    for g in gradients:
        optimizer.apply([[g]], [w])
    assert np.isfinite(w.numpy()).all()


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("size", [1e-30, 1e-38, 1e-45, 0.0])
def test_gradients_next_to_nothing(make, size):
    """Their squares are 0 in float32: a step of at most the learning rate, and no NaN, then and when they grow."""
    w = Variable(np.ones(4, np.float32))
    optimizer = make(0.01)
    for g in [size] * 10 + [1.0, size]:
        before = w.numpy().copy()
        optimizer.apply([np.full(4, g)], [w])
        assert np.isfinite(w.numpy()).all()
        if g == size:
            assert np.abs(w.numpy() - before).max() <= 0.1
    assert all(np.isfinite(v.numpy()).all() for v in optimizer.variables)


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_no_number_is_seen_in_its_weight_and_no_other(make, bad):
    w = Variable([1.0, 1.0])
    optimizer = make(0.01)
    optimizer.apply([[1.0, 1.0]], [w])
    optimizer.apply([[bad, 1.0]], [w])
    assert not np.isfinite(w.numpy()[0])
    assert np.isfinite(w.numpy()[1])


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_zero_gradient_leaves_every_bit(make, dtype):
    rng = np.random.default_rng(0)
    values = (rng.normal(size=100) * 10.0 ** rng.integers(-30, 30, 100)).astype("float64")
    with np.errstate(over="ignore"):
        values = np.nan_to_num(values.astype(dtype), posinf=1, neginf=-1) + 0  # no −0
    w = Variable(values)
    optimizer = make(0.01)
    for _ in range(5):
        optimizer.apply([np.zeros(100)], [w])
    assert np.array_equal(w.numpy().view("u1"), values.view("u1"))


def test_centered_rmsprop_survives_a_constant_gradient():
    """v − ḡ² is 0 but for rounding, which can make it less than −ε: the root of a negative number."""
    w = Variable(np.full(1000, 1e6, "float32"))
    g = np.linspace(1e3, 2e3, 1000, dtype="float32")
    optimizer = optimizers.RMSprop(1e-3, centered=True)
    for _ in range(400):
        optimizer.apply([g], [w])
    assert np.isfinite(w.numpy()).all()


@given(st.floats(width=32, allow_nan=True, allow_infinity=True))
@settings(deadline=None, max_examples=200)
def test_limited(g):
    array = np.array([0.5, g], dtype="float32")
    result = limited(array)
    assert result.dtype == np.float32
    assert result[0] == 0.5
    if abs(g) <= 2.0**63:
        assert result is array
    elif np.isfinite(g):
        assert result[1] == np.copysign(2.0**63, g)
    else:
        assert np.isnan(result[1])


def test_limited_of_other_types_and_of_nothing():
    assert limited(np.array([300.0, -5.0], "float16")).tolist() == [128, -5]
    assert limited(np.array([1e200, 1e10])).tolist() == [2.0**511, 1e10]
    assert limited(np.zeros(0)).shape == (0,)
