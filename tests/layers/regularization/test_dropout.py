"""Dropout: shares, shapes of masks, inference, and masks that can be drawn again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import LAYOUTS, laid_out
from strategies import normal, seeds

from minidl import Tensor, random
from minidl.gradcheck import gradcheck
from minidl.layers import Dropout
from minidl.layers.regularization.dropout import DropoutFunction, dropout_factors

rates = st.floats(0.01, 0.95)


@settings(deadline=None, max_examples=50)
@given(rate=rates, seed=st.integers(0, 99), dtype=st.sampled_from(["float32", "float64"]))
def test_survivors_grow_and_the_rest_is_zero(rate, seed, dtype):
    x = np.arange(1.0, 2001.0).astype(dtype)
    y = Dropout(rate, seed=seed, dtype=dtype)(x, training=True).numpy()
    assert y.dtype == dtype
    kept = y != 0
    assert np.allclose(y[kept], x[kept] / (1 - rate), rtol=1e-6)
    spread = np.sqrt(rate * (1 - rate) / x.size)
    assert abs(1 - kept.mean() - rate) < 6 * spread


@settings(deadline=None, max_examples=20)
@given(rate=st.floats(0, 0.99), training=st.sampled_from([None, False]))
def test_inference_is_the_identity(rate, training):
    x = Tensor(np.ones((3, 4), np.float32))
    assert Dropout(rate)(x, training=training) is x


def test_rate_0_is_the_identity_in_training_too():
    x = Tensor(np.ones((3, 4), np.float32))
    assert Dropout(0)(x, training=True) is x


@settings(deadline=None, max_examples=40)
@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=4), data=st.data())
def test_noise_shape_shares_the_mask(shape, data):
    noise = tuple(data.draw(st.sampled_from([1, None, n])) for n in shape)
    y = Dropout(0.5, noise_shape=noise, seed=3)(np.ones(shape), training=True).numpy()
    assert y.shape == tuple(shape)
    assert set(np.unique(y)) <= {0, 2}
    for axis, n in enumerate(noise):
        if n == 1:
            assert np.array_equal(y, np.repeat(y.take([0], axis), shape[axis], axis))


def test_a_spatial_mask_differs_between_channels():
    y = Dropout(0.5, noise_shape=(None, 1, None), seed=1)(np.ones((20, 5, 20)), training=True).numpy()
    assert 100 < np.count_nonzero(y[:, 0]) < 300
    assert np.array_equal(y[:, 0], y[:, 4])


@pytest.mark.parametrize(
    ("noise", "shape"), [((4, 3), (1, 3)), ((2, 3), (4, 3)), ((1,), (4, 3)), ((1, 1, 1), (4, 3))]
)
def test_a_noise_shape_that_does_not_fit(noise, shape):
    with pytest.raises(
        ValueError, match=r"drop \(Dropout\) has noise_shape .* does not fit an input of shape"
    ):
        Dropout(0.5, noise_shape=noise, name="drop")(np.ones(shape), training=True)


@settings(deadline=None, max_examples=40)
@given(
    shape=st.lists(st.integers(0, 4), min_size=1, max_size=3), seed=seeds, x_layout=st.sampled_from(LAYOUTS),
    dy_layout=st.sampled_from(LAYOUTS), dtype=st.sampled_from("fd"), shared=st.booleans(),
)  # fmt: skip
def test_the_op(shape, seed, x_layout, dy_layout, dtype, shared):
    x, dy = normal(seed, shape, shape, dtype=dtype)
    words = np.array([seed, 1, 2, 3], np.uint64)
    options = {"rate": 0.3, "shared": tuple(range(len(shape) - 1)) if shared else ()}
    factors = dropout_factors(words, 0.3, shape[-1:] if shared else shape, dtype)
    y, cache = DropoutFunction.forward(laid_out(x, x_layout), words, **options)
    dx, nothing = DropoutFunction.backward(laid_out(dy, dy_layout), cache)
    assert nothing is None
    assert y.dtype == dx.dtype == dtype
    assert set(factors.ravel()) <= {0, np.dtype(dtype).type(1 / 0.7)}
    for at in np.ndindex(*shape):
        factor = factors[at[-1:] if shared else at]
        assert y[at] == x[at] * factor
        assert dx[at] == dy[at] * factor


def test_gradients_with_the_mask_held_still():
    gradcheck(Dropout(0.5), *normal(0, (3, 4)))
    gradcheck(Dropout(0.3, noise_shape=(None, 1)), *normal(0, (3, 4)))


# --- which mask --------------------------------------------------------------------------------------------


def mask(layer, step=None):
    x = np.ones((4, 50))
    if step is None:
        return layer(x, training=True).numpy()
    with random.training_step(step):
        return layer(x, training=True).numpy()


def test_a_step_repeats_its_mask():
    layer = Dropout(0.5)
    third, fourth = mask(layer, 3), mask(layer, 4)
    assert not np.array_equal(third, fourth)
    mask(layer)  # a draw outside of steps moves nothing
    assert np.array_equal(mask(layer, 3), third)
    assert np.array_equal(mask(layer, 4), fourth)


def test_calls_in_one_step_differ():
    layer = Dropout(0.5)
    with random.training_step(0):
        one, other = (layer(np.ones((4, 50)), training=True).numpy() for _ in range(2))
    assert not np.array_equal(one, other)
    assert not np.array_equal(mask(layer), mask(layer))


def test_layers_have_masks_of_their_own_and_the_global_seed_repeats_them():
    first = [mask(layer, 0) for layer in (Dropout(0.5), Dropout(0.5))]
    assert not np.array_equal(*first)
    random.set_seed(0)
    again = [mask(layer, 0) for layer in (Dropout(0.5), Dropout(0.5))]
    assert np.array_equal(first, again)
    random.set_seed(8)
    assert not np.array_equal(mask(Dropout(0.5), 0), first[0])


def test_a_seed_of_its_own():
    assert np.array_equal(mask(Dropout(0.5, seed=3), 0), mask(Dropout(0.5, seed=3), 0))
    assert not np.array_equal(mask(Dropout(0.5, seed=3), 0), mask(Dropout(0.5, seed=4), 0))


def test_seeds_are_no_weights():
    layer = Dropout(0.5)
    layer(np.ones((1, 2)), training=True)
    assert layer.weights == []
    assert layer.count_params() == 0


def test_rate_1_leaves_nothing():
    layer = Dropout(1.0)
    assert np.array_equal(layer(np.ones((3, 4)), training=True).numpy(), np.zeros((3, 4)))
    assert np.array_equal(layer(np.ones((3, 4))).numpy(), np.ones((3, 4)))
