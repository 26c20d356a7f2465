"""Beside real Keras: the same weights give the same outputs, gradients, shapes, names and configs."""

import os
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import LAYERS, normal, seeds

from minidl import Tensor, layers

os.environ.setdefault("KERAS_BACKEND", "jax")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    keras = pytest.importorskip("keras")
    jax = pytest.importorskip("jax")

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]
TWO_MODES = {layers.BatchNormalization}  # and deterministic in both
ONLY_KERAS = {  # arguments of Keras that minidl has no use for
    "quantization_config", "synchronized", "renorm", "renorm_clipping", "renorm_momentum",
}  # fmt: skip
EVERY = pytest.mark.parametrize(
    "layer_class", [c for c in LAYERS if c is not layers.InputLayer], ids=lambda c: c.__name__
)


def pair(layer_class, case):
    """The same layer twice, with equal weights: ours and theirs."""
    ours = case.made(layer_class)
    theirs = case.made(getattr(keras.layers, layer_class.__name__), keras.layers)
    shape = (None, *case.sample)
    ours.build(shape)
    theirs.build(shape)
    rng = np.random.default_rng(1)
    theirs.set_weights([np.abs(rng.normal(size=w.shape)).astype("float32") for w in theirs.get_weights()])
    assert [w.name for w in theirs.weights] == [v.name for v in ours.weights]
    ours.set_weights(theirs.get_weights())
    return ours, theirs


def close(a, b, tolerance=1e-5):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    assert np.max(np.abs(a - b), initial=0) <= tolerance * np.max(np.abs(b), initial=1)


@EVERY
@settings(deadline=None, max_examples=12)
@given(data=st.data(), seed=seeds, training=st.booleans())
def test_outputs_and_state(layer_class, data, seed, training):
    case = data.draw(LAYERS[layer_class])
    ours, theirs = pair(layer_class, case)
    (x,) = normal(seed, (3, *case.sample), dtype="float32")
    options = {"training": training} if layer_class in TWO_MODES else {}
    close(ours(x, **options).numpy(), theirs(x, **options))
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        close(a, b)
    assert ours.compute_output_shape((None, *case.sample)) == theirs.compute_output_shape(
        (None, *case.sample)
    )
    assert ours.count_params() == theirs.count_params()


@EVERY
@settings(deadline=None, max_examples=6)
@given(data=st.data(), seed=seeds, training=st.booleans())
def test_gradients(layer_class, data, seed, training):
    case = data.draw(LAYERS[layer_class])
    ours, theirs = pair(layer_class, case)
    (x,) = normal(seed, (3, *case.sample), dtype="float32")
    options = {"training": training} if layer_class in TWO_MODES else {}
    t = Tensor(x, requires_grad=True)
    y = ours(t, **options)
    (dy,) = normal(seed + 1, y.shape, dtype="float32")
    fixed = [v.value for v in theirs.non_trainable_variables]

    def total(trainable, x):
        return (theirs.stateless_call(trainable, fixed, x, **options)[0] * dy).sum()

    d_weights, dx = jax.grad(total, argnums=(0, 1))([v.value for v in theirs.trainable_variables], x)
    if y.requires_grad:
        y.backward(gradient=dy)
        close(t.grad, dx, 1e-4)
    for v, wanted in zip(ours.trainable_weights, d_weights, strict=True):
        close(v.grad, wanted, 1e-4)


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
    assert set(mine) - set(yours) <= {"activity_regularizer", "seed"}
    assert set(yours) - set(mine) <= ONLY_KERAS
    for name, value in mine.items():
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


@pytest.mark.parametrize(
    "make",
    [
        lambda L: L.Conv2D(1, 5)(np.zeros((1, 3, 3, 1), "f")),
        lambda L: L.Conv2D(1, 3)(np.zeros((3, 3, 1), "f")),
        lambda L: L.Conv2D(3, 1, groups=2),
        lambda L: L.Conv2D(3, 3, strides=2, dilation_rate=2),
        lambda L: L.Dense(0),
        lambda L: L.Dropout(1.5),
        lambda L: L.AveragePooling2D(),
        lambda L: L.Dense(3, unit=4),
        lambda L: L.Reshape((5,))(np.zeros((1, 4), "f")),
    ],
)
def test_what_keras_refuses_too(make):
    for library in (layers, keras.layers):
        with pytest.raises((ValueError, TypeError)):
            make(library)
