"""The whole-sequence ops against the cell, which shares no code with them.

The cell is one step made of tensor operations; `step_by_step` chains it, and its gradient follows by itself.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registry.sequences import KINDS, problems
from strategies import normal

from minidl import Tensor, backend, layers
from minidl.layers.recurrent.loop import step_by_step
from minidl.layers.recurrent.lstm import LSTMFunction
from minidl.layers.recurrent.simple_rnn import SimpleRNNFunction

EVERY = pytest.mark.parametrize("kind", KINDS)
LAYERS_OF = {"simple_rnn": layers.SimpleRNN, "gru": layers.GRU, "lstm": layers.LSTM}


@EVERY
@settings(deadline=None, max_examples=40)
@given(data=st.data(), kernels=st.booleans())
def test_against_the_cell(kind, data, kernels):
    arrays, options = data.draw(problems(kind))
    x, *states, w, u, b = arrays
    more = {n: options[n] for n in ("activation", "recurrent_activation", "reset_after") if n in options}
    layer = LAYERS_OF[kind](len(u), use_bias=b is not None, dtype="float64", **more)
    layer.build((None, *x.shape[1:]))
    layer.set_weights([a for a in (w, u, b) if a is not None])
    layer.cell._dropout = lambda *_: (None, options["recurrent_factors"])
    mask = options["mask"]

    def gradients(run):
        tensors = [Tensor(a, requires_grad=True) for a in (x, *states)]
        for v in layer.weights:
            v.grad = None
        y, last = run(tensors[0], tensors[1:])
        (y + last).backward()
        return [float(y), *(t.grad for t in tensors), *(v.grad for v in layer.weights)]

    dy, dc = normal(1, (*x.shape[:2], len(u)), (len(x), len(u)))

    def fused(x, states):
        with backend.kernels_on() if kernels else backend.kernels_off():
            y, others = layer.cell.sequence(x, states, mask, True, options["sequences"])
        part = (y * dy).sum() if options["sequences"] else (y * dc).sum()
        return part, (others[0] * dc).sum() if others else 0 * part

    def looped(x, states):
        y, after = step_by_step(layer.cell, x, states, mask, True, options["sequences"])
        part = (y * dy).sum() if options["sequences"] else (y * dc).sum()
        return part, (after[1] * dc).sum() if kind == "lstm" else 0 * part

    for ours, wanted in zip(gradients(fused), gradients(looped), strict=True):
        assert np.allclose(ours, wanted, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize(
    ("kind", "reset_after"), [("simple_rnn", True), ("lstm", True), ("gru", True), ("gru", False)]
)
def test_by_hand(kind, reset_after):
    """Two steps with one unit and one feature, written out with Python numbers."""
    from math import exp, tanh

    def sigmoid(z):
        return 1 / (1 + exp(-z))

    x, h, c = (0.5, -1.0), 0.2, 0.3
    if kind == "simple_rnn":
        for x_t in x:
            h = tanh(0.7 * x_t - 0.4 * h + 0.1)
        w, u, b, states, more = [[0.7]], [[-0.4]], [0.1], [[0.2]], {}
    elif kind == "lstm":
        w, u, b = [[0.1, 0.2, 0.3, 0.4]], [[0.5, 0.6, 0.7, 0.8]], [0.01, 0.02, 0.03, 0.04]
        for x_t in x:
            i, f, g, o = (w_k * x_t + u_k * h + b_k for w_k, u_k, b_k in zip(w[0], u[0], b, strict=True))
            c = sigmoid(f) * c + sigmoid(i) * tanh(g)
            h = sigmoid(o) * tanh(c)
        states, more = [[0.2], [0.3]], {"recurrent_activation": "sigmoid"}
    elif not reset_after:
        w, u, b = [[0.1, 0.2, 0.3]], [[0.5, 0.6, 0.7]], [0.01, 0.02, 0.03]
        for x_t in x:
            z, r = (sigmoid(w[0][k] * x_t + u[0][k] * h + b[k]) for k in (0, 1))
            candidate = tanh(w[0][2] * x_t + b[2] + r * h * u[0][2])
            h = z * h + (1 - z) * candidate
        states, more = [[0.2]], {"recurrent_activation": "sigmoid", "reset_after": False}
    else:
        w, u, b = [[0.1, 0.2, 0.3]], [[0.5, 0.6, 0.7]], [[0.01, 0.02, 0.03], [0.04, 0.05, 0.06]]
        for x_t in x:
            z, r = (sigmoid(w[0][k] * x_t + u[0][k] * h + b[0][k] + b[1][k]) for k in (0, 1))
            candidate = tanh(w[0][2] * x_t + b[0][2] + r * (u[0][2] * h + b[1][2]))
            h = z * h + (1 - z) * candidate
        states, more = [[0.2]], {"recurrent_activation": "sigmoid", "reset_after": True}
    arrays = [np.array([[[v] for v in x]]), *(np.array([s]) for s in states), *map(np.array, (w, u, b))]
    made = KINDS[kind][0].apply(
        *arrays, activation="tanh", sequences=False, mask=None, recurrent_factors=None, **more
    )
    y = made[0] if kind == "lstm" else made
    assert float(y[0, 0]) == pytest.approx(h, rel=1e-14)
    if kind == "lstm":
        assert float(made[1][0, 0]) == pytest.approx(c, rel=1e-14)


@EVERY
def test_whoever_does_not_say_what_is_needed_gets_all(kind):
    layer = LAYERS_OF[kind](2)
    layer.build((None, 3, 4))
    x, *states = normal(0, (5, 3, 4), *[(5, 2)] * len(layer.cell.states))
    function, options = layer.cell.function, layer.cell._options() | {"sequences": False}
    if kind == "gru":
        options["reset_after"] = True
    y, cache = function.forward(x, *states, *layer.get_weights(), **options)
    dy = tuple(map(np.ones_like, y)) if isinstance(y, tuple) else np.ones_like(y)
    gradients = function.backward(dy, cache)
    shapes = [a.shape for a in (x, *states, *layer.get_weights())]
    assert [g.shape for g in gradients] == shapes


@EVERY
@pytest.mark.parametrize("kernels", [False, True])
def test_two_thousand_steps(kind, kernels):
    """No recursion, no overflow, no NaN. (The gradient of the first input has long vanished.)"""
    layer = LAYERS_OF[kind](4, dtype="float64", kernel_initializer="random_normal")
    x = Tensor(normal(0, (2, 2000, 3))[0], requires_grad=True)
    with backend.kernels_on() if kernels else backend.kernels_off():
        y = layer(x)
        (y * y).sum().backward()
    assert np.isfinite(x.grad).all()
    assert np.abs(x.grad[:, -1]).max() > 0
    assert all(np.isfinite(v.grad).all() for v in layer.weights)


@pytest.mark.parametrize("kernels", [False, True])
def test_a_gradient_travels_a_thousand_steps(kernels):
    """Where the forget gate is open, f = σ(20) ≈ 1 and dc_1 = dc_T; a linear SimpleRNN hands on dh Uᵀ each step."""
    steps = 1000
    x = np.zeros((1, steps, 1))
    w, u, b = np.zeros((1, 8)), np.zeros((2, 8)), np.repeat([20.0, 20.0, 0.3, 20.0], 2)
    c0 = Tensor(np.zeros((1, 2)), requires_grad=True)
    options = {"sequences": False, "mask": None, "recurrent_factors": None}
    with backend.kernels_on() if kernels else backend.kernels_off():
        _, c = LSTMFunction.apply(
            x, np.zeros((1, 2)), c0, w, u, b, activation="tanh", recurrent_activation="sigmoid", **options
        )
        c.sum().backward()
        assert np.allclose(c0.grad, (1 / (1 + np.exp(-20))) ** steps, rtol=1e-9)
        angle = 0.1
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        h0 = Tensor(np.zeros((1, 2)), requires_grad=True)
        h = SimpleRNNFunction.apply(x, h0, np.zeros((1, 2)), turn, None, activation="linear", **options)
        h[0, 0].backward()
    assert np.allclose(h0.grad, [[np.cos(steps * angle), -np.sin(steps * angle)]], atol=1e-9)


@EVERY
def test_the_loop_over_the_cell_takes_long_sequences_too(kind):
    layer = LAYERS_OF[kind](3, activation="gelu")
    x = Tensor(normal(0, (1, 1500, 2), dtype="float32")[0], requires_grad=True)
    layer(x).sum().backward()
    assert np.isfinite(x.grad).all()
