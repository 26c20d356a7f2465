"""What `explain` looks like: columns, languages, HTML; what it answers to the seeds' models; what it leaves alone."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from graphs import nested, residual
from hypothesis import given
from hypothesis import strategies as st
from small_models import rows, same, state, with_everything

import minidl
from minidl import Input, Sequential, layers
from minidl.inspect import explain
from minidl.utils.columns import columns, padded, wrapped


def har(optimizer="adam"):
    """Conv1D, pooling and LSTM on 4 time steps of 8 features."""
    model = Sequential([
        Input((4, 8)), layers.Conv1D(32, 1, activation="relu"), layers.MaxPooling1D(1), layers.LSTM(32),
        layers.Dense(16, activation="relu"), layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    model.compile(optimizer, "categorical_crossentropy")
    return model


# --- the seeds' questions ----------------------------------------------------------------------------------------


def test_why_8320():
    text = str(explain(layers.LSTM(32), input_shape=(4, 32)))
    assert "Parameters: (32 + 32 + 1)·4·32 = 8,320." in text
    assert "recurrent_kernel  (32, 128)  32·4·32 = 4,096" in text
    assert "PyTorch counts 8,448" in text


def test_why_48_6_64():
    text = " ".join(str(explain(layers.Conv2D(64, 3), (50, 8, 1))).split())
    assert "(50 − 3 + 2·0)/1 + 1 = 48; (8 − 3 + 2·0)/1 + 1 = 6" in text
    assert "(None, 50, 8, 1) became (None, 48, 6, 64): a window of size 3×3 has room at 48×6 places" in text


def test_a_model_of_the_seeds():
    explained = explain(har())
    assert [layer.parameters for layer in explained.layers] == [288, 0, 8320, 528, 51]
    assert explained.layers[0].parameter_formula == "(1·8 + 1)·32"
    assert "9,187" in str(explained)
    assert "Adam remembers 73,496 bytes." in " ".join(str(explained).split())
    assert "remembers" not in str(explain(har("sgd")))


def test_wrong_in_a_seed_and_right_here():
    pool = str(explain(layers.MaxPooling2D(2), (13, 13, 64)))
    assert "some (1) are in no window" in pool
    assert "padding='same' there would be 7" in " ".join(pool.split())
    steps = explain(layers.LSTM(10), (2, 2)).layers[0].hints[0]
    assert steps.figures == {"steps": 2, "features": 2}


def test_one_layer_of_a_model():
    explained = explain(har())
    alone = explained["lstm"]
    assert alone.parameters == 8320
    assert str(alone).startswith("lstm (LSTM): (None, 4, 32) -> (None, 32)")
    assert repr(alone) == str(alone)
    with pytest.raises(KeyError, match=r"no layer called 'lsmt'.*lstm"):
        explained["lsmt"]
    with pytest.raises(KeyError, match=r"Its layers: .*lstm"):
        explained["zzz"]
    assert explain(har().layers[2]).layers[0].input_shapes == ((None, 4, 32),)


# --- shapes as they are given ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 32), (None, 4, 32), (7, 4, 32), [4, 32]])
def test_with_and_without_a_batch_axis(shape):
    (given_shape,) = explain(layers.LSTM(2), shape).layers[0].input_shapes
    assert given_shape[1:] == (4, 32)


def test_several_inputs():
    told = explain(layers.Concatenate(), [(4,), (3,)]).layers[0]
    assert told.input_shapes == ((None, 4), (None, 3))
    assert told.shape_formulas == ("4 + 3 = 7",)


def test_the_shape_that_a_first_layer_knows():
    assert explain(layers.Dense(3, input_shape=(4,))).parameters == 15
    assert explain(Sequential([layers.Dense(3)]), (4,)).parameters == 15


@pytest.mark.parametrize(
    ("target", "shape", "kind", "words"),
    [
        (layers.LSTM, None, TypeError, r"Make an instance: LSTM\(...\)"),
        ("lstm", None, TypeError, "expects a layer or a model"),
        (layers.LSTM(3), None, ValueError, r"explain\(layer, input_shape=\(4, 32\)\)"),
        (layers.LSTM(3), (4,), ValueError, "3-D input"),
        (layers.LSTM(3), 4, TypeError, "as a tuple"),
        (layers.LSTM(3), "ab", TypeError, "as a tuple"),
        (layers.Conv2D(1, 5), (3, 3, 1), ValueError, "window"),
    ],
)
def test_errors(target, shape, kind, words):
    with pytest.raises(kind, match=words) as caught:
        explain(target, shape)
    assert len(str(caught.value)) < 400


# --- nothing is changed ------------------------------------------------------------------------------------------


def test_models_stay_as_they_are():
    model = with_everything()
    x, y = rows()
    model.fit(x, y, verbose=0)
    before, config = state(model), model.get_config()
    minidl.utils.set_random_seed(3)
    first = layers.Dropout(0.5)(np.ones(50), training=True).numpy()
    minidl.utils.set_random_seed(3)
    explain(model)
    explain(model, (4,))
    np.testing.assert_array_equal(layers.Dropout(0.5)(np.ones(50), training=True), first)
    assert same(before, state(model))
    assert model.get_config() == config
    assert all(v.grad is None or v.grad.shape == v.shape for v in model.weights)


def test_unbuilt_layers_stay_unbuilt():
    layer = layers.Bidirectional(layers.LSTM(3))
    explain(layer, (4, 2))
    assert not layer.built
    assert layer.weights == []
    assert layers.Dense(2).name == "dense"  # nor was a name used up


# --- text --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_lines_fit_the_screen(monkeypatch, language, width):
    monkeypatch.setenv("MINIDL_LANG", language)
    monkeypatch.setenv("COLUMNS", str(width))
    long = Sequential(
        [Input((8,)), layers.Dense(3, name="a_very_long_name_" * 8), layers.Dense(2, name="층이름" * 20)]
    )
    for model in (har(), residual(minidl), nested(minidl), long):
        lines = str(explain(model)).split("\n")
        assert max(map(columns, lines)) <= min(width, 80)
        assert not any(line != line.rstrip() for line in lines)


@given(text=st.text("ab 가나", max_size=60), width=st.integers(8, 30))
def test_wrapping_loses_nothing(text, width):
    lines = wrapped(text, width, "  ", "    ")
    assert all(columns(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_padding_counts_columns():
    assert columns(padded("가중치", 10)) == 10 == columns(padded("weights", 10))


def test_korean(monkeypatch):
    monkeypatch.setenv("MINIDL_LANG", "ko")
    text = str(explain(layers.LSTM(32), (4, 32)))
    assert "파라미터: (32 + 32 + 1)·4·32 = 8,320." in text
    assert "return_sequences=False이므로 마지막 타임스텝의 h만 출력됩니다: (None, 32)." in text
    html = explain(har())._repr_html_()
    assert "<th" in html
    assert "가중치" in html


# --- HTML --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Weights Shape Count Meaning"), ("ko", "가중치 모양 개수 뜻")]
)
def test_headings_of_the_table_of_weights(monkeypatch, language, words):
    monkeypatch.setenv("MINIDL_LANG", language)
    html = explain(layers.Dense(2), (3,))._repr_html_()
    assert re.findall("<th scope=.col.[^>]*>([^<]*)", html) == words.split()


class Outline(HTMLParser):
    """Checks that elements are closed in order, and keeps their names, attributes and text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.seen, self.texts, self.styles = [], [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.seen.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.texts).split())


@pytest.mark.parametrize("make", [har, lambda: nested(minidl), lambda: residual(minidl)])
def test_html_says_what_the_text_says(make):
    explained = explain(make())
    page = Outline(explained._repr_html_())
    for layer in explained.layers:
        for hint in layer.hints:
            assert hint.text in page.words
        for weight in layer.weights:
            assert weight.name in page.texts
        for line in layer.equations:
            assert " ".join(line.text.split()) in page.words
    assert {tag for tag, _ in page.seen} <= {
        "div", "p", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"
    }  # fmt: skip
    styles = " ".join(attributes.get("style") or "" for _, attributes in page.seen)
    assert not re.search(r"(?<!-)color:|#[0-9a-f]{3}|url", styles)  # it takes the page's own colours
    assert all("scope" in attributes for tag, attributes in page.seen if tag == "th")


def test_names_are_escaped():
    name = '<script>alert("x")</script>&'
    model = Sequential(
        [Input((2,)), layers.Dense(3, name=name.replace("/", "")), layers.BatchNormalization()]
    )
    html = explain(model)._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;alert(&quot;x&quot;)" in html
    Outline(html)


def test_one_layer_is_open_and_several_are_closed():
    assert explain(layers.Dense(3), (2,))._repr_html_().count("<details open") == 1
    assert "<details open" not in explain(har())._repr_html_()
