"""Time steps: together they are the whole layer, and each is what a loop over cells written out would see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl
from minidl import layers as L
from minidl.inspect.traced import trace
from minidl.models import Sequential
from minidl.tensor import Tensor

KINDS = {"lstm": L.LSTM, "gru": L.GRU, "simple_rnn": L.SimpleRNN}
CELLS = {"lstm": L.LSTMCell, "gru": L.GRUCell, "simple_rnn": L.SimpleRNNCell}


def step_of(layer, x, y_shape, mask_value=None):
    front = [] if mask_value is None else [L.Masking(mask_value)]
    model = Sequential([L.Input(x.shape[1:], dtype=layer.dtype), *front, layer])
    model.compile("sgd", "mse")
    return trace(model, x, np.ones(y_shape))


@given(
    kind=st.sampled_from(list(KINDS)),
    sizes=st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 3), st.integers(1, 4)),
    sequences=st.booleans(),
    backwards=st.booleans(),
    masked=st.booleans(),
    dropped=st.booleans(),
    options=st.fixed_dictionaries({
        "use_bias": st.booleans(), "activation": st.sampled_from(["tanh", "relu", "softsign"]),
    }),
    after=st.booleans(),
    kernels=st.booleans(),
)  # fmt: skip
def test_the_sum_over_the_steps_is_the_whole(
    kind, sizes, sequences, backwards, masked, dropped, options, after, kernels
):
    n, steps, features, units = sizes
    x = np.random.default_rng(sum(sizes)).normal(size=(n, steps, features))
    if masked:
        x[: n // 2 + 1, steps // 2 :] = 7.0
    if kind == "gru":
        options = {**options, "reset_after": after}
    rates = {"dropout": 0.3, "recurrent_dropout": 0.4} if dropped else {}
    layer = KINDS[kind](
        units,
        return_sequences=sequences,
        go_backwards=backwards,
        name="r",
        dtype="float64",
        **rates,
        **options,
    )
    shape = (n, steps, units) if sequences else (n, units)
    block = minidl.kernels_on if kernels else minidl.kernels_off
    if kernels:
        pytest.importorskip("numba")
    with block():
        traced = step_of(layer, x, shape, 7.0 if masked else None)["r"]
    found = traced.steps
    assert len(found) == steps
    assert [step.t for step in found] == list(range(steps))
    for name, weight in zip(("dw", "du", "db"), traced.weights, strict=False):
        whole = weight.gradient if weight.gradient is not None else 0
        total = sum(getattr(step, name) for step in found)
        np.testing.assert_allclose(total, whole, rtol=1e-9, atol=1e-12)
        assert found.norms(name).shape == (steps,)
    states = found.state("h")
    in_order = states[:, ::-1] if backwards else states
    np.testing.assert_allclose(
        traced.output, in_order if sequences else in_order[:, -1], rtol=1e-9, atol=1e-12
    )
    if not options["use_bias"]:
        assert found[0].db is None
    first = found[-1 if backwards else 0]
    assert not first.before["h"].any()


class Written(L.LSTMCell):
    """An LSTM cell that runs step by step, since its `call` is one's own: each of its states is on the tape."""

    def call(self, inputs, states, training=False):
        return super().call(inputs, states, training)


class WrittenGRU(L.GRUCell):
    """The same with a GRU."""

    def call(self, inputs, states, training=False):
        return super().call(inputs, states, training)


@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("backwards", [True, False])
@pytest.mark.parametrize(("layer", "cell"), [(L.LSTM, Written), (L.GRU, WrittenGRU)])
def test_the_same_as_a_loop_over_cells_on_the_graph(layer, cell, backwards, sequences):
    x = np.random.default_rng(1).normal(size=(3, 5, 2))
    options = {"return_sequences": sequences, "go_backwards": backwards, "dtype": "float64", "name": "r"}
    fused, loop = layer(4, **options), L.RNN(cell(4, dtype="float64"), **options)
    models = [Sequential([L.Input((5, 2), dtype="float64"), one]) for one in (fused, loop)]
    models[1].set_weights(models[0].get_weights())
    y = np.ones((3, 5, 4) if sequences else (3, 4))
    both = []
    for model in models:
        model.compile("sgd", "mse")
        both.append(trace(model, x, y)["r"].steps)
    for one, other in zip(*both, strict=True):
        assert one.t == other.t
        assert one.states.keys() == other.states.keys()
        for name in one.states:
            np.testing.assert_allclose(one.states[name], other.states[name], rtol=1e-10)
            np.testing.assert_allclose(one.gradients[name], other.gradients[name], rtol=1e-9, atol=1e-14)
        assert len(one.ops) == 0 < len(other.ops)
        assert {op.name for op in other.ops} >= {"Dense"}


def test_gates_and_states_of_an_lstm_by_hand():
    x = np.random.default_rng(2).normal(size=(2, 3, 2))
    traced = step_of(L.LSTM(2, dtype="float64", name="r"), x, (2, 2))["r"]
    w, u, b = (weight.value for weight in traced.weights)
    h = c = np.zeros((2, 2))
    for t, step in enumerate(traced.steps):
        i, f, g, o = np.split(x[:, t] @ w + h @ u + b, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-z)) for z in (i, f, o))
        g = np.tanh(g)
        np.testing.assert_array_equal(step.before["h"], traced.steps[t - 1].h if t else 0 * h)
        c = f * c + i * g
        h = o * np.tanh(c)
        assert list(step.gates) == ["i", "f", "g", "o"]
        for name, gate in zip("ifgo", (i, f, g, o), strict=True):
            np.testing.assert_allclose(step.gates[name], gate, rtol=1e-12)
        np.testing.assert_allclose(step.states["c"], c, rtol=1e-12)
        np.testing.assert_allclose(step.h, h, rtol=1e-12)
        np.testing.assert_array_equal(step.x, x[:, t])
    assert traced.steps.gate("f").shape == (2, 3, 2)


def test_gates_of_the_others():
    x = np.ones((1, 2, 2))
    gru = step_of(L.GRU(3, name="r"), x, (1, 3))["r"].steps
    assert list(gru[0].gates) == ["z", "r", "candidate"]
    simple = step_of(L.SimpleRNN(3, name="r"), x, (1, 3))["r"].steps
    assert simple[0].gates == {}
    with pytest.raises(ValueError, match="r has no gates called 'f'"):
        simple.gate("f")
    with pytest.raises(ValueError, match=r"r has no 'dc' at its steps, but .*dh"):
        simple.norms("dc")


@pytest.mark.parametrize("kind", list(KINDS))
def test_gradients_are_slopes(kind):
    """dL/d(a state) is how fast the loss changes when that state is pushed, in the middle of a sequence."""
    x = np.random.default_rng(3).normal(size=(2, 4, 3))
    traced = step_of(KINDS[kind](3, dtype="float64", name="r"), x, (2, 3))["r"]
    cell = traced.layer.cell
    for name in traced.steps[1].states:
        step = traced.steps[1]
        push = np.random.default_rng(4).normal(size=step.h.shape)
        slopes = (step.gradients[name] * push).sum()

        def loss(by, name=name, step=step, push=push):
            after = dict(step.states)
            after[name] = after[name] + by * push
            if name == "c":  # h of the same step is made from it
                after["h"] = step.gates["o"] * np.tanh(after["c"])
            states = [Tensor(state) for state in after.values()]
            for later in (2, 3):
                _, states = cell(Tensor(x[:, later]), states)
            return float(((states[0].numpy() - 1) ** 2).mean())

        assert (loss(1e-6) - loss(-1e-6)) / 2e-6 == pytest.approx(slopes, rel=1e-6)


def test_dx_of_each_step():
    x = np.random.default_rng(5).normal(size=(2, 4, 3)).astype("float32")
    for backwards in (False, True):
        traced = trace(L.GRU(3, go_backwards=backwards, name="r"), x)["r"]
        along = np.stack([step.dx for step in traced.steps], axis=1)
        np.testing.assert_allclose(along, traced.input_gradients[0], rtol=1e-4, atol=1e-6)


def test_masked_steps_hand_on():
    x = np.random.default_rng(6).normal(size=(2, 4, 3))
    x[0, 2:] = 0
    steps = step_of(L.LSTM(3, name="r"), x, (2, 3), 0.0)["r"].steps
    assert [step.mask.tolist() for step in steps] == [[True, True]] * 2 + [[False, True]] * 2
    for name in ("h", "c"):
        np.testing.assert_array_equal(steps[3].states[name][0], steps[1].states[name][0])
        np.testing.assert_allclose(steps[2].gradients["h"][0], steps[3].gradients["h"][0])
    assert not steps[3].dx[0].any()
    for t in (2, 3):  # the loss reads h alone, and no h is made from c in a masked step
        assert not steps[t].gradients["c"][0].any()
        assert steps[t].gradients["h"][0].any()
    assert steps[1].gradients["c"][0].any()
    assert "It counts for 1 of 2 samples" in str(steps[3])


def test_bidirectional():
    x = np.random.default_rng(7).normal(size=(2, 4, 3))
    model = Sequential([L.Input((4, 3)), L.Bidirectional(L.LSTM(2, return_sequences=True), name="both")])
    model.compile("sgd", "mse")
    traced = trace(model, x, np.zeros((2, 4, 4)))
    with pytest.raises(
        ValueError, match=r"trace\['both/forward_lstm'\]\.steps, trace\['both/backward_lstm'\]"
    ):
        assert traced["both"].steps
    one, other = traced["forward_lstm"].steps, traced["backward_lstm"].steps
    output = traced["both"].output
    np.testing.assert_allclose(one.state("h"), output[..., :2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(other.state("h"), output[..., 2:], rtol=1e-5, atol=1e-6)
    assert (one.go_backwards, other.go_backwards) == (False, True)
    assert [call.name for call in traced.recurrent] == ["both/forward_lstm", "both/backward_lstm"]


class Counting(L.Layer):
    """h_t = tanh(a·x_t + h_{t−1})."""

    state_size = 3

    def build(self, input_shape):
        self.a = self.add_weight((input_shape[-1], 3), name="a")

    def call(self, x, states):
        h = np.tanh(x @ self.a + states[0])
        return h, [h]


def test_a_cell_of_ones_own():
    x = np.random.default_rng(8).normal(size=(2, 4, 2)).astype("float32")
    traced = trace(L.RNN(Counting(), name="r"), x)["r"]
    h = np.zeros((2, 3))
    a = traced.weights[0].value
    for t, step in enumerate(traced.steps):
        h = np.tanh(x[:, t] @ a + h)
        np.testing.assert_allclose(step.h, h, rtol=1e-5, atol=1e-6)
        assert [op.name for op in step.ops] == ["MatMul", "add", "tanh"]
        assert (step.dw, step.gates) == (None, {})
    np.testing.assert_allclose(traced.steps[3].dh, np.ones((2, 3)))
    np.testing.assert_allclose(traced.steps[2].dh, 1 - h**2, rtol=1e-4, atol=1e-6)


class Apart(Counting):
    """The same, but what comes out is no state."""

    state_size = (3, 3)

    def call(self, x, states):
        h, _ = super().call(x, states[:1])
        return h * 2, [h, states[1] + h]


def test_an_output_that_is_no_state():
    traced = trace(L.RNN(Apart(), name="r"), np.ones((2, 3, 2), "float32"))
    steps = traced["r"].steps
    assert list(steps[0].states) == ["state_0", "state_1"]
    np.testing.assert_array_equal(steps[2].h * 2, traced["r"].output)
    np.testing.assert_allclose(steps.norms(), [step.norm("dstate_0") for step in steps])
    assert "|dL/dh|" in str(steps)


def test_a_stack_of_cells():
    x = np.ones((2, 3, 2), "float32")
    traced = trace(L.RNN([L.LSTMCell(3), L.GRUCell(2)], name="r"), x)
    steps = traced["r"].steps
    assert list(steps[0].states) == ["state_0", "state_1", "h"]
    np.testing.assert_array_equal(steps[2].h, traced["r"].output)
    np.testing.assert_array_equal(steps[2].dh, traced["r"].gradient)
    assert "|dL/dh|" in str(steps)
    assert "|dL/dh|" in str(traced)
    with pytest.raises(IndexError, match=rf"has time steps from 0 to {len(steps) - 1}, got 99"):
        steps[99]
    assert [state.shape for state in steps[0].states.values()] == [(2, 3), (2, 3), (2, 2)]


class Plain:
    """A cell that is no layer."""

    state_size = 2

    def __call__(self, x, states):
        return x + states[0], [x + states[0]]


def test_no_steps_to_be_seen():
    x = np.ones((2, 3, 2), "float32")
    with pytest.raises(ValueError, match=r"dense \(Dense\) has no time steps"):
        assert trace(L.Dense(2), x)["dense"].steps
    with pytest.raises(ValueError, match="r runs a Plain, whose steps cannot be seen"):
        assert trace(L.RNN(Plain(), name="r"), x)["r"].steps
    assert "r (RNN)" in str(trace(L.RNN(Plain(), name="r"), x))


def test_without_a_loss_and_without_steps():
    model = Sequential([L.Input((None, 2)), L.LSTM(3, name="r")])
    steps = trace(model, np.ones((2, 4, 2)))["r"].steps
    assert steps[0].gates["f"].shape == (2, 3)
    assert (steps[0].dh, steps[0].dw, steps.fading) == (None, None, None)
    assert np.isnan(steps.norms()).all()
    assert not steps.gradient().any()
    assert "No gradient comes back" in str(steps)
    empty = trace(L.LSTM(3, return_sequences=True, name="r"), np.ones((0, 4, 2)))["r"]
    assert len(empty.steps) == 4
    str(empty.steps)


def test_a_vanishing_gradient_shows():
    layer = L.SimpleRNN(2, recurrent_initializer=lambda shape, dtype=None: 0.5 * np.eye(2), name="r")
    x = np.zeros((1, 30, 1))
    model = Sequential([L.Input((30, 1)), layer])
    model.compile("sgd", "mse")
    traced = trace(model, x, np.ones((1, 2)))
    steps = traced["r"].steps
    np.testing.assert_allclose(
        steps.norms()[1:] / steps.norms()[:-1], 2, rtol=1e-5
    )  # h is 0, where tanh has slope 1
    assert steps.fading == pytest.approx(2.0**-29, rel=1e-4)
    assert "The gradient vanishes through time" in str(steps)
    assert "times 0.5 at each step" in " ".join(str(steps).split())
    assert "r |dL/dh| t=0…29" in str(traced)
    bars = [line.count("█") for line in str(steps).splitlines()]
    assert max(bars) == 50
    layer.set_weights([w * (8 if w.shape == (2, 2) else 1) for w in layer.get_weights()])
    exploding = trace(model, x, np.ones((1, 2)))["r"].steps
    assert "The gradient explodes through time" in str(exploding)


def test_bars_of_a_layer_that_goes_backwards():
    layer = L.SimpleRNN(
        1, recurrent_initializer=lambda shape, dtype=None: 0.1 * np.eye(1), go_backwards=True, name="r"
    )
    model = Sequential([L.Input((9, 1)), layer])
    model.compile("sgd", "mse")
    steps = trace(model, np.zeros((1, 9, 1)), np.ones((1, 1)))["r"].steps
    assert steps.fading == pytest.approx(1e-8, rel=1e-3)
    assert "(t=0) → " in str(steps)
    assert steps.norms()[0] > steps.norms()[8]
