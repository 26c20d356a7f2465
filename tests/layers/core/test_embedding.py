"""Embedding: looking up, the gradient of repeated ids, rows instead of tables, and ids that are wrong."""

import json

import numpy as np
import pytest

from minidl import Sequential, Tensor, backend
from minidl.gradcheck import gradcheck
from minidl.graph import RowGradient, walk
from minidl.layers import Dense, Embedding, Flatten
from minidl.layers.core.embedding import EmbeddingFunction, embedding_backward, embedding_forward
from minidl.variable import FlatWeights, Variable

IDS = np.array([[3, 0, 3], [1, 3, 0]])


def by_loops(ids, dy, rows):
    """The gradient of the table, an id at a time."""
    table = np.zeros((rows, dy.shape[-1]))
    for i in np.ndindex(ids.shape):
        table[ids[i]] += dy[i]
    return table


def test_lookup():
    layer = Embedding(4, 2, weights=np.arange(8.0).reshape(4, 2))
    assert layer(IDS).numpy().tolist() == [[[6, 7], [0, 1], [6, 7]], [[2, 3], [6, 7], [0, 1]]]
    assert layer(IDS[:, 0]).shape == (2, 2)
    assert layer(IDS.tolist()).mask is None


@pytest.mark.parametrize("kernels", [backend.kernels_off, backend.kernels_on])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradient_of_repeated_ids(kernels, dtype):
    table = Variable(np.zeros((5, 3)), dtype=dtype)
    dy = np.random.default_rng(0).normal(size=(2, 3, 3)).astype(dtype)
    with kernels():
        EmbeddingFunction.apply(IDS, table).backward(gradient=dy)
    assert table.grad.dtype == dtype
    np.testing.assert_allclose(table.grad, by_loops(IDS, dy, 5), rtol=1e-6)


@pytest.mark.parametrize("kernels", [backend.kernels_off, backend.kernels_on])
def test_many_small_gradients_of_one_id_are_not_lost(kernels):
    table = Variable(np.zeros((1, 1), "float32"))
    dy = np.full((200_001, 1), 0.01, "float32")
    dy[0] = 1e6
    with kernels():
        EmbeddingFunction.apply(np.zeros(200_001, int), table).backward(gradient=dy)
    assert float(table.grad[0, 0]) == pytest.approx(1e6 + 2000, rel=1e-7)


def test_gradcheck():
    assert gradcheck(
        lambda table: EmbeddingFunction.apply(IDS, table), np.random.default_rng(0).normal(size=(4, 3))
    )


def test_an_empty_batch():
    y, cache = embedding_forward(np.zeros((0, 3), int), np.ones((4, 2)))
    assert y.shape == (0, 3, 2)
    rows, values = embedding_backward(y, cache)[1]
    assert rows.shape == (0,)
    assert values.shape == (0, 2)


# --- rows instead of tables -----------------------------------------------------------------------------------


def test_the_walk_hands_on_rows_and_a_home_takes_them_in():
    table = Variable(np.zeros((5, 3), "float32"))
    flat = FlatWeights([table])
    flat.groups[0].gradients[:] = 99
    y = EmbeddingFunction.apply(IDS, table)
    dy = np.random.default_rng(0).normal(size=y.shape).astype("float32")
    ((tensor, gradient),) = walk(y, dy, retain_graph=True)
    assert tensor is table
    assert isinstance(gradient, RowGradient)
    assert gradient.rows.tolist() == [0, 1, 3]
    wanted = by_loops(IDS, dy, 5)
    np.testing.assert_allclose(np.asarray(gradient), wanted, rtol=1e-6)
    for n in (1, 2):
        y.backward(gradient=dy, retain_graph=True)
        np.testing.assert_allclose(flat.groups[0].gradients.reshape(5, 3), n * wanted, rtol=1e-6)


def test_rows_add_up_with_rows_and_with_tables():
    table = Variable(np.random.default_rng(0).normal(size=(4, 2)))
    for loss in (
        lambda e: e(IDS).sum() + e(IDS[:1]).sum(),
        lambda e: e(IDS).sum() + (table * 3.0).sum(),
        lambda e: (table * 3.0).sum() + e(IDS).sum(),
        lambda e: (e(IDS) @ table.T).sum(),
    ):
        assert gradcheck(
            lambda t, loss=loss: loss(lambda ids: EmbeddingFunction.apply(ids, t)), table.numpy()
        )


def test_a_table_that_is_computed():
    assert gradcheck(
        lambda t: EmbeddingFunction.apply(IDS, t * t), np.random.default_rng(0).normal(size=(4, 2))
    )


def test_a_table_without_a_home_gathers_gradients():
    table = Variable(np.zeros((4, 1), "float32"))
    for _ in range(2):
        EmbeddingFunction.apply(IDS, table).sum().backward()
    assert table.grad.ravel().tolist() == [4, 2, 0, 6]


def test_rows_that_do_not_fit_the_table_are_refused():
    with pytest.raises(ValueError, match="2 rows of a table"):
        RowGradient(np.array([0, 1]), np.zeros((2, 3)), (4, 2))


# --- the layer ------------------------------------------------------------------------------------------------


def test_mask_zero():
    layer = Embedding(4, 2, mask_zero=True)
    assert layer(IDS).mask.tolist() == (IDS != 0).tolist()
    assert layer.supports_masking


def test_older_spelling_of_the_input_shape_builds_the_model_at_once():
    model = Sequential([Embedding(50, 4, input_length=6), Flatten(), Dense(1)])
    assert model.input_shape == (None, 6)
    assert model.output_shape == (None, 1)
    assert model.count_params() == 50 * 4 + 24 + 1


def test_whole_floats_are_ids():
    layer = Embedding(4, 2)
    assert np.array_equal(layer(IDS.astype("float32")).numpy(), layer(IDS).numpy())
    assert np.array_equal(layer(IDS.astype("uint8")).numpy(), layer(IDS).numpy())


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([[0, 1], [7, 2]], r"words .* expects ids from 0 to 4 .* got 7 at position \(1, 0\)"),
        ([[0, -1]], r"got -1 at position \(0, 1\)"),
        ([[0.0, 1.5]], r"expects whole numbers, got 1.5 at position \(0, 1\)"),
        ([[np.nan, 1.0]], r"expects whole numbers, got nan"),
    ],
)
def test_ids_that_are_none(ids, message):
    with pytest.raises(ValueError, match=message) as error:
        Embedding(5, 2, name="words")(np.array(ids))
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((0, 2), ValueError),
        ((5, 0), ValueError),
        ((5.5, 2), TypeError),
        ((5, 2, "uniform", None, None, "yes"), TypeError),
    ],
)
def test_arguments_are_checked(arguments, error):
    with pytest.raises(error, match="Embedding expects"):
        Embedding(*arguments)


def test_its_numbers_are_floats():
    with pytest.raises(ValueError, match="Embedding expects dtype to be a float type"):
        Embedding(5, 2, dtype="int32")


def test_weights_to_begin_with_must_fit_and_are_no_part_of_the_config():
    for given in ([[0.1, 0.2]], [[[0.1, 0.2]]], np.array([[0.1, 0.2]]), [np.array([[0.1, 0.2]])]):
        layer = Embedding(1, 2, weights=given)  # a table of one row, and the same in a list
        assert layer.get_weights()[0].tolist() == np.array([[0.1, 0.2]], "float32").tolist()
    layer = Embedding(3, 2, weights=[np.ones((3, 2))])
    assert layer.built
    assert "weights" not in json.loads(json.dumps(layer.get_config()))
    with pytest.raises(ValueError, match=r"has shape \(3, 2\), got \(2, 2\)"):
        Embedding(3, 2, weights=np.ones((2, 2)))


def test_first_weights_lie_within_a_twentieth():
    layer = Embedding(200, 50)
    layer.build((None, 3))
    table = layer.embeddings.numpy()
    assert 0.049 < np.abs(table).max() <= 0.05


def test_a_model_learns_which_ids_matter():
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 20, (200, 5))
    y = (ids == 7).any(axis=1).astype(float)[:, None]
    model = Sequential([Embedding(20, 4, input_length=5), Flatten(), Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    model.optimizer.learning_rate = 0.02
    history = model.fit(ids, y, epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.1 * history[0]


def test_a_frozen_table_gets_no_gradient():
    layer = Embedding(4, 2, trainable=False)
    y = layer(IDS)
    assert not y.requires_grad
    assert not (y * Tensor(1.0)).requires_grad
