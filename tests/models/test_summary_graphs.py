"""The table of models that are no plain chains: connections, as Keras writes them, at any width."""

import os
import re

import pytest
from graphs import CHAINS, GRAPHS, chain, ensemble, nested, shared, states

import minidl
from minidl.layers import Dense, Input
from minidl.models import Model, Sequential

CONNECTED = "Connected to"
WIDTHS = pytest.mark.parametrize("width", [60, 80, 100, 120, 175])


def text(model, **options):
    given = []
    model.summary(print_fn=given.append, **options)
    return given[0]


def rows(table):
    """The rows of a table, headings first; what is folded over lines is put together again."""
    found, inside = [], False
    for line in table.splitlines():
        is_row = line[:1] in ("┃", "│")
        if is_row:
            parts = [part.strip() for part in line.strip("┃│").replace("┃", "│").split("│")]
            if inside:
                found[-1] = [f"{a} {b}".strip() for a, b in zip(found[-1], parts, strict=True)]
            else:
                found.append(parts)
        inside = is_row
    return found


def test_the_table_of_the_ensemble():
    table = rows(text(ensemble(minidl), line_length=100))
    assert table[0] == ["Layer (type)", "Output Shape", "Param #", CONNECTED]
    assert table[1:] == [
        ["input_1 (InputLayer)", "(None, 3, 1)", "0", "-"],
        ["lstm_1 (LSTM)", "(None, 8)", "320", "input_1[0][0]"],
        ["input_2 (InputLayer)", "(None, 3, 1)", "0", "-"],
        ["dense_1 (Dense)", "(None, 4)", "36", "lstm_1[0][0]"],
        ["lstm_2 (LSTM)", "(None, 8)", "320", "input_2[0][0]"],
        ["dense_2 (Dense)", "(None, 6)", "30", "dense_1[0][0]"],
        ["dense_4 (Dense)", "(None, 6)", "54", "lstm_2[0][0]"],
        ["dense_3 (Dense)", "(None, 2)", "14", "dense_2[0][0]"],
        ["dense_5 (Dense)", "(None, 4)", "28", "dense_4[0][0]"],
        ["concatenate_1 (Concatenate)", "(None, 6)", "0", "dense_3[0][0], dense_5[0][0]"],
        ["dense_6 (Dense)", "(None, 4)", "28", "concatenate_1[0][0]"],
        ["dense_7 (Dense)", "(None, 10)", "50", "dense_6[0][0]"],
        ["dense_8 (Dense)", "(None, 4)", "44", "dense_7[0][0]"],
        ["dense_9 (Dense)", "(None, 16)", "80", "dense_8[0][0]"],
        ["dense_12 (Dense)", "(None, 64)", "320", "dense_8[0][0]"],
        ["dense_10 (Dense)", "(None, 32)", "544", "dense_9[0][0]"],
        ["dense_13 (Dense)", "(None, 16)", "1,040", "dense_12[0][0]"],
        ["dense_11 (Dense)", "(None, 3)", "99", "dense_10[0][0]"],
        ["dense_14 (Dense)", "(None, 3)", "51", "dense_13[0][0]"],
    ]
    assert "Total params: 3,058 (11.95 KB)" in text(ensemble(minidl))


def test_calls_and_outputs_are_numbered():
    table = {row[0].split()[0]: row for row in rows(text(shared(minidl), line_length=120))}
    assert table["both"][3] == "left[0][0], right[0][0], both[0][0]"
    assert table["mean"][3] == "difference[0][0], both[2][0]"
    table = {row[0].split()[0]: row for row in rows(text(states(minidl), line_length=120))}
    assert table["encoder"][1] == "[(None, 4), (None, 4), (None, 4)]"
    assert table["states"][3] == "encoder[0][1], encoder[0][2]"


def test_only_the_calls_of_this_model_are_told():
    dense = Dense(2, name="dense")
    inputs = [Input((2,), name=name) for name in ("a", "b", "c")]
    outputs = [dense(x) for x in inputs]
    table = rows(text(Model(inputs[1:], outputs[1:]), line_length=80))
    assert [row[3] for row in table if row[0].startswith("dense")] == ["b[0][0], c[0][0]"]


@pytest.mark.parametrize("build", CHAINS, ids=lambda f: f.__name__)
def test_chains_have_three_columns(build):
    model = build(minidl)
    assert rows(text(model))[0] == ["Layer (type)", "Output Shape", "Param #"]
    assert CONNECTED not in text(Sequential([Input((3,)), Dense(2)]))
    assert rows(text(chain(minidl)))[1] == ["image (InputLayer)", "(None, 6, 6, 1)", "0"]


def test_operations_have_rows():
    x = Input((4,), name="x")
    table = rows(text(Model(x, 2 * x + Dense(4, name="dense")(x)), line_length=80))
    assert [re.sub(r"_\d+ ", " ", row[0]) for row in table[1:]] == [
        "x (InputLayer)",
        "multiply (Multiply)",
        "dense (Dense)",
        "add (Add)",
    ]


def test_models_inside():
    table = rows(text(nested(minidl), line_length=110, expand_nested=True))
    sources = {row[0].split(" (")[0]: row[3] for row in table}
    assert sources["inner"] == "a[0][0], b[0][0]"
    assert sources["› joined"] == "h[0][0], in_z[0][0]"
    assert sources["deep"] == "inner[0][0]"
    assert sources["› d1"] == sources["› › d2"] == "-"  # the Input of a Sequential has no row
    assert sources["› deepest"] == "d1[0][0]"
    assert sources["sum"] == "deep[0][0], skip[0][0]"


@WIDTHS
@pytest.mark.parametrize("options", [{}, {"explain": True}, {"show_trainable": True, "expand_nested": True}])
@pytest.mark.parametrize("build", GRAPHS, ids=lambda f: f.__name__)
def test_nothing_is_cut_off(build, width, options):
    model = build(minidl)
    wide = rows(text(model, line_length=400, **options))
    table = text(model, line_length=width, **options)
    lines = table.rpartition("┘")[0].splitlines()
    assert max(map(len, lines)) == width
    joined = [["".join(cell.split()) for cell in row] for row in rows(table)]
    assert joined == [["".join(cell.split()) for cell in row] for row in wide]
    if width >= 100 and build is not nested:  # connections stand on their lines unbroken
        for row in wide[1:]:
            assert all(part in table for part in row[3].split(", "))


def test_a_range_of_a_graph():
    table = rows(text(ensemble(minidl), line_length=100, layer_range=["dense_5", "dense_6"]))
    assert [row[0].split()[0] for row in table[1:]] == ["dense_5", "concatenate_1", "dense_6"]
    assert table[2][3] == "dense_3[0][0], dense_5[0][0]"  # although dense_3 is not shown


@pytest.mark.oracle
@pytest.mark.parametrize("build", GRAPHS + CHAINS, ids=lambda f: f.__name__)
def test_the_table_is_that_of_keras(build, monkeypatch):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    keras.backend.clear_session()
    monkeypatch.setenv("COLUMNS", "400")
    for trainable in (False, True):
        theirs = rows(text(build(keras), line_length=300, show_trainable=trainable))
        ours = rows(text(build(minidl), line_length=300, show_trainable=trainable))
        assert ours == theirs
    totals = [re.findall(r"params: ([\d,]+) \(.*\)", text(build(kit))) for kit in (minidl, keras)]
    assert totals[0] == totals[1] != []
