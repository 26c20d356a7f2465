"""What a trace prints: numbers that are its attributes, and a sentence about where the gradient stays."""

import html.parser
import re

import numpy as np
import pytest
from small_models import linear, rows, with_everything

from minidl import layers as L
from minidl.inspect.numbers import shape
from minidl.inspect.traced import trace
from minidl.models import Sequential
from minidl.utils.columns import cell, columns, cut

rng = np.random.default_rng(3)


def deep(activation, depth=10, initializer="glorot_uniform"):
    hidden = [L.Dense(16, activation, kernel_initializer=initializer) for _ in range(depth)]
    model = Sequential([L.Input((8,)), *hidden, L.Dense(1)])
    model.compile("sgd", "mse")
    return trace(model, rng.normal(size=(32, 8)), rng.normal(size=(32, 1)))


def flat(text):
    return " ".join(str(text).split())


def test_the_table_shows_the_numbers_of_the_trace():
    model = with_everything()
    step = trace(model, *rows())
    lines = str(step).splitlines()
    assert f"loss {step.loss:.6g}, {len(step)} ops" in flat(step)
    for layer in step.layers:
        (line,) = [line for line in lines if line.startswith(layer.name + " ")]
        told = line[20:34].strip(), *line[34:].split()[:4]
        gradients = [layer.gradient_norm, layer.weight_gradient_norm]
        numbers = [f"{n:.3g}" if n is not None else "-" for n in (layer.mean, layer.std, *gradients)]
        assert told == (str(layer.shape), *numbers)
        assert re.search(r"\d (s|ms|µs)$", line)


def test_a_gradient_that_vanishes_is_seen_and_told():
    step = deep("sigmoid")
    norms = [layer.gradient_norm for layer in step.layers]
    assert norms[0] < 1e-4 * norms[-1]
    assert f"|dL/dy| {norms[-1]:.3g} (dense_10) → {norms[0]:.3g} (dense)" in flat(step)
    text = flat(step)
    assert "The gradient vanishes on its way back" in text
    assert re.search(r"\(dense_10\) → .* \(dense\), [\d,]+ times smaller\.", text)
    assert re.search(r"Most is lost on the way through dense_\d+\.", text)


def test_one_that_explodes_and_one_that_arrives():
    assert "The gradient explodes on its way back" in flat(
        deep("linear", initializer=lambda shape, dtype=None: rng.normal(size=shape) * 2)
    )
    assert "The gradient arrives" in flat(deep("relu", 3, "he_normal"))


def test_where_most_is_lost():
    squash = L.Lambda(lambda x: x * 1e-5, name="squash")
    model = Sequential([L.Input((8,)), L.Dense(8), L.Dense(8), squash, L.Dense(8), L.Dense(1)])
    model.compile("sgd", "mse")
    step = trace(model, rng.normal(size=(4, 8)), np.ones((4, 1)))
    assert "Most is lost on the way through squash." in flat(step)


def test_a_gradient_that_is_0_and_one_that_never_comes():
    model = Sequential(
        [
            L.Input((4,)),
            L.Dense(3, "relu", bias_initializer=lambda s, dtype=None: -99 * np.ones(s)),
            L.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    assert "The gradient is exactly 0 at the weights of dense" in flat(trace(model, *rows()))
    cutting = Sequential([L.Input((4,)), L.Dense(3, name="cut"), L.Lambda(lambda x: np.sign(x)), L.Dense(1)])
    cutting.compile("sgd", "mse")
    text = flat(trace(cutting, *rows()))
    assert "cut: the loss does not depend on them" in text or "exactly 0 at the weights of cut" in text


def test_without_a_loss_nothing_is_said_of_gradients():
    text = str(trace(with_everything(), rows()[0]))
    assert "without a loss" in text
    assert "gradient" not in text


def test_a_layer_prints_its_ops_and_weights():
    step = trace(with_everything(), *rows())
    text = str(step["dense_1"])
    (op,) = step["dense_1"].ops
    assert text.startswith("dense_1 (Dense)\n")
    assert f"{op.number}  Dense" in text.replace("   ", "  ")
    assert f"({op.dtype}, {op.min:.3g} … {op.max:.3g})" in flat(text)
    kernel, bias = step["dense_1"].weights
    for w, name in ((kernel, "kernel"), (bias, "bias")):
        (line,) = [line for line in text.splitlines() if line.startswith(name)]
        assert f"{w.gradient_norm:.3g}" in line
        assert f"{w.update_norm:.3g}" in line
    assert f"{kernel.update_norm / kernel.norm:.3g}" in text


def test_weights_of_two_directions_keep_their_whole_names():
    step = trace(L.Bidirectional(L.LSTM(2), name="b"), np.ones((1, 3, 2)))
    assert "b/forward_lstm/" in str(step["b"])
    assert "Inside: forward_lstm, backward_lstm." in str(step["b"])


def test_a_recurrent_layer_says_that_it_opens():
    assert "trace[...].steps" in str(trace(L.GRU(2), np.ones((1, 3, 2)))["gru"])
    assert "trace[...].steps" not in str(trace(L.Dense(2), np.ones((1, 2)))["dense"])


def test_an_op_prints_all_of_itself():
    step = trace(linear(), *rows(6))
    text = str(step[0])
    assert text.startswith(
        "#0 Dense   (dense, reference)\n   ← x (6, 4), dense/kernel (4, 1), dense/bias (1,)\n"
    )
    for n in (step[0].mean, step[0].std, step[0].min, step[0].max, step[0].gradient_norm):
        assert f"{n:.3g}" in text
    assert repr(step[0]) == "<Op #0 Dense (dense) (6, 1)>"  # a list of ops is read line by line
    assert "forward " in text


def test_many_recurrent_layers_are_not_all_drawn():
    model = Sequential([L.Input((3, 2)), *[L.GRU(2, return_sequences=True) for _ in range(11)]])
    model.compile("sgd", "mse")
    text = str(trace(model, np.ones((1, 3, 2)), np.zeros((1, 3, 2))))
    assert text.count("|dL/dh| t=0…2") == 8
    assert "3 more calls of recurrent layers" in text


def test_korean(monkeypatch):
    monkeypatch.setenv("MINIDL_LANG", "ko")
    step = deep("sigmoid")
    text = str(step)
    assert "학습 스텝 하나" in flat(text)
    assert "소실됩니다" in flat(text)
    model = Sequential([L.Input((40, 1)), L.SimpleRNN(2, name="순환층"), L.Dense(1)])
    model.compile("sgd", "mse")
    step = trace(model, np.ones((1, 40, 1)), np.ones((1, 1)))
    assert "기울기가 시간을 거" in flat(step)
    assert "타임스텝 3:" in str(step["순환층"].steps[3])
    first, dense = step.layers
    heads = {
        str(step): "층 출력 평균 표준편차 |dL/dy| |dL/dw| 시간",
        str(dense): "# 연산 출력 평균 표준편차 |dL/dy| 순전파 역전파",
        str(first): "가중치 모양 |w| |dL/dw| |갱신량| 갱신량/w",
    }
    for text, head in heads.items():
        (at,) = [i for i, line in enumerate(text.splitlines()) if line.split() == head.split()]
        above, below = text.splitlines()[at : at + 2]
        assert columns(above) == columns(below)  # both end with the last column
    assert re.search("평균 .* 표준편차 .* 최솟값 .* 최댓값 ", str(step[0]))
    assert re.search("평균 .* 최솟값 .* 최댓값 ", str(first.steps[3]))
    assert re.findall("<th scope=.col.[^>]*>([^<]*)", step._repr_html_()) == heads[str(step)].split()
    for part in (step, step["순환층"].steps, *step.layers):
        assert max(map(columns, str(part).splitlines())) <= 80


class Balanced(html.parser.HTMLParser):
    """Notes the texts, and that every tag is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.texts = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_html():
    hostile = "<b>&amp;"
    model = Sequential([L.Input((4, 1)), L.LSTM(2, name=hostile), L.Dense(1)])
    model.compile("sgd", "mse")
    step = trace(model, np.ones((2, 4, 1)), np.ones((2, 1)))
    for part in (step, step.layers[0]):
        reader = Balanced()
        reader.feed(part._repr_html_())
        reader.close()
        assert reader.open == []
        assert any(hostile in text for text in reader.texts)
    assert "<b>" not in step._repr_html_()
    assert f"{step.layers[0].gradient_norm:.3g}" in step._repr_html_()


@pytest.mark.parametrize(
    ("text", "width", "right", "wanted"),
    [
        ("abc", 5, False, "abc  "),
        ("abc", 5, True, "  abc"),
        ("abcdef", 5, False, "abc… "),
        ("가나다", 6, True, "  가나…"[1:]),
    ],
)
def test_cells(text, width, right, wanted):
    assert cell(text, width, right) == wanted
    assert columns(cell(text, width, right)) == width
    assert cut("가나다", 4) == "가…"


def test_shapes_lose_their_spaces_before_they_are_cut():
    assert shape((32, 26, 26, 32), 15) == "(32,26,26,32)"
    assert shape((32, 26), 15) == "(32, 26)"
