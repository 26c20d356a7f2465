"""2,000 steps of recurrence in float32: within 10⁻⁶ of float64, the norms of gradients too; kernels or not."""

import numpy as np
import pytest
from kernel_cases import FUNCTIONS
from running import KERNELS, run, using

STEPS = 2000


def arrays(gates, dtype):
    rng = np.random.default_rng(4)
    units, inputs, n = 8, 3, 2
    bias = (2, 3 * units) if gates == 3 else (gates * units,)
    x = rng.normal(size=(n, STEPS, inputs))
    states = [np.zeros((n, units)) for _ in range(1 + (gates == 4))]
    w, u = (
        rng.normal(size=(inputs, gates * units)) / 4,
        np.concatenate([np.linalg.qr(rng.normal(size=(units, units)))[0] for _ in range(gates)], axis=1)
        * 0.9,
    )
    # drawn in float32, so that both compute with the same numbers
    return [a.astype("float32").astype(dtype) for a in (x, *states, w, u, np.zeros(bias))]


@KERNELS
@pytest.mark.parametrize("name", ["simple_rnn", "gru", "lstm"])
def test_two_thousand_steps(kernels, name):
    gates = {"simple_rnn": 1, "gru": 3, "lstm": 4}[name]
    options = {"activation": "tanh", "sequences": True, "mask": None}
    options |= {"recurrent_activation": "sigmoid"} if gates > 1 else {}
    options |= {"reset_after": True} if gates == 3 else {}
    dy = np.zeros((2, STEPS, 8))
    dy[:, -1] = 1.0
    wanted, wanted_gradients = run(FUNCTIONS[name], arrays(gates, "float64"), dy, **options)
    with using(kernels, FUNCTIONS[name]):
        got, gradients = run(FUNCTIONS[name], arrays(gates, "float32"), dy.astype("float32"), **options)
    if isinstance(got, tuple):  # the LSTM gives its last c too
        got, wanted = got[0], wanted[0]
    assert np.abs(got - wanted).max() < 1e-6
    for g, exact in zip(gradients, wanted_gradients, strict=True):
        assert np.linalg.norm(g) == pytest.approx(np.linalg.norm(exact), rel=1e-4, abs=1e-12)
        assert np.abs(g - exact).max() <= 2e-5 * np.abs(exact).max() + 1e-12


def test_truncated_to_a_few_steps_the_gradient_is_nearly_that_of_all():
    """What is far away no longer counts: the gradient of w through the last 200 of 2,000 steps is that of all."""
    options = {"activation": "tanh", "recurrent_activation": "sigmoid", "sequences": False, "mask": None}
    whole = arrays(4, "float64")
    y, _ = run(FUNCTIONS["lstm"], whole, **options)
    dy = np.ones_like(y[0])
    _, full = run(FUNCTIONS["lstm"], whole, dy, **options)
    begin, _ = run(FUNCTIONS["lstm"], [whole[0][:, :-200], *whole[1:]], **options)
    _, part = run(FUNCTIONS["lstm"], [whole[0][:, -200:], *begin, *whole[3:]], dy, **options)
    assert np.abs(full[3] - part[3]).max() < 1e-6 * np.abs(full[3]).max()
