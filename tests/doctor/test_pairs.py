"""Every finding: a model that has it, and its twin that differs in this one thing and has not."""

from typing import NamedTuple

import numpy as np
import patients as p
import pytest

import minidl
from minidl import layers as L


class Pair(NamedTuple):
    severity: str
    topic: str
    says: str
    sick: object
    healthy: object
    layer: str | None = None


huge = p.table() * [1, 1, 1, 5000]
PAIRS = {
    "NaN in x": Pair(
        "error",
        "NaN",
        "the first is nan at x[5, 1]",
        lambda: p.amounts(x=p.spoilt(np.nan), y=p.table()[:, :1]),
        p.amounts,
    ),
    "infinity in x": Pair(
        "error",
        "NaN",
        "the first is inf at x[5, 1]",
        lambda: p.amounts(x=p.spoilt(np.inf), y=p.table()[:, :1]),
        p.amounts,
    ),
    "NaN in y": Pair(
        "error", "NaN", "y holds values", lambda: p.amounts(y=p.spoilt(np.nan)[:, 1:2]), p.amounts
    ),
    "two linear layers": Pair(
        "note",
        "activation",
        "no more than one Dense layer",
        lambda: p.amounts(layers=[L.Dense(8), L.Dense(1)]),
        p.amounts,
    ),
    "pixels": Pair("warning", "scale", "as pixels do", lambda: p.images(255), lambda: p.images(1)),
    "features of different size": Pair(
        "warning", "scale", "number 3 has a standard deviation", lambda: p.amounts(x=huge), p.amounts
    ),
    "large inputs": Pair(
        "warning",
        "scale",
        "far from the size",
        lambda: p.amounts(x=p.table() * 300, y=p.table()[:, :1]),
        p.amounts,
    ),
    "small inputs": Pair(
        "warning",
        "scale",
        "far from the size",
        lambda: p.amounts(x=p.table() / 1000, y=p.table()[:, :1]),
        p.amounts,
    ),
    "off centre": Pair(
        "warning",
        "scale",
        "far from 0, measured",
        lambda: p.amounts(x=p.with_column(9 + p.table()[:, 2]), y=p.table()[:, :1]),
        p.amounts,
    ),
    "constant feature": Pair(
        "note",
        "scale",
        "the same in all samples that were looked at: 2",
        lambda: p.amounts(x=p.with_column(1)),
        p.amounts,
    ),
    "outlier": Pair(
        "warning",
        "outliers",
        "feature 1 reaches 500",
        lambda: p.amounts(x=p.spoilt(500), y=p.table()[:, :1]),
        p.amounts,
    ),
    "zeros behind": Pair(
        "warning", "mask", "60% of all steps", lambda: p.tokens(False), lambda: p.tokens(True), "lstm"
    ),
    "zeros behind, in front": Pair(
        "warning",
        "mask",
        "gets no mask",
        lambda: p.tokens(False),
        lambda: p.tokens(False, behind=False),
        "lstm",
    ),
    "no y": Pair("error", "labels", "there is no y", lambda: (*p.amounts()[:2], None), p.amounts),
    "label too large": Pair(
        "error",
        "labels",
        "y holds 3, which is no class",
        lambda: p.classes(y=p.three_classes(p.table()) + 1),
        p.classes,
    ),
    "label negative": Pair(
        "error", "labels", "y holds -1", lambda: p.classes(y=p.three_classes(p.table()) - 1), p.classes
    ),
    "label not whole": Pair(
        "error", "labels", "y holds 0.5", lambda: p.classes(y=p.three_classes(p.table()) / 2), p.classes
    ),
    "class missing": Pair(
        "note", "labels", "1 of 4 are missing, the first is 3", lambda: p.classes(units=4), p.classes
    ),
    "not one-hot": Pair(
        "error",
        "labels",
        "should hold one-hot rows",
        lambda: p.classes(loss="categorical_crossentropy", y=p.several_right()),
        lambda: p.classes(loss="categorical_crossentropy", y=p.one_hot()),
    ),
    "answers -1 and 1": Pair(
        "error",
        "labels",
        "from -1 to 1",
        lambda: p.classes("sigmoid", 1, np.sign(p.table()[:, 0]), "binary_crossentropy"),
        lambda: p.classes("sigmoid", 1, p.table()[:, 0] > 0, "binary_crossentropy"),
    ),
    "integers for one-hot": Pair(
        "error",
        "loss",
        "use sparse_categorical_crossentropy".capitalize(),
        lambda: p.classes(loss="categorical_crossentropy"),
        lambda: p.classes(loss="categorical_crossentropy", y=p.one_hot()),
    ),
    "one-hot for integers": Pair(
        "error", "loss", "One-hot targets go with", lambda: p.classes(y=p.one_hot()), p.classes
    ),
    "targets all the same": Pair(
        "warning",
        "labels",
        "y is the same for all samples, 7",
        lambda: p.amounts(y=np.full((96, 1), 7.0)),
        p.amounts,
    ),
    "large targets": Pair(
        "warning", "scale", "y is large", lambda: p.amounts(y=p.table()[:, :1] * 5000), p.amounts
    ),
    "one class": Pair(
        "warning", "balance", "one class only, 1", lambda: p.classes(y=np.ones(96, int)), p.classes
    ),
    "rare class": Pair("warning", "balance", "class 2 has", lambda: p.rare(4), lambda: p.rare(100)),
    "sorted": Pair(
        "note",
        "order",
        "in the order of the classes",
        lambda: p.labels_in_order(True),
        lambda: p.labels_in_order(False),
    ),
    "softmax over one unit": Pair(
        "error",
        "output",
        "softmax over one unit",
        lambda: p.classes("softmax", 1, p.table()[:, 0] > 0, "binary_crossentropy"),
        lambda: p.classes("sigmoid", 1, p.table()[:, 0] > 0, "binary_crossentropy"),
        "dense_1",
    ),
    "dropout at the end": Pair(
        "error",
        "output",
        "ends in dropout",
        lambda: p.amounts(layers=[L.Dense(1), L.Dropout(0.2)]),
        lambda: p.amounts(layers=[L.Dropout(0.2), L.Dense(1)]),
    ),
    "logits twice": Pair(
        "error",
        "output",
        "applies it once more",
        lambda: p.classes(loss=p.SPARSE(from_logits=True)),
        lambda: p.classes(None, loss=p.SPARSE(from_logits=True)),
        "dense_1",
    ),
    "logits without": Pair(
        "error", "output", "ends in linear, but its loss", lambda: p.classes(None), p.classes, "dense_1"
    ),
    "relu before cross-entropy": Pair(
        "error",
        "output",
        "ends in relu, but its loss",
        lambda: p.classes("relu", loss="categorical_crossentropy", y=p.one_hot()),
        lambda: p.classes(loss="categorical_crossentropy", y=p.one_hot()),
    ),
    "clipped scores": Pair(
        "warning",
        "output",
        "go through relu first",
        lambda: p.classes("relu", loss=p.SPARSE(from_logits=True)),
        lambda: p.classes(None, loss=p.SPARSE(from_logits=True)),
    ),
    "softmax with binary": Pair(
        "warning",
        "output",
        "softmax over 3 units, but binary_crossentropy",
        lambda: p.classes(loss="binary_crossentropy", y=p.one_hot()),
        lambda: p.classes("sigmoid", loss="binary_crossentropy", y=p.several_right()),
    ),
    "sigmoid with categorical": Pair(
        "warning", "output", "ends in sigmoid", lambda: p.classes("sigmoid"), p.classes
    ),
    "softmax with mse": Pair(
        "warning",
        "output",
        "with loss 'mean_squared_error'",
        lambda: p.classes(loss="mse", y=p.one_hot()),
        lambda: p.classes(loss="categorical_crossentropy", y=p.one_hot()),
    ),
    "tanh too small": Pair(
        "error",
        "output",
        "from -1 to 1, but y goes",
        lambda: p.amounts(y=p.table()[:, :1] * 3, layers=[L.Dense(1, activation="tanh")]),
        lambda: p.amounts(y=np.tanh(p.table()[:, :1]), layers=[L.Dense(1, activation="tanh")]),
    ),
    "relu below 0": Pair(
        "error",
        "output",
        "ends in relu, which gives",
        lambda: p.amounts(layers=[L.Dense(1, activation="relu")]),
        lambda: p.amounts(layers=[L.Dense(1)]),
    ),
    "relu at the end": Pair(
        "note",
        "output",
        "The model ends in relu.",
        lambda: p.amounts(y=p.table()[:, :1] ** 2, layers=[L.Dense(1, activation="relu")]),
        lambda: p.amounts(y=p.table()[:, :1] ** 2),
    ),
    "accuracy of amounts": Pair(
        "warning",
        "metric",
        "'accuracy' counts",
        lambda: p.amounts(metrics=["accuracy"]),
        lambda: p.amounts(metrics=["mae"]),
    ),
    "frozen": Pair("error", "weights", "are frozen", lambda: p.frozen(True), lambda: p.frozen(False)),
    "no weights": Pair(
        "error", "weights", "has no weights", lambda: p.amounts(layers=[L.Flatten()], y=p.table()), p.amounts
    ),
    "equal weights": Pair(
        "error",
        "weights",
        "will never differ",
        lambda: p.amounts(layers=[L.Dense(8, kernel_initializer="ones"), L.Dense(1)]),
        p.amounts,
        "dense",
    ),
    "much dropout": Pair(
        "warning",
        "dropout",
        "80% of its inputs",
        lambda: p.amounts(layers=[L.Dense(64), L.Dropout(0.8), L.Dense(1)]),
        lambda: p.amounts(layers=[L.Dense(64), L.Dropout(0.2), L.Dense(1)]),
        "dropout",
    ),
    "batch of one": Pair(
        "note",
        "batch",
        "leave a last batch of one",
        lambda: p.batches(97),
        lambda: p.batches(96),
        "batch_normalization",
    ),
    "one sample": Pair("warning", "batch", "one sample to take", lambda: p.batches(1), lambda: p.batches(96)),
    "too many weights": Pair(
        "note",
        "size",
        "by heart",
        lambda: p.amounts(x=p.table(10), layers=[L.Dense(3000), L.Dense(1)]),
        p.amounts,
    ),
    "all units dead": Pair(
        "error",
        "dead units",
        "All 16 units",
        lambda: p.dead(minidl.initializers.Constant(-50.0)),
        lambda: p.dead("zeros"),
        "dense",
    ),
    "half of the units dead": Pair(
        "warning", "dead units", "10 of 16 units", p.half_dead, lambda: p.dead("zeros"), "dense"
    ),
    "saturated": Pair(
        "warning",
        "saturation",
        "flat ends of tanh",
        lambda: p.saturated(10.0),
        lambda: p.saturated(0.3),
        "dense",
    ),
    "explodes": Pair(
        "warning",
        "activations",
        "The signal explodes",
        lambda: p.deep("relu", scale=2.0),
        lambda: p.deep("relu"),
    ),
    "vanishes": Pair(
        "warning",
        "activations",
        "The signal vanishes",
        lambda: p.deep("tanh", scale=0.02),
        lambda: p.deep("relu"),
    ),
    "gradient vanishes": Pair(
        "warning",
        "gradient",
        "vanishes on its way back",
        lambda: p.deep("sigmoid"),
        lambda: p.deep("relu"),
        "dense",
    ),
    "gradient explodes": Pair(
        "warning",
        "gradient",
        "The gradient explodes",
        lambda: p.deep("linear", 9, scale=3.0),
        lambda: p.deep("relu"),
        "dense",
    ),
    "gradient does not arrive": Pair(
        "error",
        "gradient",
        "No gradient reaches 2 of 4 weights, the first is side",
        lambda: p.unused_branch(False),
        lambda: p.unused_branch(True),
        "side",
    ),
    "gradient is 0": Pair(
        "warning",
        "gradient",
        "is exactly 0",
        lambda: p.amounts(layers=[L.Dense(8), p.Nothing(), L.Dense(1)]),
        lambda: p.amounts(layers=[L.Dense(8), L.Dense(1, kernel_initializer="zeros")]),
    ),
    "NaN made by a layer": Pair(
        "error",
        "NaN",
        "is the first layer whose output",
        lambda: p.amounts(layers=[L.Dense(4), p.Divides(name="divides"), L.Dense(1)]),
        p.amounts,
        "divides",
    ),
    "constant output": Pair(
        "warning",
        "output",
        "same output for all samples",
        lambda: p.amounts(layers=[L.Dense(8), p.Nothing(), L.Dense(1)]),
        lambda: p.amounts(layers=[L.Dense(8), L.Dense(1, kernel_initializer="zeros")]),
    ),
    "long sequence": Pair(
        "warning",
        "long sequences",
        "at the first tenth",
        lambda: p.long_sequence(400),
        lambda: p.long_sequence(40),
        "simple_rnn",
    ),
    "first loss": Pair(
        "warning", "first loss", "guessing gives 1.1", lambda: p.start_with(20.0), lambda: p.start_with(0.3)
    ),
    "rate too high": Pair(
        "warning", "learning rate", "is too high", lambda: p.classes(optimizer=p.ADAM(30.0)), p.classes
    ),
    "loss becomes NaN": Pair(
        "error",
        "learning rate",
        "The loss becomes",
        lambda: p.amounts(optimizer=p.SGD(1e4)),
        lambda: p.amounts(optimizer=p.SGD(0.05)),
    ),
    "rate too low": Pair(
        "warning",
        "learning rate",
        "is too low",
        lambda: p.amounts(optimizer=p.ADAM(1e-6)),
        lambda: p.amounts(optimizer=p.ADAM(1e-3)),
    ),
    "learns nothing": Pair(
        "warning",
        "one batch",
        "cannot learn even one batch",
        lambda: p.unlearnable(True),
        lambda: p.unlearnable(False),
    ),
    "not compiled": Pair("error", "compile", "is not compiled", lambda: p.amounts(loss=None), p.amounts),
    "wrong shape": Pair(
        "error",
        "shapes",
        "(96, 3)",
        lambda: (p.amounts()[0], p.table(features=3), p.table()[:, :1]),
        p.amounts,
    ),
    "other lengths": Pair(
        "error", "data", "96 samples and y has 90", lambda: (*p.amounts()[:2], p.table()[:90, :1]), p.amounts
    ),
}
EVERY = pytest.mark.parametrize("name", PAIRS)


def matching(report, pair):
    return [f for f in report.findings if (f.severity, f.topic) == pair[:2] and pair.says in f.message]


@EVERY
def test_the_sick_model_is_found_out(name):
    pair = PAIRS[name]
    report = minidl.doctor(*pair.sick())
    assert len(matching(report, pair)) == 1, str(report)
    assert report.ok == (pair.severity == "note") or pair.severity == "note"
    assert pair.layer in (None, matching(report, pair)[0].layer)
    for finding in report.findings:
        assert len(finding.message) < 400
        assert 0 < len(finding.mend) < 400
    assert max(map(len, str(report).splitlines())) <= 80


@EVERY
def test_the_healthy_twin_is_not_suspected(name):
    pair = PAIRS[name]
    report = minidl.doctor(*pair.healthy())
    assert report.ok, str(report)
    assert matching(report, pair) == []


def test_numbers_of_words_are_not_to_be_standardised_even_where_the_model_does_not_run():
    model, x, y = p.tokens(True)
    findings = minidl.doctor(model, x + 1000, y).findings
    assert [f.topic for f in findings] == ["shapes"], findings


def test_a_learning_rate_far_too_low_is_told_from_a_model_that_cannot_learn():
    model, x, y = p.amounts(optimizer=p.ADAM(1e-9))
    assert [f.topic for f in minidl.doctor(model, x, y).findings] == ["learning rate"]


def test_one_batch_is_learnt_by_heart_if_asked():
    """Two samples with the same features and other labels cannot be."""
    x = p.table(32)
    x[16:] = x[:16]
    y = np.repeat([0, 1], 16)
    model = p.chain(
        L.Dense(16, activation="relu"), L.Dense(1, activation="sigmoid"), loss="binary_crossentropy"
    )
    assert [f.topic for f in minidl.doctor(model, x, y, steps=200).findings if f.topic == "one batch"]
    y = (x[:, 0] > 0).astype(int)
    model = p.chain(
        L.Dense(16, activation="relu"),
        L.Dense(1, activation="sigmoid"),
        optimizer=p.ADAM(0.02),
        loss="binary_crossentropy",
    )
    assert minidl.doctor(model, x, y, steps=200).about("one batch") == []
