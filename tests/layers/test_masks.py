"""Masks on their way: from where they are made, through layers and models, to the loss and the metrics."""

import warnings

import numpy as np
import pytest

from minidl import Model, Sequential, Tensor, losses
from minidl.gradcheck import gradcheck
from minidl.layers import (
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Layer,
    LeakyReLU,
    Masking,
    Reshape,
    Softmax,
    SpatialDropout1D,
)  # fmt: skip
from minidl.layers.normalization.batch_normalization import BatchNormFunction
from minidl.symbolic import SymbolicTensor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 2)).astype("float32")
MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 1, 0]], bool)
X[~MASK] = 0


@pytest.mark.parametrize(
    "layer",
    [Dense(3), Activation("relu"), LeakyReLU(), Softmax(), Dropout(0.5), SpatialDropout1D(0.5), BatchNormalization()],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
@pytest.mark.parametrize("training", [True, False])
def test_layers_that_pass_a_mask_on(layer, training):
    assert np.array_equal(layer(Masking()(X), training=training).mask, MASK)
    assert layer(X, training=training).mask is None
    assert np.array_equal(layer(X, training=training, mask=MASK).mask, MASK)


def test_the_mask_survives_a_change_of_type():
    assert np.array_equal(Dense(2, dtype="float64")(Masking()(X)).mask, MASK)


def test_operations_know_nothing_of_masks():
    assert (Masking()(X) * 2).mask is None


def test_the_callers_tensor_is_left_alone():
    x = Tensor(X, requires_grad=True)
    y = Dropout(0.5)(x, mask=MASK)
    assert x.mask is None
    y.sum().backward()
    assert np.array_equal(x.grad, np.ones_like(X))


def test_a_mask_ends_silently_where_time_ends_and_else_with_one_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Flatten()(Masking()(X)).mask is None
    layer = Reshape((8,))
    with pytest.warns(UserWarning, match="does not support masks"):
        assert layer(Masking()(X)).mask is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(Masking()(X))


def test_a_mask_of_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"expects mask of shape \(3, 4\)"):
        Dense(2)(X, mask=MASK[:, :3])


class TwoOutputs(Layer):
    """x and 2x, of which the second loses its mask."""

    def call(self, x, factor=2.0, mask=None):
        self.seen = mask
        return [x * 1.0, x * factor]

    def compute_mask(self, inputs, previous_mask=None):
        return [previous_mask, None]

    def compute_output_shape(self, input_shape):
        return [input_shape, input_shape]


def test_several_outputs_with_masks_of_their_own():
    layer = TwoOutputs()
    one, two = layer(Masking()(X))
    assert np.array_equal(one.mask, MASK)
    assert two.mask is None
    assert np.array_equal(layer.seen, MASK)
    assert np.array_equal(layer(X, 3.0)[1].numpy(), X * np.float32(3))


def test_several_outputs_are_laid_out():
    layer = TwoOutputs(name="two")
    outputs = layer(SymbolicTensor((None, 4, 2)), factor=3.0)
    assert [y.shape for y in outputs] == [(None, 4, 2)] * 2
    assert [y.name for y in outputs] == ["two_output_0", "two_output_1"]
    assert layer.output is outputs
    with pytest.raises(TypeError, match=r"two .* cannot be called like this: .*'facter'"):
        layer(SymbolicTensor((None, 4, 2)), facter=3.0)


def test_training_reaches_a_layer_that_is_called_with_more_positional_arguments():
    class Probe(Layer):
        def call(self, x, state=None, training=False):
            self.seen = training
            return x

    layer = Probe()
    layer(X, X, training=True)
    assert layer.seen is True
    layer(X, X, False, training=True)
    assert layer.seen is False


def test_a_list_of_inputs_has_a_list_of_masks():
    class Probe(Layer):
        def call(self, inputs, mask=None):
            self.seen = mask
            return inputs[0] + inputs[1]

        def compute_mask(self, inputs, previous_mask=None):
            return previous_mask[0] if previous_mask else None

    layer = Probe()
    y = layer([Masking()(X), Tensor(X)])
    assert np.array_equal(layer.seen[0], MASK)
    assert layer.seen[1] is None
    assert np.array_equal(y.mask, MASK)
    layer([Tensor(X), Tensor(X)])
    assert layer.seen is None
    layer([X, X], mask=[None, MASK.astype(int)])
    assert layer.seen[0] is None
    assert np.array_equal(layer.seen[1], MASK)


# --- models, loss and metrics ---------------------------------------------------------------------------------


def masked_model():
    model = Sequential([Input((4, 2)), Masking(), Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mse"])
    return model


def test_a_models_output_carries_the_mask_also_out_of_a_model_inside():
    inner = Sequential([Dense(3), Activation("tanh")])
    model = Sequential([Input((4, 2)), Masking(), inner, Dense(1)])
    assert np.array_equal(model(X).mask, MASK)
    assert np.array_equal(Sequential([Dense(1)])(X, mask=MASK).mask, MASK)


@pytest.mark.parametrize("run", ["train_on_batch", "test_on_batch"])
def test_loss_and_metrics_are_means_over_the_steps_that_count(run):
    model = masked_model()
    y = RNG.normal(size=(3, 4, 1))
    weight = np.array([[1.0], [2.0], [0.5]]) * np.ones((3, 4))
    d = (model(X).numpy() - y)[..., 0].astype(float)
    count = sum(MASK.ravel().tolist())
    squares = sum(d[n, t] ** 2 for n in range(3) for t in range(4) if MASK[n, t])
    absolute = sum(abs(d[n, t]) for n in range(3) for t in range(4) if MASK[n, t])
    weighted = sum(weight[n, t] * d[n, t] ** 2 for n in range(3) for t in range(4) if MASK[n, t])
    weights = sum(weight[n, t] for n in range(3) for t in range(4) if MASK[n, t])
    plain = getattr(copy_of(model), run)(X, y)
    assert plain == pytest.approx([squares / count, absolute / count, squares / count], rel=1e-5)
    found = getattr(copy_of(model), run)(X, y, sample_weight=weight)
    assert found == pytest.approx([weighted / count, absolute / count, weighted / weights], rel=1e-5)


def copy_of(model):
    fresh = masked_model()
    fresh.set_weights(model.get_weights())
    return fresh


def test_no_step_counts():
    model = masked_model()
    assert model.test_on_batch(np.zeros((2, 4, 2)), np.ones((2, 4, 1)))[0] == 0


def test_targets_of_masked_steps_change_nothing():
    y = RNG.normal(size=(3, 4, 1)).astype("float32")
    other = np.where(MASK[..., None], y, 99)
    one, two = masked_model(), masked_model()
    two.set_weights(one.get_weights())
    for model, target in ((one, y), (two, other)):
        model.fit(X, target, batch_size=2, epochs=2, shuffle=False, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), two.get_weights(), strict=True))


def test_a_loss_takes_the_mask_of_the_predictions_by_itself():
    y_pred = Dense(1, kernel_initializer="ones")(Masking()(X))
    d = y_pred.numpy()[..., 0] ** 2
    assert float(losses.MeanSquaredError()(np.zeros((3, 4, 1)), y_pred)) == pytest.approx(
        d[MASK].mean(), rel=1e-5
    )


def test_a_loss_that_is_one_number_already_is_left_as_it_is():
    model = Sequential([Masking(), Dense(1)])
    model.compile("sgd", lambda y_true, y_pred: np.mean((y_true - y_pred) ** 2))
    y = np.zeros((3, 4, 1))
    assert model.test_on_batch(X, y) == pytest.approx(float((model(X).numpy() ** 2).mean()), rel=1e-5)


def test_a_model_of_ones_own_passes_masks():
    class Tagger(Model):
        def __init__(self):
            super().__init__()
            self.words, self.out = Embedding(5, 3, mask_zero=True), Dense(2)

        def call(self, x):
            return self.out(self.words(x))

    ids = np.array([[1, 2, 0], [4, 0, 0]])
    assert np.array_equal(Tagger()(ids).mask, ids != 0)


# --- layers that use a mask -----------------------------------------------------------------------------------


def test_batch_normalization_takes_its_statistics_from_the_steps_that_count():
    x = RNG.normal(size=(3, 4, 2))
    layer = BatchNormalization(momentum=0.0, dtype="float64")
    y = layer(x, training=True, mask=MASK).numpy()
    mean, variance = x[MASK].mean(axis=0), x[MASK].var(axis=0)
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 1e-3), rtol=1e-12)
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean, rtol=1e-12)
    np.testing.assert_allclose(layer.moving_variance.numpy(), variance, rtol=1e-12)
    before = layer.get_weights()
    assert np.isfinite(layer(x, training=True, mask=np.zeros_like(MASK)).numpy()).all()
    assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("output", [0, 1, 2])
def test_gradient_of_masked_batch_normalization(axis, output):
    x = RNG.normal(size=(3, 4, 2))
    features = x.shape[axis]

    def run(x, gamma, beta):
        return BatchNormFunction.apply(x, gamma, beta, axis=axis, epsilon=1e-3, mask=MASK)[output]

    assert gradcheck(run, x, *RNG.normal(size=(2, features)))


def test_softmax_over_time_and_over_classes():
    z = RNG.normal(size=(3, 4, 2))
    over_time = Softmax(axis=1, dtype="float64")(z, mask=MASK).numpy()
    e = np.exp(z) * MASK[..., None]
    np.testing.assert_allclose(over_time, e / e.sum(axis=1, keepdims=True), rtol=1e-12)
    over_classes = Softmax(dtype="float64")(z, mask=MASK).numpy()
    np.testing.assert_allclose(over_classes, np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True), rtol=1e-12)
