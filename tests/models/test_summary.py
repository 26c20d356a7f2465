"""The table of layers: its rows and totals, its width, its explanations, and where it can be written."""

import contextlib
import io
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import LAYERS

from minidl import layers
from minidl.layers import (
    GRU,
    LSTM,
    RNN,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GRUCell,
    Input,
    Layer,
    LSTMCell,
    MaxPooling2D,
    TimeDistributed,
)
from minidl.models import Model, Sequential


def cnn():
    return Sequential(
        [
            Input(shape=(28, 28, 1)),
            Conv2D(32, 3, activation="relu", name="conv"),
            MaxPooling2D(name="pool"),
            Conv2D(64, 3, padding="same", name="conv_same"),
            BatchNormalization(name="norm"),
            Flatten(name="rows"),
            Dense(10, name="out", trainable=False),
        ],
        name="digits",
    )


def text(model, **options):
    given = []
    assert model.summary(print_fn=given.append, **options) is None
    (table,) = given
    return table


def cells(table):
    """The rows of the table, each as its three cells; what is folded over lines is put together again."""
    rows, open_row = [], False
    for line in table.splitlines():
        if line[:1] in "┃│" and line:
            parts = [part.strip() for part in line.strip("┃│").replace("┃", "│").split("│")]
            if open_row:
                rows[-1] = [f"{a} {b}".strip() for a, b in zip(rows[-1], parts, strict=True)]
            else:
                rows.append(parts)
        open_row = line[:1] in "┃│" if line else False
    return rows


def test_rows_and_totals():
    table = text(cnn(), line_length=80)
    assert table.splitlines()[0].rstrip() == 'Model: "digits"'
    assert cells(table) == [
        ["Layer (type)", "Output Shape", "Param #"],
        ["conv (Conv2D)", "(None, 26, 26, 32)", "320"],
        ["pool (MaxPooling2D)", "(None, 13, 13, 32)", "0"],
        ["conv_same (Conv2D)", "(None, 13, 13, 64)", "18,496"],
        ["norm (BatchNormalization)", "(None, 13, 13, 64)", "256"],
        ["rows (Flatten)", "(None, 10816)", "0"],
        ["out (Dense)", "(None, 10)", "108,170"],
    ]
    total, frozen = 320 + 18496 + 256 + 108170, 128 + 108170
    assert [line.strip() for line in table.splitlines()[-3:]] == [
        f"Total params: {total:,} (497.04 KB)",
        f"Trainable params: {total - frozen:,} (74.00 KB)",
        f"Non-trainable params: {frozen:,} (423.04 KB)",
    ]
    assert total == cnn().count_params()


def test_explained():
    rows = {row[0].split()[0]: row[1:] for row in cells(text(cnn(), line_length=100, explain=True))}
    assert rows["conv"] == ["(None, 26, 26, 32) (28 − 3 + 2·0)/1 + 1 = 26", "(3·3·1 + 1)·32 = 320"]
    assert rows["conv_same"][1] == "(3·3·32 + 1)·64 = 18,496"
    assert rows["norm"] == ["(None, 13, 13, 64)", "4·64 = 256"]
    assert rows["rows"] == ["(None, 10816) 13·13·64 = 10816", "0"]
    assert rows["out"][1] == "(10816 + 1)·10 = 108,170"
    assert rows["pool"][1] == "0"
    for width in (80, 110):  # formulas stand on one line
        table = text(cnn(), line_length=width, explain=True)
        assert "(3·3·1 + 1)·32 = 320" in table
        assert "(28 − 3 + 2·0)/1 + 1 = 26" in table


@pytest.mark.parametrize("width", [20, 40, 80, 110, 200])
@pytest.mark.parametrize("explain", [False, True])
def test_no_line_of_the_table_is_wider_than_asked(width, explain):
    table = text(cnn(), line_length=width, explain=explain).splitlines()[:-3]
    assert max(map(len, table)) == width
    names = "".join(row[0].replace(" ", "") for row in cells("\n".join(table)))
    for name in ("conv(Conv2D)", "norm(BatchNormalization)", "out(Dense)"):
        assert name in names  # folded, never cut


def assert_nothing_is_lost(model, width):
    table = text(model, line_length=width, explain=True)
    assert max(map(len, table.splitlines())) <= max(width, 42)  # the totals are no part of the table
    rows = cells(table)[1:]
    for layer, (name, shape, count) in zip(model.layers, rows, strict=True):
        assert name == f"{layer.name} ({type(layer).__name__})"
        assert shape == " ".join([str(layer.output.shape), *layer.shape_formulas()])
        number = f"{layer.count_params():,}"
        assert count == (f"{layer.parameter_formula()} = {number}" if layer.count_params() else number)


WIDTHS = pytest.mark.parametrize("width", [60, 80, 120])


@WIDTHS
@pytest.mark.parametrize(
    "layer_class", [c for c in LAYERS if c is not layers.InputLayer], ids=lambda c: c.__name__
)
@settings(deadline=None, max_examples=5)
@given(data=st.data())
def test_every_layer_is_told_whole(layer_class, width, data):
    case = data.draw(LAYERS[layer_class])
    layer = case.made(layer_class)
    assert_nothing_is_lost(Sequential([Input(case.sample), layer], name="m"), width)
    words = getattr(layer, "parameter_words", "") if layer.weights else ""
    if words and not layer._layers:  # it is the formula, with names for the numbers
        words, formula = re.sub(r" \([a-z, ]+\)$", "", words), layer.parameter_formula()
        signs = [re.sub(r"[^()·+]", "", line) for line in (words, formula)]
        assert signs[0] == signs[1]


@WIDTHS
def test_long_formulas_are_told_whole(width):
    model = Sequential(
        [
            Input((128,)),
            Embedding(1000, 64),
            Conv1D(64, 3, dilation_rate=3),
            Bidirectional(
                LSTM(128, return_sequences=True),
                backward_layer=GRU(128, go_backwards=True, return_sequences=True),
            ),
            RNN([LSTMCell(4), GRUCell(3)], return_sequences=True),
            TimeDistributed(Dense(8, use_bias=False)),
            GlobalAveragePooling1D(),
            Dense(2),
        ]
    )
    assert_nothing_is_lost(model, width)
    for line in text(model, line_length=width, explain=True).splitlines():
        for part in line.strip("│").split("│"):  # broken before a + or =, nowhere else
            assert not part.strip().endswith(("+", "=", "−", "·", "/", "("))


def key(model, **options):
    """The lines between the table and the totals."""
    after = text(model, **options).rpartition("┘\n")[2]
    return [line.strip() for line in after.partition(" Total params")[0].splitlines()]


def test_the_key_below_the_explained_table():
    model = cnn()
    assert key(model, explain=True, line_length=100) == [
        "Conv2D: (window height·width·channels + 1 bias)·filters",
        "BatchNormalization: 4·features (gamma, beta, moving mean, moving variance)",
        "Dense: (features + 1 bias)·units",
    ]
    assert key(model) == []
    assert key(model, explain=True, layer_range=["pool", "conv_same"]) == [
        "Conv2D: (window height·width·channels + 1 bias)·filters"
    ]
    inner = Sequential([TimeDistributed(Dense(2, use_bias=False)), Dense(3)])
    model = Sequential(
        [Input((5,)), Embedding(9, 4), Conv1D(4, 2, groups=2), layers.LayerNormalization(center=False), inner]
    )
    assert key(model, explain=True, line_length=100) == [
        "Embedding: input_dim·output_dim",
        "Conv1D: (window·channels of a group + 1 bias)·filters",
        "LayerNormalization: 1·features (gamma)",
        "Dense: features·units or (features + 1 bias)·units",
    ]
    recurrent = [
        Input((5, 2)),
        layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
        layers.GRU(3, return_sequences=True),
        layers.GRU(3, reset_after=False, return_sequences=True),
        layers.SimpleRNN(3, use_bias=False),
    ]
    assert key(Sequential(recurrent), explain=True, line_length=120) == [
        "Bidirectional: 2 directions",
        "LSTM: (features + units + 1 bias)·4 gates·units",
        "GRU: (features + units + 2 biases)·3 gates·units or (features + units + 1 bias)·3 gates·units",
        "SimpleRNN: (features + units)·units",
    ]
    assert key(Sequential([Dense(3)]), explain=True) == []


def test_the_width_is_that_of_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, text(cnn()).splitlines()[:-3])) == 60
    monkeypatch.setenv("COLUMNS", "300")
    assert max(map(len, text(cnn()).splitlines()[:-3])) == 110


@pytest.mark.parametrize(
    ("width", "error"), [(0, ValueError), (-3, ValueError), ("wide", TypeError), (2.5, TypeError)]
)
def test_a_width_is_a_whole_number(width, error):
    with pytest.raises(error, match="summary expects line_length to be a whole number >= 20"):
        cnn().summary(line_length=width)


def test_layers_without_weights_yet():
    model = Sequential([Dense(3, name="a"), BatchNormalization(name="b")])
    for explain in (False, True):
        assert cells(text(model, line_length=80, explain=explain))[1:] == [
            ["a (Dense)", "?", "0 (unbuilt)"],
            ["b (BatchNormalization)", "?", "0 (unbuilt)"],
        ]
    assert "Total params: 0 (0.00 B)" in text(model)
    model(np.zeros((1, 4)))
    assert cells(text(model, line_length=80))[1:] == [
        ["a (Dense)", "(None, 3)", "15"],
        ["b (BatchNormalization)", "(None, 3)", "12"],
    ]
    assert cells(text(Sequential(), line_length=80))[1:] == []


def test_a_nested_model_is_one_row():
    model = Sequential([Input(shape=(4,)), Sequential([Dense(3), Dense(2)], name="inner")])
    rows = cells(text(model, line_length=80, explain=True))
    assert rows[1][:2] == ["inner (Sequential)", "(None, 2)"]
    assert rows[1][2].endswith("= 23")


class Odd(Layer):
    def call(self, x):
        if x.ndim != 2 or x.shape[0] != 5:
            raise ValueError("five samples, please")
        return x


class Own(Model):
    def __init__(self):
        super().__init__()
        self.conv, self.rows, self.odd = Conv2D(2, 3, name="c"), Flatten(name="f"), Odd(name="o")

    def call(self, x):
        return self.odd(self.rows(self.conv(x)))


def test_a_model_with_its_own_call_shows_shapes_once_it_has_run():
    model = Own()
    assert [row[1] for row in cells(text(model, line_length=80))[1:]] == ["?", "?", "?"]
    model(np.zeros((5, 6, 6, 1)))
    rows = cells(text(model, line_length=80, explain=True))
    assert rows[1] == ["c (Conv2D)", "(None, 4, 4, 2) (6 − 3 + 2·0)/1 + 1 = 4", "(3·3·1 + 1)·2 = 20"]
    assert rows[2][1].startswith("(None, 32)")
    assert rows[3][1] == "?"


def test_printed_where_there_is_no_terminal():
    screen = io.StringIO()
    with contextlib.redirect_stdout(screen):
        cnn().summary()
    assert screen.getvalue() == text(cnn()) + "\n"
    assert "\x1b" not in screen.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp949", "utf-8"])
def test_printed_in_characters_that_the_output_has(encoding):
    binary = io.BytesIO()
    screen = io.TextIOWrapper(binary, encoding=encoding, write_through=True)
    with contextlib.redirect_stdout(screen):
        cnn().summary(explain=True, line_length=80)
    shown = binary.getvalue().decode(encoding)
    assert "= 320" in shown
    assert "Total params: 127,242" in shown
    if encoding != "cp949":  # which has some of them
        assert ("┏" in shown) == (encoding == "utf-8")
    if encoding == "ascii":
        assert "| conv (Conv2D)" in shown
        assert "(3*3*1 + 1)*32 = 320" in shown
        assert "(28 - 3 + 2*0)/1 + 1 = 26" in shown


def test_a_name_in_hangul_keeps_the_columns():
    model = Sequential([Input(shape=(4,)), Dense(3, name="출력층")], name="모델")
    table = text(model, line_length=60).splitlines()[1:-3]
    widths = {sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line) for line in table}
    assert widths == {60}


def test_names_are_not_read_as_markup():
    model = Sequential([Input(shape=(4,)), Dense(3, name="[bold]x[link]")], name="[red]m")
    table = text(model, line_length=80)
    assert "[bold]x[link] (Dense)" in table
    assert 'Model: "[red]m"' in table


def test_which_layers_are_trained():
    rows = cells(text(cnn(), line_length=100, show_trainable=True))
    assert rows[0] == ["Layer (type)", "Output Shape", "Param #", "Trainable"]
    assert [row[3] for row in rows[1:]] == ["Y", "-", "Y", "Y", "-", "N"]


def test_a_range_of_layers():
    rows = cells(text(cnn(), line_length=80, layer_range=["pool", "norm"]))
    assert [row[0].split()[0] for row in rows[1:]] == ["pool", "conv_same", "norm"]
    for wrong in (["pool"], ["pool", "nowhere"], ["norm", "pool"], "pool"):
        with pytest.raises(ValueError, match="layer_range"):
            cnn().summary(layer_range=wrong)


def test_layers_of_a_model_inside():
    inner = Sequential([Dense(3, name="a"), Sequential([Dense(2, name="b")], name="deep")], name="inner")
    model = Sequential([Input(shape=(4,)), inner])
    rows = cells(text(model, line_length=80, expand_nested=True))[1:]
    assert [row[0].rsplit(" ", 1)[0] for row in rows] == ["inner", "› a", "› deep", "› › b"]
    assert [row[2] for row in rows] == ["23", "15", "8", "8"]
    with contextlib.redirect_stdout(io.TextIOWrapper(binary := io.BytesIO(), encoding="ascii")) as screen:
        model.summary(None, None, None, True)
        screen.flush()
        assert b"> a (Dense)" in binary.getvalue()
