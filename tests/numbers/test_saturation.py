"""Logits of ±10⁴: an exact loss, and a gradient that does not die, however the softmax or sigmoid is written."""

import numpy as np
import pytest
from running import KERNELS, using

from minidl import backend, layers, losses, optimizers
from minidl.losses.fused import SoftmaxCrossEntropy
from minidl.models import Model, Sequential

X = np.ones((1, 1), np.float32)
SPARSE, DENSE, BINARY = "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"


def dense(units, value, **options):
    """One layer whose kernel is `value`, so that the logits for x = 1 are."""
    layer = layers.Dense(units, use_bias=False, **options)
    layer.build((None, 1))
    layer.kernel.assign(np.reshape(value, (1, units)))
    return layer


def within_dense(units, value, curve):
    return Sequential([layers.Input((1,)), dense(units, value, activation=curve)])


def layer_behind(units, value, curve):
    return Sequential([layers.Input((1,)), dense(units, value), layers.Activation(curve)])


def layer_of_that_name(units, value, curve):
    last = layers.Softmax() if curve == "softmax" else layers.Activation("sigmoid")
    return Sequential([layers.Input((1,)), dense(units, value), last])


def functional(units, value, curve):
    x = layers.Input((1,))
    return Model(x, layers.Activation(curve)(dense(units, value)(x)))


def in_time(units, value, curve):
    """(N, T, C), with a mask over the last step."""
    x = layers.Input((2, 1))
    return Model(x, layers.Activation(curve)(dense(units, value)(layers.Masking(0.0)(x))))


WAYS = [within_dense, layer_behind, layer_of_that_name, functional, in_time]


def step(make, value, curve, loss, y, weight=None):
    """The loss and the gradient of the logits, by one step of SGD."""
    model = make(len(value), value, curve)
    model.compile(optimizers.SGD(1.0), loss)
    x = X
    if make is in_time:
        x = np.array([[[1.0], [0.0]]], np.float32)
        y, weight = np.stack([y, y], axis=1), None if weight is None else np.tile(weight, (1, 2))
    before = model.get_weights()[0]
    history = model.fit(x, y, sample_weight=weight, verbose=0).history
    return history["loss"][0], (before - model.get_weights()[0])[0]


@KERNELS
@pytest.mark.parametrize("make", WAYS)
@pytest.mark.parametrize("size", [200.0, 1e4])
def test_classes(kernels, make, size):
    with using(kernels, SoftmaxCrossEntropy):
        z = [size, 0.0, -size]
        for loss, y in ((SPARSE, np.array([1])), (DENSE, np.array([[0.0, 1.0, 0.0]]))):
            value, gradient = step(make, z, "softmax", loss, y)
            scale = 0.5 if make is in_time else 1  # half of the steps count; the mean is over all of them
            assert value == pytest.approx(size, rel=1e-6) or value == pytest.approx(size * scale, rel=1e-6)
            assert gradient == pytest.approx(np.array([1, -1, 0]) * value / size, rel=1e-6)


@KERNELS
@pytest.mark.parametrize("make", WAYS)
@pytest.mark.parametrize(("z", "y"), [(-1e4, 1.0), (1e4, 0.0), (200.0, 0.0), (-200.0, 1.0)])
def test_yes_and_no(kernels, make, z, y):
    with using(kernels, SoftmaxCrossEntropy):
        value, gradient = step(make, [z], "sigmoid", BINARY, np.array([[y]]))
    assert value in (pytest.approx(abs(z), rel=1e-6), pytest.approx(abs(z) / 2, rel=1e-6))
    assert gradient == pytest.approx(np.sign(z) * value / abs(z), rel=1e-6)


@pytest.mark.parametrize("make", WAYS[:4])
def test_with_weights_of_samples(make):
    value, gradient = step(make, [1e4, 0.0], "softmax", SPARSE, np.array([1]), np.array([0.25], "float32"))
    assert value == pytest.approx(2500, rel=1e-6)
    assert gradient == pytest.approx([0.25, -0.25], rel=1e-6)


@pytest.mark.parametrize("make", WAYS[:4])
def test_certain_and_right_costs_nothing_and_moves_nothing(make):
    for curve, loss, z, y in (("softmax", SPARSE, [1e4, 0.0], [0]), ("sigmoid", BINARY, [1e4], [[1.0]])):
        value, gradient = step(make, z, curve, loss, np.array(y))
        assert value == 0
        assert not gradient.any()


def test_a_unit_that_is_certain_and_wrong_learns_in_the_end():
    model = layer_behind(2, [300.0, -300.0], "softmax")
    model.compile(optimizers.Adam(10.0), SPARSE)
    model.fit(np.ones((1, 1)), np.array([1]), epochs=80, verbose=0)
    assert model.predict(X, verbose=0)[0, 1] > 0.99


@pytest.mark.parametrize(
    "loss", [losses.BinaryCrossentropy(), losses.CategoricalCrossentropy(), losses.KLDivergence()]
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_probabilities_of_exactly_0_and_1(loss, dtype):
    from minidl import Tensor

    y = np.array([[0.0, 1.0], [1.0, 0.0]], dtype)
    for p in (y, 1 - y):
        probabilities = Tensor(p.astype(dtype), requires_grad=True)
        value = loss(y, probabilities)
        value.backward()
        assert 0 <= float(value) < 20
        assert np.isfinite(probabilities.grad).all()
    wrong = [float(loss(y[:1], 1 - y[:1])), float(loss(y[1:], 1 - y[1:]))]
    assert wrong[0] == pytest.approx(wrong[1], rel=1e-6), "the same on both sides"


EXTREMES = {  # loss: (y, p) that are hard, and what they come to
    "KLDivergence": [([0.0, 1.0], [1.0, 0.0], np.log(1e7)), ([0.5, 0.5], [0.5, 0.5], 0.0)],
    "Poisson": [([0.0], [0.0], 0.0), ([3.0], [0.0], -3 * np.log(1e-7)), ([0.0], [1e30], 1e30)],
    "LogCosh": [([0.0], [1e4], 1e4 - np.log(2)), ([0.0], [-1e30], 1e30), ([0.0], [1e-4], 5e-9)],
    "MeanAbsolutePercentageError": [([0.0], [1.0], 1e9), ([0.0], [0.0], 0.0), ([1e-30], [1.0], 1e9)],
    "MeanSquaredLogarithmicError": [([0.0], [0.0], 0.0), ([-5.0], [0.0], 0.0), ([0.0], [1e30], np.log(1e30) ** 2)],
    "BinaryFocalCrossentropy": [([1.0], [1.0], 0.0), ([1.0], [0.0], np.log(1e7)), ([0.0], [1.0], np.log(1e7))],
    "CategoricalFocalCrossentropy": [([1.0, 0.0], [1.0, 0.0], 0.0), ([1.0, 0.0], [0.0, 1.0], 0.25 * np.log(1e7))],
    "Huber": [([0.0], [1e30], 1e30), ([0.0], [0.0], 0.0)],
    "CosineSimilarity": [([0.0, 0.0], [1.0, 1.0], 0.0), ([1e20, 0.0], [1e20, 0.0], -1.0)],
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in EXTREMES if hasattr(losses, name)])
def test_losses_at_their_extremes(name):
    from minidl import Tensor

    for y, p, wanted in EXTREMES[name]:
        predictions = Tensor(np.array([p], "float32"), requires_grad=True)
        value = getattr(losses, name)()(np.array([y], "float32"), predictions)
        value.backward()
        assert float(value) == pytest.approx(wanted, rel=1e-3, abs=2e-6), (y, p)
        assert np.isfinite(predictions.grad).all(), (y, p)


def test_kernels_are_there():
    assert backend.kernels_enabled()
