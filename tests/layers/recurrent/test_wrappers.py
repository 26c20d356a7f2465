"""Bidirectional and TimeDistributed."""

import numpy as np
import pytest
from strategies import normal

from minidl import Sequential, Tensor
from minidl.gradcheck import gradcheck
from minidl.layers import (
    GRU,
    LSTM,
    RNN,
    BatchNormalization,
    Bidirectional,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GRUCell,
    Input,
    Layer,
    LSTMCell,
    SimpleRNN,
    StackedRNNCells,
    TimeDistributed,
)

X = normal(0, (3, 5, 2), dtype="float32")[0]
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]], bool)


def halves(layer, **options):
    """What the two layers inside say by themselves, the second turned round."""
    forward, backward = (part(X, **options) for part in (layer.forward_layer, layer.backward_layer))
    return forward.numpy(), backward.numpy()[:, ::-1] if layer.return_sequences else backward.numpy()


MERGES = {
    "concat": lambda a, b: np.concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2,
}


@pytest.mark.parametrize("merge_mode", MERGES)
@pytest.mark.parametrize("sequences", [False, True])
def test_merging(merge_mode, sequences):
    layer = Bidirectional(LSTM(4, return_sequences=sequences), merge_mode=merge_mode)
    y = layer(X)
    assert y.shape == layer.compute_output_shape(X.shape)
    assert np.allclose(y.numpy(), MERGES[merge_mode](*halves(layer)), atol=1e-6)


def test_both_outputs_and_all_states():
    layer = Bidirectional(LSTM(4, return_sequences=True, return_state=True), merge_mode=None)
    forward, backward, *states = layer(X)
    assert [s.shape for s in states] == [(3, 4)] * 4
    assert layer.compute_output_shape((None, 5, 2)) == [(None, 5, 4)] * 2 + [(None, 4)] * 4
    assert np.array_equal(states[0].numpy(), forward.numpy()[:, -1])
    assert np.array_equal(states[2].numpy(), backward.numpy()[:, 0])
    again = layer(X, initial_state=states)
    one = layer.forward_layer(X, initial_state=states[:2])[0]
    assert np.array_equal(again[0].numpy(), one.numpy())
    with pytest.raises(ValueError, match="initial_state"):
        layer(X, initial_state=states[:3])


def test_each_direction_begins_with_its_own_states():
    layer = Bidirectional(LSTM(4), merge_mode=None)
    states = list(normal(7, *[(3, 4)] * 4))
    forward, backward = layer(X, initial_state=states)
    np.testing.assert_array_equal(forward, layer.forward_layer(X, initial_state=states[:2]))
    np.testing.assert_array_equal(backward, layer.backward_layer(X, initial_state=states[2:]))
    assert not np.allclose(backward, layer.backward_layer(X, initial_state=states[:2]))


def test_padding_does_not_matter():
    layer = Bidirectional(GRU(4, return_sequences=True))
    y = layer(X, mask=MASK).numpy()
    assert not y[~MASK].any()
    assert np.allclose(y[1:2, :3], layer(X[1:2, :3]).numpy(), atol=1e-6)
    x = Tensor(X)
    x.mask = MASK
    assert np.array_equal(layer(x).mask, MASK)
    assert Bidirectional(GRU(4))(x).mask is None


def test_names_weights_and_the_pattern():
    pattern = LSTM(4, name="memory")
    layer = Bidirectional(pattern)
    layer.build((None, 5, 2))
    assert (layer.forward_layer.name, layer.backward_layer.name) == ("forward_memory", "backward_memory")
    assert not pattern.built
    assert [w.shape for w in layer.weights] == [(2, 16), (4, 16), (16,)] * 2
    values = [np.full(w.shape, i, "float32") for i, w in enumerate(layer.weights)]
    given = Bidirectional(LSTM(4), weights=values)
    given.build((None, 5, 2))
    assert all(np.array_equal(a, b) for a, b in zip(given.get_weights(), values, strict=True))


def test_a_backward_layer_of_another_kind():
    layer = Bidirectional(LSTM(4), backward_layer=GRU(3, go_backwards=True), merge_mode="concat")
    with pytest.raises(ValueError, match="opposite"):
        Bidirectional(LSTM(4), backward_layer=GRU(4))
    with pytest.raises(ValueError, match="return_sequences"):
        Bidirectional(LSTM(4), backward_layer=GRU(4, go_backwards=True, return_sequences=True))
    assert layer(X).shape == (3, 7)
    assert layer.parameter_formula() == "(2 + 4 + 1)·4·4 + (2 + 3 + 2)·3·3"
    assert layer.compute_output_shape((None, 5, 2)) == (None, 7)


def test_the_formula_of_several_cells():
    import arithmetic

    layer = Bidirectional(RNN([LSTMCell(4), GRUCell(3)]))
    layer.build((None, 5, 2))
    assert arithmetic.value(layer.parameter_formula()) == layer.count_params()


def test_the_first_states_of_several_cells_are_one_for_each_sample():
    cells = StackedRNNCells([LSTMCell(4), GRUCell(3)])
    assert [state.shape for state in cells.get_initial_state(5)] == [(5, 4), (5, 4), (5, 3)]
    assert [state.shape for state in cells.get_initial_state()] == [(1, 4), (1, 4), (1, 3)]


def test_stateful_in_both_directions():
    layer = Bidirectional(SimpleRNN(3, stateful=True), batch_input_shape=(3, 5, 2))
    model = Sequential([layer])
    first, second = (model.predict(X, verbose=0) for _ in range(2))
    assert not np.array_equal(first, second)
    layer.reset_state()
    assert np.array_equal(model.predict(X, verbose=0), first)


@pytest.mark.parametrize("wrong", [Dense(3), LSTM, "LSTM", None, 3])
def test_only_recurrent_layers(wrong):
    with pytest.raises(ValueError, match="recurrent layer"):
        Bidirectional(wrong)


def test_an_unknown_merge_mode():
    with pytest.raises(ValueError, match="'concat' or 'sum' or 'ave' or 'mul' or None"):
        Bidirectional(LSTM(3), merge_mode="add")


def test_cells_of_ones_own_are_cloned_too():
    class Sum(Layer):
        state_size = 2

        def call(self, inputs, states):
            return states[0] + inputs, [states[0] + inputs]

    layer = Bidirectional(RNN(Sum(), return_sequences=True))
    y = layer(X).numpy()
    assert np.allclose(y[..., :2], np.cumsum(X, axis=1), atol=1e-6)
    assert np.allclose(y[..., 2:], np.cumsum(X[:, ::-1], axis=1)[:, ::-1], atol=1e-6)


# --- TimeDistributed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inner", "sample"),
    [(Dense(3), (2,)), (Conv2D(2, 3), (6, 5, 1)), (Flatten(), (2, 3)), (LSTM(3), (4, 2)),
     (Sequential([Input((2,)), Dense(3, activation="relu"), Dense(2)]), (2,))],
)  # fmt: skip
def test_it_is_the_layer_at_each_step(inner, sample):
    layer = TimeDistributed(inner)
    (x,) = normal(1, (2, 4, *sample), dtype="float32")
    y = layer(x).numpy()
    assert y.shape == layer.compute_output_shape(x.shape)
    assert np.allclose(y, np.stack([inner(x[:, t]).numpy() for t in range(4)], axis=1), atol=1e-6)


def test_batch_normalization_normalises_step_by_step():
    """Keras calls the layer once a step: statistics of each step alone, T updates of the running averages."""
    inner = BatchNormalization(momentum=0.5)
    (x,) = normal(2, (8, 3, 2), dtype="float32")
    x[:, 1] += 10
    y = TimeDistributed(inner)(x, training=True).numpy()
    assert np.abs(y.mean(axis=0)).max() < 1e-5
    mean = np.zeros(2)
    for t in range(3):
        mean = 0.5 * mean + 0.5 * x[:, t].mean(axis=0)
    assert np.allclose(inner.moving_mean.numpy(), mean, atol=1e-5)


def test_masks_reach_a_layer_that_takes_them_and_go_on():
    inner = LSTM(3)
    layer = TimeDistributed(inner)
    (x,) = normal(3, (2, 2, 4, 2), dtype="float32")
    mask = np.array([[[1, 1, 0, 0], [1, 1, 1, 1]], [[1, 0, 0, 0], [1, 1, 1, 0]]], bool)
    y = layer(x, mask=mask).numpy()
    for t in range(2):
        assert np.allclose(y[:, t], inner(x[:, t], mask=mask[:, t]).numpy(), atol=1e-6)
    sequence = Tensor(X)
    sequence.mask = MASK
    assert np.array_equal(TimeDistributed(Dense(3))(sequence).mask, MASK)


def test_dropout_and_gradients():
    gradcheck(TimeDistributed(Dropout(0.5)), X)
    gradcheck(TimeDistributed(Sequential([Dense(3, activation="tanh"), BatchNormalization()])), X)


def test_the_layers_of_the_third_seed():
    model = Sequential([
        TimeDistributed(Conv2D(64, (3, 3), activation="relu"), input_shape=(4, 50, 8, 1)),
        TimeDistributed(Conv2D(64, (3, 3), activation="relu")), TimeDistributed(Flatten()),
        LSTM(28, return_sequences=True), LSTM(28), Dense(1),
    ])  # fmt: skip
    assert [layer.count_params() for layer in model.layers] == [640, 36928, 0, 1322160, 6384, 29]
    assert [layer.output.shape for layer in model.layers[:3]] == [
        (None, 4, 48, 6, 64), (None, 4, 46, 4, 64), (None, 4, 11776),
    ]  # fmt: skip
    assert model.layers[0].shape_formulas() == ["(50 − 3 + 2·0)/1 + 1 = 48", "(8 − 3 + 2·0)/1 + 1 = 6"]


@pytest.mark.parametrize("wrong", [Dense, "Dense", None])
def test_only_layers(wrong):
    with pytest.raises(ValueError, match="TimeDistributed expects a layer"):
        TimeDistributed(wrong)


def test_too_few_axes():
    with pytest.raises(ValueError, match="time_distributed"):
        TimeDistributed(Dense(3))(np.zeros((3, 2)))


def test_configs_survive_json():
    import json

    for layer in (
        Bidirectional(LSTM(3, activation="relu"), merge_mode="sum"),
        Bidirectional(LSTM(3), backward_layer=GRU(3, go_backwards=True)),
        Bidirectional(LSTM(3), activity_regularizer="l2", merge_mode=None),
        TimeDistributed(Dense(2)),
        RNN([LSTMCell(2), LSTMCell(3)]),
    ):
        config = json.loads(json.dumps(layer.get_config()))
        again = type(layer).from_config(config)
        assert again.get_config() == layer.get_config()
        again.build((None, 5, 2))
        assert again.count_params() > 0
