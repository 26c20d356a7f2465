"""Every element of every op is told, and what is printed is enough to calculate it, by a reader of its own."""

import numpy as np
import pytest
from calculations import again, check_printed, read, recorded, tape_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import CASES, FUNCTIONS
from registry.every import ENTRIES
from strategies import normal, seeds

from minidl import Tensor, initializers, layers, losses, ops
from minidl.backend import kernels_off, kernels_on
from minidl.inspect.traced import trace
from minidl.inspect.traced.elements import calculation
from minidl.inspect.traced.elements.telling import teller_of
from minidl.models import Sequential
from minidl.primitives.reductions import var
from minidl.tensor import Function

OFTEN = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
SELDOM = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))


def places(shape, seed, count=2):
    """Some indices of an array."""
    rng = np.random.default_rng(seed)
    return [tuple(int(rng.integers(n)) for n in shape) for _ in range(count if np.prod(shape) else 0)]


def check_tape(tape, seed, tolerance=1e-6):
    for applied in tape:
        for output, made in enumerate(applied.outputs):
            for index in places(made.shape, seed):
                told = calculation(applied, index, output=output)
                assert told.recorded == made.numpy()[index] or np.isnan(told.recorded)
                check_printed(told, 1e-2 if made.dtype == np.float16 else tolerance)


@pytest.mark.parametrize("entry", ENTRIES, ids=repr)
def test_the_printed_numbers_give_the_element(entry):
    """Of all primitives, activations, layers, losses: with their options, in both types, by reference and by kernel."""

    @SELDOM
    @given(entry.examples, st.sampled_from(["float32", "float64"]), st.booleans(), seeds)
    def holds(example, dtype, kernels, seed):
        check_tape(tape_of(example, dtype, kernels), seed)

    holds()


def functions(base=Function):
    for function in base.__subclasses__():
        yield function
        yield from functions(function)


def test_every_function_of_minidl_is_told():
    found = {f for f in functions() if f.__module__.startswith("minidl.") and hasattr(f, "forward")}
    assert len(found) > 80
    assert {f.__name__ for f in found if teller_of(f) is None} == set()


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_operands_are_where_their_labels_say(name):
    """`x[0,3:6,5:8,:]` printed as it is found in x."""

    @SELDOM
    @given(CASES[name], seeds)
    def holds(case, seed):
        tape = recorded(FUNCTIONS[name].apply, *case.arrays, **case.options)
        names = FUNCTIONS[name].forward.__code__.co_varnames
        arrays = dict(zip(names, case.arrays, strict=False))
        if "padding" in case.options:
            widths = ((0, 0), *case.options["padding"], (0, 0))
            arrays["pad(x)"] = np.pad(arrays["x"], widths)
        for index in places(tape[0].outputs[0].shape, seed):
            told = calculation(tape[0], index)
            known = [o for o in told.operands if o.label.partition("[")[0] in arrays]
            assert known or "stays as it was" in str(told)
            for operand in known:
                where, _, place = operand.label.partition("[")
                place = place.removesuffix("]")
                np.testing.assert_array_equal(operand.values.ravel(), np.ravel(arrays[where][entries(place)]))

    holds()


def entries(text):
    """An index as NumPy takes it."""

    def entry(part):
        if part == "...":
            return ...
        if ":" in part:
            return slice(*(int(end) if end else None for end in part.split(":")))
        return int(part)

    return tuple(map(entry, text.split(",")))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-12, 1e-4, 1e4, 1e12])
@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Dense(3),
        lambda: layers.Conv2D(4, 3, padding="same", strides=2),
        lambda: layers.Conv2D(4, 3, groups=2, dilation_rate=2, activation="gelu"),
        lambda: layers.AveragePooling2D(3, 1, padding="same"),
        lambda: layers.BatchNormalization(),
        lambda: layers.LayerNormalization(),
        lambda: layers.Softmax(),
        lambda: layers.Conv2DTranspose(2, 3, strides=2, padding="same"),
    ],
)
def test_large_and_small_numbers(make, scale, dtype):
    """To 1e-6 of what is added up: float32 keeps no more of it."""
    (x,) = normal(3, (2, 9, 9, 4))
    tape = recorded(make(), Tensor((x * scale).astype(dtype)), training=True)
    for applied in tape:
        for index in places(applied.outputs[0].shape, 5):
            told = calculation(applied, index)
            check_printed(told, 1e-6 * max(1, told.size / max(1, abs(float(told.recorded)))))


@pytest.mark.parametrize("layer", [layers.SimpleRNN, layers.LSTM, layers.GRU])
def test_a_long_row_is_cut_and_still_enough(layer):
    (x,) = normal(0, (2, 3, 100))
    tape = recorded(layer(50, return_sequences=True), x.astype("float32"))
    told = calculation(tape[-1], (1, 2, 7))
    printed = read(str(told))
    assert printed.cut
    assert told.digits < 17
    assert set(printed.cut.values()) == {100 - 32, 50 - 32}
    assert all(len(line) <= 80 for line in str(told).split("\n") if "·" not in line)
    check_printed(told)


@pytest.mark.parametrize("ddof", [0, 1, 2])
def test_variance_divides_by_n_minus_ddof(ddof):
    x = np.array([[1.0, 4.0, 2.0, 7.0]])
    tape = recorded(lambda x: var(x, axis=1, ddof=ddof), Tensor(x))
    assert calculation(tape[-1], (0,)).value == pytest.approx(x.var(ddof=ddof), rel=1e-12)


def test_convolution_as_in_a_textbook():
    x, w = np.arange(2 * 8 * 9 * 3.0).reshape(2, 8, 9, 3) / 100, np.ones((3, 3, 3, 4)) / 4
    layer = layers.Conv2D(4, 3, dtype="float64")
    layer.build((None, 8, 9, 3))
    layer.set_weights([w, np.arange(4.0)])
    tape = recorded(layer, x)
    told = calculation(tape[-1], (0, 3, 5, 2), names=("x", "kernel", "bias"))
    by_hand = (x[0, 3:6, 5:8] * w[..., 2]).sum() + 2
    assert told.text == f"out[0,3,5,2] = Σ x[0,3:6,5:8,:]·kernel[...,2] + bias[2] = {by_hand:.9g}"
    assert [o.label for o in told.operands] == ["x[0,3:6,5:8,:]", "kernel[...,2]", "bias[2]"]
    assert told.value == pytest.approx(by_hand, rel=1e-15)
    assert told.value == pytest.approx(tape[-1].outputs[0].numpy()[0, 3, 5, 2], rel=1e-15)


def test_padding_is_printed_as_zeros():
    tape = recorded(
        layers.Conv1D(1, 3, padding="same", kernel_initializer="ones"), np.ones((1, 4, 1), "float32")
    )
    text = str(calculation(tape[-1], (0, 0, 0)))
    assert text.split("\n")[:2] == [
        "out[0,0,0] = Σ pad(x)[0,0:3,:]·w[...,0] + b[0] = 2",
        "  pad(x)[0,0:3,:]  0  1  1",
    ]
    inner = calculation(tape[-1], (0, 1, 0))
    assert inner.operands[0].label == "x[0,0:3,:]"
    assert not inner.notes


def test_a_masked_step_keeps_its_state():
    (x,) = normal(1, (2, 4, 3))
    mask = np.array([[1, 1, 0, 1], [1, 0, 0, 1]], bool)
    tape = recorded(layers.LSTM(2, return_sequences=True), x.astype("float32"), mask=mask)
    told = calculation(tape[-1], (1, 2, 0))
    assert told.text.startswith("out[1,2,0] = h[1,1,0] = ")
    assert told.value == float(tape[-1].outputs[0].numpy()[1, 1, 0])
    assert told.notes == ("mask[1,2] is False: the state stays as it was.",)


def test_the_first_of_several_names_stays():
    """Two different arrays of one name get different labels; the same array twice has one."""
    a, b = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    tape = recorded(lambda: a * b)
    told = calculation(tape[0], (1,), names=("x", "x"))
    assert told.text == "out[1] = x[1]·x_2[1] = 8"
    tape = recorded(lambda: a * a)
    assert calculation(tape[0], (1,), names=("x", "x")).text == "out[1] = x[1]·x[1] = 4"


def test_as_many_digits_as_it_takes():
    tape = recorded(ops.subtract, np.array([1.0 + 2**-52]), np.array([1.0]))
    told = calculation(tape[0], (0,))
    assert told.digits == 17
    check_printed(told, 1e-22)
    tape = recorded(ops.subtract, np.array([1.5]), np.array([1.0]))
    assert calculation(tape[0], (0,)).digits == 6


def test_korean(monkeypatch):
    (x,) = normal(0, (1, 8, 8, 5))
    tape = recorded(layers.Conv2D(2, 3, padding="same"), x.astype("float32"))
    told = calculation(tape[-1], (0, 0, 0, 0))
    english = again(str(told))
    monkeypatch.setenv("MINIDL_LANG", "ko")
    told = calculation(tape[-1], (0, 0, 0, 0))
    assert again(str(told)) == english
    assert "나머지" in str(told)
    assert "float32 형식으로" in str(told)


@pytest.mark.parametrize(
    ("index", "output", "message"),
    [
        (
            (0,),
            0,
            r"An element of an array of shape \(2, 3\) is chosen by whole numbers within that shape \(2\), got \(0,\)",
        ),
        ((0, 3), 0, r"within that shape \(2\), got \(0, 3\)"),
        ((0, 1.0), 0, r"within that shape \(2\), got \(0, 1.0\)"),
        ((0, 0), 1, "expects output to be below 1, got 1"),
    ],
)
def test_there_is_no_such_element(index, output, message):
    tape = recorded(ops.exp, np.zeros((2, 3)))
    with pytest.raises(ValueError, match=message):
        calculation(tape[0], index, output=output)


def test_negative_indices_count_from_the_end():
    tape = recorded(ops.exp, np.zeros((2, 3)))
    assert calculation(tape[0], (-1, -1)).name == "out[1,2]"


class Swirl(Function):
    """Two outputs; each element of the second sees one row, and a number that is whole."""

    @staticmethod
    def forward(x, times, *, power):
        return (x**power, (x * times).sum(axis=1)), (x, times, power)

    @staticmethod
    def backward(dys, cache):
        x, times, power = cache
        return dys[0] * power * x ** (power - 1) + dys[1][:, None] * times, None


class Silent(Function):
    """Its backward is wrong: it names nothing that the output depends on."""

    @staticmethod
    def forward(x):
        return np.cumsum(x), None

    @staticmethod
    def backward(dy, cache):
        return (0 * dy,)


def test_a_function_of_ones_own():
    (x,) = normal(0, (3, 4))
    tape = recorded(Swirl.apply, Tensor(x, requires_grad=True), 2, power=3)
    first, second = calculation(tape[0], (1, 2)), calculation(tape[0], (2,), output=1)
    assert first.text == f"out[1,2] = Swirl(x[1,2]) = {x[1, 2] ** 3:.9g}"
    assert second.text == f"out[2] = Swirl(x[2,0:4]) = {2 * x[2].sum():.9g}"
    np.testing.assert_array_equal(second.operands[0].values, x[2])
    assert "Swirl is run on these numbers; the element depends on no others." in str(first)


def test_a_function_with_a_wrong_backward_gets_all_its_numbers():
    (x,) = normal(0, (40,))
    tape = recorded(Silent.apply, Tensor(x))
    told = calculation(tape[0], (2,))
    assert told.value == pytest.approx(x[:3].sum(), rel=1e-12)
    assert told.operands[0].values.size == 40
    assert len(read(str(told)).rows["x[:]"]) == 40


def test_a_subclass_that_keeps_the_forward_keeps_the_formula():
    class Named(FUNCTIONS["dense"]):
        pass

    tape = recorded(Named.apply, np.ones((1, 2)), np.ones((2, 1)), None)
    assert calculation(tape[0], (0, 0)).text == "out[0,0] = Σ x[0,:]·w[:,0] = 2"


def test_what_was_taken_from_the_data_has_no_formula():
    tape = recorded(losses.mean_squared_error, np.array([[1, 2]]), Tensor([[0.5, 1.0]]))
    taken = next(a for a in tape if a.function is None)
    told = calculation(taken, (0, 1))
    assert told.value == float(told.recorded) == 2
    assert "without a gradient: it was drawn, or taken from the data." in str(told)


@pytest.mark.parametrize("kernels", [False, True])
@pytest.mark.parametrize("layer", [layers.SimpleRNN, layers.LSTM, layers.GRU])
def test_states_are_those_of_the_call_itself(layer, kernels):
    """Weights so large that the last digit decides what the states are a hundred steps later."""
    (x,) = normal(0, (3, 150, 4))
    made = layer(20, recurrent_initializer=initializers.RandomNormal(stddev=3.0, seed=1))
    with kernels_on() if kernels else kernels_off():
        tape = recorded(made, x.astype("float32"))
    check_tape(tape, 0)


def test_where_rounding_shows_it_is_explained():
    """Large terms that cancel: float32 has rounded each sum of them."""
    (x,) = normal(0, (1, 64))
    x = (1e6 * x).astype("float32")
    x[0, -1] = -x[0, :-1].sum(dtype=np.float64)
    tape = recorded(layers.Dense(1, kernel_initializer="ones"), x)
    told = calculation(tape[-1], (0, 0))
    assert 1e-6 * max(1, abs(told.value)) < abs(told.value - float(told.recorded)) < 1e-6 * told.size
    assert told.size == pytest.approx(np.abs(x).sum(dtype=np.float64))
    assert f"float32 keeps 6 digits of each number, and these go up to {told.size:.3g}." in str(told)
    tape = recorded(layers.Dense(1, kernel_initializer="ones"), np.ones((1, 3), "float32"))
    assert "keeps" not in str(calculation(tape[-1], (0, 0)))


def test_every_op_of_a_traced_step():
    """The arrays of a trace are those that the step has seen, although the optimizer has made its update."""
    model = Sequential([
        layers.Input((8, 8, 2)), layers.Conv2D(3, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Reshape((9, 3)), layers.Bidirectional(layers.GRU(4)), layers.Dropout(0.5), layers.Dense(3, "softmax"),
    ])  # fmt: skip
    model.compile("sgd", "sparse_categorical_crossentropy")
    (x,) = normal(0, (16, 8, 8, 2))
    step = trace(model, x.astype("float32"), np.arange(16) % 3)
    kinds = {op.name for op in step}
    assert {"Conv2DReLU", "MaxPool2D", "GRU", "Dropout", "SparseSoftmaxCrossEntropy"} <= kinds
    check_tape([op.applied for op in step], 0)


@pytest.mark.parametrize("axis", [1, -1])
def test_masked_statistics(axis):
    """Only the steps that count make μ and σ²."""
    (x,) = normal(0, (3, 4, 5))
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
    tape = recorded(FUNCTIONS["batch_normalization"].apply, x, None, None, axis=axis, epsilon=1e-3, mask=mask)
    check_tape(tape, 0)
    if axis == -1:
        told = calculation(tape[0], (2,), output=1)
        np.testing.assert_array_equal(told.operands[0].values, x[mask][:, 2])
        assert told.value == pytest.approx(x[mask][:, 2].mean())


CURVES = ["tanh", "sigmoid", "relu", "hard_sigmoid", "softsign", "linear"]


@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("name", ["simple_rnn", "lstm", "gru", "gru before"])
def test_options_of_recurrence(name, sequences, masked, dropped):
    kind, _, before = name.partition(" ")
    gates, states = {"simple_rnn": (1, 1), "lstm": (4, 2), "gru": (3, 1)}[kind]
    b = (2, 3 * 3) if kind == "gru" and not before else (gates * 3,)
    shapes = [(2, 4, 2), *[(2, 3)] * states, (2, gates * 3), (3, gates * 3), b]
    for number, curve in enumerate(CURVES):
        arrays = normal(number, *shapes)
        rng = np.random.default_rng(number)
        options = {"activation": curve, "sequences": sequences}
        if gates > 1:
            options["recurrent_activation"] = CURVES[-number]
        if kind == "gru":
            options["reset_after"] = not before
        options["mask"] = rng.random((2, 4)) < 0.7 if masked else None
        options["recurrent_factors"] = 2.0 * (rng.random((gates, 2, 3)) < 0.5) if dropped else None
        tape = recorded(FUNCTIONS[kind].apply, *arrays[:-1], arrays[-1] if number % 2 else None, **options)
        check_tape(tape, number)
