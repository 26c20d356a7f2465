"""What the doctor returns: the text, its order and width, in both languages; and what it takes as data."""

import unicodedata

import numpy as np
import patients as p
import pytest
from small_models import rows

import minidl
from minidl import layers as L
from minidl.doctor import Finding, LayerRow, Report
from minidl.models import Model, Sequential
from minidl.utils import PyDataset


def width(line):
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


def finding(severity, topic="scale", message="Something.", mend="Do it.", layer=None):
    return Finding(severity, topic, layer, message, mend)


def test_a_healthy_model_gets_a_table_and_the_loss():
    text = str(minidl.doctor(*p.classes())).splitlines()
    assert text[0] == "The doctor found nothing wrong."
    assert text[2].split() == ["output", "mean", "std", "zeros", "gradient", "update"]
    assert [line.split()[0] for line in text[3:5]] == ["dense", "dense_1"]
    assert text[-1].startswith("Learning one batch by heart: the loss goes from")


def test_notes_alone_do_not_make_it_false():
    assert Report((finding("note"),))
    assert not Report((finding("note"), finding("warning")))
    assert not Report((finding("error"),)).ok
    assert bool(Report(()))


def test_errors_come_first():
    x = p.spoilt(np.nan)
    model, _, _ = p.amounts(loss=None)
    findings = minidl.doctor(model, x * 9999).findings
    order = ["error", "warning", "note"]
    assert [f.severity for f in findings] == sorted((f.severity for f in findings), key=order.index)
    assert len({f.topic for f in findings}) == len(findings) >= 2


def test_text_is_broken_at_80_columns_between_words():
    long = "word " * 60 + "x" * 200
    text = str(Report((finding("error", message=long, mend=long, layer="l" * 90),), (row(name="n" * 80),)))
    assert max(map(width, text.splitlines())) <= 80
    assert text.count("word") == 120
    assert "".join(text.split()).count("x") == 400


def test_korean_counts_two_columns():
    text = str(
        Report((finding("error", message="가나다라마바사 " * 30, mend="가" * 100),), (row(name="층" * 40),))
    )
    assert max(map(width, text.splitlines())) <= 80
    assert text.count("가") == 130


def row(name="dense"):
    return LayerRow(name, "Dense", -1.23456e-12, 1.23456e12, 1.0, -1.23456e-12, 1.23456e-12)


def test_the_table_is_computed_from_what_the_layers_gave():
    model, x, y = p.amounts(layers=[L.Dense(8, activation="relu"), L.Dense(1)], optimizer=p.SGD(0.1))
    report = minidl.doctor(model, x, y)
    hidden = np.maximum(x @ model.layers[0].kernel.numpy() + model.layers[0].bias.numpy(), 0)
    output = hidden @ model.layers[1].kernel.numpy() + model.layers[1].bias.numpy()
    first, last = report.layers
    assert (first.name, first.kind) == ("dense", "Dense")
    np.testing.assert_allclose([first.mean, first.std], [hidden.mean(), hidden.std()], rtol=1e-5)
    np.testing.assert_allclose(first.zeros, (hidden == 0).mean())
    error = 2 * (output - y) / len(y)
    gradient = np.concatenate([(hidden.T @ error).ravel(), error.sum(axis=0)])
    np.testing.assert_allclose(last.gradient, np.sqrt(np.mean(gradient**2)), rtol=1e-4)
    assert 0 < last.update < 1
    assert report.learnt[2] == 40
    assert report.learnt[1] < report.learnt[0]


def test_messages_in_korean(monkeypatch):
    from minidl.messages import catalogue

    entry = catalogue.Entry(("The doctor found nothing wrong.",), "의사는 아무 이상도 찾지 못했습니다.")
    monkeypatch.setattr(catalogue, "entries", lambda: (entry,))
    monkeypatch.setenv("MINIDL_LANG", "ko")
    assert str(Report(())) == "의사는 아무 이상도 찾지 못했습니다."


def test_the_table_in_korean(monkeypatch):
    monkeypatch.setenv("MINIDL_LANG", "ko")
    head, line = str(Report((), (row("층"),))).splitlines()[-2:]
    assert head.split("  ")[0] == "출력"
    assert head.endswith("평균  표준편차 0 비율     기울기     갱신비")
    assert width(head) == width(line)


# --- data ---------------------------------------------------------------------------------------------------


def two_ends():
    a, b = L.Input((3,), name="a"), L.Input((2,), name="b")
    both = L.Concatenate()([L.Dense(8, activation="relu")(a), b])
    model = Model(
        [a, b], [L.Dense(1, name="amount")(both), L.Dense(3, activation="softmax", name="kind")(both)]
    )
    losses = {"amount": "mse", "kind": "sparse_categorical_crossentropy"}
    model.compile("adam", losses, metrics={"kind": ["accuracy"]})
    x = {"a": p.table(64, 3), "b": p.table(64, 2, seed=1)}
    return model, x, {"amount": x["a"][:, :1], "kind": p.three_classes(x["a"])}


def test_several_inputs_and_outputs():
    model, x, y = two_ends()
    assert minidl.doctor(model, x, y).findings == ()
    assert minidl.doctor(model, [x["a"], x["b"]], [y["amount"], y["kind"]]).findings == ()
    x["b"][7, 1] = np.nan
    y["kind"] = y["kind"] + 1
    found = minidl.doctor(model, x, y).findings
    assert (
        "x['b'] holds values that are NaN or infinite: 1 of 128, the first is nan at x['b'][7, 1]."
        in found[0].message
    )
    assert "y['kind'] holds 3, which is no class" in found[1].message


def test_a_model_with_a_call_of_its_own_that_is_built_for_it():
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = L.Dense(8, activation="tanh"), L.Dense(1)

        def call(self, x):
            return self.out(self.hidden(x))

    model = Net()
    model.compile("adam", "mse")
    report = minidl.doctor(model, *rows(64))
    assert report.findings == ()
    assert [r.name for r in report.layers] == ["dense", "dense_1"]
    assert not model.built


def test_layers_of_models_inside_are_listed():
    inner = Sequential([L.Input((4,)), L.Dense(8, activation="relu", name="inside")])
    report = minidl.doctor(*p.amounts(layers=[inner, L.Dense(1)]))
    assert report.layers[0].name == "inside"


def test_batches_by_number_are_read_until_there_are_enough():
    x, y = rows(64)
    asked = []

    class Batches(PyDataset):
        def __len__(self):
            return 8

        def __getitem__(self, i):
            asked.append(i)
            return x[i * 8 : i * 8 + 8], y[i * 8 : i * 8 + 8]

    model = p.chain(L.Dense(4, activation="relu"), L.Dense(1))
    assert minidl.doctor(model, Batches(), sample=20).findings == ()
    assert set(asked) == {0, 1, 2}


def test_several_answers_for_each_sample_and_answers_for_each_step():
    x = p.table()
    model = p.chain(
        L.Dense(16, activation="relu"), L.Dense(3, activation="sigmoid"), loss="binary_crossentropy"
    )
    assert minidl.doctor(model, x, p.several_right()).findings == ()
    x = np.random.default_rng(0).normal(size=(40, 6, 2)).astype("float32")
    layers = [L.GRU(8, return_sequences=True), L.TimeDistributed(L.Dense(2, activation="softmax"))]
    model = p.chain(*layers, shape=(6, 2), loss="sparse_categorical_crossentropy")
    assert minidl.doctor(model, x, (x[..., 0] > 0).astype(int)).findings == ()


def test_a_large_model_is_not_tried_for_minutes(monkeypatch):
    from minidl.doctor import trial

    monkeypatch.setattr(trial, "_BUDGET", 1e4)
    report = minidl.doctor(*p.amounts())
    assert "too large for a trial" in report.findings[0].message
    assert report.learnt is None


def test_a_schedule_is_tried_as_it_is():
    schedule = minidl.optimizers.schedules.ExponentialDecay(1e4, 10, 0.9)
    (found,) = minidl.doctor(*p.amounts(optimizer=p.SGD(schedule))).about("learning rate")
    assert found.severity == "error"
    assert "Clip the gradients" in found.mend


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        ((3, 4), {}, TypeError, "expects a model, got int"),
        ((p.amounts()[0], [[1.0]]), {"sample": 0}, ValueError, "sample"),
        ((p.amounts()[0], [[1.0]]), {"steps": -1}, ValueError, "steps"),
        ((p.amounts()[0], [[1.0]]), {"steps": 1.5}, TypeError, "steps"),
    ],
)
def test_arguments_are_checked(arguments, options, error, text):
    with pytest.raises(error, match=text):
        minidl.doctor(*arguments, **options)
