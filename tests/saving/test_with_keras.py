"""Files go both ways between minidl and Keras 3: the other side reads what one side wrote, and predicts the same."""

import warnings

import numpy as np
import pytest

import minidl
from minidl import layers, models, ops, optimizers, saving

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Keras itself
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]

try:
    import keras
except ImportError:
    pytest.skip("Keras is not installed", allow_module_level=True)

OURS, THEIRS = (layers, models, ops), (keras.layers, keras, keras.ops)


def dense(L, M, F):
    first = L.Dense(3, activation="relu", kernel_regularizer="l2", bias_constraint="non_neg")
    return M.Sequential([L.Input((4,)), first, L.Dense(2, use_bias=False, activation="softmax")])


def series(L, M, F):
    return M.Sequential([
        L.Input((12, 3)), L.Conv1D(4, 3, padding="causal"), L.BatchNormalization(), L.ReLU(), L.MaxPooling1D(2),
        L.SeparableConv1D(5, 3), L.UpSampling1D(2), L.ZeroPadding1D(1), L.Cropping1D(1), L.AveragePooling1D(2),
        L.GlobalAveragePooling1D(), L.Dropout(0.3),
    ])  # fmt: skip


def images(L, M, F):
    return M.Sequential([
        L.Input((12, 12, 3)), L.Conv2D(4, 3, dilation_rate=2), L.LayerNormalization(), L.LeakyReLU(),
        L.DepthwiseConv2D(3, depth_multiplier=2), L.Conv2DTranspose(3, 2, strides=2), L.SeparableConv2D(4, 3),
        L.MaxPooling2D(2), L.AveragePooling2D(2), L.ZeroPadding2D(1), L.Cropping2D(1), L.UpSampling2D(2),
        L.Permute((2, 1, 3)), L.Reshape((-1, 4)), L.GlobalMaxPooling1D(), L.Softmax(), L.ELU(), L.Activation("gelu"),
    ])  # fmt: skip


def recurrent(L, M, F):
    return M.Sequential([
        L.Input((6, 3)), L.Masking(), L.LSTM(4, return_sequences=True),
        L.Bidirectional(L.GRU(3, return_sequences=True)),
        L.RNN([L.LSTMCell(3), L.GRUCell(2)], return_sequences=True), L.TimeDistributed(L.Dense(4)),
        L.SpatialDropout1D(0.2), L.SimpleRNN(3, return_sequences=True, go_backwards=True),
        L.Bidirectional(L.LSTM(2), merge_mode="sum"), L.RepeatVector(3), L.RNN(L.SimpleRNNCell(3)), L.Flatten(),
    ])  # fmt: skip


def frames(L, M, F):
    inner = M.Sequential([L.Input((72,)), L.Dense(3)])
    cell = L.RNN(L.LSTMCell(3), return_sequences=True)
    return M.Sequential([
        L.Input((5, 8, 8, 1)), L.TimeDistributed(L.Conv2D(2, 3)), L.TimeDistributed(L.Flatten()),
        L.TimeDistributed(inner), L.Bidirectional(cell, merge_mode="ave"), L.GRU(2, reset_after=False),
    ])  # fmt: skip


def chains_in_chains(L, M, F):
    inner = M.Sequential([L.Dense(3), M.Sequential([L.Dense(2), L.Dropout(0.1)])])
    return M.Sequential([L.Input((4,)), inner, L.Dense(2), L.Dense(2, activation=L.LeakyReLU())])


def shared(L, M, F):
    a, b, both = L.Input((3,)), L.Input((3,)), L.Dense(4, activation="relu")
    return M.Model([a, b], L.Concatenate()([both(a), both(b)]))


def models_in_models(L, M, F):
    x, first = L.Input((3,)), M.Sequential([L.Input((3,)), L.Dense(4)])
    inner = M.Model(x, [L.Dense(2)(first(x)), L.Dense(3)(x)])
    y = L.Input((5,))
    one, other = inner(L.Dense(3)(y))
    return M.Model(y, [one, L.Dense(2)(other)])


def outputs_by_name(L, M, F):
    a, b = L.Input((3,), name="a"), L.Input((2,), name="b")
    return M.Model([a, b], {"x": L.Dense(1, name="x")(a), "y": L.Dense(2, name="y")(b)})


def no_weights(L, M, F):
    a, b = L.Input((3, 2)), L.Input((3, 2))
    return M.Model([a, b], L.Flatten()(L.Dot(axes=2, normalize=True)([a, b])))


def residual(L, M, F):
    image = L.Input((8, 8, 3))
    x = L.Conv2D(4, 3, padding="same")(image)
    for _ in range(2):
        y = L.Activation("relu")(L.BatchNormalization()(x))
        x = L.Add()([x, L.Conv2D(4, 3, padding="same")(y)])
    return M.Model(image, L.Dense(2, activation="softmax")(L.GlobalAveragePooling2D()(x)))


def states(L, M, F):
    encoder, decoder = L.Input((5, 3)), L.Input((4, 2))
    _, h, c = L.LSTM(3, return_state=True)(encoder)
    y = L.LSTM(3, return_sequences=True)(decoder, initial_state=[h, c])
    return M.Model([encoder, decoder], L.TimeDistributed(L.Dense(2))(y))


def merges(L, M, F):
    x = L.Input((4,))
    a, b = L.Dense(3)(x), L.Dense(3)(x)
    kinds = (L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum, L.Concatenate)
    return M.Model(x, [*(kind()([a, b]) for kind in kinds), L.Dot(axes=1)([a, b])])


def operations(L, M, F):
    i, j = L.Input((4, 3)), L.Input((4, 3))
    y = F.reshape(F.tanh((i + j) * 2.0 - j / (1.0 + i * i))[:, 1:3], (-1, 6))
    y = L.Dense(3)(F.concatenate([y, y], axis=-1))
    z = F.mean(y, axis=-1, keepdims=True)
    w = F.softmax(1 - F.relu(F.matmul(i, F.transpose(j, (0, 2, 1)))))
    w = F.clip(F.clip(F.squeeze(F.expand_dims(w, 1), 1), 0.1, 0.9), -100_000, 100_000)
    return M.Model([i, j], [F.exp(-z) + F.maximum(z, 0.0) + z**2, w])


def words(L, M, F):
    x = L.Input((6,))
    return M.Model(x, L.LSTM(3, dropout=0.1)(L.Embedding(10, 4, mask_zero=True)(x)))


CASES = [
    (dense, (4,)), (series, (12, 3)), (images, (12, 12, 3)), (recurrent, (6, 3)), (frames, (5, 8, 8, 1)),
    (chains_in_chains, (4,)), (shared, (3,), (3,)), (models_in_models, (5,)), (outputs_by_name, (3,), (2,)),
    (no_weights, (3, 2), (3, 2)),
    (residual, (8, 8, 3)), (states, (5, 3), (4, 2)), (merges, (4,)), (operations, (4, 3), (4, 3)), (words, (6,)),
]  # fmt: skip
EVERY_MODEL = pytest.mark.parametrize(("make", "shapes"), [(make, shapes) for make, *shapes in CASES])


def batch(make, shapes):
    rng = np.random.default_rng(1)
    x = [rng.random((2, *shape), np.float32) * (9 if make is words else 1) for shape in shapes]
    x = [x[0].astype(int)] if make is words else x
    return x if len(x) > 1 else x[0]


def flat(y):
    parts = list(y.values()) if isinstance(y, dict) else y if isinstance(y, list | tuple) else [y]
    return [part.numpy() if isinstance(part, minidl.Tensor) else np.asarray(part) for part in parts]


def assert_same(one, other):
    for a, b in zip(flat(one), flat(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)


def shaken(model):
    """Weights that are not those of the beginning, running averages included."""
    rng = np.random.default_rng(2)
    for v in model.weights:
        v.assign(v.numpy() + rng.random(v.shape) / 10)
    return model


@EVERY_MODEL
def test_files_go_both_ways(make, shapes, tmp_path):
    ours, theirs, x = make(*OURS), shaken(make(*THEIRS)), batch(make, shapes)
    wanted = theirs(x)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.load_weights(tmp_path / "theirs.weights.h5")
    assert_same(ours(x), wanted)

    theirs.save(tmp_path / "theirs.keras")
    assert_same(saving.load_model(tmp_path / "theirs.keras")(x), wanted)

    theirs.save(tmp_path / "legacy.h5")
    shaken(ours).load_weights(tmp_path / "legacy.h5")
    assert_same(ours(x), wanted)
    if (
        make is not operations and make is not words
    ):  # Keras writes operations there that it cannot read either
        assert_same(saving.load_model(tmp_path / "legacy.h5")(x), wanted)

    wanted = shaken(ours)(x)
    ours.save_weights(tmp_path / "ours.weights.h5")
    theirs.load_weights(tmp_path / "ours.weights.h5")
    assert_same(theirs(x), wanted)

    ours.save(tmp_path / "ours.keras")
    assert_same(keras.models.load_model(tmp_path / "ours.keras")(x), wanted)
    assert all(map(np.array_equal, flat(saving.load_model(tmp_path / "ours.keras")(x)), flat(wanted)))
    assert saving.model_from_json(theirs.to_json()).count_params() == theirs.count_params()


OPTIMIZERS = {
    name: lambda name=name: name
    for name in ("sgd", "adam", "rmsprop", "nadam", "adamax", "adagrad", "adadelta", "adamw")
} | {
    "nesterov": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "schedule": lambda: optimizers.Adam(optimizers.schedules.CosineDecay(0.1, 10), amsgrad=True, clipnorm=1.0),
    "centered": lambda: optimizers.RMSprop(centered=True, momentum=0.5),
}  # fmt: skip


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_training_goes_on_on_the_other_side(make, tmp_path):
    rng = np.random.default_rng(3)
    x, y = rng.random((32, 4), np.float32), rng.random((32, 2), np.float32)
    ours = models.Sequential(
        [layers.Input((4,)), layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dense(2)]
    )
    ours.compile(
        make(), minidl.losses.MeanAbsoluteError(), metrics=["mse", minidl.metrics.MeanSquaredError(name="q")]
    )
    ours.fit(x, y, epochs=2, verbose=0)
    ours.save(tmp_path / "a.keras")
    theirs = keras.models.load_model(tmp_path / "a.keras")
    assert_same_training(ours, theirs, x, y)
    theirs.save(tmp_path / "b.keras")
    back = saving.load_model(tmp_path / "b.keras")
    assert int(back.optimizer.iterations) == 4
    assert_same_training(back, theirs, x, y)


def assert_same_training(ours, theirs, x, y):
    one = ours.fit(x, y, epochs=2, verbose=0, shuffle=False).history
    other = theirs.fit(x, y, epochs=2, verbose=0, shuffle=False).history
    assert one.keys() == other.keys()
    for key in one:
        np.testing.assert_allclose(one[key], other[key], rtol=1e-4)


def test_functions_as_loss_and_metrics(tmp_path):
    x, y = np.random.default_rng(5).random((8, 4), np.float32), np.arange(8) % 2
    ours = dense(*OURS)
    loss, metric = minidl.losses.sparse_categorical_crossentropy, minidl.metrics.sparse_categorical_accuracy
    ours.compile("sgd", loss, metrics=[metric])
    ours.save(tmp_path / "a.keras")
    theirs, back = keras.models.load_model(tmp_path / "a.keras"), saving.load_model(tmp_path / "a.keras")
    for other in (theirs, back):
        assert other.evaluate(x, y, verbose=0) == pytest.approx(ours.evaluate(x, y, verbose=0), rel=1e-5)


def test_large_pictures_that_are_added(tmp_path):
    """Keras notes the shapes of both summands, whose product is no size of anything."""
    x = keras.Input((128, 128, 4))
    theirs = keras.Model(x, keras.layers.Add()([keras.layers.Conv2D(4, 1)(x), x]))
    theirs.save(tmp_path / "a.keras")
    batch = np.random.default_rng(6).random((1, 128, 128, 4), np.float32)
    assert_same(saving.load_model(tmp_path / "a.keras")(batch), theirs(batch))


def test_several_outputs_with_a_loss_each(tmp_path):
    theirs = outputs_by_name(*THEIRS)
    told = {"loss": {"x": "mse", "y": keras.losses.Huber()}, "loss_weights": {"x": 1.0, "y": 0.5}}
    theirs.compile("adam", **told, metrics={"x": ["mae"], "y": [keras.metrics.MeanSquaredError(name="q")]})
    theirs.save(tmp_path / "a.keras")
    ours = saving.load_model(tmp_path / "a.keras")
    x = [np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)]
    y = {"x": np.ones((4, 1)), "y": np.zeros((4, 2))}
    one, other = (
        ours.evaluate(x, y, verbose=0, return_dict=True),
        theirs.evaluate(x, y, verbose=0, return_dict=True),
    )
    assert one.keys() == other.keys()
    assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)


def own_classes(L, base):
    class Block(L.Layer):
        def __init__(self, units=4, **kwargs):
            super().__init__(**kwargs)
            self.units, self.inner = units, L.Dense(units)

        def build(self, input_shape):
            self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gain")
            self.inner.build(input_shape)

        def call(self, x):
            return self.inner(x * self.gain)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    class Tangled(base):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.out, self.hidden, self.zed, self._private = L.Dense(1), L.Dense(4), L.Dense(4), L.Dense(4)
            self.blocks = [Block(), L.Dense(4), [L.Dense(4)]]
            self.named = {"a": L.Dense(4), "b": L.BatchNormalization()}
            self.again = self.hidden
            self.scale = self.add_weight(shape=(4,), name="scale")

        def call(self, x):
            x = self.blocks[1](self.blocks[0](self.zed(self.hidden(x))))
            x = self.named["b"](self.named["a"](self.blocks[2][0](x)))
            return self.out(self._private(self.again(x)) * self.scale)

    return Block, Tangled


def test_models_and_layers_of_your_own(tmp_path):
    (our_block, our_model), (block, model) = (
        own_classes(layers, models.Model),
        own_classes(keras.layers, keras.Model),
    )
    x = np.random.default_rng(4).random((3, 4), np.float32)
    ours, theirs = our_model(), model()
    ours(x), theirs(x)
    shaken(theirs).save_weights(tmp_path / "a.weights.h5")
    ours.load_weights(tmp_path / "a.weights.h5")
    assert_same(ours(x), theirs(x))
    shaken(ours).save_weights(tmp_path / "b.weights.h5")
    theirs.load_weights(tmp_path / "b.weights.h5")
    assert_same(ours(x), theirs(x))
    ours.save(tmp_path / "a.keras")
    assert_same(keras.models.load_model(tmp_path / "a.keras", {"Tangled": model})(x), ours(x))
    theirs.save(tmp_path / "b.keras")
    assert_same(saving.load_model(tmp_path / "b.keras", {"Tangled": our_model})(x), theirs(x))
    chain = keras.Sequential([keras.Input((4,)), block(3)])
    chain.save(tmp_path / "c.keras")
    assert_same(saving.load_model(tmp_path / "c.keras", {"Block": our_block})(x), chain(x))
    with pytest.raises(ValueError, match="Pass yours along"):
        saving.load_model(tmp_path / "c.keras")


def test_keras_does_not_mind_the_checksums(tmp_path):
    ours = dense(*OURS)
    ours.save(tmp_path / "a.keras")
    ours.save_weights(tmp_path / "a.weights.h5")
    theirs = dense(*THEIRS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)
        theirs.load_weights(tmp_path / "a.weights.h5")
        keras.models.load_model(tmp_path / "a.keras")
