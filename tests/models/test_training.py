"""compile, fit, evaluate, predict and their one-batch forms: what they return, and what training does."""

import contextlib
import io

import numpy as np
import pandas as pd
import pytest
from small_models import linear, rows, same, state, with_everything

from minidl import Tensor, gradcheck, losses, metrics, optimizers
from minidl.callbacks import Callback
from minidl.layers import BatchNormalization, Dense, Dropout, Flatten, Input
from minidl.models import Sequential
from minidl.utils import set_random_seed, to_categorical

X, Y = rows()


def shown(call):
    """What `call` writes to the screen."""
    screen = io.StringIO()
    with contextlib.redirect_stdout(screen):
        call()
    return screen.getvalue()


class Losses(Callback):
    def __init__(self):
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append((epoch, dict(logs)))


# --- what comes back --------------------------------------------------------------------------------------


def test_one_output_gives_the_loss_and_the_metrics_in_the_order_of_compile():
    error = X.sum(axis=1, keepdims=True) - Y
    mse, mae = float((error**2).mean()), float(np.abs(error).mean())
    model = linear(metrics=["mae", "mse"])
    assert model.evaluate(X, Y, verbose=0) == pytest.approx([mse, mae, mse], rel=1e-6)
    assert model.metrics_names == ["loss", "mae", "mse"]
    assert model.test_on_batch(X, Y) == pytest.approx([mse, mae, mse], rel=1e-6)
    assert model.evaluate(X, Y, verbose=0, return_dict=True) == pytest.approx(
        {"loss": mse, "mae": mae, "mse": mse}, rel=1e-6
    )
    assert model.test_on_batch(X, Y, return_dict=True) == pytest.approx(
        {"loss": mse, "mae": mae, "mse": mse}, rel=1e-6
    )
    assert model.train_on_batch(X, Y) == pytest.approx([mse, mae, mse], rel=1e-6)  # before the step
    assert model.evaluate(X, Y, verbose=0)[0] < mse
    plain = linear()
    for value in (plain.evaluate(X, Y, verbose=0), plain.test_on_batch(X, Y), plain.train_on_batch(X, Y)):
        assert isinstance(value, float)
        assert value == pytest.approx(mse, rel=1e-6)


def test_predict_is_the_model_in_inference_mode_batch_by_batch():
    model = with_everything()
    wanted = model(X, training=False).numpy()
    for size in (1, 3, 20, 100, None):
        got = model.predict(X, batch_size=size, verbose=0)
        assert isinstance(got, np.ndarray)
        assert got.dtype == np.float32
        assert np.allclose(got, wanted, atol=1e-6)
    assert np.array_equal(model.predict_on_batch(X), wanted)
    assert model.predict(X, batch_size=4, steps=2, verbose=0).shape == (8, 1)
    assert model.predict_on_batch(X[:0]).shape == (0, 1)


def test_history():
    model = linear(metrics=["mae", "MeanSquaredError"])
    history = model.fit(X, Y, epochs=3, validation_data=(X, Y), verbose=0)
    assert model.history is history
    assert history.epoch == [0, 1, 2]
    keys = ["MeanSquaredError", "loss", "mae", "val_MeanSquaredError", "val_loss", "val_mae"]
    assert list(history.history) == keys  # alphabetical
    assert {len(values) for values in history.history.values()} == {3}
    assert all(isinstance(v, float) for values in history.history.values() for v in values)
    again = model.fit(X, Y, epochs=2, verbose=0)
    assert again is not history
    assert len(again.history["loss"]) == 2


def test_the_keys_of_the_history_are_sorted_as_a_whole():
    model = linear(metrics=[metrics.MeanSquaredError("zeta")])
    history = model.fit(X, Y, validation_split=0.5, verbose=0).history
    assert list(history) == ["loss", "val_loss", "val_zeta", "zeta"]


def test_epochs_count_on_from_initial_epoch():
    model, seen = linear(), Losses()
    history = model.fit(X, Y, initial_epoch=3, epochs=5, verbose=0, callbacks=[seen])
    assert history.epoch == [epoch for epoch, _ in seen.epochs] == [3, 4]
    assert int(model.optimizer.iterations) == 2
    before = state(model)
    for epochs in (0, 3, 5):
        assert model.fit(X, Y, initial_epoch=5, epochs=epochs, verbose=0).history == {}
    assert same(state(model), before)


def test_the_steps_of_an_epoch():
    model = linear()
    model.fit(X, Y, verbose=0)
    assert int(model.optimizer.iterations) == 1  # 32 samples in a step by default
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    assert int(model.optimizer.iterations) == 1 + 2 * 3
    model.fit(X, Y, batch_size=8, steps_per_epoch=2, epochs=2, verbose=0)
    assert int(model.optimizer.iterations) == 7 + 4


# --- the loss of an epoch ---------------------------------------------------------------------------------


def frozen(**compiled):
    """The sum of the features, never trained: its loss is known whatever the order of the batches."""
    model = Sequential([Input(shape=(1,)), Dense(1, kernel_initializer="ones", trainable=False)])
    model.compile("sgd", "mse", **compiled)
    return model


TEN = np.arange(10.0).reshape(10, 1)
ZERO = np.zeros((10, 1))


def test_validation_data_is_the_last_part_before_shuffling():
    history = frozen().fit(TEN, ZERO, validation_split=0.2, verbose=0).history
    assert history["val_loss"] == [72.5]  # (64 + 81) / 2
    assert history["loss"] == [17.5]  # the mean of 0, 1, 4 ... 49
    weights = np.arange(10.0)
    history = frozen().fit(TEN, ZERO, validation_split=0.2, sample_weight=weights, verbose=0).history
    assert history["val_loss"] == [(8 * 64 + 9 * 81) / 2]
    assert history["loss"] == [sum(i**3 for i in range(8)) / 8]


def test_validation_data_wins_over_validation_split():
    history = frozen().fit(TEN, ZERO, validation_split=0.2, validation_data=(TEN[:2], ZERO[:2]), verbose=0)
    assert history.history == {"loss": [28.5], "val_loss": [0.5]}


@pytest.mark.parametrize("size", [1, 3, 4, 7, 32])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_batch_counts_by_its_size(size, shuffle):
    history = frozen(metrics=["mae"]).fit(TEN, ZERO, batch_size=size, shuffle=shuffle, verbose=0).history
    assert history["loss"] == pytest.approx([28.5], rel=1e-6)
    assert history["mae"] == pytest.approx([4.5], rel=1e-6)
    assert frozen().evaluate(TEN, ZERO, batch_size=size, verbose=0) == pytest.approx(28.5, rel=1e-6)


def test_the_loss_of_a_training_epoch_is_that_of_its_batches_as_they_came():
    model, by_hand = linear(), linear()
    batches = [slice(0, 8), slice(8, 16), slice(16, 20)]
    each = [by_hand.train_on_batch(X[b], Y[b]) for b in batches]
    epoch = model.fit(X, Y, batch_size=8, shuffle=False, verbose=0).history["loss"][0]
    assert epoch == pytest.approx(np.average(each, weights=[8, 8, 4]), rel=1e-12)
    assert same(model.get_weights(), by_hand.get_weights())


def test_validation_happens_when_asked_for():
    def validated(frequency, epochs=6):
        seen = Losses()
        linear().fit(
            X, Y, epochs=epochs, validation_data=(X, Y), validation_freq=frequency, verbose=0, callbacks=seen
        )
        return [epoch + 1 for epoch, logs in seen.epochs if "val_loss" in logs]

    assert validated(1) == [1, 2, 3, 4, 5, 6]
    assert validated(2) == [2, 4, 6]
    assert validated([1, 5]) == validated({1, 5}) == validated((5, 1)) == [1, 5]
    assert validated(7) == []


def test_validation_steps_and_batch_size():
    def loss(**arguments):
        return frozen().fit(TEN, ZERO, validation_data=(TEN, ZERO), epochs=2, verbose=0, **arguments).history

    assert loss(validation_steps=1, validation_batch_size=2)["val_loss"] == [0.5, 0.5]  # rows 0, 1 each time
    assert loss(validation_steps=1, batch_size=4)["val_loss"] == [3.5, 3.5]
    assert loss()["val_loss"] == [28.5, 28.5]


def test_validation_from_batches():
    endless = ((TEN[i : i + 1], ZERO[:1]) for _ in range(99) for i in range(3))
    history = (
        frozen().fit(TEN, ZERO, validation_data=endless, validation_steps=3, epochs=2, verbose=0).history
    )
    assert history["val_loss"] == pytest.approx([5 / 3, 5 / 3])
    weighted = frozen().fit(TEN, ZERO, validation_data=(TEN, ZERO, TEN[:, 0]), verbose=0).history
    assert weighted["val_loss"] == pytest.approx([(TEN**3).mean()])


# --- weights of samples and classes -----------------------------------------------------------------------


def test_sample_weight_acts_on_loss_and_weighted_metrics_only():
    weights = np.arange(10.0)
    model = frozen(metrics=["mae"], weighted_metrics=["mse"])
    wanted = [
        float((weights * TEN[:, 0] ** 2).mean()),
        4.5,
        float(np.average(TEN[:, 0] ** 2, weights=weights)),
    ]
    assert model.evaluate(TEN, ZERO, sample_weight=weights, verbose=0) == pytest.approx(wanted, rel=1e-6)
    assert model.test_on_batch(TEN, ZERO, weights) == pytest.approx(wanted, rel=1e-6)
    history = model.fit(TEN, ZERO, sample_weight=weights, batch_size=3, verbose=0).history
    assert [history["loss"][0], history["mae"][0], history["mse"][0]] == pytest.approx(wanted, rel=1e-6)
    assert model.train_on_batch(TEN, ZERO, weights) == pytest.approx(wanted, rel=1e-6)
    batches = iter([(TEN, ZERO, weights)])
    assert model.evaluate(batches, verbose=0) == pytest.approx(wanted, rel=1e-6)


def test_the_weights_of_samples_scale_their_gradients():
    model, other = linear(), linear()
    model.train_on_batch(X, Y, np.array([2.0] * 5 + [0.0] * 15))
    doubled = (X[:5], Y[:5])
    other.compile(optimizers.SGD(0.01 * 2 * 5 / 20), "mse")
    other.train_on_batch(*doubled)
    assert np.allclose(model.get_weights()[0], other.get_weights()[0], atol=1e-6)


@pytest.mark.filterwarnings("ignore:class_weight has no weight")
def test_class_weight_is_a_sample_weight_by_class():
    labels = np.arange(20) % 3
    weight = {0: 0.5, 2: 3.0}
    by_sample = np.array([0.5, 1.0, 3.0])[labels]

    def model():
        made = Sequential([Input(shape=(4,)), Dense(3, kernel_initializer="ones", activation="softmax")])
        made.compile(
            "sgd",
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            weighted_metrics=[metrics.SparseCategoricalAccuracy("weighted")],
        )
        return made

    one, other = model(), model()
    logs = [
        one.fit(X, labels, class_weight=weight, validation_data=(X, labels), epochs=2, verbose=0).history,
        other.fit(
            X, labels, sample_weight=by_sample, validation_data=(X, labels), epochs=2, verbose=0
        ).history,
    ]
    assert logs[0] == logs[1]
    assert logs[0]["weighted"] != logs[0]["accuracy"]
    assert logs[0]["val_weighted"] == logs[0]["val_accuracy"]  # not in validation
    assert same(one.get_weights(), other.get_weights())
    assert one.train_on_batch(X, labels, class_weight=weight) == other.train_on_batch(X, labels, by_sample)
    one_hot = model()
    one_hot.compile("sgd", "categorical_crossentropy")
    plain = model()
    plain.compile("sgd", "sparse_categorical_crossentropy")
    one_hot.fit(X, to_categorical(labels), class_weight=weight, verbose=0, shuffle=False)
    plain.fit(X, labels, class_weight=weight, verbose=0, shuffle=False)
    assert np.allclose(one_hot.get_weights()[0], plain.get_weights()[0], atol=1e-6)


def test_class_weight_and_sample_weight_exclude_each_other():
    batches = iter([(X, Y, np.ones(20))])
    for call in (
        lambda m: m.fit(X, Y, class_weight={0: 1.0}, sample_weight=np.ones(20), verbose=0),
        lambda m: m.fit(batches, class_weight={0: 1.0}, verbose=0),
        lambda m: m.train_on_batch(X, Y, np.ones(20), {0: 1.0}),
    ):
        with pytest.raises(ValueError, match="class_weight or sample_weight, not both: multiply them"):
            call(linear())


def test_a_metric_that_is_there_twice_gets_another_key():
    mine = metrics.MeanAbsoluteError("mae")
    model = linear(metrics=["mae", mine, "mae"], weighted_metrics=["mae", "mae", "mse"])
    weights = np.arange(20.0)
    logs = model.fit(X, Y, sample_weight=weights, verbose=0).history
    assert sorted(logs) == ["loss", "mae", "mae_1", "mae_2", "mse", "weighted_mae", "weighted_mae_1"]
    assert logs["mae"] == logs["mae_1"] == logs["mae_2"] != logs["weighted_mae"] == logs["weighted_mae_1"]
    assert mine.name == "mae"  # still the name its owner gave it


def test_a_metric_named_loss_does_not_hide_the_loss():
    history = linear(metrics=[metrics.MeanAbsoluteError("loss")]).fit(X, Y, verbose=0).history
    assert sorted(history) == ["loss", "loss_1"]


def test_metrics_of_every_kind():
    def bias(y_true, y_pred):
        return np.mean(y_pred - y_true, axis=-1)

    model = linear(metrics=[bias, "mae", metrics.RootMeanSquaredError(), losses.mean_squared_error])
    values = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert list(values) == ["loss", "bias", "mae", "root_mean_squared_error", "mean_squared_error"]
    assert values["bias"] == pytest.approx(float((X.sum(1, keepdims=True) - Y).mean()), abs=1e-6)
    assert values["root_mean_squared_error"] ** 2 == pytest.approx(values["loss"], rel=1e-6)


def test_a_metric_with_a_value_for_each_class():
    model = Sequential([Input(shape=(4,)), Dense(3, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=[metrics.F1Score()])
    y = np.eye(3)[np.arange(20) % 3]
    text = shown(lambda: model.fit(X, y, epochs=2, verbose=1))
    assert text.count("f1_score: ") == 2
    assert model.evaluate(X, y, verbose=0)[1].shape == (3,)


def test_metrics_begin_anew():
    model = linear(metrics=["mae"])
    first = model.evaluate(X, Y, verbose=0)
    assert model.evaluate(X, Y, verbose=0) == first
    model.test_on_batch(X[:3], Y[:3])
    assert model.test_on_batch(X, Y) == pytest.approx(first, rel=1e-6)
    model.reset_metrics()
    assert model.scores.values()["mae"] == 0
    mine = metrics.MeanAbsoluteError()
    mine.update_state([0.0], [1000.0])
    assert linear(metrics=[mine]).evaluate(X, Y, verbose=0) == pytest.approx(first, rel=1e-6)


# --- penalties --------------------------------------------------------------------------------------------


def test_penalties_are_part_of_the_loss_in_fit_and_evaluate_but_not_of_metrics():
    model = Sequential([Input(shape=(4,)), Dense(1, kernel_initializer="ones", kernel_regularizer="l2")])
    model.compile(optimizers.SGD(0.0), "mse", metrics=["mse"])
    plain = linear().evaluate(X, Y, verbose=0)
    penalty = 0.01 * 4
    assert model.evaluate(X, Y, batch_size=6, verbose=0) == pytest.approx([plain + penalty, plain], rel=1e-6)
    history = model.fit(X, Y, batch_size=6, verbose=0).history
    assert history["loss"] + history["mse"] == pytest.approx([plain + penalty, plain], rel=1e-6)
    assert sum(float(p) for p in model.losses) == pytest.approx(penalty)
    model.layers[0].trainable = False
    assert model.losses == []


def test_a_penalty_on_the_output_is_divided_by_the_batch_size():
    model = Sequential([Input(shape=(4,)), Dense(1, kernel_initializer="ones", activity_regularizer="l1")])
    model.compile(optimizers.SGD(0.0), "mse")
    outputs = np.abs(X.sum(axis=1))
    wanted = linear().evaluate(X, Y, verbose=0) + 0.01 * outputs.mean()
    for size in (20, 5, 32):
        assert model.evaluate(X, Y, batch_size=size, verbose=0) == pytest.approx(wanted, rel=1e-6)
    assert model.fit(X, Y, batch_size=5, verbose=0).history["loss"] == pytest.approx([wanted], rel=1e-6)


@pytest.mark.filterwarnings("ignore:No gradient reaches")
def test_a_penalty_alone_can_be_trained_on():
    model = Sequential([Input(shape=(4,)), Dense(1, kernel_initializer="ones", kernel_regularizer="l2")])
    model.compile(optimizers.SGD(1.0))
    model.fit(X, verbose=0)
    assert np.allclose(model.get_weights()[0], 1 - 0.02)
    assert np.array_equal(model.get_weights()[1], [0])


def test_penalties_pull():
    model = Sequential([Input(shape=(4,)), Dense(1, kernel_initializer="ones", kernel_regularizer="l2")])
    model.compile(optimizers.SGD(0.1), "mse")
    model.train_on_batch(X, Y)
    plain = linear(optimizer=optimizers.SGD(0.1))
    plain.train_on_batch(X, Y)
    assert np.allclose(model.get_weights()[0], plain.get_weights()[0] - 0.1 * 2 * 0.01, atol=1e-6)


def test_loss_weights():
    plain = linear().evaluate(X, Y, verbose=0)
    for given in (3.0, [3.0], (3,)):
        model = linear(loss_weights=given, metrics=["mse"])
        assert model.evaluate(X, Y, verbose=0) == pytest.approx([3 * plain, plain], rel=1e-6)


# --- randomness -------------------------------------------------------------------------------------------


def test_the_same_seed_is_the_same_training_to_the_last_bit():
    def run(seed):
        model = with_everything(seed)
        history = model.fit(X, Y, batch_size=6, epochs=3, validation_split=0.2, verbose=0).history
        return history, state(model)

    one, other, third = run(1), run(1), run(2)
    assert one[0] == other[0]
    assert same(one[1], other[1])
    assert one[0] != third[0]


def test_a_second_fit_goes_on_and_does_not_repeat():
    model = with_everything()
    assert (
        model.fit(X, Y, batch_size=6, verbose=0).history != model.fit(X, Y, batch_size=6, verbose=0).history
    )
    in_one, in_two = with_everything(), with_everything()
    in_one.fit(X, Y, batch_size=6, epochs=4, verbose=0)
    in_two.fit(X, Y, batch_size=6, epochs=2, verbose=0)
    in_two.fit(X, Y, batch_size=6, epochs=4, initial_epoch=2, verbose=0)
    assert same(state(in_one), state(in_two))


def test_every_step_draws_masks_of_its_own():
    model = Sequential([Input(shape=(4,)), Dropout(0.5), Dense(1)])
    model.compile(optimizers.SGD(0.0), "mse")
    seen = [model.train_on_batch(X, Y) for _ in range(5)]
    assert len(set(seen)) == 5


def test_every_fit_shuffles_anew():
    class Seen(Callback):
        def on_train_batch_end(self, batch, logs=None):
            losses_.append(logs["loss"])

    model = linear(optimizer=optimizers.SGD(0.0))
    losses_ = []
    for _ in range(3):
        model.fit(X, Y, batch_size=5, verbose=0, callbacks=[Seen()])
    assert len({tuple(losses_[i : i + 4]) for i in (0, 4, 8)}) == 3


def test_the_order_of_the_samples_follows_the_seed():
    def weights(seed):
        set_random_seed(seed)
        model = linear()
        model.fit(X, Y, batch_size=5, epochs=2, verbose=0)
        return model.get_weights()

    assert same(weights(1), weights(1))
    assert not same(weights(1), weights(2))


def test_evaluating_and_predicting_in_between_changes_nothing():
    class Look(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.evaluate(X, Y, verbose=0)
            self.model.predict(X, verbose=0)
            self.model(X, training=False)

    plain, watched = with_everything(), with_everything()
    plain.fit(X, Y, batch_size=6, epochs=3, verbose=0)
    watched.fit(X, Y, batch_size=6, epochs=3, validation_data=(X, Y), verbose=0, callbacks=[Look()])
    assert same(state(plain), state(watched))


def test_shuffle_false_keeps_the_order():
    class Seen(Dense):
        def call(self, x):
            if len(x):
                self.rows.extend(np.asarray(x.data)[:, 0].tolist())
            return super().call(x)

    layer = Seen(1)
    layer.rows = []
    model = Sequential([Input(shape=(1,)), layer])
    model.compile("sgd", "mse")
    model.fit(TEN / 10, ZERO, batch_size=3, epochs=2, shuffle=False, verbose=0)
    assert np.allclose(layer.rows, [*TEN[:, 0] / 10] * 2)
    layer.rows = []
    model.fit(TEN / 10, ZERO, batch_size=3, epochs=2, verbose=0)
    first, second = np.array(layer.rows[:10]), np.array(layer.rows[10:])
    assert np.allclose(sorted(first), TEN[:, 0] / 10)
    assert not np.allclose(first, second)


# --- data of every kind -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "convert",
    [
        lambda a: a.tolist(),
        lambda a: Tensor(a),
        lambda a: pd.DataFrame(a),
        lambda a: a.astype("float64"),
        lambda a: a.astype("int8"),
        lambda a: a.astype(">f4"),
        lambda a: np.asfortranarray(a),
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        lambda a: np.broadcast_to(a, a.shape),
    ],
    ids=["list", "Tensor", "DataFrame", "float64", "int8", "big-endian", "F", "strided", "read-only"],
)
def test_the_same_numbers_train_the_same(convert):
    x, y = np.round(X), np.round(Y)
    wanted, model = linear(metrics=["mae"]), linear(metrics=["mae"])
    wanted.fit(x, y, batch_size=6, shuffle=False, verbose=0)
    before = np.array(x), np.array(y)
    model.fit(convert(x), convert(y), batch_size=6, shuffle=False, verbose=0)
    assert np.array_equal(x, before[0])
    assert np.array_equal(y, before[1])
    assert np.allclose(model.get_weights()[0], wanted.get_weights()[0], atol=1e-6)
    assert model.evaluate(convert(x), convert(y), verbose=0) == pytest.approx(
        wanted.evaluate(x, y, verbose=0), rel=1e-5
    )
    assert np.allclose(model.predict(convert(x), verbose=0), wanted.predict(x, verbose=0), atol=1e-5)


def test_images_of_bytes_and_truth_values():
    images = np.random.default_rng(0).integers(0, 256, (6, 3, 3), dtype=np.uint8)
    model = Sequential([Input(shape=(3, 3)), Flatten(), Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    answers = images[:, 0, 0] > 100
    assert model.predict(images, verbose=0).dtype == np.float32
    assert np.isfinite(model.fit(images, answers, verbose=0).history["loss"]).all()
    assert np.array_equal(
        model.predict(images > 100, verbose=0), model.predict((images > 100) * 1.0, verbose=0)
    )


def test_a_series_of_targets_and_targets_without_their_axis():
    wanted = linear().evaluate(X, Y, verbose=0)
    for y in (Y[:, 0], pd.Series(Y[:, 0], index=range(100, 120)), Y[:, 0].tolist()):
        assert linear().evaluate(X, y, verbose=0) == wanted


def test_float64_all_the_way():
    model = Sequential([Input(shape=(4,)), Dense(1, dtype="float64")])
    model.compile("adam", "mse")
    model.fit(X.astype("float64"), Y.astype("float64"), verbose=0)
    assert model.predict(X, verbose=0).dtype == np.float64
    assert [w.dtype for w in model.get_weights()] == [np.float64] * 2


def test_batches_from_a_generator_are_those_of_the_arrays():
    class Batches:
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return X[5 * i : 5 * i + 5], Y[5 * i : 5 * i + 5]

    def endless():
        while True:
            for i in range(4):
                yield Batches()[i]

    wanted = linear()
    wanted.fit(X, Y, batch_size=5, epochs=3, shuffle=False, verbose=0)
    for data, arguments in (
        (endless(), {"steps_per_epoch": 4}),
        (Batches(), {"shuffle": False}),
        ([None], None),
    ):
        model = linear()
        if arguments is None:  # one generator an epoch
            for _ in range(3):
                model.fit((Batches()[i] for i in range(4)), verbose=0)
        else:
            model.fit(data, epochs=3, verbose=0, **arguments)
        assert same(model.get_weights(), wanted.get_weights())
    assert model.evaluate(Batches(), verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-6)
    assert np.allclose(
        model.predict((Batches()[i] for i in range(4)), verbose=0), model.predict(X, verbose=0), atol=1e-6
    )
    assert model.predict(endless(), steps=2, verbose=0).shape == (10, 1)
    assert model.evaluate(endless(), steps=4, verbose=0) == model.evaluate(Batches(), verbose=0)


# --- running averages, freezing, compiling again ----------------------------------------------------------


def moving(model):
    return [v.numpy().copy() for v in model.weights if v.name.startswith("moving")]


def test_running_averages_move_once_a_step():
    model = Sequential([Input(shape=(4,)), BatchNormalization(momentum=0.5), Dense(1)])
    model.compile("sgd", "mse")
    mean, variance = np.zeros(4), np.ones(4)
    model.fit(X, Y, batch_size=8, shuffle=False, epochs=2, verbose=0)
    for b in [slice(0, 8), slice(8, 16), slice(16, 20)] * 2:
        mean = mean * 0.5 + X[b].mean(axis=0) * 0.5
        variance = variance * 0.5 + X[b].var(axis=0) * 0.5
    assert np.allclose(moving(model), [mean, variance], atol=1e-6)
    before = state(model)
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    model.test_on_batch(X, Y)
    assert same(state(model), before)


def test_a_model_that_is_built_by_the_data_has_not_seen_it_yet():
    deferred, declared = (
        Sequential([*front, BatchNormalization(), Dense(1, kernel_initializer="ones")])
        for front in ([], [Input(shape=(4,))])
    )
    for model in (deferred, declared):
        model.compile("sgd", "mse")
        model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    assert same(state(deferred), state(declared))


def test_a_frozen_normalisation_stays_as_it_is():
    model = Sequential([Input(shape=(4,)), BatchNormalization(), Dense(1)])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = model.layers[0].get_weights()
    model.fit(X, Y, verbose=0)
    assert same(model.layers[0].get_weights(), before)


def test_a_frozen_layer_keeps_its_weights():
    model = Sequential([Input(shape=(4,)), Dense(3), Dense(1)])
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    before = [layer.get_weights() for layer in model.layers]
    model.fit(X, Y, verbose=0)
    assert same(model.layers[0].get_weights(), before[0])
    assert not same(model.layers[1].get_weights(), before[1])
    assert len(model.optimizer.flat.variables) == 2


def test_nothing_to_train_is_no_error():
    model = frozen()
    assert model.fit(TEN, ZERO, epochs=2, verbose=0).history["loss"] == [28.5, 28.5]
    assert model.train_on_batch(TEN, ZERO) == 28.5
    assert model.get_weights()[0] == 1


def test_compile_again_keeps_weights_and_begins_a_named_optimizer_anew():
    model = linear(optimizer="adam")
    model.fit(X, Y, epochs=3, verbose=0)
    weights = model.get_weights()
    model.compile("adam", "mae", metrics=["mse"])
    assert same(model.get_weights(), weights)
    assert int(model.optimizer.iterations) == 0
    fresh = linear(optimizer="adam", loss="mae")
    fresh.set_weights(weights)
    model.train_on_batch(X, Y), fresh.train_on_batch(X, Y)
    assert same(model.get_weights(), fresh.get_weights())


def test_compile_again_with_the_same_optimizer_goes_on():
    model = linear(optimizer="adam")
    model.fit(X, Y, epochs=3, verbose=0)
    model.compile(model.optimizer, "mae")
    model.fit(X, Y, verbose=0)
    assert int(model.optimizer.iterations) == 4


def test_an_optimizer_serves_one_model():
    shared = optimizers.SGD(0.1)
    first, second = linear(optimizer=shared), linear(optimizer=shared)
    first.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match=r"or it serves another model. .* with a new optimizer"):
        second.fit(X, Y, verbose=0)


def test_the_default_optimizer_is_rmsprop():
    model = Sequential([Input(shape=(4,)), Dense(1)])
    model.compile(loss="mse")
    assert isinstance(model.optimizer, optimizers.RMSprop)
    assert model.loss == "mse"


def test_arguments_of_keras_that_have_no_meaning_here_are_understood():
    linear(run_eagerly=True, steps_per_execution=4, jit_compile=True, auto_scale_loss=False).fit(
        X, Y, verbose=0
    )


# --- what is shown ----------------------------------------------------------------------------------------


def fitted(verbose, epochs=2):
    model = linear(metrics=["mae"])
    return shown(lambda: model.fit(X, Y, epochs=epochs, batch_size=5, verbose=verbose))


def test_silence():
    assert fitted(0) == ""
    model = linear()
    assert shown(lambda: (model.evaluate(X, Y, verbose=0), model.predict(X, verbose=0))) == ""


@pytest.mark.parametrize("verbose", [1, "auto", True, np.int64(1)])
def test_a_bar_for_each_epoch(verbose):
    lines = fitted(verbose).splitlines()
    assert lines[::2] == ["Epoch 1/2", "Epoch 2/2"]
    for line in lines[1::2]:
        assert line.startswith(f"4/4 {'━' * 20} ")
        assert " - loss: " in line
        assert " - mae: " in line


def test_the_default_is_the_bar():
    model = linear()
    assert "━" in shown(lambda: model.fit(X, Y))
    assert "━" in shown(lambda: model.evaluate(X, Y))
    assert "━" in shown(lambda: model.predict(X))


def test_one_line_for_each_epoch():
    lines = fitted(2).splitlines()
    assert lines[::2] == ["Epoch 1/2", "Epoch 2/2"]
    assert [("━" in line, line.startswith("4/4 - "), "loss: " in line) for line in lines[1::2]] == [
        (False, True, True)
    ] * 2


def test_only_the_numbers_of_the_epochs():
    assert fitted(3) == "Epoch 1/2\nEpoch 2/2\n"
    assert fitted(3, epochs=1) == ""


def test_validation_is_shown_with_its_epoch():
    model = linear(metrics=["mae"])
    text = shown(lambda: model.fit(X, Y, validation_data=(X, Y), verbose=2))
    assert text.count("\n") == 1
    order = [text.index(f" - {name}: ") for name in ("loss", "mae", "val_loss", "val_mae")]
    assert order == sorted(order)


def test_evaluate_and_predict_show_one_line():
    model = linear(metrics=["mae"])
    text = shown(lambda: model.evaluate(X, Y, batch_size=5, verbose=2))
    assert text.startswith("4/4 - ")
    assert text.count("\n") == 1
    assert shown(lambda: model.predict(X, batch_size=5, verbose=1)).startswith(f"4/4 {'━' * 20} ")


def test_what_is_shown_is_what_is_returned():
    model = linear(metrics=["mae"])
    model.fit(X, Y, epochs=20, verbose=0)
    results = []
    text = shown(lambda: results.append(model.evaluate(X, Y, verbose=1)))
    loss, mae = results[0]
    assert text.endswith(f" - loss: {loss:.4f} - mae: {mae:.4f}\n")


def test_a_line_that_an_error_left_open_is_ended():
    class Screen(io.StringIO):
        def isatty(self):
            return True

    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("stop")

    screen = Screen()
    with contextlib.redirect_stdout(screen), pytest.raises(RuntimeError, match="stop"):
        linear().fit(X, Y, verbose=1, callbacks=[Stop()])
    assert screen.getvalue().endswith("\n")


# --- several models ---------------------------------------------------------------------------------------


def test_models_that_share_a_layer_train_it_by_turns():
    shared = Dense(3, name="shared")
    one = Sequential([Input(shape=(4,)), shared, Dense(1)])
    two = Sequential([Input(shape=(4,)), shared, Dense(1)])
    for model in (one, two):
        model.compile(optimizers.SGD(0.01, momentum=0.9), "mse")
    for _ in range(3):
        for model in (one, two):
            before = shared.get_weights()
            model.fit(X, Y, verbose=0)
            assert not same(shared.get_weights(), before)
    assert np.array_equal(one.layers[0].get_weights()[0], two.layers[0].get_weights()[0])


def test_a_head_trains_on_a_frozen_base():
    base = Sequential([Input(shape=(4,)), Dense(8, activation="relu"), BatchNormalization()])
    base.compile("sgd", "mse")
    base.fit(X, np.zeros((20, 8)), verbose=0)
    base.trainable = False
    model = Sequential([base, Dropout(0.1), Dense(1)])
    model.compile(optimizers.Adam(0.05), "mse")
    before = base.get_weights()
    losses_ = model.fit(X, Y, epochs=30, verbose=0).history["loss"]
    assert losses_[-1] < losses_[0]
    assert same(base.get_weights(), before)


def test_threads_predict_as_one():
    from concurrent.futures import ThreadPoolExecutor

    model = with_everything()
    model.fit(X, Y, verbose=0)
    wanted = model.predict(X, batch_size=3, verbose=0)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: model.predict(X, batch_size=3, verbose=0), range(24)))
    assert all(np.array_equal(result, wanted) for result in results)


def test_the_seed_of_everything():
    set_random_seed(3)
    one = with_everything(3)
    other = with_everything(3)
    assert same(state(one), state(other))


def test_a_loss_of_ones_own_and_penalties_from_inside_a_layer():
    class Noted(Dense):
        def call(self, inputs):
            out = super().call(inputs)
            self.add_loss(2 * (out * out).sum())
            return out

    class Tenfold(Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return 10 * super().compute_loss(x, y, y_pred, sample_weight, training)

    x, y = np.ones((4, 1), "float32"), np.zeros((4, 1), "float32")
    model = Tenfold([Noted(1, use_bias=False, kernel_initializer="ones")])
    model.compile(optimizers.SGD(0.001), "mse")
    assert model.evaluate(x, y, verbose=0) == pytest.approx(10 * (1 + 2 * 4))
    model.fit(x, y, verbose=0, shuffle=False)
    assert float(model.get_weights()[0][0, 0]) == pytest.approx(1 - 0.001 * 10 * (2 + 2 * 8))
    assert gradcheck(model, x, y)


@pytest.mark.parametrize(
    ("loss", "metrics"),
    [(["mse"], ["mae"]), ("mse", [["mae"]]), ({"out": "mse"}, {"out": ["mae"]}), (("mse",), {"out": "mae"})],
)
def test_spellings_for_the_one_output(loss, metrics):
    model = Sequential([Input(shape=(2,)), Dense(1, name="out")])
    model.compile("sgd", loss, metrics=metrics, loss_weights=[1.0])
    assert model.metrics == []
    x = np.ones((5, 2))
    assert len(model.evaluate(x, np.ones((5, 1)), verbose=0)) == 2
    assert [metric.name for metric in model.metrics] == ["mae"]
    with pytest.raises(ValueError, match="for one output, got 2"):
        model.compile("sgd", ["mse", "mae"])


@pytest.mark.parametrize("declared", [True, False])
def test_arrays_in_lists_of_one(declared):
    front = [Input(shape=(2,))] if declared else []
    model = Sequential([*front, Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((5, 2)), np.ones((5, 1))
    model.fit([x], [y], validation_data=([x], [y]), verbose=0)
    model.fit((x,), (y,), sample_weight=[np.ones(5)], verbose=0)
    assert model.evaluate([x], [y], verbose=0) == model.evaluate(x, y, verbose=0)
    assert model.predict([x], verbose=0).shape == model.predict_on_batch([x]).shape == (5, 1)
    assert model.predict([x[0]], verbose=0).shape == (1, 1)  # a list of samples
    assert model.train_on_batch([x], [y]) > 0


def test_build_without_a_shape():
    model = Sequential([Input(shape=(2,)), Dense(1)])
    model.build()
    assert model.built
    with pytest.raises(ValueError, match="input_shape"):
        Sequential([Dense(1)]).build()
