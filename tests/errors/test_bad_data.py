"""Data that does not fit is refused in the same words by every kernel set, and the model goes on as before.

Data that fits, in whatever form it comes, is not.
"""

import warnings
from itertools import islice

import numpy as np
import pandas as pd
import pytest
from errors.bad_data import CASES, DIRECT, PAIRS, Given, put
from errors.refused import (
    BCE,
    CCE,
    HOT,
    IDS,
    KINDS,
    LABELS,
    SCCE,
    SERIES,
    YES,
    N,
    X,
    Y,
    check,
    ending,
    fresh,
    refusal,
    rules,
    state,
    three_ways,
    unchanged,
)

from minidl import losses, optimizers
from minidl.callbacks import Callback
from minidl.layers import BatchNormalization, Dense, Dropout, Input, Layer
from minidl.models import Sequential
from minidl.models.not_finite import Alarm
from minidl.tensor import Tensor

TO_BE_SAVED = frozenset(islice(CASES, 0, None, 7))  # saving takes longer than all the rest


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:An epoch of")
def test_data_that_does_not_fit(case, tmp_path):
    kind, call, error, words = CASES[case]
    check(KINDS[kind], call, error, words, tmp_path if case in TO_BE_SAVED else None)


@pytest.mark.parametrize("case", PAIRS)
def test_a_loss_that_does_not_fit_the_last_layer(case):
    make, arguments, y, error, words = PAIRS[case]
    answers = []
    for model in three_ways(lambda: make(*arguments)):
        model.optimizer.build(model.trainable_weights)
        before = state(model)
        answers.append(refusal(lambda m: m.fit(X, y, verbose=0), model))
        assert unchanged(before, state(model))
        assert model.predict(X, verbose=0).shape == (N, arguments[0])
    assert len(set(answers)) == 1
    raised, text = answers[0]
    assert raised is error, text
    rules(text)
    for word in words.split("|"):
        assert word in text, (word, text)


@pytest.mark.parametrize("case", DIRECT)
def test_losses_and_metrics_by_themselves(case):
    call, error, words = DIRECT[case]
    answers = {refusal(lambda _: call(), made) for made in three_ways(lambda: None)}
    ((raised, text),) = answers
    assert raised is error, text
    rules(text)
    for word in words.split("|"):
        assert word in text, (word, text)


def test_there_are_as_many_cases_as_promised():
    assert len(CASES) + len(PAIRS) + len(DIRECT) >= 300


# --- what must not be refused -----------------------------------------------------------------------------

SAME = {  # ways to say the same x and y
    "lists": lambda a: a.tolist(),
    "tuples": lambda a: tuple(map(tuple, a.tolist())),
    "rows in a list": lambda a: list(a),
    "frame": lambda a: pd.DataFrame(a),
    "Tensor": Tensor,
    "big-endian": lambda a: a.astype(">f4"),
    "float64": lambda a: a.astype("f8"),
    "Fortran order": np.asfortranarray,
    "negative strides": lambda a: a[::-1].copy()[::-1],
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
    "what only knows __array__": lambda a: type(
        "Other", (), {"__array__": lambda self, dtype=None, copy=None: a, "__len__": lambda self: len(a)}
    )(),
}


@pytest.mark.parametrize("way", SAME)
def test_every_form_of_the_same_numbers_trains_the_same(way):
    results = []
    for f in (SAME[way], lambda a: a):
        model = fresh(KINDS["line"].make)
        model.fit(f(X), f(Y), verbose=0, shuffle=False)
        results.append(state(model))
    for one, other in zip(*results, strict=True):
        assert np.allclose(
            one, other, atol=1e-6
        )  # another layout in memory may be summed up in another order


@pytest.mark.parametrize("dtype", ["float16", "uint8", "bool", "int8", "uint64", ">i4", "float128"])
def test_every_type_of_numbers(dtype):
    x = (X > 0).astype(dtype)
    model = KINDS["line"].make()
    model.fit(x, Y, verbose=0)
    other = KINDS["line"].make()
    assert model.predict(x, verbose=0).dtype == np.float32
    assert np.array_equal(other.predict(x, verbose=0), other.predict(x.astype("float32"), verbose=0))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", ">i4", ">u2", "float16", "float64", ">f8"])
def test_labels_and_ids_of_every_type(dtype):
    model = KINDS["classes"].make()
    expected = model.evaluate(X, LABELS, verbose=0)
    assert model.evaluate(X, LABELS.astype(dtype), verbose=0) == expected
    assert model.evaluate(X, LABELS.astype(dtype)[:, None], verbose=0) == expected
    words = KINDS["words"].make()
    assert np.array_equal(
        words.predict(IDS.astype(dtype), verbose=0), words.predict(IDS.astype("int64"), verbose=0)
    )


def test_weights_in_the_other_byte_order():
    weights = np.arange(1.0, N + 1)
    model = KINDS["line"].make()
    assert model.evaluate(X, Y, sample_weight=weights, verbose=0) == model.evaluate(
        X, Y, sample_weight=weights.astype(">f8"), verbose=0
    )


def test_what_is_unusual_and_right():
    KINDS["line"].make().fit(X, Y[:, 0], verbose=0)  # (N,) for (N, 1)
    KINDS["line"].make().fit(X, Y, verbose=0, class_weight={})
    KINDS["free"].make().predict(np.ones((2, 9, 2)), verbose=0)  # None is free
    KINDS["yes"].make().fit(X, YES * 0.8 + 0.1, verbose=0)  # soft targets
    KINDS["hot"].make().fit(X, HOT * 0.7 + 0.1, verbose=0)
    KINDS["hot"].make().fit(X, HOT * 0, verbose=0)  # rows that belong to no class
    KINDS["classes"].make().fit(X, LABELS > 0, verbose=0)
    ending(3, "softmax", losses.SparseCategoricalCrossentropy(ignore_class=-1)).fit(
        X, put(LABELS, 3, -1), verbose=0
    )
    ending(2, "sigmoid", BCE).fit(X, HOT[:, :2], verbose=0)  # several answers at once
    ending(3, None, losses.CategoricalCrossentropy(from_logits=True)).fit(X, HOT, verbose=0)
    KINDS["two"].make().fit({"a": X, "b": X[:, :2], "not asked for": X}, {"p": Y, "q": LABELS}, verbose=0)
    KINDS["line"].make().fit(Given([(X, Y), (X, Y, np.ones(N))]), epochs=2, verbose=0)
    KINDS["series"].make().layers[0](SERIES, mask=np.ones((N, 5)))  # ones for True
    KINDS["classes"].make().fit(X, LABELS, verbose=0, class_weight={0: 1, 1: 2, 2: np.float32(3)})
    ending(3, "softmax", CCE).fit(X, HOT, verbose=0, class_weight={0: 1, 1: 2, 2: 3})


# --- warnings -----------------------------------------------------------------------------------------------


def warning(call, *arguments):
    """The one warning of a call."""
    with pytest.warns(UserWarning, match=".") as caught:
        call(*arguments)
    texts = {str(w.message) for w in caught}
    assert len(texts) == 1, texts
    rules(min(texts))
    return texts.pop()


def test_softmax_over_one_unit():
    for loss, y in ((BCE, YES), ("mse", Y)):
        text = warning(lambda loss=loss, y=y: ending(1, "softmax", loss).fit(X, y, verbose=0))
        assert "always gives 1: the model cannot learn. For one unit use activation='sigmoid'" in text


def test_categorical_crossentropy_on_one_unit():
    text = warning(lambda: ending(1, "sigmoid", CCE).fit(X, YES[:, None], verbose=0))
    assert "use sigmoid with binary_crossentropy" in text


def test_probabilities_that_do_not_sum_to_1():
    text = warning(lambda: ending(3, "sigmoid", SCCE).fit(X, LABELS, verbose=0))
    assert "expects probabilities that sum to 1" in text
    assert "activation='softmax'" in text


def test_class_weight_with_a_gap():
    text = warning(lambda: KINDS["classes"].make().fit(X, LABELS, verbose=0, class_weight={0: 1.0, 2: 2.0}))
    assert "no weight for class 1, which is in y: it weighs 1" in text


def test_negative_weights():
    weights = put(np.ones(N), 3, -1)
    text = warning(lambda: KINDS["line"].make().fit(X, Y, verbose=0, sample_weight=weights))
    assert "sample_weight has a negative number, -1 at index (3,)" in text
    assert "Policy gradients want that" in text


@pytest.mark.parametrize("hot", [False, True])
def test_a_class_only_in_the_validation_data(hot):
    y = np.sort(LABELS)
    kind, y = (KINDS["hot"], np.eye(3)[y]) if hot else (KINDS["classes"], y)
    text = warning(lambda: kind.make().fit(X, y, verbose=0, validation_split=0.3))
    assert "The validation data has class 2, which no training sample has" in text
    assert "shuffle x and y together first" in text
    kind.make().fit(X[::-1], y, verbose=0, validation_data=(X, y))


def test_a_dataset_whose_constructor_forgets_the_base():
    class Forgets(Given):
        def __init__(self):
            self.given, self.length = [(X, Y)], None

    assert "Forgets.__init__ should call super().__init__" in warning(
        lambda: KINDS["line"].make().fit(Forgets(), verbose=0)
    )


# --- losses that are not finite -----------------------------------------------------------------------------


class Root(Layer):
    """Makes NaN of negative numbers."""

    def call(self, x):
        return np.sqrt(x)


def with_root():
    model = Sequential([Input((4,)), Root(name="root"), Dense(1)])
    model.compile("sgd", "mse")
    return model


NOT_FINITE = {
    "NaN in x": (
        KINDS["line"].make,
        put(X, (7, 2), np.nan),
        Y,
        "loss of sequential in batch 2 of epoch 1 is nan|x has nan at index (3, 2) of the batch|np.argwhere",
    ),
    "infinity in x": (KINDS["line"].make, put(X, (7, 2), np.inf), Y, "x has inf at index (3, 2)"),
    "too large for float32": (
        KINDS["line"].make,
        put(X.astype("f8"), (7, 2), 1e300),
        Y,
        "x has 1e+300 at index (3, 2)",
    ),
    "NaN in y": (KINDS["line"].make, X, put(Y, (7, 0), np.nan), "y has nan at index (3, 0)"),
    "NaN in one of two inputs": (
        KINDS["two"].make,
        [X, put(X[:, :2], (7, 1), np.nan)],
        [Y, LABELS],
        "x[1] has nan at index (3, 1)",
    ),
    "a layer": (
        with_root,
        X,
        Y,
        "root (Root) is the first layer whose output is not finite, from inputs up to",
    ),
    "the loss": (KINDS["line"].make, X * 1e30, Y, "the loss of finite predictions, which are up to"),
}


@pytest.mark.parametrize("case", NOT_FINITE)
def test_a_loss_that_is_not_finite_is_told_once_with_its_cause(case):
    make, x, y, words = NOT_FINITE[case]
    texts = set()
    for model in three_ways(make):
        texts.add(
            warning(lambda model=model: model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0))
        )
        assert not any("call" in vars(layer) for layer in model.layers)
    (text,) = texts
    for word in words.split("|"):
        assert word in text, (word, text)


def test_a_weight_that_is_not_finite_any_more():
    model = KINDS["line"].make()
    model.set_weights([np.full((4, 1), np.nan), np.zeros(1)])
    assert "dense/kernel is not finite since an earlier step" in warning(lambda: model.fit(X, Y, verbose=0))
    assert "is nan. The cause: " in warning(lambda: model.evaluate(X, Y, verbose=0))
    assert "in this batch is nan" in warning(lambda: model.train_on_batch(X, Y))


def test_an_evaluation_inside_of_fit_has_an_alarm_of_its_own():
    class Evaluated(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.evaluate(X, Y, verbose=0)

    model = KINDS["line"].make()
    batches = [(X, Y), (X, Y * np.nan), (X, Y)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(iter(batches), steps_per_epoch=1, epochs=3, verbose=0, callbacks=[Evaluated()])
    told = [str(w.message).partition(" is nan")[0] for w in caught]
    assert told[0].endswith("in batch 1 of epoch 2")
    assert [text.endswith("in evaluation") for text in told] == [False, True, True]


def test_a_training_that_diverges():
    model = ending(1, None, "mse")
    model.compile(optimizers.SGD(1e10), "mse")
    text = warning(lambda: model.fit(X, Y, epochs=30, verbose=0))
    assert "Scale the targets, lower the learning rate" in text
    assert not np.isfinite(model.history.history["loss"][-1])  # and it shows


@pytest.mark.filterwarnings("ignore:The loss of")
def test_looking_for_the_cause_changes_nothing(monkeypatch):
    """The step that is looked into draws the same dropout masks and leaves the same statistics."""

    def make():
        model = Sequential([Input((4,)), Dropout(0.5), BatchNormalization(), Root(name="root"), Dense(1)])
        model.compile("sgd", losses.MeanSquaredError(reduction="sum"))
        return model

    seen, drawn = [], []
    for told in (False, True):
        model = fresh(make)
        with monkeypatch.context() as patch:
            if not told:
                patch.setattr(Alarm, "look", lambda *_: None)
            model.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
        seen.append(state(model))
        drawn.append(model.layers[0].seed_generator.get_state()[2])
    assert unchanged(*seen)
    assert drawn == [0, 0]
