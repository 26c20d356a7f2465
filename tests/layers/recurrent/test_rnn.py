"""What a recurrent layer does around its sequence: states, directions, masks, dropout, cells of one's own."""

import copy

import numpy as np
import pytest
from strategies import normal

import minidl
from minidl import Sequential, Tensor, backend, layers, random
from minidl.gradcheck import gradcheck
from minidl.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dense,
    Embedding,
    GRUCell,
    Input,
    Layer,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
)

EVERY = pytest.mark.parametrize("cls", [SimpleRNN, LSTM, GRU])
X = normal(0, (3, 5, 2), dtype="float32")[0]
MASK = np.array([[1, 1, 1, 1, 1], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]], bool)


def states_of(layer):
    return len(layer.cell.states)


@EVERY
def test_the_last_step_is_the_output_without_sequences(cls):
    layer = cls(4, return_sequences=True)
    y = layer(X).numpy()
    last = cls(4)
    last.build(X.shape)
    last.set_weights(layer.get_weights())
    assert np.array_equal(last(X).numpy(), y[:, -1])


@EVERY
@pytest.mark.parametrize("sequences", [False, True])
def test_states_come_after_the_output_and_begin_the_next_part(cls, sequences):
    layer = cls(4, return_sequences=sequences, return_state=True)
    y, *states = layer(X)
    assert len(states) == states_of(layer)
    assert all(s.shape == (3, 4) for s in states)
    assert np.array_equal(states[0].numpy(), y.numpy()[:, -1] if sequences else y.numpy())
    _, *middle = layer(X[:, :2])
    again, *after = layer(X[:, 2:], initial_state=middle)
    assert np.allclose(after[0].numpy(), states[0].numpy(), atol=1e-6)
    if sequences:
        assert np.allclose(again.numpy(), y.numpy()[:, 2:], atol=1e-6)
    old_spelling, *_ = layer([Tensor(X[:, 2:]), *middle])
    assert np.array_equal(old_spelling.numpy(), again.numpy())


@EVERY
def test_gradients_reach_the_initial_state(cls):
    layer = cls(3, return_state=True, dtype="float64")
    x, h = normal(1, (2, 4, 2), (2, 3))
    layer.build((None, 4, 2))
    states = [h] * states_of(layer)
    assert gradcheck(lambda x, *states: layer(x, initial_state=list(states))[0], x, *states)


@EVERY
def test_backwards_is_forwards_on_the_reversed_sequence(cls):
    layer = cls(4, return_sequences=True, go_backwards=True)
    y = layer(X, mask=MASK).numpy()
    forward = cls(4, return_sequences=True)
    forward.build(X.shape)
    forward.set_weights(layer.get_weights())
    assert np.array_equal(forward(X[:, ::-1], mask=MASK[:, ::-1]).numpy(), y)


@EVERY
def test_a_masked_step_changes_nothing_and_repeats_the_output(cls):
    layer = cls(4, return_sequences=True, return_state=True)
    y, *states = layer(X, mask=MASK)
    y = y.numpy()
    alone = layer(X[1:2, [1, 3]])[0].numpy()
    assert np.array_equal(y[1, 0], np.zeros(4))
    assert np.allclose(y[1, 1:], alone[0, [0, 0, 1, 1]], atol=1e-6)
    assert np.allclose(states[0].numpy()[1], alone[0, 1], atol=1e-6)
    assert not y[2].any()
    assert not states[0].numpy()[2].any()
    changed = X.copy()
    changed[1, [0, 2, 4]] = 7
    assert np.array_equal(layer(changed, mask=MASK)[0].numpy()[1], y[1])
    first = np.ones((3, 4), "float32")
    y, *states = layer(X, mask=MASK, initial_state=[first] * states_of(layer))
    assert np.array_equal(y.numpy()[2], np.ones((5, 4)))
    assert np.array_equal(states[0].numpy()[2], first[2])


def test_zero_output_for_mask():
    layer = LSTM(4, return_sequences=True, zero_output_for_mask=True)
    y = layer(X, mask=MASK).numpy()
    assert not y[~MASK].any()
    assert (y[MASK] != 0).all()


@EVERY
def test_the_mask_goes_on_with_a_sequence_only(cls):
    x = Tensor(X)
    x.mask = MASK
    assert np.array_equal(cls(4, return_sequences=True)(x).mask, MASK)
    assert cls(4)(x).mask is None
    y, *states = cls(4, return_sequences=True, return_state=True)(x)
    assert np.array_equal(y.mask, MASK)
    assert all(s.mask is None for s in states)


# --- stateful -----------------------------------------------------------------------------------------------


@EVERY
def test_stateful_goes_on_where_it_was(cls):
    whole = cls(4, return_sequences=True)
    y = whole(X).numpy()
    layer = cls(4, return_sequences=True, stateful=True, batch_input_shape=(3, None, 2))
    model = Sequential([layer])
    model.set_weights(whole.get_weights())
    parts = [model.predict(X[:, :2], verbose=0), model.predict(X[:, 2:], verbose=0)]
    assert np.allclose(np.concatenate(parts, axis=1), y, atol=1e-6)
    assert layer.get_weights()[0].shape == whole.get_weights()[0].shape
    assert len(layer.weights) == len(whole.weights)
    layer.reset_state()
    assert np.allclose(model.predict(X[:, :2], verbose=0), y[:, :2], atol=1e-6)


@EVERY
def test_stateful_through_training_evaluation_and_batches(cls):
    layer = cls(4, stateful=True, batch_input_shape=(3, 5, 2))
    model = Sequential([layer, Dense(1)])
    model.compile(minidl.optimizers.SGD(0.0), "mse")
    y = np.zeros((3, 1))

    def expected(runs):
        plain = cls(4, return_state=True)
        plain.build((None, 5, 2))
        plain.set_weights(layer.get_weights())
        states = None
        for _ in range(runs):
            _, *states = plain(X, initial_state=states)
        return states[0].numpy()

    model.fit(np.concatenate([X, X]), np.zeros((6, 1)), batch_size=3, epochs=2, shuffle=False, verbose=0)
    assert np.allclose(layer.states[0].numpy(), expected(4), atol=1e-6)
    model.evaluate(X, y, batch_size=3, verbose=0)
    assert np.allclose(layer.states[0].numpy(), expected(5), atol=1e-6)
    model.train_on_batch(X, y)
    assert np.allclose(layer.states[0].numpy(), expected(6), atol=1e-6)
    with pytest.raises(ValueError, match="batch of 3 samples, got 1"):
        model.fit(X[:1], y[:1], verbose=0)
    assert np.allclose(layer.states[0].numpy(), expected(6), atol=1e-6)


@EVERY
def test_states_are_taken_out_and_put_into_another_layer(cls):
    layer, other = (cls(4, stateful=True, batch_input_shape=(3, 5, 2)) for _ in range(2))
    assert layer.get_state() is None
    layer(X)
    other(X)
    other.set_weights(layer.get_weights())
    kept = layer.get_state()
    assert [array.shape for array in kept] == [(3, 4)] * states_of(layer)
    y = layer(X).numpy()
    other.set_state(kept)
    assert np.array_equal(other(X).numpy(), y)
    other.set_state([array[:2] for array in kept])  # a batch of another size
    assert other(X[:2]).shape == (2, 4)
    other.set_state(None)
    layer.reset_state()
    assert np.array_equal(other(X).numpy(), layer(X).numpy())


def test_states_of_another_layer_are_refused():
    layer = LSTM(4, stateful=True, batch_input_shape=(3, 5, 2))
    layer(X)
    before = layer.get_state()
    for wrong in ([], before[:1], [np.zeros((3, 5))] * 2, [np.zeros((3, 4)), np.zeros((2, 4))]):
        with pytest.raises(ValueError, match=r"LSTM.*set_state expects arrays of shapes"):
            layer.set_state(wrong)
    assert all(map(np.array_equal, layer.get_state(), before))


def test_a_step_that_fails_leaves_the_state():
    class Failing(Layer):
        def call(self, x):
            if self.fails:
                raise RuntimeError("now")
            return x

    failing = Failing()
    failing.fails = False
    layer = LSTM(4, stateful=True, batch_input_shape=(3, 5, 2))
    model = Sequential([layer, failing, Dense(1)])
    model.compile("sgd", "mse")
    model.train_on_batch(X, np.zeros((3, 1)))
    before = layer.states[0].numpy().copy()
    failing.fails = True
    with pytest.raises(RuntimeError):
        model.train_on_batch(X, np.zeros((3, 1)))
    assert np.array_equal(layer.states[0].numpy(), before)


def test_stateful_needs_a_fixed_batch():
    with pytest.raises(ValueError, match=r"stateful.*batch_size"):
        Sequential([Input((5, 2)), LSTM(4, stateful=True)])


# --- dropout ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fused", [True, False])
def test_dropout_is_the_same_at_every_step(fused):
    """Identity weights and constant input: what a unit gets from x is the same at all steps, 0 or x/(1 − rate)."""
    layer = SimpleRNN(6, use_bias=False, dropout=0.5, return_sequences=True, kernel_initializer="identity",
                      recurrent_initializer="zeros", activation="linear" if fused else lambda z: z * 1)  # fmt: skip
    x = np.ones((40, 5, 6), "float32")
    y = layer(x, training=True).numpy()
    assert set(np.unique(y)) == {0.0, 2.0}
    assert (y == y[:, :1]).all()
    assert np.array_equal(layer(x).numpy(), x)
    assert not np.array_equal(layer(x, training=True).numpy(), y)
    with random.training_step(3):
        one = layer(x, training=True).numpy()
    with random.training_step(3):
        assert np.array_equal(layer(x, training=True).numpy(), one)


@EVERY
@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_gradients_with_dropout(cls, activation):
    layer = cls(6, dropout=0.3, recurrent_dropout=0.3, activation=activation)
    assert gradcheck(layer, normal(3, (2, 4, 3))[0], training=True)


@EVERY
def test_fused_and_step_by_step_drop_the_same(cls):
    """The same layer and step number, once as one op and once cell by cell."""
    layer = cls(6, dropout=0.4, recurrent_dropout=0.4, return_sequences=True)
    with random.training_step(5):
        fused = layer(X, training=True).numpy()
    layer.cell._changed = True
    with random.training_step(5):
        assert np.allclose(layer(X, training=True).numpy(), fused, atol=1e-6)


def test_recurrent_dropout_drops_the_state():
    layer = SimpleRNN(50, use_bias=False, recurrent_dropout=0.5, activation="linear", kernel_initializer="zeros",
                      recurrent_initializer="identity", return_sequences=True)  # fmt: skip
    y = layer(np.zeros((4, 3, 2)), initial_state=np.ones((4, 50)), training=True).numpy()
    assert set(np.unique(y[:, 0])) == {0.0, 2.0}
    assert np.array_equal(y[:, 2], y[:, 0] ** 3)


# --- cells --------------------------------------------------------------------------------------------------


class Minimal(Layer):
    """h_t = h_{t−1}·a + x_t, with one weight."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units

    def build(self, input_shape):
        self.a = self.add_weight((self.units,), "random_normal", name="a")

    def call(self, inputs, states):
        h = states[0] * self.a + inputs
        return h * 2, [h]


def test_a_cell_of_ones_own_runs_through_autograd():
    layer = RNN(Minimal(2), return_sequences=True, return_state=True, dtype="float64")
    x = X.astype("float64")
    y, h = layer(x)
    a = layer.get_weights()[0]
    wanted, state = [], np.zeros((3, 2))
    for t in range(5):
        state = state * a + x[:, t]
        wanted.append(2 * state)
    assert np.allclose(y.numpy(), np.stack(wanted, 1), rtol=1e-6)
    assert np.allclose(h.numpy(), state, rtol=1e-6)
    assert gradcheck(RNN(Minimal(2)), x)
    assert gradcheck(Bidirectional(RNN(Minimal(2), return_sequences=True)), x)


def test_a_cell_of_ones_own_learns_in_a_model():
    model = Sequential([Input((5, 2)), RNN(Minimal(2)), Dense(1)])
    model.compile("adam", "mse")
    y = X.sum(axis=(1, 2))[:, None]
    history = model.fit(X, y, epochs=30, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_a_derived_cell_with_other_equations_is_not_fused():
    class Doubled(LSTMCell):
        def step(self, z, states, recurrent_factors):
            h, c = super().step(z, states, recurrent_factors)
            return [2 * h, c]

    cell, plain = Doubled(3), LSTMCell(3)
    layer, other = RNN(cell), RNN(plain)
    layer.build((None, 1, 2))
    other.build((None, 1, 2))
    other.set_weights(layer.get_weights())
    assert np.allclose(layer(X[:, :1]).numpy(), 2 * other(X[:, :1]).numpy(), rtol=1e-6)


def test_stacked_cells_are_layers_behind_each_other():
    stacked = RNN([LSTMCell(4), GRUCell(3), SimpleRNNCell(2)], return_sequences=True, return_state=True)
    y, *states = stacked(X)
    assert [s.shape for s in states] == [(3, 4), (3, 4), (3, 3), (3, 2)]
    chain = Sequential([Input((5, 2)), LSTM(4, return_sequences=True), GRU(3, return_sequences=True),
                        SimpleRNN(2, return_sequences=True)])  # fmt: skip
    chain.set_weights(stacked.get_weights())
    assert np.allclose(chain.predict(X, verbose=0), y.numpy(), atol=1e-6)
    again = RNN.from_config(stacked.get_config())
    again.build(X.shape)
    again.set_weights(stacked.get_weights())
    assert np.array_equal(again(X)[0].numpy(), y.numpy())


@pytest.mark.parametrize("cls", [LSTMCell, GRUCell, SimpleRNNCell])
def test_one_step_by_itself(cls):
    cell = cls(4)
    states = cell.get_initial_state(batch_size=3)
    y, after = cell(X[:, 0], states)
    assert y.shape == (3, 4)
    assert np.allclose(RNN(cell)(X[:, :1]).numpy(), y.numpy(), atol=1e-6)
    assert len(after) == len(states)
    assert cls.from_config(cell.get_config()).get_config() == cell.get_config()
    with pytest.raises(ValueError, match="states"):
        cell(X[:, 0], [*states, states[0]])


# --- counting, spelling, errors -----------------------------------------------------------------------------


def test_the_shape_of_the_sequence_comes_first_among_several():
    shapes = [(None, 5, 2), (None, 4), (None, 4)]
    assert LSTM(4).compute_output_shape(shapes) == (None, 4)
    assert LSTM(4, return_sequences=True).compute_output_shape(shapes) == (None, 5, 4)


def test_how_the_numbers_of_a_cell_are_made_up_in_words():
    words = {}
    for cell in (SimpleRNNCell(2, use_bias=False), LSTMCell(2), GRUCell(2)):
        cell.build((None, 3))
        words[type(cell).__name__] = cell.parameter_words
    assert words == {
        "SimpleRNNCell": "(features + units)·units",
        "LSTMCell": "(features + units + 1 bias)·4 gates·units",
        "GRUCell": "(features + units + 2 biases)·3 gates·units",
    }


@pytest.mark.parametrize(
    ("layer", "features", "formula", "count"),
    [
        (LSTM(32), 32, "(32 + 32 + 1)·4·32", 8320),
        (LSTM(256), 4096, "(4096 + 256 + 1)·4·256", 4457472),
        (GRU(64), 10, "(10 + 64 + 2)·3·64", 14592),
        (GRU(10, reset_after=False), 1, "(1 + 10 + 1)·3·10", 360),
        (SimpleRNN(64), 10, "(10 + 64 + 1)·64", 4800),
        (LSTM(3, use_bias=False), 2, "(2 + 3)·4·3", 60),
        (Bidirectional(GRU(8, use_bias=False)), 4, "2·(4 + 8)·3·8", 576),
    ],
)
def test_parameter_formulas(layer, features, formula, count):
    layer.build((None, 7, features))
    assert (layer.parameter_formula(), layer.count_params()) == (formula, count)


def test_old_spellings():
    model = Sequential()
    model.add(LSTM(units=256, input_dim=4096, input_length=16))
    assert model.input_shape == (None, 16, 4096)
    assert Sequential([layers.CuDNNLSTM(3, input_shape=(4, 2))]).count_params() == (2 + 3 + 1) * 4 * 3
    assert LSTM(2, input_dim=6).input_shape_hint == (None, None, 6)
    assert Sequential([layers.CuDNNGRU(3, input_shape=(4, 2))]).count_params() == (2 + 3 + 2) * 3 * 3
    assert LSTM(3, implementation=1).units == 3


def test_first_weights():
    kernel, recurrent, bias = Sequential([Input((4, 20)), LSTM(30)]).get_weights()
    assert bias.reshape(4, 30).tolist() == [[0] * 30, [1] * 30, [0] * 30, [0] * 30]
    assert np.allclose(recurrent @ recurrent.T, np.eye(30), atol=1e-5)
    limit = np.sqrt(6 / (20 + 120))
    assert 0.9 * limit < np.abs(kernel).max() <= limit
    assert not Sequential([Input((4, 2)), LSTM(3, unit_forget_bias=False)]).get_weights()[2].any()


def test_variables_are_called_as_in_keras():
    model = Sequential([Input((4, 2)), LSTM(3, name="memory")])
    paths = [v.path for v in model.weights]
    assert paths == [f"memory/lstm_cell/{name}" for name in ("kernel", "recurrent_kernel", "bias")]


@pytest.mark.parametrize(
    ("shape", "mend"),
    [((32, 8), "x[..., None]"), ((32, 8), "return_sequences=True"), ((2, 3, 4, 5), "Reshape")],
)
def test_the_wrong_rank_is_explained(shape, mend):
    with pytest.raises(ValueError, match="3-D input") as error:
        LSTM(3)(np.zeros(shape))
    assert mend in str(error.value)


def test_a_stacked_layer_needs_the_sequence():
    with pytest.raises(ValueError, match="return_sequences=True"):
        Sequential([Input((4, 1)), LSTM(3), LSTM(3)])


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: LSTM(0), ValueError, "LSTM expects units"),
        (lambda: LSTM(3, dropout=1.0), ValueError, "dropout"),
        (lambda: GRU(3, recurrent_dropout=-0.1), ValueError, "recurrent_dropout"),
        (lambda: GRU(3, reset_after="yes"), TypeError, "reset_after"),
        (lambda: LSTM(3, return_sequences=2), TypeError, "return_sequences"),
        (lambda: LSTM(3, activation="tan"), ValueError, "tanh"),
        (lambda: LSTM(3, unit=4), TypeError, "units"),
        (lambda: LSTM(3, seed=-1), ValueError, "seed"),
        (lambda: RNN(Dense(3)), TypeError, "state_size"),
        (lambda: RNN(LSTMCell), TypeError, "state_size"),
        (lambda: LSTM(3)(X, initial_state=[np.zeros((3, 3))]), ValueError, "initial_state"),
        (lambda: LSTM(3)(X, initial_state=[np.zeros((3, 3)), np.zeros((3, 4))]), ValueError, "initial_state"),
        (lambda: LSTM(3)(np.zeros((2, 0, 3))), ValueError, "shape"),
        (lambda: LSTM(3)(X, mask=np.ones((3, 4), bool)), ValueError, "mask"),
        (lambda: LSTM(3)(X, initial_state="zeros"), ValueError, "lstm.*initial_state"),
        (lambda: LSTM(3)(X, initial_state=[None, None]), ValueError, "lstm.*initial_state"),
        (lambda: Bidirectional(GRU(3))(X, initial_state=np.zeros((3, 3))), ValueError, "list of arrays"),
        (lambda: LSTM(3).build((None, 5, None)), ValueError, r"lstm \(LSTM\).*\(None, 5, None\)"),
        (lambda: LSTM(3, use_bias=2), TypeError, "LSTM expects use_bias"),
    ],
)
def test_what_is_refused(make, error, words):
    with pytest.raises(error, match=words) as caught:
        make()
    assert len(str(caught.value)) < 400


@EVERY
def test_another_number_of_features_is_refused(cls):
    for layer in (cls(4), Bidirectional(cls(4))):
        layer(X)
        with pytest.raises(ValueError, match=r"built for 2 features.*got 3"):
            layer(np.zeros((3, 5, 3)))


@EVERY
def test_what_belongs_to_the_cell_cannot_be_set_on_the_layer(cls):
    layer = cls(4, dropout=0.5)
    layer(X)
    assert layer.units == 4
    assert layer.kernel is layer.cell.kernel
    for name in ("units", "dropout", "use_bias", "activation", "bias"):
        with pytest.raises(AttributeError, match=f"{name} is settled"):
            setattr(layer, name, 1)
    assert layer.get_config()["dropout"] == 0.5
    assert not hasattr(layer, "unitss")
    again = copy.deepcopy(layer)
    assert again.units == 4
    assert again.kernel is not layer.kernel


@EVERY
@pytest.mark.parametrize("kernels", [False, True])
def test_what_fills_up_a_sequence_may_be_anything(cls, kernels):
    """NaN and infinity in masked steps reach neither the output nor a gradient."""
    layer = cls(4, return_sequences=True)
    clean, dirty = X.copy(), X.copy()
    clean[~MASK], dirty[~MASK] = 0, np.nan
    dirty[1, 0] = np.inf
    found = []
    for x in (clean, dirty):
        t = Tensor(x, requires_grad=True)
        with backend.kernels_on() if kernels else backend.kernels_off():
            y = layer(t, mask=MASK)
            y.sum().backward()
        found.append([y.numpy(), t.grad, *(v.grad for v in layer.weights)])
        for v in layer.weights:
            v.grad = None
    for a, b in zip(*found, strict=True):
        assert np.array_equal(a, b)


def test_a_cell_of_ones_own_may_be_shown_nonsense_in_masked_steps():
    class Log(Layer):
        state_size = 2

        def call(self, inputs, states):
            y = np.log(inputs + 1) + states[0]
            return y, [y]

    x = np.abs(X)
    x[~MASK] = np.nan
    assert np.isfinite(RNN(Log(), return_sequences=True)(x, mask=MASK).numpy()).all()


def test_stacks_take_cells_of_every_kind():
    class Bare:
        """No layer, one state, returned alone; it begins with ones."""

        state_size = np.int64(2)

        def __call__(self, inputs, states):
            return inputs + states[0], inputs + states[0]

        def get_initial_state(self, batch_size):
            return Tensor(np.ones((batch_size, 2), "float32"))

    one = RNN(Bare(), return_sequences=True)(X).numpy()
    assert np.allclose(one, 1 + np.cumsum(X, axis=1), atol=1e-6)
    two = RNN([Bare(), Bare()], return_sequences=True)(X).numpy()
    assert np.allclose(two, 1 + np.cumsum(one, axis=1), atol=1e-5)


def test_types_and_empty_batches_of_cells():
    assert RNN([LSTMCell(3), GRUCell(2)], dtype="float64").cell.dtype == "float64"
    assert RNN(LSTMCell(3, dtype="float64"))(X).dtype == "float64"
    assert [s.shape for s in LSTMCell(3).get_initial_state(0)] == [(0, 3)] * 2
    y = LSTM(3, return_state=True)(X)
    assert isinstance(y, tuple)


def test_a_shared_cell_keeps_its_first_path():
    cell = LSTMCell(3, name="shared")
    for name in ("a", "b"):
        RNN(cell, name=name).build((None, 5, 2))
    assert cell.kernel.path == "a/shared/kernel"


def test_text_to_classes_with_masks():
    """Padding does not change what a model says."""
    model = Sequential([Embedding(10, 4, mask_zero=True), LSTM(5), Dense(2)])
    short, padded = np.array([[3, 4, 5]]), np.array([[3, 4, 5, 0, 0]])
    assert np.allclose(model.predict(short, verbose=0), model.predict(padded, verbose=0), atol=1e-6)
