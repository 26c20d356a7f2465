"""Training takes the same memory at every step: what a step has made is gone when it ends."""

import gc
import tracemalloc

import numpy as np
import pytest

from minidl import Input, Model, Tensor, backend, layers
from minidl.applications import VGG16


def residual_net():
    x = image = Input(shape=(8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same")(x)
    for _ in range(3):
        f = layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
        f = layers.BatchNormalization()(f)
        f = layers.Activation("relu")(f)
        f = layers.Dropout(0.2)(f)
        x = layers.Activation("relu")(layers.Add()([x, f]))
    x = layers.GlobalAveragePooling2D()(x)
    model = Model(image, layers.Dense(3, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(8, 8, 8, 3)).astype(np.float32), rng.integers(0, 3, 8)


@pytest.fixture
def no_collections():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def tensors():
    """How many tensors there are in the process, weights aside."""
    return sum(type(thing) is Tensor for thing in gc.get_objects())


@pytest.mark.parametrize("kernels", [True, False])
def test_memory_does_not_grow_from_step_to_step(data, no_collections, kernels):
    model = residual_net()
    x, y = data
    steps = (
        lambda: model.train_on_batch(x, y),
        lambda: model.fit(x, y, batch_size=4, verbose=0),
        lambda: model.evaluate(x, y, verbose=0),
        lambda: model.predict(x, verbose=0),
    )
    with backend.kernels_on() if kernels else backend.kernels_off():
        for step in steps:
            for _ in range(3):
                step()
            tracemalloc.start()
            try:
                taken = []
                for _ in range(8):
                    step()
                    taken.append(tracemalloc.get_traced_memory()[0])
            finally:
                tracemalloc.stop()
            # One step may grow by a buffer that a thread keeps from its first call on; each step must not.
            one_activation = 8 * 8 * 8 * 8 * 4  # bytes
            assert np.median(np.diff(taken)) < one_activation / 2, taken


def test_nothing_waits_for_the_collector(data, no_collections):
    model = residual_net()
    before = tensors()
    for _ in range(3):
        model.train_on_batch(*data)
        assert tensors() == before


def test_nothing_is_kept_for_a_backward_pass_that_does_not_come():
    base = VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    x = np.zeros((1, 32, 32, 3), np.float32)
    assert base(x, training=True).requires_grad
    base.trainable = False
    assert not base(x, training=True).requires_grad
