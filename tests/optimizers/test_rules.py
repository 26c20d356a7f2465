"""Each rule against scalar loops, which follow the equations one weight at a time in Python floats."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import optimizers
from minidl.backend import kernels_off
from minidl.optimizers import arithmetic
from minidl.optimizers.adam import amsgrad
from minidl.optimizers.nadam import momentum_at, momentum_product
from minidl.optimizers.one_step import Step
from minidl.variable import Variable

# --- the oracle: one weight, a list of gradients, the weight after each step --------------------------------


def loop_sgd(w, gradients, lr=0.01, momentum=0.0, nesterov=False):
    velocity = 0.0
    for g in gradients:
        velocity = momentum * velocity - lr * g
        w += (momentum * velocity - lr * g) if nesterov else velocity
        yield w


def loop_rmsprop(w, gradients, lr=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False):
    square = mean = step = 0.0
    for g in gradients:
        square = rho * square + (1 - rho) * g**2
        mean = rho * mean + (1 - rho) * g
        variance = square - mean**2 if centered else square
        step = momentum * step + lr * g / math.sqrt(variance + epsilon)
        w -= step
        yield w


def loop_adagrad(w, gradients, lr=0.001, start=0.1, epsilon=1e-7):
    total = start
    for g in gradients:
        total += g**2
        w -= lr * g / math.sqrt(total + epsilon)
        yield w


def loop_adadelta(w, gradients, lr=0.001, rho=0.95, epsilon=1e-7):
    squares = steps = 0.0
    for g in gradients:
        squares = rho * squares + (1 - rho) * g**2
        delta = -math.sqrt(steps + epsilon) / math.sqrt(squares + epsilon) * g
        steps = rho * steps + (1 - rho) * delta**2
        w += lr * delta
        yield w


def loop_adam(w, gradients, lr=0.001, b1=0.9, b2=0.999, epsilon=1e-7, amsgrad=False, decay=0.0):
    """The sums written out: no running averages, no running product."""
    largest = 0.0
    for t in range(1, len(gradients) + 1):
        m = sum((1 - b1) * b1 ** (t - i) * gradients[i - 1] for i in range(1, t + 1))
        v = sum((1 - b2) * b2 ** (t - i) * gradients[i - 1] ** 2 for i in range(1, t + 1))
        largest = max(largest, v) if amsgrad else v
        w -= lr * decay * w
        w -= lr * math.sqrt(1 - b2**t) / (1 - b1**t) * m / (math.sqrt(largest) + epsilon)
        yield w


def loop_adamax(w, gradients, lr=0.001, b1=0.9, b2=0.999, epsilon=1e-7):
    for t in range(1, len(gradients) + 1):
        m = sum((1 - b1) * b1 ** (t - i) * gradients[i - 1] for i in range(1, t + 1))
        u = max(b2 ** (t - i) * abs(gradients[i - 1]) for i in range(1, t + 1))
        w -= lr / (1 - b1**t) * m / (u + epsilon)
        yield w


def loop_nadam(w, gradients, lr=0.001, b1=0.9, b2=0.999, epsilon=1e-7):
    m = v = 0.0
    product = 1.0
    for t, g in enumerate(gradients, 1):
        u, u_next = (b1 * (1 - 0.5 * 0.96**k) for k in (t, t + 1))
        product *= u
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        ahead = u_next * m / (1 - product * u_next) + (1 - u) * g / (1 - product)
        w -= lr * ahead / (math.sqrt(v / (1 - b2**t)) + epsilon)
        yield w


CASES = {
    "sgd": (optimizers.SGD(), loop_sgd, {}),
    "sgd momentum": (optimizers.SGD(0.05, momentum=0.9), loop_sgd, {"lr": 0.05, "momentum": 0.9}),
    "sgd nesterov": (
        optimizers.SGD(0.05, momentum=0.8, nesterov=True),
        loop_sgd,
        {"lr": 0.05, "momentum": 0.8, "nesterov": True},
    ),
    "rmsprop": (optimizers.RMSprop(), loop_rmsprop, {}),
    "rmsprop momentum": (optimizers.RMSprop(0.01, momentum=0.7), loop_rmsprop, {"lr": 0.01, "momentum": 0.7}),
    "rmsprop centered": (
        optimizers.RMSprop(0.01, rho=0.8, epsilon=1e-3, centered=True),
        loop_rmsprop,
        {"lr": 0.01, "rho": 0.8, "epsilon": 1e-3, "centered": True},
    ),
    "rmsprop both": (
        optimizers.RMSprop(0.01, momentum=0.5, epsilon=1e-2, centered=True),
        loop_rmsprop,
        {"lr": 0.01, "momentum": 0.5, "epsilon": 1e-2, "centered": True},
    ),
    "adagrad": (optimizers.Adagrad(), loop_adagrad, {}),
    "adagrad options": (
        optimizers.Adagrad(0.5, initial_accumulator_value=0.0, epsilon=0.01),
        loop_adagrad,
        {"lr": 0.5, "start": 0.0, "epsilon": 0.01},
    ),
    "adadelta": (optimizers.Adadelta(), loop_adadelta, {}),
    "adadelta options": (
        optimizers.Adadelta(1.0, rho=0.5, epsilon=1e-4),
        loop_adadelta,
        {"lr": 1.0, "rho": 0.5, "epsilon": 1e-4},
    ),
    "adam": (optimizers.Adam(), loop_adam, {}),
    "adam options": (
        optimizers.Adam(0.1, beta_1=0.5, beta_2=0.9, epsilon=0.1),
        loop_adam,
        {"lr": 0.1, "b1": 0.5, "b2": 0.9, "epsilon": 0.1},
    ),
    "adam without momentum": (optimizers.Adam(beta_1=0, beta_2=0.9), loop_adam, {"b1": 0, "b2": 0.9}),
    "amsgrad": (
        optimizers.Adam(0.01, beta_2=0.5, amsgrad=True),
        loop_adam,
        {"lr": 0.01, "b2": 0.5, "amsgrad": True},
    ),
    "adamw": (optimizers.AdamW(0.1), loop_adam, {"lr": 0.1, "decay": 0.004}),
    "adamax": (optimizers.Adamax(0.01, beta_2=0.9), loop_adamax, {"lr": 0.01, "b2": 0.9}),
    "nadam": (optimizers.Nadam(), loop_nadam, {}),
    "nadam options": (
        optimizers.Nadam(0.1, beta_1=0.5, beta_2=0.9, epsilon=0.01),
        loop_nadam,
        {"lr": 0.1, "b1": 0.5, "b2": 0.9, "epsilon": 0.01},
    ),
}
SHAPES = [(2, 3), (), (4,)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_follows_the_loop_for_50_steps(case, dtype):
    optimizer, loop, options = CASES[case]
    optimizer = type(optimizer).from_config(optimizer.get_config())
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=s).astype(dtype) for s in SHAPES]
    gradients = [
        [rng.normal(0, 10.0 ** rng.integers(-3, 3), s).astype(dtype) for s in SHAPES] for _ in range(50)
    ]
    variables = [Variable(w) for w in weights]
    wanted = {
        (k, at): list(loop(float(w[at]), [float(step[k][at]) for step in gradients], **options))
        for k, w in enumerate(weights)
        for at in np.ndindex(w.shape)
    }
    tolerance = {"float32": 2e-6, "float64": 1e-12}[dtype]
    for t, step in enumerate(gradients):
        optimizer.apply(step, variables)
        if t in (0, 4, 49):
            for (k, at), path in wanted.items():
                assert variables[k].dtype == dtype
                assert variables[k].numpy()[at] == pytest.approx(path[t], rel=tolerance, abs=tolerance)
    assert int(optimizer.iterations) == 50


# First steps by hand, from w = 1 with g = 2.
FIRST_STEPS = [
    (optimizers.SGD(0.1), 1 - 0.2),
    (optimizers.SGD(0.1, momentum=0.9, nesterov=True), 1 - 0.2 * 1.9),
    (optimizers.RMSprop(0.1, rho=0.75), 1 - 0.1 * 2 / math.sqrt(0.25 * 4 + 1e-7)),
    (optimizers.Adagrad(0.1), 1 - 0.1 * 2 / math.sqrt(4.1 + 1e-7)),
    (optimizers.Adadelta(1.0), 1 - math.sqrt(1e-7) * 2 / math.sqrt(0.05 * 4 + 1e-7)),
    # The uncorrected root of v is 2 √0.001, to which ε is added; the corrections cancel the rest.
    (
        optimizers.Adam(0.1, epsilon=0.01),
        1 - 0.1 * math.sqrt(0.001) * 2 / (2 * math.sqrt(0.001) + 0.01),
    ),
    (optimizers.AdamW(0.1, weight_decay=0.5), 0.95 - 0.1),
    (optimizers.Adamax(0.1), 1 - 0.1),
    # u_1 = 0.468, u_2 = 0.48528: m̂ = 0.48528 · 0.2 / (1 − 0.468 · 0.48528) + 0.532 · 2 / 0.532
    (optimizers.Nadam(0.1), 1 - 0.1 * (0.48528 * 0.2 / (1 - 0.468 * 0.48528) + 2) / 2),
]


@pytest.mark.parametrize(("optimizer", "wanted"), FIRST_STEPS, ids=lambda x: getattr(x, "name", ""))
def test_first_step_in_closed_form(optimizer, wanted):
    w = Variable(np.array([1.0]))
    optimizer.apply([[2.0]], [w])
    assert w.numpy()[0] == pytest.approx(wanted, rel=1e-6)


@given(
    st.integers(0, 40), st.sampled_from(["float32", "float64"]), st.sampled_from(sorted(CASES)), st.booleans()
)
@settings(deadline=None, max_examples=60)
def test_rules_change_nothing_and_keep_the_type(n, dtype, case, strided):
    optimizer = CASES[case][0]
    rng = np.random.default_rng(n)
    count = 2 + sum(len(block) for block in optimizer.slots())
    arrays = [np.abs(rng.normal(size=2 * n).astype(dtype)) for _ in range(count)]
    arrays = [a[::2] if strided else a[:n] for a in arrays]
    before = [a.copy() for a in arrays]
    w, g, *slots = arrays
    with kernels_off():
        new = optimizer.update(w, g, tuple(slots), Step(3, 0.1, 0.01))
    assert [(a.shape, a.dtype) for a in new] == [((n,), np.dtype(dtype))] * (count - 1)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))


def test_two_halves_of_the_variables_are_as_good_as_one_whole():
    """A weight's path does not depend on which other weights lie beside it in the flat array."""
    rng = np.random.default_rng(1)
    values, gradients = rng.normal(size=9), rng.normal(size=(5, 9))
    for case, (made, *_) in CASES.items():
        config = made.get_config()
        whole, split = Variable(values), [Variable(values[:4]), Variable(values[4:])]
        one, other = type(made).from_config(config), type(made).from_config(config)
        for g in gradients:
            one.apply([g], [whole])
            other.apply([g[:4], g[4:]], split)
        assert np.array_equal(whole.numpy(), np.concatenate([v.numpy() for v in split])), case


@pytest.mark.parametrize("n", [6, 7, 8, 14, 15])
@pytest.mark.parametrize("case", CASES)
def test_blocks_give_the_same_bits_as_the_whole(case, n, monkeypatch):
    optimizer = CASES[case][0]
    count = 2 + sum(len(block) for block in optimizer.slots())
    w, g, *slots = np.abs(np.random.default_rng(n).normal(size=(count, n)))
    with kernels_off():
        whole = optimizer.update(w, g, tuple(slots), Step(3, 0.1, 0.01))
        monkeypatch.setattr(arithmetic, "BLOCK", 7)
        blocks = optimizer.update(w, g, tuple(slots), Step(3, 0.1, 0.01))
    assert all(np.array_equal(a, b) for a, b in zip(whole, blocks, strict=True))


def test_momentum_product_is_the_product_even_far_out():
    for beta_1 in (0.9, 0.999):
        product = 1.0
        for t in range(1, 3001):
            product *= momentum_at(t, beta_1)
            if t in (1, 2, 10, 999, 1000, 1001, 3000):
                assert momentum_product(t, beta_1) == pytest.approx(product, rel=1e-11)


@pytest.mark.parametrize("g", [1e-3, -0.5, 3e4])
def test_the_first_step_of_adam_is_the_learning_rate_against_the_sign(g):
    w = Variable(np.float64(0.0))
    optimizers.Adam(0.1).apply([np.float64(g)], [w])
    assert float(w) == pytest.approx(-math.copysign(0.1, g), rel=0.004)
    assert abs(float(w)) == pytest.approx(0.1 * abs(g) / (abs(g) + 1e-7 / math.sqrt(1 - 0.999)), rel=1e-12)


def test_the_divisor_of_amsgrad_never_shrinks_though_its_steps_may_grow():
    w, m, v, v_max = (np.zeros(1) for _ in range(4))
    divisors, steps = [], []
    options = {"learning_rate": 0.1, "beta_1": 0.9, "beta_2": 0.9, "epsilon": 1e-7, "weight_decay": 0.0}
    for t, g in enumerate([1.0, -1.0, 0.1, 0.1, 0.5, 0.5, 0.5], 1):
        before = w
        w, m, v, v_max = amsgrad(w, np.array([g]), m, v, v_max, step=t, **options)
        divisors.append(float(v_max[0]))
        steps.append(abs(float(w[0] - before[0])))
    assert divisors == sorted(divisors)
    assert steps != sorted(steps, reverse=True)


def test_every_rule_finds_the_minimum_of_a_bowl():
    for made in (
        optimizers.SGD(0.1), optimizers.SGD(0.05, momentum=0.9, nesterov=True), optimizers.RMSprop(0.02),
        optimizers.Adagrad(1.0), optimizers.Adadelta(20.0), optimizers.Adam(0.1), optimizers.Adamax(0.1),
        optimizers.Nadam(0.1), optimizers.Adam(0.1, amsgrad=True),
    ):  # fmt: skip
        w = Variable([3.0, -2.0])
        made.build([w])
        for _ in range(400):
            made.flat.clear_gradients()
            ((w - np.array([1.0, 1.0], "float32")) ** 2).sum().backward()
            made.step()
        assert np.allclose(w.numpy(), 1, atol=0.05), made
