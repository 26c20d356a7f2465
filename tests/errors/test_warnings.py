"""What Keras 3.15 warns about, and what minidl does there: it warns too, or refuses, or is silent for a reason.

The places are those of `warnings.warn` in Keras's sources, without backends, distribution, quantization, orbax and
remote callbacks, image generators and networks that minidl does not have.
"""

import os
import tempfile
import warnings

import numpy as np
import pytest

from minidl import activations, callbacks, layers, losses, metrics, models, optimizers, preprocessing, utils

X, Y = np.ones((4, 2)), np.ones((4, 1))


def model(*, compiled=True, front=True):
    made = models.Sequential([*([layers.Input((2,))] if front else []), layers.Dense(1, name="d")], name="m")
    if compiled:
        made.compile("sgd", "mse")
    return made


def frozen_after_compile():
    made = model()
    made.fit(X, Y, verbose=0)
    made.layers[0].trainable = False
    made.fit(X, Y, verbose=0)


def two_inputs(keys):
    a, b = layers.Input((2,), name="a"), layers.Input((2,), name="b")
    return models.Model(dict(zip(keys, (a, b), strict=True)), layers.Add()([a, b]))


def generated(n):
    yield from ((X, Y) for _ in range(n))


class Careless(utils.PyDataset):
    def __init__(self):
        pass

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return X, Y


def mask_destroyed():
    x = layers.Embedding(4, 2, mask_zero=True)(np.array([[1, 0]]))
    layers.Flatten()(layers.Permute((2, 1))(x))


def one_class():
    losses.categorical_crossentropy(np.ones((4, 1)), np.ones((4, 1)))


def adjusted_r2(n, predictors):
    metric = metrics.R2Score(num_regressors=predictors)
    metric.update_state(np.arange(float(n))[:, None], np.arange(float(n))[:, None] + 0.1)
    return metric.result()


def in_a_folder(ending):
    return os.path.join(tempfile.mkdtemp(), f"m{ending}")


def skipped():
    path = in_a_folder(".weights.h5")
    model().save_weights(path)
    other = models.Sequential([layers.Input((2,)), layers.Dense(3, name="d")])
    other.load_weights(path, skip_mismatch=True)


def missing(callback):
    return lambda: model().fit(X, Y, callbacks=[callback], verbose=0)


class CutOff(layers.Layer):
    """The graph ends in its call."""

    def call(self, x):
        return np.maximum(x.numpy(), 0)


def cut_off():
    made = models.Sequential([layers.Input((2,)), layers.Dense(2, name="d"), CutOff(), layers.Dense(1)])
    made.compile("sgd", "mse")
    made.fit(X, Y, epochs=2, verbose=0)


WE_WARN = {
    "trainer: gradients do not exist for some weights": (cut_off, "No gradient reaches d/kernel, d/bias:"),
    "losses: categorical_crossentropy over one class": (one_class, "categorical_crossentropy"),
    "metrics: R2Score with more predictors than samples": (lambda: adjusted_r2(3, 5), "R2Score"),
    "metrics: R2Score divides by zero": (lambda: adjusted_r2(3, 2), "R2Score"),
    "ops: softmax over an axis of size 1": (lambda: activations.softmax(np.ones((2, 1))), "softmax"),
    "layers: a mask reaches a layer that destroys it": (mask_destroyed, "mask"),
    "trainer: trainable has changed since compile": (frozen_after_compile, "compile"),
    "trainer: a PyDataset without super().__init__": (lambda: model().fit(Careless(), verbose=0), "super"),
    "callbacks: EarlyStopping monitors what is not there": (
        missing(callbacks.EarlyStopping("val_x", mode="min")),
        "val_x",
    ),
    "callbacks: ReduceLROnPlateau monitors what is not there": (
        missing(callbacks.ReduceLROnPlateau("val_x", mode="min")),
        "val_x",
    ),
    "callbacks: ModelCheckpoint monitors what is not there": (
        lambda: missing(
            callbacks.ModelCheckpoint(in_a_folder(".keras"), monitor="val_x", mode="min", save_best_only=True)
        )(),
        "val_x",
    ),
    "trainer: more steps than the data have batches": (
        lambda: model().fit(X, Y, steps_per_epoch=9, verbose=0),
        "9 steps",
    ),
    "saving: weights that do not fit are skipped": (skipped, "keeps"),
    "legacy text: nb_words": (lambda: preprocessing.text.Tokenizer(nb_words=3), "num_words"),
}
WE_REFUSE = {
    "trainer: the data run out": (
        lambda: model().fit(generated(1), steps_per_epoch=2, epochs=2, verbose=0),
        "ended after 1 of 2 batches",
    ),
    "saving: a model that is not built": (
        lambda: model(compiled=False, front=False).save("no/such.keras"),
        "build|weights",
    ),
    "callbacks: a mode that is unknown": (lambda: callbacks.EarlyStopping(mode="lowest"), "mode"),
    "layers: LayerNormalization(rms_scaling=True)": (
        lambda: layers.LayerNormalization(rms_scaling=True),
        "rms_scaling",
    ),
    "optimizers: decay": (lambda: optimizers.SGD(0.1, decay=0.1), "decay"),
    "trainer: no gradients exist, as without a loss": (
        lambda: (lambda m: (m.compile("sgd"), m.fit(X, Y, verbose=0)))(model(compiled=False)),
        "no loss",
    ),
}
WE_ARE_SILENT = {
    "functional: keys of inputs unlike their names": (
        lambda: two_inputs(("a", "c")).predict({"a": X, "c": X}, verbose=0),
        "such an input is known by its key and by its name",
    ),
    "layers: input_shape and input_dim of a layer": (
        lambda: models.Sequential([layers.Dense(2, input_shape=(3,)), layers.Dense(1)]),
        "the usual spelling in books and older scripts, and nothing goes wrong",
    ),
    "layers: LeakyReLU(alpha)": (lambda: layers.LeakyReLU(alpha=0.1), "as above: the old name is understood"),
    "layers: Embedding(input_length)": (lambda: layers.Embedding(4, 2, input_length=3), "as above"),
    "layers: Input(input_shape) of InputLayer": (lambda: layers.InputLayer(input_shape=(3,)), "as above"),
    "trainer: jit_compile with run_eagerly": (
        lambda: model().compile("sgd", "mse", run_eagerly=True, jit_compile=True),
        "neither has an effect here",
    ),
    "layers: build() of a layer without one": (
        lambda: layers.Layer().build((None, 2)),
        "sublayers build themselves at the first call",
    ),
}  # fmt: skip
# No counterpart: what would be warned of cannot happen here.
NOT_HERE = {
    "saving: lambdas in a file": "Lambda layers are refused when a file is written or read, unless safe_mode=False",
    "saving: sharded weights, remat, quantization, check_types": "there is none of it",
    "metrics: float weights of an integer IoU": "there is no IoU metric",
    "saving: compile() of a model of one's own": "a class of one's own is given with its compile, and used",
    "tensorboard: profiling, graphs that cannot be written": "neither is served; asking for them is refused",
    "optimizers: saved variables that do not match": "load_weights and load_model refuse, and change nothing",
    "archives: members with unsafe paths": "an archive with one is refused as a whole",
}


@pytest.mark.parametrize(("call", "words"), WE_WARN.values(), ids=WE_WARN)
def test_we_warn_too(call, words):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    told = [str(warning.message) for warning in caught]
    assert any(word in text for text in told for word in words.split("|")), told
    assert all(len(text) < 400 and text.endswith((".", "?")) for text in told), told


@pytest.mark.parametrize(("call", "words"), WE_REFUSE.values(), ids=WE_REFUSE)
def test_we_refuse(call, words):
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert any(word in str(caught.value) for word in words.split("|")), caught.value


@pytest.mark.parametrize(("call", "reason"), WE_ARE_SILENT.values(), ids=WE_ARE_SILENT)
def test_we_are_silent(call, reason):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call()
    assert reason


def test_every_place_has_an_answer(capsys):
    tables = WE_WARN, WE_REFUSE, WE_ARE_SILENT, NOT_HERE
    assert len({name for table in tables for name in table}) == sum(map(len, tables))
    with capsys.disabled():
        print(
            "\nwarnings of Keras: {} here too, {} refused, {} silent, {} that cannot be".format(
                *map(len, tables)
            )
        )
