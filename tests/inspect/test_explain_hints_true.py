"""Hints that hold for one layer and not for its twin with another option."""

import pytest

from minidl import layers
from minidl.inspect.explanation import explain
from minidl.models import Sequential


def hints(target, input_shape=None):
    return {hint.topic: hint.text for layer in explain(target, input_shape).layers for hint in layer.hints}


def test_a_mask_of_another_value_than_zero_changes_numbers():
    assert "changes no number" in hints(layers.Masking(), (3, 2))["mask value"]
    assert "become zero" in hints(layers.Masking(-1.0), (3, 2))["mask value"]


@pytest.mark.parametrize(
    ("first", "shape"),
    [(layers.Dense(4), (6, 3)), (layers.Conv2D(4, 3), (6, 6, 3)), (layers.Conv1D(4, 3), (6, 3))],
)
def test_only_a_normalisation_of_the_channels_takes_biases_away(first, shape):
    for norm, takes in (
        (layers.BatchNormalization(), True),
        (layers.BatchNormalization(axis=len(shape)), True),
        (layers.BatchNormalization(axis=1), False),
        (layers.BatchNormalization(trainable=False), False),
    ):
        one = type(first).from_config(first.get_config())
        assert ("bias" in hints(Sequential([layers.Input(shape), one, norm]))) == takes


def test_a_frozen_normalisation_does_the_same_in_training():
    frozen = explain(layers.BatchNormalization(trainable=False), (3,)).layers[0]
    assert "inference" not in {hint.topic for hint in frozen.hints}
    assert not any("batch" in line.text for line in frozen.equations)
    assert "moving = " in str(explain(layers.BatchNormalization(), (3,)))


def test_a_stateful_layer_remembers_with_a_single_step():
    assert "single step" in hints(layers.LSTM(3), (1, 4))
    stateful = Sequential([layers.Input(batch_shape=(2, 1, 4)), layers.LSTM(3, stateful=True)])
    assert "single step" not in hints(stateful)


@pytest.mark.parametrize("sequences", [True, False])
def test_where_reading_ends(sequences):
    there, back = (
        hints(layers.GRU(3, return_sequences=sequences, go_backwards=backwards), (5, 2))["return_sequences"]
        for backwards in (False, True)
    )
    assert "last" in there
    assert "first step" in back or "first time step" in back


def test_the_direction_of_the_second_layer():
    def directions(forward):
        inner, other = (layers.LSTM(3, go_backwards=b) for b in (not forward, forward))
        return hints(layers.Bidirectional(inner, backward_layer=other), (5, 2))["directions"]

    assert "from the last step to the first" in directions(True)
    assert "from the first step to the last" in directions(False)


def test_weights_of_a_model_for_each_step_have_names_of_their_own():
    inner = Sequential([layers.Input((4,)), layers.Dense(3), layers.Dense(2)])
    names = [w.name for w in explain(layers.TimeDistributed(inner), (6, 4)).layers[0].weights]
    assert len(set(names)) == 4


def test_a_series_of_any_length():
    assert explain(layers.GRU(4), (None, 3)).layers[0].input_shapes == ((None, None, 3),)
    assert explain(layers.Dense(4), (None, 3)).layers[0].input_shapes == ((None, 3),)
    with pytest.raises(ValueError, match="expects 3-D input"):
        explain(layers.GRU(4), (None,))
