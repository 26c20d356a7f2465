"""Every number that `explain` prints of a layer is in its fields, and true: random configurations of all layers.

The truth comes from the arrays: weights that are counted, outputs of real runs, gradients of a backward pass, memory as
Python itself counts it. Formulas are read and worked out. The equations have tests of their own.
"""

import math

import numpy as np
import pytest
from arithmetic import sides, value
from explained import fields, is_among, numbers, really_kept
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import LAYERS

from minidl import Tensor, layers, ops
from minidl.inspect import explain
from minidl.layers.convolutional.base import Sliding
from minidl.layers.pooling.base import Pooling
from minidl.models.shapes import shape_text
from minidl.utils.nested import as_list

SOME = settings(deadline=None, max_examples=6, suppress_health_check=list(HealthCheck))
EVERY_LAYER = pytest.mark.parametrize("cls", list(LAYERS), ids=lambda cls: cls.__name__)


def is_printable(case):
    """Whether no number in it is so small that its digits fill more than a line."""
    return all(not isinstance(v, float) or v == 0 or v > 1e-4 for v in case.arguments.values())


def drawn(cls, data):
    """A case, a layer that has run on 2 samples, these and its outputs, and what `explain` says of a new one."""
    case = data.draw(LAYERS[cls].filter(is_printable))
    layer = case.made(cls, name="layer")
    x = case.inputs(0, 2, "float32")
    y = [np.asarray(part) for part in as_list(layer(x))]
    explained = explain(case.made(cls, name="layer"), case.sample)
    return case, layer, x, y, explained


@EVERY_LAYER
@SOME
@given(data=st.data())
def test_weights(cls, data):
    _, layer, _, _, explained = drawn(cls, data)
    told = explained.layers[0]
    arrays = layer.get_weights()
    assert [w.shape for w in told.weights] == [a.shape for a in arrays]
    assert [w.count for w in told.weights] == [a.size for a in arrays]
    assert [w.bytes for w in told.weights] == [a.nbytes for a in arrays]
    assert [value(w.formula) for w in told.weights] == [a.size for a in arrays]
    assert [w.trainable for w in told.weights] == [v.trainable for v in layer.weights]
    assert len({w.name for w in told.weights}) == len(arrays)
    assert all(w.name.endswith(v.name) for w, v in zip(told.weights, layer.weights, strict=True))
    assert told.parameters == explained.parameters == sum(a.size for a in arrays)
    assert value(told.parameter_formula) == told.parameters
    trained = sum(v.size for v in layer.trainable_weights)
    assert told.trainable_parameters == explained.trainable_parameters == trained
    assert explained.non_trainable_parameters == told.parameters - trained


@EVERY_LAYER
@SOME
@given(data=st.data())
def test_shapes(cls, data):
    _, layer, x, y, explained = drawn(cls, data)
    told = explained.layers[0]
    assert told.input_shapes == ((None, *x.shape[1:]),)
    assert told.output_shapes == tuple((None, *part.shape[1:]) for part in y)
    worked_out = [sides(line) for line in told.shape_formulas]
    assert all(left == right for left, right in worked_out)
    results = [right for _, right in worked_out]
    assert len(told.shape_formulas) == len(set(told.shape_formulas))
    if isinstance(layer, Sliding | Pooling):
        assert set(results) == set(y[0].shape[1:-1])
    else:
        assert set(results) <= set(y[0].shape[1:])


@pytest.mark.filterwarnings("ignore:.*one number per feature")
@EVERY_LAYER
@SOME
@given(data=st.data())
def test_memory(cls, data):
    case, layer, x, y, explained = drawn(cls, data)
    memory = explained.layers[0].memory
    assert memory == explained.memory
    assert memory.weights == sum(v.numpy().nbytes for v in layer.weights)
    assert memory.output == sum(part[0].nbytes for part in y)
    assert memory.optimizer is None
    outputs = as_list(layer(Tensor(x, requires_grad=True), training=True))
    sum(ops.sum(part) for part in outputs).backward()
    assert memory.gradients == sum(np.asarray(v.grad).nbytes for v in layer.trainable_weights)
    assert memory.kept == really_kept(layer, lambda n: case.inputs(0, n, "float32"), is_middle=True)


@EVERY_LAYER
@SOME
@given(data=st.data())
def test_what_is_printed_is_in_the_fields(cls, data):
    explained = drawn(cls, data)[-1]
    told = explained.layers[0]
    text = str(explained)
    known = fields(told)
    assert all(is_among(n, known) for n in numbers(text))
    for number in (told.parameters, told.memory.weights, told.memory.output, told.memory.kept):
        assert f"{number:,}" in text or not number
    for weight in told.weights:
        assert shape_text(weight.shape) in text
    shown = " ".join(text.split())
    for sentence in (line.text for line in told.equations):
        assert " ".join(sentence.split()) in shown
    for hint in told.hints:
        assert hint.text in shown
        figures = fields(hint.figures)
        assert all(is_among(n, figures) for n in numbers(hint.text)), hint
        assert all(is_among(n, numbers(hint.text)) for n in figures), hint


@EVERY_LAYER
@settings(SOME, max_examples=4)
@given(data=st.data())
def test_both_languages_print_the_same_numbers(cls, data):
    case = data.draw(LAYERS[cls].filter(is_printable))

    def said(language):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MINIDL_LANG", language)
            explained = explain(case.made(cls, name="layer"), case.sample)
            return explained, str(explained), explained._repr_html_()

    (english, in_english, _), (korean, in_korean, html) = said("en"), said("ko")
    # Numbers that stand on each side of a particle may change places; small ones are words of grammar at times.
    assert {n for n in numbers(in_korean) if n > 3} == {n for n in numbers(in_english) if n > 3}
    assert [h.figures for h in english.layers[0].hints] == [h.figures for h in korean.layers[0].hints]
    assert all(any("가" <= letter <= "힣" for letter in h.text) for h in korean.layers[0].hints)
    assert 'lang="ko"' in html


# --- the figures of the hints ------------------------------------------------------------------------------------


def covered(n, span, stride):
    """How many windows fit on n cells, and how many cells at the end none of them covers: by laying them down."""
    starts = [i for i in range(0, n, stride) if i + span <= n]
    return len(starts), n - (starts[-1] + span)


def rests(sizes, spans, strides):
    """The figures of "rest" for each axis that has one, equal ones once."""
    found = []
    for n, span, stride in zip(sizes, spans, strides, strict=True):
        windows, rest = covered(n, span, stride)
        figures = {"cells": n, "rest": rest, "windows": windows, "same": len(range(0, n, stride))}
        if rest and figures not in found:
            found.append(figures)
    return found


def by_topic(explained):
    found = {}
    for hint in explained.layers[0].hints:
        found.setdefault(hint.topic, []).append(hint.figures)
    return found


WINDOWS = [
    layers.Conv1D, layers.Conv2D, layers.Conv2DTranspose, layers.DepthwiseConv2D, layers.SeparableConv1D,
    layers.SeparableConv2D, layers.MaxPooling1D, layers.MaxPooling2D, layers.AveragePooling1D, layers.AveragePooling2D,
]  # fmt: skip


@pytest.mark.parametrize("cls", WINDOWS, ids=lambda cls: cls.__name__)
@SOME
@given(data=st.data())
def test_figures_of_windows(cls, data):
    case, layer, x, (y,), explained = drawn(cls, data)
    hints = by_topic(explained)
    before, after = (None, *x.shape[1:]), (None, *y.shape[1:])
    if "shape" in hints:
        (shape,) = hints["shape"]
        assert (shape["before"], shape["after"]) == (before, after)
    pools = isinstance(layer, Pooling)
    window = layer.pool_size if pools else layer.kernel_size
    if pools:
        assert ("shape" in hints) == (max(*window, *layer.strides) > 1)
        if "shape" in hints:
            assert (shape["window"], shape["strides"]) == (window, layer.strides)
            assert shape["channels"] == y.shape[-1]
        spans = window
    else:
        arrays = layer.get_weights()
        (count,) = hints["parameters"]
        assert count["cells"] == math.prod(window)
        assert hints["axes"] == [{"sizes": x.shape[1:-1], "channels": x.shape[-1]}]
        if "filters" in count:
            assert count["filters"] == y.shape[-1]
        if isinstance(layer, layers.Conv1D | layers.Conv2D):
            assert count["cells"] * count["channels"] * count["filters"] == arrays[0].size
            assert count.get("groups", 1) == case.arguments["groups"]
        if "multiplier" in count:
            assert count["multiplier"] == case.arguments["depth_multiplier"]
            assert count["channels"] == x.shape[-1]
        if "otherwise" in count:
            usual = layers.Conv1D if len(window) == 1 else layers.Conv2D
            same = usual(y.shape[-1], window, use_bias=case.arguments["use_bias"], padding="same")
            same.build(x.shape)
            assert count["otherwise"] == same.count_params()
        spans = tuple(
            len(range(0, (k - 1) * r + 1)) for k, r in zip(window, layer.dilation_rate, strict=True)
        )
        assert shape.get("window", spans) == spans
        assert shape.get("places", y.shape[1:-1]) == y.shape[1:-1]
        assert shape.get("channels", y.shape[-1]) == y.shape[-1]
        assert shape.get("strides", layer.strides) == layer.strides
        assert hints.get("dilation", []) == (
            [{"rate": layer.dilation_rate, "window": window, "span": spans}]
            if spans != window and cls is not layers.Conv2DTranspose
            else []
        )
    expected = rests(x.shape[1:-1], spans, layer.strides) if layer.padding == "valid" else []
    assert hints.get("rest", []) == ([] if cls is layers.Conv2DTranspose else expected)


@pytest.mark.parametrize("cls", [layers.SimpleRNN, layers.LSTM, layers.GRU], ids=lambda cls: cls.__name__)
@SOME
@given(data=st.data())
def test_figures_of_recurrent_layers(cls, data):
    case, layer, x, ys, explained = drawn(cls, data)
    hints = by_topic(explained)
    kernel, recurrent, *bias = layer.get_weights()
    units, gates = recurrent.shape[0], recurrent.shape[1] // recurrent.shape[0]
    biases = sum(b.size for b in bias) // (gates * units)
    (count,) = hints["parameters"]
    assert (count["features"], count["units"]) == (kernel.shape[0], units)
    assert count.get("gates", 1) == gates == {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[cls.__name__]
    assert count.get("biases", biases) == biases
    assert hints["axes"] == [{"steps": x.shape[1], "features": x.shape[2]}]
    assert hints["units"] == [{"units": units, "steps": x.shape[1]}]
    other = case._replace(arguments={**case.arguments, "return_sequences": not layer.return_sequences}).made(
        cls
    )
    (sequences,) = hints["return_sequences"]
    assert sequences["shape"] == (None, *ys[0].shape[1:])
    assert sequences["otherwise"] == (None, *as_list(other(x))[0].shape[1:])
    if "torch" in hints:
        assert hints["torch"] == [
            {"parameters": gates * (units * x.shape[2] + units * units + units + units)}
        ]
    if "reset_after" in hints:
        without = case._replace(arguments={**case.arguments, "reset_after": False}).made(cls)
        without(x)
        assert hints["reset_after"] == [{"parameters": without.count_params()}]
    assert ("reset_after" in hints) == (biases == 2)
    assert ("single step" in hints) == (x.shape[1] == 1 < x.shape[2])


@SOME
@given(data=st.data())
def test_figures_of_wrappers(data):
    case, layer, x, _, explained = drawn(layers.TimeDistributed, data)
    hints = list(explained.layers[0].hints)
    assert hints[0].figures == {"steps": x.shape[1]}
    inner = explain(case.arguments["layer"].made(layers), case.sample[1:]).layers[0].hints
    assert hints[1:] == list(inner)
    case, layer, x, (y, *_), explained = drawn(layers.Bidirectional, data)
    first, second, *rest = explained.layers[0].hints
    halves = [part.count_params() for part in (layer.forward_layer, layer.backward_layer)]
    assert list(first.figures.values()) == halves
    inner = explain(case.arguments["layer"].made(layers), case.sample).layers[0]
    assert second.figures in (
        {"forward": inner.output_shapes[0][-1], "backward": inner.output_shapes[0][-1]},
        {"outputs": y.shape[-1]},
    )
    assert sum(second.figures.values()) == y.shape[-1]
    assert rest == [h for h in inner.hints if h.topic not in ("torch", "reset_after")]


def expected_of_others(layer, x, y):
    """Figures of the other layers' hints by topic, from the arrays."""
    arrays = layer.get_weights()
    kind = type(layer).__name__
    if kind == "Dense":
        yield "parameters", {"units": y.shape[-1], "features": x.shape[-1]}
    if kind == "Embedding":
        yield "parameters", {"ids": len(arrays[0]), "length": y.shape[-1]}
        yield "ids", {"input_dim": len(arrays[0]), "first": 0, "last": len(arrays[0]) - 1, "first word": 1}
    if kind == "BatchNormalization":
        yield "parameters", {"channels": x.shape[layer.axis], "arrays": len(arrays)}
    if kind == "PReLU":
        yield "parameters", {"slopes": arrays[0].size}
    if "Dropout" in kind:
        ones = np.asarray(type(layer)(layer.rate)(np.ones((5000, *x.shape[1:]), "float32"), training=True))
        yield "training", {"rate": layer.rate, "factor": pytest.approx(ones.max(), rel=1e-6)}
    if kind.startswith("Global"):
        yield "any size", {"channels": y.shape[-1]}
    if kind == "RepeatVector":
        yield "copies", {"steps": y.shape[1]}
    if kind == "Masking":
        yield "mask value", {"mask_value": layer.mask_value}


@pytest.mark.parametrize(
    "cls",
    [cls for cls in LAYERS if cls not in WINDOWS and not issubclass(cls, layers.RNN)],
    ids=lambda cls: cls.__name__,
)
@SOME
@given(data=st.data())
def test_figures_of_the_others(cls, data):
    _, layer, x, ys, explained = drawn(cls, data)
    expected = dict(expected_of_others(layer, x, ys[0]))
    for topic, figures in by_topic(explained).items():
        if topic == "axes" and cls is layers.Dense:
            assert figures == [{"before": (None, *x.shape[1:]), "after": (None, *ys[0].shape[1:])}]
        elif cls not in (layers.TimeDistributed, layers.Bidirectional) and figures != [{}]:
            assert figures == [expected[topic]]
