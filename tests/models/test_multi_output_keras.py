"""Several inputs and outputs beside Keras: the same keys, the same lists, the same numbers, step by step."""

import numpy as np
import pytest

import minidl

keras = pytest.importorskip("keras")
pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:::keras|jax|optree"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

N = 12
rng = np.random.default_rng(5)
LEFT, RIGHT = rng.normal(size=(N, 3)).astype("float32"), rng.normal(size=(N, 2)).astype("float32")
UP, DOWN = rng.normal(size=(N, 2)).astype("float32"), rng.integers(0, 2, (N, 1)).astype("float32")
W, V = np.linspace(0.5, 2, N).astype("float32"), np.linspace(2, 0, N).astype("float32")
LIST, NAMED = [UP, DOWN], {"down": DOWN, "up": UP}


def made(dl, form="list"):
    L = dl.layers
    left, right = L.Input(shape=(3,), name="left"), L.Input(shape=(2,), name="right")
    hidden = L.Dense(4, activation="tanh", kernel_regularizer="l2")(L.Concatenate()([left, right]))
    up = L.Dense(2, name="up")(hidden)
    down = L.Dense(1, activation="sigmoid", name="down")(hidden)
    outputs = {"list": [up, down], "dict": {"u": up, "d": down}, "same": {"up": up, "down": down}}[form]
    return dl.models.Model([left, right], outputs)


def pair(form="list", make=made, **options):
    ours, theirs = make(minidl, form), make(keras, form)
    ours.set_weights(theirs.get_weights())
    for dl, model in ((minidl, ours), (keras, theirs)):
        model.compile(dl.optimizers.SGD(0.05, momentum=0.5), jit_compile=False, **options)
    return ours, theirs


def close(ours, theirs):
    assert np.allclose(ours, theirs, rtol=2e-4, atol=2e-5), (ours, theirs)


def agree(x, y, form="list", make=made, weights=None, **options):
    ours, theirs = pair(form, make, **options)
    given = {} if weights is None else {"sample_weight": weights}
    run = {"batch_size": 5, "shuffle": False, "verbose": 0, "epochs": 3, "validation_split": 0.25, **given}
    history, wanted = ours.fit(x, y, **run).history, theirs.fit(x, y, **run).history
    assert list(history) == list(wanted)
    for key, values in wanted.items():
        close(history[key], values)
    for own, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        close(own, other)
    close(ours.evaluate(x, y, verbose=0, **given), theirs.evaluate(x, y, verbose=0, **given))
    told = theirs.evaluate(x, y, verbose=0, return_dict=True, **given)
    mine = ours.evaluate(x, y, verbose=0, return_dict=True, **given)
    assert set(mine) == set(told)
    close([mine[key] for key in told], list(told.values()))
    return ours, theirs


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "mse"},
        {"loss": ["mse", "binary_crossentropy"]},
        {"loss": ["mse", "binary_crossentropy"], "loss_weights": [0.3, 2.0]},
        {"loss": {"down": "binary_crossentropy", "up": "mse"}, "loss_weights": {"up": 0.3, "down": 2.0}},
        {"loss": "mse", "loss_weights": 2.0},
        {"loss": ["mse", None]},
        {"loss": [None, "mse"], "metrics": [["mae"], None]},
        {"loss": "mse", "metrics": [["mae", "mse"], ["accuracy"]], "weighted_metrics": [["mae"], ["mse"]]},
        {"loss": "mse", "metrics": ["mae", "accuracy"]},
        {"loss": "mse", "metrics": {"down": ["accuracy", "mse"]}},
        {"loss": "mse", "weighted_metrics": {"up": ["mae"], "down": "accuracy"}},
    ],
)
def test_what_is_told_to_compile(options):
    agree([LEFT, RIGHT], LIST, weights=[W, V], **options)


@pytest.mark.parametrize("weights", [None, W, W[:, None]])
def test_sample_weights(weights):
    metrics = [["mae", "mse"], ["accuracy"]]
    agree([LEFT, RIGHT], LIST, weights=weights, loss="mse", metrics=metrics, weighted_metrics=metrics)


@pytest.mark.parametrize("x", [[LEFT, RIGHT], {"right": RIGHT, "left": LEFT}])
@pytest.mark.parametrize("y", [LIST, NAMED])
def test_forms_of_the_data(x, y):
    agree(x, y, loss="mse", metrics=[["mae"], ["mse"]])


def test_outputs_in_a_dict():
    named = {"u": UP, "d": DOWN}
    agree([LEFT, RIGHT], named, "dict", loss="mse", metrics={"u": ["mae"], "d": ["accuracy"]})
    agree([LEFT, RIGHT], named, "dict", loss={"u": "mse"}, metrics={"d": ["accuracy"]})
    agree([LEFT, RIGHT], NAMED, "same", loss="mse", metrics=[["mae"], ["mse"]])
    ours, theirs = pair("dict", loss="mse")
    mine, told = (model.predict([LEFT, RIGHT], verbose=0) for model in (ours, theirs))
    assert set(mine) == set(told)
    for key in told:
        close(mine[key], told[key])


def test_one_batch():
    ours, theirs = pair(loss="mse", metrics=[["mae"], ["mse", "mae"]])
    for way in ("train_on_batch", "test_on_batch", "train_on_batch"):
        mine, told = (getattr(m, way)([LEFT, RIGHT], LIST, sample_weight=[W, V]) for m in (ours, theirs))
        close(mine, told)
    for mine, told in zip(
        ours.predict_on_batch([LEFT, RIGHT]), theirs.predict_on_batch([LEFT, RIGHT]), strict=True
    ):
        close(mine, told)


def test_a_layer_that_is_two_outputs():
    def twice(dl, form):
        x = dl.layers.Input(shape=(3,))
        shared = dl.layers.Dense(3, name="shared")
        once = shared(x)
        return dl.models.Model(x, [once, shared(once)])

    agree(LEFT, [LEFT, -LEFT], make=twice, loss="mse", metrics=[["mae"], ["mae"]])


def test_each_output_has_its_own_mask():
    ids = rng.integers(0, 4, (N, 5))
    ids[:, 0] = 1

    def masked(dl, form):
        L = dl.layers
        words = L.Input(shape=(5,), dtype="int32")
        with_mask, without = L.Embedding(4, 2, mask_zero=True)(words), L.Embedding(4, 2)(words)
        a = L.TimeDistributed(L.Dense(1), name="a")(with_mask)
        return dl.models.Model(words, [a, L.TimeDistributed(L.Dense(1), name="b")(without)])

    y = rng.normal(size=(N, 5, 1)).astype("float32")
    # metrics of a training step forget the mask in Keras on JAX, so evaluation is what is compared
    ours, theirs = pair(make=masked, loss="mse", weighted_metrics=[["mae"], ["mae"]])
    for _ in range(3):
        close(ours.train_on_batch(ids, [y, -y])[:3], theirs.train_on_batch(ids, [y, -y])[:3])
    close(ours.evaluate(ids, [y, -y], verbose=0), theirs.evaluate(ids, [y, -y], verbose=0))


def test_a_class_of_ones_own():
    def own(dl, form):
        class Own(dl.models.Model):
            def __init__(self):
                super().__init__()
                self.up, self.down = dl.layers.Dense(2), dl.layers.Dense(1)

            def call(self, x):
                x = dl.ops.concatenate([x["left"], x["right"]] if form == "dict" else list(x), axis=-1)
                up, down = self.up(x), self.down(x)
                return {"u": up, "d": down} if form == "dict" else [up, down]

        model = Own()
        x = {"left": LEFT, "right": RIGHT} if form == "dict" else [LEFT, RIGHT]
        model(x)
        return model

    x, y = {"left": LEFT, "right": RIGHT}, {"u": UP, "d": DOWN}
    agree([LEFT, RIGHT], y, "dict", loss={"u": "mse", "d": "mae"})
    agree(x, y, "dict", own, loss={"u": "mse", "d": "mae"}, metrics={"u": ["mae"], "d": ["mse"]})
    agree([LEFT, RIGHT], LIST, "list", own, loss=["mse", "mae"])
    ours, theirs = pair("list", own, loss="mse", metrics=[["mae"], ["mae"]])
    history = [m.fit([LEFT, RIGHT], LIST, shuffle=False, verbose=0, epochs=2).history for m in (ours, theirs)]
    assert list(history[0]) == list(history[1])
    for key in history[1]:
        close(history[0][key], history[1][key])


@pytest.mark.parametrize(
    ("told", "data"),
    [
        ({"loss": "mse", "metrics": ["mse"]}, ([LEFT, RIGHT], LIST)),
        ({"loss": "mse", "metrics": {"upp": ["mse"]}}, ([LEFT, RIGHT], LIST)),
        ({"loss": ["mse"] * 3}, ([LEFT, RIGHT], LIST)),
        ({"loss": {"dwn": "mse", "up": "mse"}}, ([LEFT, RIGHT], LIST)),
        ({"loss": "mse"}, ([LEFT, RIGHT], [UP, DOWN, UP])),
        ({"loss": "mse"}, ([LEFT, RIGHT[:5]], LIST)),
        ({"loss": "mse"}, ({"left": LEFT}, LIST)),
    ],
)
def test_both_refuse(told, data):
    for dl in (minidl, keras):
        model = made(dl)

        def train(model=model):
            model.compile("sgd", **told)
            model.fit(*data, verbose=0)

        with pytest.raises((ValueError, KeyError, TypeError)):
            train()
