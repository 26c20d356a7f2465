"""Beside real Keras: names, configs, refusals and masks. (tests/oracle/test_layers.py compares the numbers.)"""

import os
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import LAYERS, normal, seeds

import minidl
from minidl import layers

os.environ.setdefault("KERAS_BACKEND", "jax")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    keras = pytest.importorskip("keras")
    pytest.importorskip("jax")

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]
ONLY_KERAS = {  # arguments of Keras that minidl has no use for
    "quantization_config", "synchronized", "renorm", "renorm_clipping", "renorm_momentum",
}  # fmt: skip
EVERY = pytest.mark.parametrize(
    "layer_class", [c for c in LAYERS if c is not layers.InputLayer], ids=lambda c: c.__name__
)


def close(a, b, tolerance=1e-5):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    assert np.max(np.abs(a - b), initial=0) <= tolerance * np.max(np.abs(b), initial=1)


@EVERY
@settings(deadline=None, max_examples=5)
@given(data=st.data())
def test_names_and_configs(layer_class, data):
    case = data.draw(LAYERS[layer_class])
    keras.backend.clear_session()
    theirs = case.made(getattr(keras.layers, layer_class.__name__), keras.layers)
    ours = case.made(layer_class)
    assert ours.name.rstrip("_0123456789") == theirs.name.rstrip("_0123456789")
    mine, yours = ours.get_config(), theirs.get_config()
    assert set(mine) - set(yours) <= {"activity_regularizer", "seed", "trainable"}
    assert set(yours) - set(mine) <= ONLY_KERAS
    for name, value in ((n, v) for n, v in mine.items() if n in yours):
        if isinstance(value, bool | int | float | tuple) or name in ("padding", "data_format", "activation"):
            assert value == yours[name], name
        elif name.endswith("initializer"):
            assert value["class_name"] == yours[name]["class_name"]


def test_first_weights_have_the_same_spread():
    for name, arguments, shape in (
        ("Dense", {"units": 300}, (None, 200)),
        ("Conv2D", {"filters": 64, "kernel_size": 3}, (None, 9, 9, 16)),
    ):
        kernels = []
        for library in (layers, keras.layers):
            layer = getattr(library, name)(**arguments)
            layer.build(shape)
            kernels.append(layer.get_weights()[0])
        ours, theirs = kernels
        assert ours.shape == theirs.shape
        assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.01)


@settings(deadline=None, max_examples=10)
@given(seed=seeds, keepdims=st.booleans())
def test_the_global_mean_of_masked_steps(seed, keepdims):
    (x,) = normal(seed, (3, 5, 2), dtype="float32")
    mask = np.random.default_rng(seed).random((3, 5)) < 0.5
    mask[:, 2] = True  # where no step counts, Keras has NaN and minidl 0
    ours, theirs = (
        library.GlobalAveragePooling1D(keepdims=keepdims)(x, mask=mask) for library in (layers, keras.layers)
    )
    close(ours.numpy(), theirs)


@pytest.mark.parametrize(
    "make",
    [
        lambda L: L.Conv2D(1, 5)(np.zeros((1, 3, 3, 1), "f")),
        lambda L: L.Conv2D(1, 3)(np.zeros((3, 3, 1), "f")),
        lambda L: L.Conv2D(3, 1, groups=2),
        lambda L: L.Conv2D(3, 3, strides=2, dilation_rate=2),
        lambda L: L.Conv1D(2, 3, padding="full"),
        lambda L: L.Conv2D(2, 3, padding="causal"),
        lambda L: L.Cropping1D(2)(np.zeros((1, 4, 1), "f")),
        lambda L: L.AveragePooling1D(),
        lambda L: L.Dense(0),
        lambda L: L.Dropout(1.5),
        lambda L: L.AveragePooling2D(),
        lambda L: L.Dense(3, unit=4),
        lambda L: L.Reshape((5,))(np.zeros((1, 4), "f")),
        lambda L: L.Add()([np.zeros((1, 4), "f"), np.zeros((1, 5), "f")]),
        lambda L: L.Add()(np.zeros((1, 4), "f")),
        lambda L: L.Subtract()([np.zeros((1, 4), "f")] * 3),
        lambda L: L.Concatenate()(np.zeros((1, 4), "f")),
        lambda L: L.Concatenate()([np.zeros((1, 4, 2), "f"), np.zeros((1, 5, 3), "f")]),
        lambda L: L.Dot(1)([np.zeros((1, 4), "f"), np.zeros((1, 5), "f")]),
        lambda L: L.DepthwiseConv2D(3, depth_multiplier=0),
        lambda L: L.Conv2DTranspose(2, 3, strides=2, output_padding=2)(np.zeros((1, 4, 4, 1), "f")),
        lambda L: L.Cropping2D(2)(np.zeros((1, 4, 9, 1), "f")),
        lambda L: L.Lambda("relu"),
        lambda L: L.GaussianNoise(-0.1),
    ],
)
def test_what_keras_refuses_too(make):
    for library in (layers, keras.layers):
        with pytest.raises((ValueError, TypeError)):
            make(library)


def test_masks_reach_layers_loss_and_metrics_as_in_keras():
    rng = np.random.default_rng(3)
    ids, y = rng.integers(0, 5, (8, 6)), rng.normal(size=(8, 6, 1)).astype("float32")
    weight = rng.uniform(0.5, 2, (8, 6)).astype("float32")
    models = []
    for library in (minidl, keras):
        L = library.layers
        model = library.Sequential([
            L.Embedding(5, 3, mask_zero=True), L.Dense(4, activation="relu"), L.BatchNormalization(),
            L.Dropout(0.0), L.Dense(1),
        ])  # fmt: skip
        model.build((None, 6))
        model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mse"])
        models.append(model)
    ours, theirs = models
    ours.set_weights(theirs.get_weights())
    for options in ({}, {"sample_weight": weight}):
        assert ours.test_on_batch(ids, y, **options) == pytest.approx(
            theirs.test_on_batch(ids, y, **options), rel=1e-5
        )
    for _ in range(3):
        ours.train_on_batch(ids, y, sample_weight=weight)
        theirs.train_on_batch(ids, y, sample_weight=weight)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        close(a, b, 1e-4)


def test_masking_rules_out_the_same_steps():
    x = np.round(np.random.default_rng(0).normal(size=(5, 6, 2))).astype("float32")
    ours, theirs = layers.Masking(0.0)(x), keras.layers.Masking(0.0)(x)
    close(ours.numpy(), theirs)
    assert np.array_equal(ours.mask, np.asarray(keras.layers.Masking(0.0).compute_mask(x)))
