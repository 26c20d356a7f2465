"""The printed equations, read and run on real numbers, give what the layer gives; and every size in them is right."""

import dataclasses
import math
import re
import threading

import numpy as np
import pytest
from equations_read import Reader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import LAYERS

import minidl
from minidl import activations, layers
from minidl.inspect.equations import told
from minidl.inspect.equations.curves import DEFINITIONS, definition
from minidl.symbolic import is_shape

NAMES = {
    "kernel": "w",
    "bias": "b",
    "embeddings": "E",
    "alpha": "α",
    "depthwise_kernel": "d",
    "pointwise_kernel": "w",
}
INDEXED = [
    layers.Conv1D, layers.Conv2D, layers.Conv2DTranspose, layers.DepthwiseConv2D, layers.SeparableConv1D,
    layers.SeparableConv2D, layers.MaxPooling1D, layers.MaxPooling2D, layers.AveragePooling1D, layers.AveragePooling2D,
    layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D, layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D,
    layers.Cropping1D, layers.Cropping2D, layers.ZeroPadding1D, layers.ZeroPadding2D, layers.UpSampling1D,
    layers.UpSampling2D, layers.Flatten, layers.Permute, layers.RepeatVector, layers.Masking,
]  # fmt: skip
WHOLE = [
    layers.Dense, layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Softmax, layers.PReLU,
    layers.Rescaling, layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.GaussianNoise,
    layers.ActivityRegularization, layers.Identity, layers.InputLayer,
]  # fmt: skip
MODEST = settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def with_numbers(layer, seed):
    """The layer with weights that are all different from 0 and 1."""
    rng = np.random.default_rng(seed)
    for v in layer.weights:
        v.assign(rng.uniform(0.5, 1.5, v.shape) if "variance" in v.name else rng.normal(size=v.shape))
    return layer


def drawn(cls, data):
    """A built layer of float64 with weights, an input of one sample, the lines that tell it, and its output."""
    case = data.draw(LAYERS[cls])
    layer = case.made(cls, dtype="float64")
    x = case.inputs(data.draw(st.integers(0, 99)), 1)
    layer(x)
    with_numbers(layer, 1)
    y = layer(x)
    made = layer.compute_output_shape((None, *x.shape[1:]))
    lines = told(layer, [(None, *x.shape[1:])], [made] if is_shape(made) else made).equations
    return layer, x, lines, y.numpy()


def arrays_of(layer, x, y):
    """The arrays that the equations name, but for y."""
    named = {NAMES.get(v.name, v.name): v.numpy() for v in layer.weights}
    return {"x": x, **named}


@pytest.mark.parametrize("cls", INDEXED, ids=lambda cls: cls.__name__)
@MODEST
@given(data=st.data())
def test_equations_with_indices(cls, data):
    layer, x, lines, y = drawn(cls, data)
    largest = issubclass(cls, layers.MaxPooling1D | layers.MaxPooling2D)
    reader = Reader(lines, arrays_of(layer, x, y), outside=-np.inf if largest else 0.0)
    reader.check_shapes()
    if issubclass(cls, layers.AveragePooling1D | layers.AveragePooling2D) and layer.padding == "same":
        cells = Reader(lines, {"x": np.ones_like(x)}, m=Everywhere()).run()
        reader.env["m"] = {
            place if len(place) > 1 else place[0]: n for place, n in np.ndenumerate(cells[0, ..., 0])
        }
    assert reader.shapes["y"] == y.shape[1:]
    got = reader.run()
    assert got.shape == y.shape
    np.testing.assert_allclose(got, y, rtol=1e-9, atol=1e-9)


class Everywhere:
    """1 at every place."""

    def __getitem__(self, place):
        return 1


@pytest.mark.parametrize("cls", WHOLE, ids=lambda cls: cls.__name__)
@MODEST
@given(data=st.data())
def test_equations_of_whole_arrays(cls, data):
    layer, x, lines, y = drawn(cls, data)
    axis = getattr(layer, "axis", -1)
    reader = Reader(lines, arrays_of(layer, x, y), axis=axis)
    reader.check_shapes()
    assert reader.shapes["y"] == y.shape[1:]
    np.testing.assert_allclose(reader.run(), y, rtol=1e-9, atol=1e-9)


def along(axes, rank, value):
    """Numbers for some axes, as an array that broadcasts with one of this rank."""
    shape = [1] * rank
    for axis, n in zip(axes, np.shape(value), strict=True):
        shape[axis] = n
    return np.reshape(value, shape)


@MODEST
@given(data=st.data())
def test_equations_of_batch_normalization(data):
    layer, x, lines, y = drawn(layers.BatchNormalization, data)
    axis = layer.axis % x.ndim
    weights = {v.name: v.numpy() for v in layer.weights}
    sizes = {
        "x": x,
        "γ": weights.get("gamma"),
        "β": weights.get("beta"),
        "μ": layer.moving_mean,
        "σ²": layer.moving_variance,
    }
    reader = Reader(lines, {name: value for name, value in sizes.items() if value is not None})
    reader.check_shapes()
    assert {name in reader.shapes for name in ("μ", "σ²", "x", "y")} == {True}
    wide = {name: along([axis], x.ndim, value) for name, value in weights.items()}
    names = {"gamma": "γ", "beta": "β"}
    reader.values = {"x": x, **{names.get(name, name): value for name, value in wide.items()}}
    np.testing.assert_allclose(reader.run(), y, rtol=1e-9)
    text = "\n".join(line.text for line in lines)
    moved = Reader(lines, {"batch": 1.0})
    assert f"moving = {layer.momentum:g}·moving + {1 - layer.momentum:g}·batch" in text
    assert moved.shapes["x"] == x.shape[1:]


@MODEST
@given(data=st.data())
def test_equations_of_layer_normalization(data):
    layer, x, lines, y = drawn(layers.LayerNormalization, data)
    axes = tuple(sorted(axis % x.ndim for axis in np.atleast_1d(layer.axis)))
    weights = {v.name: v.numpy() for v in layer.weights}
    named = {"γ": weights.get("gamma"), "β": weights.get("beta")}
    given_weights = {name: value for name, value in named.items() if value is not None}
    reader = Reader(
        lines, {"x": x, **given_weights}, mean=lambda values: values.mean(axis=axes, keepdims=True)
    )
    reader.check_shapes()
    assert set(given_weights) <= set(reader.shapes)
    reader.values = {"x": x, **{name: along(axes, x.ndim, value) for name, value in given_weights.items()}}
    np.testing.assert_allclose(reader.run(), y, rtol=1e-7, atol=1e-9)


@MODEST
@given(data=st.data())
def test_equations_of_an_embedding(data):
    layer, x, lines, y = drawn(layers.Embedding, data)
    ids = x.astype(int)
    reader = Reader(lines, {"ids": ids, "E": layer.embeddings.numpy()})
    reader.check_shapes()
    assert reader.shapes["y"] == y.shape[1:]
    first = lines[0].text
    letters = re.fullmatch(r"y\[(.*)\] = E\[ids\[(.*)\]\]", first)
    assert letters[1] == letters[2]
    assert letters[1].count(",") == ids.ndim - 1
    np.testing.assert_array_equal(layer.embeddings.numpy()[ids], y)


@MODEST
@given(data=st.data())
def test_equations_of_reshape(data):
    _, x, lines, y = drawn(layers.Reshape, data)
    reader = Reader(lines, {"x": x})
    new, old = re.fullmatch(r"(.*) = (.*)", lines[1].text).groups()
    for place in np.ndindex(y.shape[1:]):
        for source in np.ndindex(x.shape[1:]):
            at = {f"b{i}": n for i, n in enumerate(place, 1)} | {f"a{i}": n for i, n in enumerate(source, 1)}
            if value(new, at) == value(old, at):
                assert y[0][place] == x[0][source]
    assert [reader.size[f"b{i}"] for i in range(1, y.ndim)] == list(y.shape[1:])


def value(text, at):
    return eval(text.replace("·", "*"), {"__builtins__": {}}, at)  # noqa: S307


def stepped(lines, cell, x, h, c):
    """One step by its equations: the names in them and what they come to."""
    reader = Reader(lines, {})
    arrays = {"W": cell.kernel.numpy(), "U": cell.recurrent_kernel.numpy()}
    if cell.bias is not None:
        arrays["b"] = cell.bias.numpy()
    for name, array in arrays.items():
        assert reader.shapes[name] == array.shape
    gates = [line.text for line in lines if line.text.startswith("W = [")]
    for gate, name in enumerate(re.findall(r"W_(\w)", gates[0]) if gates else ()):
        columns = slice(gate * cell.units, (gate + 1) * cell.units)
        arrays |= {f"W_{name}": arrays["W"][:, columns], f"U_{name}": arrays["U"][:, columns]}
        if cell.bias is not None:
            biases = np.atleast_2d(arrays["b"])[:, columns]
            arrays |= {f"b_{name}": biases[0], f"b2_{name}": biases[-1]}
    reader.read = [piece for piece in reader.read if piece[0] not in ("W", "b", "y", "t")]
    reader.values = {**arrays, "x_t": x, "h": h, "c": c, "y": None}
    reader.run()
    return reader.env["h_t"], reader.env.get("c_t", c)


@pytest.mark.parametrize("cls", [layers.SimpleRNN, layers.GRU, layers.LSTM], ids=lambda cls: cls.__name__)
@MODEST
@given(data=st.data())
def test_equations_of_recurrent_layers(cls, data):
    layer, x, lines, y = drawn(cls, data)
    h = c = np.zeros((1, layer.units))
    first, last = re.fullmatch(r"t = (\d+)(?: \.\.\. (\d+))?", lines[0].text).groups()
    first, last = int(first), int(last or first)
    states = {}
    for t in range(first, last + 1) if first <= last else range(first, last - 1, -1):
        h, c = stepped(lines, layer.cell, x[:, t], h, c)
        states[t] = h
    assert sorted(states) == list(range(x.shape[1]))
    shown = next(line.text for line in lines if line.text.startswith("y = "))
    steps = [int(t) for t in re.findall(r"h_(\d+)", shown)]
    if "[" in shown:
        assert steps == list(dict.fromkeys([first, last]))
        np.testing.assert_allclose(np.stack(list(states.values()), axis=1), y, rtol=1e-9, atol=1e-9)
    else:
        np.testing.assert_allclose(states[steps[0]], y, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "cls", [layers.Add, layers.Average, layers.Maximum, layers.Minimum, layers.Multiply, layers.Subtract]
)
def test_equations_of_merging(cls):
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(1, 3)) for _ in range(2 if cls is layers.Subtract else 3)]
    lines = told(cls(), [(None, 3)] * len(inputs), [(None, 3)]).equations
    reader = Reader(lines, {f"x{i}": x for i, x in enumerate(inputs, 1)})
    np.testing.assert_allclose(reader.run(), cls(dtype="float64")(inputs).numpy())


def test_equations_of_concatenate():
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(2, n, 3)) for n in (1, 4, 2)]
    y = layers.Concatenate(axis=1, dtype="float64")(inputs).numpy()
    lines = told(layers.Concatenate(axis=1), [x.shape for x in inputs], [y.shape]).equations
    for line, x in zip(lines[1:4], inputs, strict=True):
        part = re.fullmatch(r"y\[:, (\d+):(\d+), :\] = x.", line.text)
        np.testing.assert_array_equal(y[:, int(part[1]) : int(part[2])], x)
    unknown = told(layers.Concatenate(axis=1), [(None, None, 3), (None, 2, 3)], [(None, None, 3)]).equations
    assert [line.text for line in unknown] == [
        "y = [x₁, x₂]",
        "x₁ (N, T₁, 3)   x₂ (N, 2, 3)   y (N, T₁ + 2, 3)",
    ]


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    ("axes", "one", "other"),
    [(1, (3,), (3,)), (2, (2, 3), (4, 3)), ((2, 1), (2, 3), (3, 5)), (-1, (2, 2, 3), (3,))],
)
def test_equations_of_dot(axes, one, other, normalize):
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(1, *shape)) for shape in (one, other)]
    layer = layers.Dot(axes, normalize=normalize, dtype="float64")
    y = layer(inputs).numpy()
    lines = told(layer, [(None, *one), (None, *other)], [(None, *y.shape[1:])]).equations
    text = lines[0].text
    left, right, summed = re.fullmatch(r"y\[(.*)\] = Σ_\{k\} (.*)·(.*)", text).groups()
    terms = ["".join(re.search(r"\[(.*)\]", part)[1].split(", ")) for part in (right, summed)]
    out = left.replace(", ", "").replace("0", "")
    sides = inputs
    if normalize:
        assert re.search(r"max\(√\(Σ x₁²\), 0\.0000001\)", lines[1].text)
        along_k = [term.index("k") for term in terms]
        sides = [x / np.sqrt((x**2).sum(axis=k, keepdims=True)) for x, k in zip(inputs, along_k, strict=True)]
    made = np.einsum(f"{terms[0]},{terms[1]}->{out}", *sides)
    np.testing.assert_allclose(made.reshape(y.shape), y, rtol=1e-9)


POINTWISE = sorted(set(DEFINITIONS) - {"softmax", "log_softmax", "glu"})


@pytest.mark.parametrize("name", POINTWISE)
def test_definitions_of_activations(name):
    z = np.linspace(-7.3, 7.3, 41)
    function = getattr(activations, name)
    (line,) = definition(function)
    reader = Reader([line], {})
    made = reader.env["σ" if name == "sigmoid" else name](z)
    np.testing.assert_allclose(made, function(z).numpy(), rtol=1e-6 if name == "selu" else 1e-9, atol=1e-12)


def test_every_activation_is_defined():
    functions = {f for f in activations.__all__ if f not in ("get", "serialize", "deserialize")}
    same = {"swish", "hard_swish", "linear"}
    assert functions - same == set(DEFINITIONS)


def test_no_definition_for_functions_of_ones_own():
    def relu(z):
        return z

    assert definition(relu, lambda z: z, layers.LeakyReLU(), activations.linear) == ()


def texts(layer, shape, *more):
    """The lines of a layer that is built for this shape."""
    if not layer.built:
        layer.build(shape)
    made = layer.compute_output_shape(shape)
    return [line.text for line in told(layer, [shape], [made] if is_shape(made) else made).equations]


def test_time_distributed_shows_the_layer_inside():
    outer = layers.TimeDistributed(layers.Conv2D(4, 3, activation="relu"))
    lines = texts(outer, (None, 5, 8, 7, 2))
    assert lines[0] == f"y[:, t] = {outer.layer.name}(x[:, t])"
    assert lines[1:] == texts(outer.layer, (None, 8, 7, 2))


def test_both_directions_are_shown():
    layer = layers.Bidirectional(layers.LSTM(2, return_sequences=True, return_state=True))
    lines = texts(layer, (None, 4, 3))
    assert lines[0] == "y = [→h, ←h]"
    assert lines[-4:] == [
        "→h = [h_0, ..., h_3]",
        "t = 3 ... 0",
        "←h = [h_3, ..., h_0]",
        "x (N, 4, 3)   y (N, 4, 4)",
    ]
    assert lines.count("c_t = f·c + i·g") == 1
    unlike = layers.Bidirectional(
        layers.GRU(2), "ave", backward_layer=layers.GRU(2, "relu", go_backwards=True)
    )
    lines = texts(unlike, (None, 4, 3))
    assert lines[0] == "y = (→h + ←h)/2"
    assert [line for line in lines if line.startswith("ĥ")] == [
        "ĥ = tanh(x_t W_h + b_h + r·(h U_h + b'_h))",
        "ĥ = relu(x_t W_h + b_h + r·(h U_h + b'_h))",
    ]
    assert [line for line in lines if "h = h" in line] == ["→h = h_3", "←h = h_0"]


def test_stacked_cells_are_shown_one_after_the_other():
    lines = texts(
        layers.RNN([layers.SimpleRNNCell(3), layers.SimpleRNNCell(2, use_bias=False)]), (None, None, 4)
    )
    assert lines[:4] == [
        "t = 0 ... T − 1",
        "h_t = tanh(x_t W + h U + b)",
        "W (4, 3)   U (3, 3)   b (3,)",
        lines[3],
    ]
    assert lines[4:7] == ["x_t = h_t", "h_t = tanh(x_t W + h U)", "W (3, 2)   U (2, 2)"]
    assert lines[-2:] == ["y = h_{T − 1}", "x (N, T, 4)   y (N, 2)"]


@pytest.mark.parametrize(
    "cell", [layers.SimpleRNNCell(3), layers.GRUCell(3), layers.LSTMCell(3)], ids=lambda c: type(c).__name__
)
def test_a_cell_alone_is_a_step_of_its_layer(cell):
    layer = layers.RNN(cell)
    of_layer = texts(layer, (None, 5, 4))
    of_cell = [line.text for line in told(cell, [(None, 4)], [(None, 3)]).equations]
    assert of_cell[:-1] == of_layer[1:-2]
    assert of_cell[-1] == "x_t (N, 4)   h_t (N, 3)"


@pytest.mark.parametrize("cls", INDEXED, ids=lambda cls: cls.__name__)
@MODEST
@given(data=st.data())
def test_sizes_that_are_not_known_are_letters(cls, data):
    """The equation is the same; what depends on the size is a letter."""
    case = data.draw(LAYERS[cls])
    layer = case.made(cls)
    if cls is layers.RepeatVector or len(case.sample) == 1:
        return
    unknown = (None, *[None] * (len(case.sample) - 1), case.sample[-1])
    known = texts(layer, (None, *case.sample))
    lines = texts(layer, unknown)
    of_window = getattr(layer, "padding", "") == "same" and max(getattr(layer, "strides", (1,))) > 1
    if cls not in (layers.Flatten, layers.Conv2DTranspose) and not of_window and "Global" not in cls.__name__:
        assert lines[0] == known[0]
    if of_window and "p" not in lines[0]:
        assert cls is layers.Conv2DTranspose or max(layer.strides) > 1
    assert not re.search(r"None|-1|\?", " ".join(lines))


ARRAY = re.compile(r"(\S+) \((N(?:, [^(),]+)*)\)(?= {3}|$)")


def printed_arrays(lines):
    """(name, sizes as printed) of all arrays with a batch axis."""
    return [(name, tuple(sizes.split(", ")[1:])) for line in lines for name, sizes in ARRAY.findall(line)]


def check_letters(known, unknown):
    """A letter stands for one size in all arrays of the layer."""
    meant = {}
    for (name, sizes), (same, letters) in zip(printed_arrays(known), printed_arrays(unknown), strict=True):
        assert name == same
        for size, letter in zip(sizes, letters, strict=True):
            assert letter in (size, "?") or meant.setdefault(letter, size) == size, f"{letter} in {unknown}"


@pytest.mark.parametrize(
    "cls",
    [*INDEXED, *WHOLE, layers.Reshape, layers.SimpleRNN, layers.GRU, layers.Bidirectional],
    ids=lambda cls: cls.__name__,
)
@MODEST
@given(data=st.data())
def test_a_letter_is_one_size(cls, data):
    case = data.draw(LAYERS[cls])
    layer = case.made(cls)
    if len(case.sample) == 1:
        return
    known = texts(layer, (None, *case.sample))
    check_letters(known, texts(layer, (None, None, *case.sample[1:])))
    if cls in INDEXED:
        check_letters(known, texts(layer, (None, *[None] * (len(case.sample) - 1), case.sample[-1])))


@pytest.mark.parametrize(
    ("layer", "known", "unknown"),
    [
        (layers.Concatenate(1), [(None, 4, 3), (None, 2, 3)], [(None, None, 3), (None, None, 3)]),
        (layers.Concatenate(), [(None, 4, 3), (None, 4, 2)], [(None, None, 3), (None, None, 2)]),
        (layers.Dot(2), [(None, 4, 3), (None, 2, 3)], [(None, None, 3), (None, None, 3)]),
        (layers.Dot((2, 1)), [(None, 4, 3), (None, 3, 5)], [(None, None, None), (None, None, 5)]),
        (layers.Multiply(), [(None, 4, 3), (None, 4, 3)], [(None, None, 3), (None, None, 3)]),
        (layers.Average(), [(None, 4, 3), (None, 4, 3)], [(None, None, 3), (None, 4, 3)]),
    ],
)
def test_a_letter_is_one_size_in_several_inputs(layer, known, unknown):
    lines = [
        [line.text for line in told(layer, shapes, [layer.compute_output_shape(shapes)]).equations]
        for shapes in (known, unknown)
    ]
    check_letters(*lines)


@pytest.mark.parametrize("cls", [layers.Conv2D, layers.AveragePooling2D], ids=lambda cls: cls.__name__)
@MODEST
@given(data=st.data())
def test_borders(cls, data):
    """What is printed before and after x makes room for as many windows as there are places."""
    case = data.draw(LAYERS[cls].filter(lambda case: case.arguments["padding"] == "same"))
    layer = case.made(cls)
    lines = "   ".join(texts(layer, (None, *case.sample)))
    size = layer.kernel_size if cls is layers.Conv2D else layer.pool_size
    rates = layer.dilation_rate if cls is layers.Conv2D else (1, 1)
    places = layer.compute_output_shape((None, *case.sample))[1:-1]
    shown = {letter: (int(a), int(b)) for letter, a, b in re.findall(r"([HW]): (\d+) \+ (\d+)", lines)}
    unknown = "   ".join(texts(layer, (None, None, None, case.sample[-1])))
    letters = {
        letter: formula
        for _, formula, letter in re.findall(r"([pq]) = (⌊max\(\(⌈([HW]).*?⌋)(?= {3}|$)", unknown)
    }
    for letter, n, k, s, r, out in zip("HW", case.sample, size, layer.strides, rates, places, strict=False):
        before, after = shown.get(letter, (0, 0))
        assert (n + before + after - (k - 1) * r - 1) // s + 1 == out
        if letter in letters:
            formula = (
                letters[letter]
                .replace("⌈", "ceil(")
                .replace("⌉", ")")
                .replace("⌊", "floor(")
                .replace("⌋", ")")
            )
            formula = formula.replace("−", "-").replace("·", "*")
            names = {letter: n, "ceil": math.ceil, "floor": math.floor, "max": max, "__builtins__": {}}
            assert eval(formula, names) == before  # noqa: S307


def test_words_are_in_the_language_of_the_reader(monkeypatch):
    layer = layers.LSTM(2)
    layer.build((None, 4, 3))
    english = told(layer, [(None, 4, 3)], [(None, 2)])
    monkeypatch.setenv("MINIDL_LANG", "ko")
    korean = told(layer, [(None, 4, 3)], [(None, 2)])
    assert [line.text for line in korean.equations] == [line.text for line in english.equations]
    assert korean.work == english.work
    for one, other in zip(korean.equations, english.equations, strict=True):
        assert bool(one.words) == bool(other.words)
        assert not one.words or re.search("[가-힣]", one.words)


def test_layers_of_ones_own_show_their_operations():
    class Scale(layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight((input_shape[-1],), name="factor")

        def call(self, x):
            return np.tanh(x * self.factor) + 1

    scale = Scale()
    assert texts(scale, (None, 4)) == [
        "a1 (2, 4) = multiply(x, factor)", "a2 (2, 4) = tanh(a1)", "y (2, 4) = add(a2, 1)"
    ]  # fmt: skip
    words = told(scale, [(None, 4)], [(None, 4)]).equations[0].words
    assert words == f"{scale} has equations of its own: the operations of a run on zeros, with 2 samples."


@pytest.mark.parametrize("cls", [layers.Dense, layers.Add, layers.LSTM])
def test_a_class_that_computes_otherwise_is_not_told_as_its_base(cls):
    own = type("Own", (cls,), {"call": lambda self, x, **more: -x, "merged": lambda self, x, masks: -x[0]})
    layer = own() if cls is layers.Add else own(3)
    shape = (None, 5, 4)
    inputs = [shape, shape] if cls is layers.Add else shape
    layer.build(inputs)
    lines = told(layer, inputs if cls is layers.Add else [inputs], [shape]).equations
    assert lines[0].text in ("y (2, 5, 4) = negative(x)", f"y = {layer.name}(x)")
    same = type("Same", (cls,), {})
    plain, named_alike = (kind() if cls is layers.Add else kind(3) for kind in (cls, same))
    for made in (plain, named_alike):
        made.build(inputs)
    both = [told(made, inputs if cls is layers.Add else [inputs], [shape]) for made in (plain, named_alike)]
    assert both[0] == both[1]


def test_nothing_is_left_behind_by_looking():
    """Weights, states, random numbers and the number of calls stay as they were."""
    layer = layers.Lambda(lambda x: x * np.random.default_rng().random())
    noisy = layers.RNN(layers.StackedRNNCells([layers.LSTMCell(2, dropout=0.5)]), stateful=True)
    noisy(np.ones((2, 4, 3), np.float32))
    before = [w.copy() for w in [*noisy.get_weights(), *noisy.get_state()]]
    minidl.utils.set_random_seed(3)
    expected = np.random.rand()  # noqa: NPY002
    minidl.utils.set_random_seed(3)
    texts(layer, (None, 4))
    texts(noisy, (2, 4, 3))
    assert np.random.rand() == expected  # noqa: NPY002
    for old, new in zip(before, [*noisy.get_weights(), *noisy.get_state()], strict=True):
        np.testing.assert_array_equal(old, new)


class Counter(layers.Layer):
    """A cell of one's own, whose output is not its state."""

    state_size = (3, 3)

    def call(self, inputs, states):
        total = states[0] + inputs
        return total * 2, [total, states[1] + 1]


def test_cells_of_ones_own_show_the_operations_of_a_step():
    layer = layers.RNN(Counter(), return_sequences=True, return_state=True)
    lines = texts(layer, (None, 4, 3))
    assert lines == [
        "t = 0 ... 3", "h1_t (2, 3) = add(h1, x_t)", "y_t (2, 3) = multiply(h1_t, 2)", "h2_t (2, 3) = add(h2, 1)",
        "y = [y_0, ..., y_3]", "y, h1, h2", "x (N, 4, 3)   y (N, 4, 3)",
    ]  # fmt: skip
    made = layer.compute_output_shape((None, 4, 3))
    assert told(layer, [(None, 4, 3)], made).work.formula == "4·3"
    both = layers.Bidirectional(layers.RNN(Counter()))
    lines = texts(both, (None, 4, 3))
    assert lines.count("y_t (2, 3) = multiply(h1_t, 2)") == 1
    assert lines[-3:-1] == ["t = 3 ... 0", "←h = y_0"]
    stacked = texts(layers.RNN([Counter(), layers.SimpleRNNCell(2)]), (None, 4, 3))
    assert "x_t = y_t" in stacked
    assert stacked[-2] == "y = h_3"


def test_layers_that_cannot_run_on_zeros_or_be_copied_are_named():
    class Picky(layers.Layer):
        def call(self, x):
            if not x.numpy().any():
                raise ValueError("zeros")
            return x

    class Locked(layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.lock = threading.Lock()

        def call(self, x):
            return x * 2

    for kind in (Picky, Locked):
        layer = kind(name="mine")
        done = told(layer, [(None, 4)], [(None, 4)])
        assert [line.text for line in done.equations] == ["y = mine(x)"]
        assert done.work.count is None


def test_the_model_around_a_layer_is_not_copied():
    class Uncopied(layers.Dense):
        def __deepcopy__(self, memo):
            raise AssertionError("copied")

    x = minidl.Input((4,))
    last = layers.Lambda(lambda x: x * 2)
    last(Uncopied(3)(x))
    assert told(last, [(None, 3)], [(None, 3)]).work.count == 3


def test_long_tapes_are_cut():
    def many(x):
        for _ in range(50):
            x = x + 1
        return x

    lines = told(layers.Lambda(many), [(None, 2)], [(None, 2)]).equations
    assert lines[-1].text == "..."
    assert lines[-1].words == "10 more operations follow."


def test_operations_and_models():
    x = minidl.Input((3,))
    y = minidl.ops.concatenate([x, x * 2 + 1], axis=-1)[:, 1:3]
    one, two = y.call, y.call.inputs[0].call
    assert told(one.layer, [(None, 6)], [(None, 2)]).equations[0].text == "y = get_item(x, [:, 1:3])"
    assert (
        told(two.layer, [(None, 3), (None, 3)], [(None, 6)]).equations[0].text
        == "y = concatenate([x₁, x₂], axis=-1)"
    )
    model = minidl.Model(x, layers.Dense(2, name="last")(y))
    lines = told(model, [(None, 3)], [(None, 2)]).equations
    names = [call.layer.name for call in model.calls[1:]]
    assert [re.match(r"\w+", line.text)[0] for line in lines] == names
    assert lines[-1].text == f"last({one.layer.name}) (N, 2)"


def test_the_reader_finds_mistakes():
    """An equation that is a little wrong gives other numbers: so do the tests above."""
    layer = layers.Conv1D(2, 3, strides=2, dtype="float64")
    x = np.random.default_rng(0).normal(size=(1, 9, 2))
    y = with_numbers(layer, 1)(x).numpy()
    with_numbers(layer, 1)
    y = layer(x).numpy()
    lines = told(layer, [(None, 9, 2)], [(None, 4, 2)]).equations
    right = lines[0].text
    assert np.allclose(Reader(lines, arrays_of(layer, x, y)).run(), y)
    for old, new in [
        ("t·2", "t·3"),
        ("k, c}", "c, k}"),
        ("b[f]", "b[0]"),
        ("+ k,", "+ k + 1,"),
        ("·w", "+ w"),
    ]:
        assert old in right
        wrong = [dataclasses.replace(lines[0], text=right.replace(old, new)), *lines[1:]]
        made = Reader(wrong, arrays_of(layer, x, y)).run()
        assert np.allclose(made, y) == (old == "k, c}")  # the order of a sum changes nothing


def test_every_exported_class_is_read_here():
    read = {
        *INDEXED,
        *WHOLE,
        layers.BatchNormalization,
        layers.LayerNormalization,
        layers.Embedding,
        layers.Reshape,
    }
    recurrent = {
        layers.SimpleRNN,
        layers.GRU,
        layers.LSTM,
        layers.RNN,
        layers.Bidirectional,
        layers.TimeDistributed,
    }
    assert LAYERS.keys() - read - recurrent == set()
