"""Several inputs and outputs: what may be passed, what comes back, and what is refused before anything has changed."""

import numpy as np
import pytest
from small_models import same, state

from minidl import losses, metrics, ops
from minidl.callbacks import LambdaCallback
from minidl.layers import Concatenate, Dense, Embedding, Input, TimeDistributed
from minidl.models import Model, Sequential, loops
from minidl.optimizers import SGD
from minidl.utils import PyDataset

N = 10
rng = np.random.default_rng(0)
LEFT, RIGHT = rng.normal(size=(N, 3)).astype("float32"), rng.normal(size=(N, 2)).astype("float32")
UP, DOWN = rng.normal(size=(N, 2)).astype("float32"), rng.normal(size=(N, 1)).astype("float32")
W = np.linspace(0, 2, N).astype("float32")


def functional(form="list", inputs="list"):
    left, right = Input((3,), name="left"), Input((2,), name="right")
    joined = Concatenate(name="joined")([left, right])
    up = Dense(2, name="up", kernel_initializer="ones")(joined)
    down = Dense(1, name="down", kernel_initializer="ones")(joined)
    ends = {"list": [up, down], "tuple": (up, down), "dict": {"u": up, "d": down}}[form]
    return Model({"list": [left, right], "dict": {"l": left, "r": right}}[inputs], ends)


class Own(Model):
    """A model whose call takes and returns lists, tuples or dicts."""

    def __init__(self, form="list"):
        super().__init__()
        self.form = form
        self.up = Dense(2, name="up", kernel_initializer="ones")
        self.down = Dense(1, name="down", kernel_initializer="ones")

    def call(self, x):
        joined = np.concatenate([x["left"], x["right"]] if isinstance(x, dict) else x, axis=-1)
        up, down = self.up(joined), self.down(joined)
        return {"list": [up, down], "tuple": (up, down), "dict": {"u": up, "d": down}}[self.form]


def compiled(make=functional, *args, loss="mse", **options):
    model = make(*args)
    model.compile(SGD(0.05), loss, **options)
    return model


def mse(y, y_pred):
    return float(np.mean((y - y_pred) ** 2))


def weights_after(model, x, y, **options):
    model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0, **options)
    return model.get_weights()


# --- what is told ------------------------------------------------------------------------------------------


def test_the_values_of_two_outputs():
    model = compiled(loss=["mse", "mae"], loss_weights=[1.0, 3.0], metrics=[["mae", "mse"], ["mae"]])
    up, down = model.predict([LEFT, RIGHT], verbose=0)
    wanted = {
        "up_loss": mse(UP, up),
        "down_loss": np.mean(np.abs(DOWN - down)),
        "down_mae": np.mean(np.abs(DOWN - down)),
        "up_mae": np.mean(np.abs(UP - up)),
        "up_mse": mse(UP, up),
    }
    total = wanted["up_loss"] + 3 * wanted["down_loss"]
    values = model.evaluate([LEFT, RIGHT], [UP, DOWN], batch_size=4, verbose=0)
    assert values == pytest.approx([total, *wanted.values()], rel=1e-5)
    told = model.evaluate([LEFT, RIGHT], [UP, DOWN], verbose=0, return_dict=True)
    assert told == pytest.approx({"loss": total, **wanted}, rel=1e-5)
    assert model.test_on_batch([LEFT, RIGHT], [UP, DOWN]) == pytest.approx(values, rel=1e-5)
    assert model.train_on_batch([LEFT, RIGHT], [UP, DOWN]) == pytest.approx(values, rel=1e-5)
    assert model.metrics_names == list(told)
    assert [metric.name for metric in model.metrics] == ["mae", "mse", "mae"]


def test_the_keys_of_the_history():
    model = compiled(metrics=[["mae"], ["mse"]], weighted_metrics=[None, ["mse", "mae"]])
    history = model.fit(
        [LEFT, RIGHT], [UP, DOWN], validation_split=0.3, epochs=2, batch_size=3, verbose=0
    ).history
    own = ["down_loss", "down_mae", "down_mse", "down_weighted_mse", "loss", "up_loss", "up_mae"]
    assert list(history) == own + [f"val_{key}" for key in own]
    assert all(len(values) == 2 for values in history.values())


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"loss": "mse"}, ["loss", "up_loss", "down_loss"]),
        ({"loss": ["mse", None]}, ["loss"]),
        ({"loss": {"down": "mse"}}, ["loss"]),
        ({"loss": {"down": "mse", "up": "mae"}}, ["loss", "up_loss", "down_loss"]),
        ({"loss": losses.Huber()}, ["loss", "up_loss", "down_loss"]),
        ({"loss": "mse", "metrics": ["mse", "mae"]}, ["loss", "up_loss", "down_loss", "down_mae", "up_mse"]),
        ({"loss": "mse", "metrics": {"down": "mae"}}, ["loss", "up_loss", "down_loss", "down_mae"]),
        ({"loss": "mse", "metrics": [None, [metrics.MeanAbsoluteError(name="far")]]},
         ["loss", "up_loss", "down_loss", "down_far"]),
        ({"loss": ["mse", None], "metrics": [None, ["mae"]]}, ["loss", "down_mae"]),
        ({"loss": "mse", "metrics": [["mae", "mae"], []]}, ["loss", "up_loss", "down_loss", "up_mae", "up_mae_1"]),
        ({"loss": "mse", "metrics": [[metrics.MeanSquaredError(name="loss")], []]},
         ["loss", "up_loss", "down_loss", "up_loss_1"]),
    ],
)  # fmt: skip
def test_ways_to_tell_compile(told, wanted):
    model = compiled(**told)
    assert list(model.evaluate([LEFT, RIGHT], [UP, DOWN], verbose=0, return_dict=True)) == wanted


@pytest.mark.parametrize("weights", [[2.0, 0.5], {"up": 2.0, "down": 0.5}, {"u": 2.0, "d": 0.5}])
def test_loss_weights_count_in_the_total_only(weights):
    form = "dict" if "u" in weights else "list"
    y = {"u": UP, "d": DOWN} if form == "dict" else [UP, DOWN]
    values = compiled(functional, form, loss_weights=weights).test_on_batch(
        [LEFT, RIGHT], y, return_dict=True
    )
    up, down = (values[key] for key in (("u_loss", "d_loss") if form == "dict" else ("up_loss", "down_loss")))
    assert values["loss"] == pytest.approx(2 * up + 0.5 * down, rel=1e-5)


def test_one_loss_weight_for_one_loss_that_all_share():
    values = compiled(loss_weights=3.0).test_on_batch([LEFT, RIGHT], [UP, DOWN])
    assert values[0] == pytest.approx(3 * (values[1] + values[2]), rel=1e-5)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"metrics": ["mse"]}, r"metrics for 2 outputs as a list with a list for each.*\['mse'\].*\[\['mae'\], "),
        ({"metrics": "mse"}, "metrics for 2 outputs"),
        ({"metrics": {"upp": ["mse"]}}, "metrics names 'upp', which is no output. Did you mean 'up'"),
        ({"weighted_metrics": [["mse"]] * 3}, "weighted_metrics for 2 outputs"),
        ({"loss": ["mse"]}, "loss for 2 outputs, got 1"),
        ({"loss": ["mse"] * 3}, "loss for 2 outputs, got 3"),
        ({"loss": {"dwn": "mse"}}, "loss names 'dwn', which is no output. Did you mean 'down'"),
        ({"loss": ["mse", "mean_squard_error"]}, "Unknown loss 'mean_squard_error'"),
        ({"loss_weights": [1.0]}, "loss_weights for 2 outputs, got 1"),
        ({"loss": ["mse", "mae"], "loss_weights": 2.0}, "loss_weights for 2 outputs as a list or a dict, got 2.0"),
        ({"loss_weights": {"left": 1.0}}, "loss_weights names 'left', which is no output. The outputs: up, down"),
        ({"metrics": [["mae"], ["mea"]]}, "mae"),
    ],
)  # fmt: skip
def test_compile_refuses_what_does_not_fit_the_outputs(told, message):
    model = functional()
    with pytest.raises(ValueError, match=message):
        model.compile("sgd", **{"loss": "mse", **told})
    assert model.optimizer is None


def test_names_of_the_one_output():
    model = Model(x := Input((3,)), Dense(1, name="only")(x))
    model.compile("sgd", {"only": "mse"}, metrics={"only": ["mae"]})
    assert len(model.evaluate(LEFT, DOWN, verbose=0)) == 2
    assert model.evaluate(LEFT, {"only": DOWN}, verbose=0) == model.evaluate(LEFT, [DOWN], verbose=0)
    with pytest.raises(ValueError, match=r"loss names 'olny', which is no output. Did you mean 'only'"):
        model.compile("sgd", {"olny": "mse"})


def test_a_layer_that_is_two_outputs():
    x = Input((3,))
    shared = Dense(3, name="shared", kernel_initializer="ones")
    once = shared(x)
    model = Model(x, [once, shared(once)])
    model.compile("sgd", "mse", metrics=[["mae"], ["mae"]])
    y = np.zeros((N, 3), "float32")
    first, second = model.predict(LEFT, verbose=0)
    values = model.evaluate(LEFT, [y, y], verbose=0)
    assert values[:3] == pytest.approx(  # as in Keras: the last of a name has it
        [mse(y, first) + mse(y, second), mse(y, second), mse(y, second)], rel=1e-5
    )
    assert list(model.fit(LEFT, [y, y], verbose=0).history) == [
        "loss",
        "shared_loss",
        "shared_mae",
        "shared_mae_1",
    ]


# --- what is passed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [functional, Own])
@pytest.mark.parametrize("form", ["list", "tuple", "dict"])
def test_the_same_data_in_every_form(make, form):
    names = ("u", "d") if form == "dict" else ("up", "down")
    named = {names[1]: DOWN, names[0]: UP}
    targets = [named] if make is Own and form == "dict" else [[UP, DOWN], (UP, DOWN), named]
    targets = targets[:2] if make is Own and form != "dict" else targets
    if form == "dict":
        targets = [named]
    inputs = [[LEFT, RIGHT], (LEFT, RIGHT), {"right": RIGHT, "left": LEFT}]
    reached = [weights_after(compiled(make, form), x, y) for x in inputs for y in targets]
    assert all(same(reached[0], other) for other in reached[1:])


@pytest.mark.parametrize("keys", [("l", "r"), ("left", "right")])
def test_a_model_made_with_a_dict_of_inputs(keys):
    x = dict(zip(keys, (LEFT, RIGHT), strict=True))
    wanted = functional().predict([LEFT, RIGHT], verbose=0)
    assert same(functional("list", "dict").predict(x, verbose=0), wanted)
    assert same(functional("list", "dict").predict({"more": UP, **x}, verbose=0), wanted)


class Batches(PyDataset):
    def __init__(self, x, y, weights=None):
        super().__init__()
        self.parts = x, y, weights

    def __len__(self):
        return 5

    def __getitem__(self, i):
        def rows(part):
            if isinstance(part, dict):
                return {key: rows(value) for key, value in part.items()}
            return [rows(p) for p in part] if isinstance(part, list) else part[2 * i : 2 * i + 2]

        return tuple(rows(part) for part in self.parts if part is not None)


@pytest.mark.parametrize("weights", [None, [W, W[::-1].copy()], {"up": W, "down": W[::-1].copy()}])
@pytest.mark.parametrize("kind", ["sequence", "generator"])
def test_batches_of_several(kind, weights):
    wanted = compiled()
    options = {} if weights is None else {"sample_weight": weights}
    wanted.fit([LEFT, RIGHT], [UP, DOWN], batch_size=2, shuffle=False, verbose=0, **options)
    for x, y in (([LEFT, RIGHT], [UP, DOWN]), ({"left": LEFT, "right": RIGHT}, {"up": UP, "down": DOWN})):
        data = Batches(x, y, weights)
        model = compiled()
        model.fit(data if kind == "sequence" else iter(data), shuffle=False, verbose=0, validation_data=data)
        assert same(model.get_weights(), wanted.get_weights())
        assert len(model.evaluate(data, verbose=0)) == 3
        assert model.predict(data, verbose=0)[0].shape == (N, 2)


@pytest.mark.parametrize(
    ("given", "each"),
    [
        (W, [W, W]),
        (W[:, None], [W, W]),
        ([W, None], [W, np.ones(N)]),
        ({"down": W}, [np.ones(N), W]),
        ([W, 2 * W], [W, 2 * W]),
    ],
)
@pytest.mark.parametrize("make", [functional, Own])
def test_sample_weights(make, given, each):
    if make is Own and isinstance(given, dict):
        return
    model = compiled(make, weighted_metrics=[["mse"], ["mse"]], metrics=[["mae"], ["mae"]])
    up, down = model.predict_on_batch([LEFT, RIGHT])
    values = model.test_on_batch([LEFT, RIGHT], [UP, DOWN], given, return_dict=True)
    wanted = [
        np.mean(np.mean((t - p) ** 2, -1) * w) for t, p, w in zip((UP, DOWN), (up, down), each, strict=True)
    ]
    assert values["loss"] == pytest.approx(sum(wanted), rel=1e-5)
    if make is functional:
        assert values["up_loss"] == pytest.approx(wanted[0], rel=1e-5)
        weighted = np.average(np.mean((DOWN - down) ** 2, -1), weights=each[1])
        assert values["down_mse"] == pytest.approx(weighted, rel=1e-5)
        assert values["down_mae"] == pytest.approx(np.mean(np.abs(DOWN - down)), rel=1e-5)


def test_targets_of_outputs_without_a_loss_may_be_left_out():
    model = compiled(loss=["mse", None])
    up, _ = model.predict_on_batch([LEFT, RIGHT])
    for y in ([UP, DOWN], [UP, None], [UP], {"up": UP}):
        assert model.evaluate([LEFT, RIGHT], y, verbose=0) == pytest.approx(mse(UP, up), rel=1e-5)
        model.test_on_batch([LEFT, RIGHT], y)
    before = model.get_weights()
    model.fit([LEFT, RIGHT], [UP], verbose=0)
    after = model.get_weights()
    assert not same(after[:2], before[:2])
    assert same(after[2:], before[2:])  # what only the other output needs


def test_validation_data_of_several():
    model = compiled()
    data = [LEFT, RIGHT], [UP, DOWN], [W, W]
    history = model.fit(*data[:2], validation_data=data, verbose=0).history
    assert history["val_loss"] == [pytest.approx(model.evaluate(*data[:2], sample_weight=W, verbose=0)[0])]


def test_validation_split_takes_the_last_of_each():
    model = compiled()
    history = model.fit([LEFT, RIGHT], [UP, DOWN], sample_weight=W, validation_split=0.3, verbose=0).history
    rest = slice(7, None)
    last = model.evaluate([LEFT[rest], RIGHT[rest]], [UP[rest], DOWN[rest]], sample_weight=W[rest], verbose=0)
    assert history["val_loss"] == [pytest.approx(last[0], rel=1e-5)]


def test_shuffling_keeps_samples_together():
    seen = []

    class Watching(Own):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            if training:
                seen.append((*x, *y, *sample_weight))
            return super().compute_loss(x, y, y_pred, sample_weight, training)

    number = np.arange(N, dtype="float32")
    model = compiled(Watching)
    column = number[:, None]
    model.fit([column, 2 * column], [np.hstack([3 * column] * 2), 4 * column], sample_weight=[5 * number, 6 * number],
              batch_size=4, verbose=0)  # fmt: skip
    rows = [np.concatenate([batch[i].reshape(len(batch[i]), -1)[:, 0] for batch in seen]) for i in range(6)]
    assert sorted(rows[0]) == number.tolist() != rows[0].tolist()
    for factor, row in enumerate(rows, 1):
        assert np.array_equal(row, factor * rows[0])


@pytest.mark.parametrize("form", ["list", "tuple", "dict"])
@pytest.mark.parametrize("make", [functional, Own])
def test_predict_answers_in_the_form_of_the_model(make, form):
    model = make(form)
    whole = model([LEFT, RIGHT])
    got = model.predict([LEFT, RIGHT], batch_size=3, verbose=0)
    assert type(got) is type(whole) is {"list": list, "tuple": tuple, "dict": dict}[form]
    for key in got if form == "dict" else range(2):
        assert isinstance(got[key], np.ndarray)
        assert np.allclose(got[key], whole[key].numpy(), atol=1e-6)
        assert np.array_equal(model.predict_on_batch([LEFT, RIGHT])[key], whole[key].numpy())


def test_two_inputs_and_one_output():
    x = [Input((3,), name="a"), Input((2,), name="b")]
    model = Model(x, Dense(1)(Concatenate()(x)))
    model.compile("sgd", "mse", metrics=["mae"])
    first = model.evaluate([LEFT, RIGHT], DOWN, verbose=0)
    assert len(first) == 2
    for y in ([DOWN], (DOWN,), DOWN[:, 0], DOWN.tolist()):
        assert model.evaluate([LEFT.tolist(), RIGHT], y, verbose=0) == pytest.approx(first)
    assert model.predict([LEFT, RIGHT], verbose=0).shape == (N, 1)
    assert model.predict_on_batch([LEFT[:1], RIGHT[:1]]).shape == (1, 1)
    assert model.train_on_batch([LEFT[:1], RIGHT[:1]], [DOWN[:1]])[0] > 0
    model.fit([LEFT, RIGHT], np.zeros_like(DOWN), class_weight={0: 2.0}, verbose=0)


def test_one_input_and_two_outputs():
    x = Input((3,), name="a")
    model = compiled(lambda: Model(x, [Dense(2, name="up")(x), Dense(1, name="down")(x)]))
    first = model.evaluate(LEFT, [UP, DOWN], verbose=0)
    for form in ([LEFT], (LEFT,), {"a": LEFT}, LEFT.tolist()):
        assert model.evaluate(form, [UP, DOWN], verbose=0) == first
    assert model.predict(LEFT, verbose=0)[1].shape == (N, 1)


def test_a_list_of_rows_is_one_input_of_a_class_of_ones_own():
    class One(Model):
        def __init__(self):
            super().__init__()
            self.out = Dense(1)

        def call(self, x):
            return self.out(x)

    model = compiled(One)
    model.fit(list(LEFT), DOWN, verbose=0)
    assert model.predict(list(LEFT), verbose=0).shape == (N, 1)
    images = compiled(One)
    images.fit([np.ones((2, 3)) for _ in range(4)], np.ones((4, 2, 1)), verbose=0)  # as many as targets
    assert compiled(One).predict(list(LEFT), verbose=0).shape == (N, 1)  # vectors, and nothing else to go by
    compiled(One).fit(list(np.ones((3, 3))), np.ones((3, 1)), verbose=0)  # as many as targets, and as long
    assert compiled(Own).predict([LEFT, RIGHT], verbose=0)[0].shape == (N, 2)


def test_inputs_that_are_vectors():
    class Sum(Model):
        def __init__(self):
            super().__init__()
            self.table, self.out = Embedding(N, 2), Dense(1)

        def call(self, x):
            users, items = x
            return self.out(self.table(users) + self.table(items))

    ids = np.arange(N)
    model = compiled(Sum)
    model.fit([ids, ids[::-1]], DOWN, verbose=0)
    assert model.predict([ids, ids], verbose=0).shape == (N, 1)


# --- masks, penalties --------------------------------------------------------------------------------------


def test_each_output_has_its_own_mask():
    ids = np.array([[1, 2, 0], [3, 0, 0]])
    words = Input((3,), name="words", dtype="int32")
    masked = Embedding(4, 2, mask_zero=True)(words)
    plain = Embedding(4, 2)(words)
    model = Model(
        words, [TimeDistributed(Dense(1), name="a")(masked), TimeDistributed(Dense(1), name="b")(plain)]
    )
    model.compile("sgd", "mse", weighted_metrics=[["mse"], ["mse"]])
    a, b = model.predict(ids, verbose=0)
    y = np.ones((2, 3, 1), "float32")
    errors = (1 - a[..., 0]) ** 2
    values = model.test_on_batch(ids, [y, y], return_dict=True)
    assert values["a_loss"] == pytest.approx(errors[ids > 0].mean(), rel=1e-5)
    assert values["a_mse"] == pytest.approx(errors[ids > 0].mean(), rel=1e-5)
    assert [values["b_loss"], values["b_mse"]] == pytest.approx([mse(y, b)] * 2, rel=1e-5)


def test_penalties_count_in_the_total_only():
    x = Input((3,))
    model = Model(
        x,
        [
            Dense(2, name="up", kernel_regularizer="l2", kernel_initializer="ones")(x),
            Dense(1, name="down")(x),
        ],
    )
    model.compile("sgd", "mse")
    total, up, down = model.evaluate(LEFT, [UP, DOWN], verbose=0)
    assert total == pytest.approx(up + down + 0.01 * 6, rel=1e-5)


def test_a_compute_loss_of_ones_own():
    class Tied(Own):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            up, down = y_pred
            return ops.mean((up - down) ** 2)

    model = compiled(Tied)
    model.predict([LEFT, RIGHT], verbose=0)
    model.down.kernel.assign(np.zeros((5, 1)))
    first = model.evaluate([LEFT, RIGHT], [UP, DOWN], verbose=0, return_dict=True)
    model.fit([LEFT, RIGHT], [UP, DOWN], epochs=20, verbose=0)
    assert model.evaluate([LEFT, RIGHT], [UP, DOWN], verbose=0)[0] < first["loss"] / 2


def test_gradients_of_both_outputs_meet():
    model = compiled(loss_weights=[1.0, 2.0])
    before = model.get_weights()
    model.train_on_batch([LEFT, RIGHT], [UP, DOWN])
    joined = np.concatenate([LEFT, RIGHT], axis=1)
    for i, (y, factor) in enumerate(((UP, 1), (DOWN, 2))):
        error = joined @ before[2 * i] + before[2 * i + 1] - y
        step = 0.05 * factor * 2 * joined.T @ error / error.size
        assert np.allclose(model.get_weights()[2 * i], before[2 * i] - step, atol=1e-5)


# --- a class of one's own ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["list", "tuple"])
def test_outputs_without_names(form):
    model = compiled(Own, form, loss=["mse", "mae"], metrics=[["mse"], ["mse"]])
    history = model.fit([LEFT, RIGHT], [UP, DOWN], verbose=0).history
    assert list(history) == ["loss", "mae_loss", "mse", "mse_1", "mse_loss"]
    assert len(model.evaluate([LEFT, RIGHT], [UP, DOWN], verbose=0)) == 5


def test_outputs_in_a_dict_go_by_its_keys():
    model = compiled(
        Own, "dict", loss={"u": "mse", "d": "mae"}, metrics={"u": ["mae"]}, loss_weights={"d": 2.0}
    )
    x, y = {"left": LEFT, "right": RIGHT}, {"u": UP, "d": DOWN}
    model.fit(x, y, sample_weight={"u": W}, validation_data=(x, y), verbose=0)
    values = model.evaluate(x, y, verbose=0, return_dict=True)
    assert list(values) == ["loss", "d_loss", "u_loss", "u_mae"]
    assert values["loss"] == pytest.approx(2 * values["d_loss"] + values["u_loss"], rel=1e-5)
    assert model.evaluate(x, y, verbose=0) == [values[key] for key in ("loss", "u_loss", "d_loss", "u_mae")]
    with pytest.raises(ValueError, match="y names 'z', which is no output"):
        model.evaluate(x, {"z": UP, "d": DOWN}, verbose=0)


def test_what_a_class_of_ones_own_cannot_be_told_is_told_at_its_first_batch():
    model = compiled(Own, loss=["mse"] * 3)
    with pytest.raises(ValueError, match="loss for 2 outputs, got 3"):
        model.fit([LEFT, RIGHT], [UP, DOWN], verbose=0)
    with pytest.raises(ValueError, match="Unknown loss 'msee'"):
        Own().compile("sgd", ["mse", "msee"])
    with pytest.raises(ValueError, match="Unknown metric"):
        Own().compile("sgd", "mse", metrics=[["mse"], ["msee"]])


# --- refusals ----------------------------------------------------------------------------------------------

HALF = LEFT[:5]


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        ([LEFT], [UP, DOWN], {}, r"list of 2 arrays, one for each input \(left, right\), got 1 entries"),
        ([LEFT, RIGHT, UP], [UP, DOWN], {}, "got 3 entries"),
        (LEFT, [UP, DOWN], {}, "list of 2 arrays, one for each input .* got one ndarray"),
        (None, [UP, DOWN], {}, "one NoneType"),
        ({"left": LEFT, "rihgt": RIGHT}, [UP, DOWN], {}, "has an input 'right', x has .* Did you mean 'right'"),
        ({"left": LEFT}, [UP, DOWN], {}, "has an input 'right', x has 'left'"),
        ([LEFT, RIGHT], UP, {}, r"y expects a list of 2 arrays, one for each output \(up, down\), got one ndarray"),
        ([LEFT, RIGHT], [UP], {}, "y expects a list of 2 arrays.* got 1 entries"),
        ([LEFT, RIGHT], [UP, DOWN, UP], {}, "y expects a list of 2 arrays.* got 3 entries"),
        ([LEFT, RIGHT], {"up": UP, "dwn": DOWN}, {}, "y names 'dwn', which is no output. Did you mean 'down'"),
        ([LEFT, RIGHT], {"up": UP}, {}, "y has no targets for 'down'"),
        ([LEFT, RIGHT], [UP, None], {}, "output 'down', is compiled with loss .* needs y"),
        ([LEFT, RIGHT], None, {}, "output 'up', is compiled with loss .* needs y"),
        ([LEFT, RIGHT[:5]], [UP, DOWN], {}, "input 'left' has 10 samples and input 'right' has 5: each sample"),
        ([LEFT, RIGHT], [UP, DOWN[:4]], {}, "input 'left' has 10 samples and y of 'down' has 4"),
        ([LEFT, RIGHT], [UP, DOWN], {"sample_weight": [W, W[:3]]}, "sample_weight of 'down' has 3"),
        ([LEFT, RIGHT], [UP, DOWN], {"sample_weight": np.ones((N, 2))}, r"one weight for each sample, \(N,\)"),
        ([LEFT, RIGHT], [UP, DOWN], {"sample_weight": [W]}, "sample_weight expects a list of 2 arrays"),
        ([LEFT, RIGHT], [UP, DOWN], {"sample_weight": {"upp": W}}, "sample_weight names 'upp'.* Did you mean 'up'"),
        ([LEFT, RIGHT], [UP, DOWN], {"class_weight": {0: 1.0}}, "class_weight is for models with one output"),
        ([LEFT, LEFT], [UP, DOWN], {}, r"made for an input 'right' of shape \(None, 2\), got \(10, 3\)"),
        ([LEFT[:0], RIGHT[:0]], [UP[:0], DOWN[:0]], {}, "input 'left' has no samples"),
        ([LEFT, RIGHT], [UP, [["a"]] * N], {}, r"y\[1\] expects real numbers"),
        ([LEFT, None], [UP, DOWN], {}, r"x\[1\] is None"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["fit", "train_on_batch"])
def test_what_does_not_fit_is_refused_and_changes_nothing(x, y, options, message, way):
    model = compiled()
    model.train_on_batch([LEFT, RIGHT], [UP, DOWN])
    before = state(model)
    with pytest.raises((ValueError, TypeError), match=message) as error:
        getattr(model, way)(x, y, **options, **({"verbose": 0} if way == "fit" else {}))
    assert len(str(error.value)) < 400
    assert same(state(model), before)


def test_a_dict_for_a_model_with_one_input():
    model = compiled(lambda: Model(x := Input((3,), name="rows"), Dense(1)(x)))
    assert model.predict({"rows": LEFT}, verbose=0).shape == (N, 1)
    with pytest.raises(ValueError, match=r"has the input 'rows', x names \['row'\]"):
        model.predict({"row": LEFT}, verbose=0)
    with pytest.raises(TypeError, match="x expects arrays, lists, pandas objects or batches, got dict"):
        Sequential([Dense(1)]).predict({"rows": LEFT}, verbose=0)
    named = Sequential([Input((3,), name="rows"), Dense(1)])
    assert named.predict({"rows": LEFT}, verbose=0).shape == (N, 1)


@pytest.mark.filterwarnings("ignore:No gradient reaches")
@pytest.mark.parametrize(
    ("between", "replayed"),
    [
        (lambda a, b: a + b, True),
        (lambda a, b: np.concatenate([a, b], axis=-1), True),
        (lambda a, b: ops.where(a > b, a, b), False),
        (lambda a, b: a * ops.cast(ops.argmax(b, axis=-1, keepdims=True), "float32"), False),
    ],
)
def test_training_with_two_inputs_may_be_replayed_and_gives_the_same(between, replayed, monkeypatch):
    repeated = []
    plain = loops.Loops._repeat_step
    monkeypatch.setattr(loops.Loops, "_repeat_step", lambda *a: (repeated.append(1), plain(*a)))

    def trained(**options):
        a, b = Input((3,), name="a"), Input((2,), name="b")
        ones = {"kernel_initializer": "ones"}
        model = Model([a, b], Dense(1, **ones)(between(Dense(4, **ones)(a), Dense(4, **ones)(b))))
        model.compile(SGD(0.01), "mse")
        model._shuffler.seed, model._shuffler.stream = 1, 2
        history = model.fit([LEFT, RIGHT], DOWN, batch_size=2, epochs=3, verbose=0, **options).history
        return model.get_weights(), history

    weights, history = trained()
    assert bool(repeated) == replayed
    del repeated[:]
    stepwise = trained(callbacks=[LambdaCallback(on_train_batch_end=lambda batch, logs: None)])
    assert not repeated
    assert same(weights, stepwise[0])
    assert history == stepwise[1]
