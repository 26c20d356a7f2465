"""A whole training run: the same weights with kernels and without, and the same bits every time."""

from contextlib import nullcontext

import numpy as np
import pytest
from minidl_kernels.cpu import pool

import minidl
from minidl import backend, layers


def weights_after_training(optimizer="adam", dtype="float32"):
    minidl.utils.set_random_seed(3)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((96, 12, 13, 2)).astype(dtype)
    y = np.eye(4, dtype=dtype)[rng.integers(0, 4, 96)]
    model = minidl.Sequential(
        [
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Conv2D(18, (2, 3), strides=2, use_bias=False),
            layers.Activation("relu"),
            layers.AveragePooling2D(2, padding="same"),
            layers.Flatten(),
            layers.Dense(20, activation="sigmoid"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(optimizer=optimizer, loss="categorical_crossentropy")
    model.fit(x, y, batch_size=40, epochs=3, verbose=0)
    return model.get_weights()


def bits(weights):
    return [w.tobytes() for w in weights]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_kernels_train_as_the_references_do(optimizer):
    with backend.kernels_on():
        fast = weights_after_training(optimizer)
    with backend.kernels_off():
        plain = weights_after_training(optimizer)
    for a, b in zip(fast, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * max(np.max(np.abs(b)), 0.01))


@pytest.mark.parametrize("block", [backend.kernels_on, backend.kernels_off, nullcontext])
def test_the_same_seed_gives_the_same_bits(block):
    with block():
        first, second = weights_after_training(), weights_after_training()
    assert bits(first) == bits(second)


def test_the_number_of_threads_does_not_matter():
    with backend.kernels_on():
        with pool.limited_to(1):
            alone = weights_after_training()
        assert bits(weights_after_training()) == bits(alone)
