"""GaussianNoise: how much, when, and noise that can be drawn again."""

import numpy as np
import pytest
from strategies import normal

from minidl import Tensor, random
from minidl.layers import GaussianNoise, Masking


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_how_much(dtype):
    x = np.linspace(-1, 1, 20_000).astype(dtype)
    y = GaussianNoise(0.3, seed=1, dtype=dtype)(x, training=True).numpy()
    assert y.dtype == dtype
    noise = y - x
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(0.3, rel=0.02)
    assert (np.abs(noise) < 0.3).mean() == pytest.approx(0.683, abs=0.01)
    assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 0.03


def test_only_in_training_and_only_if_there_is_any():
    x = Tensor(np.ones((2, 3), np.float32))
    assert GaussianNoise(0.5)(x) is x
    assert GaussianNoise(0)(x, training=True) is x


def test_a_step_that_is_repeated_draws_the_same():
    layer, x = GaussianNoise(1.0), normal(0, (4, 3), dtype="float32")[0]
    draws = []
    for step in (0, 1, 0):
        with random.training_step(step):
            draws.append(layer(x, training=True).numpy())
    assert np.array_equal(draws[0], draws[2])
    assert not np.array_equal(draws[0], draws[1])
    one, other = (GaussianNoise(1.0, seed=7)(x, training=True).numpy() for _ in range(2))
    assert np.array_equal(one, other)


def test_gradients_and_masks_pass():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    GaussianNoise(0.5)(x, training=True).backward(gradient=np.full((2, 3), 2.0, np.float32))
    assert np.array_equal(x.grad, np.full((2, 3), 2))
    assert np.array_equal(
        GaussianNoise(0.5)(Masking()([[[1.0], [0.0]]]), training=True).mask, [[True, False]]
    )
