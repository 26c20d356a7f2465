"""The multiplications that `told` counts, against numbers that count their own multiplications.

The reference of every op that a layer runs through is run again on object arrays of `Number`, which adds 1 to a tally
whenever two of them, or one and a plain number, are multiplied. What three samples take more than two is the work of
one: what is made once for all samples falls out.
"""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import LAYERS, MERGES, STEPS

import minidl
from minidl import Input, Model, Sequential, layers
from minidl.backend import kernels_off
from minidl.graph import taken_down
from minidl.inspect.equations import Work, told
from minidl.inspect.equations.figures import figure, product, total, work
from minidl.inspect.equations.kinds import TELLERS
from minidl.inspect.equations.products import products
from minidl.layers.pooling.base import max_pool_forward
from minidl.symbolic import is_shape

WITHOUT_PRODUCTS = {max_pool_forward}  # it asks NumPy for the smallest number of a type, and only compares
tally = 0


class Number:
    """A number that counts what it is multiplied with."""

    def __init__(self, value):
        self.value = float(value)

    def __mul__(self, other):
        global tally
        tally += 1
        return Number(self.value * float(other))

    __rmul__ = __mul__

    def __float__(self):
        return self.value

    def __add__(self, other):
        return Number(self.value + float(other))

    __radd__ = __add__

    def __sub__(self, other):
        return Number(self.value - float(other))

    def __rsub__(self, other):
        return Number(float(other) - self.value)

    def __truediv__(self, other):
        return Number(self.value / float(other))

    def __rtruediv__(self, other):
        return Number(float(other) / self.value)

    def __pow__(self, other):
        return Number(self.value ** float(other))

    def __neg__(self):
        return Number(-self.value)

    def __lt__(self, other):
        return self.value < float(other)

    def __le__(self, other):
        return self.value <= float(other)

    def __gt__(self, other):
        return self.value > float(other)

    def __ge__(self, other):
        return self.value >= float(other)

    def __eq__(self, other):
        return self.value == float(other)

    __hash__ = None

    real = property(lambda self: self)

    def sqrt(self):
        return Number(math.sqrt(self.value))

    def exp(self):
        return Number(math.exp(self.value))

    def tanh(self):
        return Number(math.tanh(self.value))

    def fabs(self):
        return Number(abs(self.value))


def as_numbers(array):
    """The same array, of numbers that count; ids and masks stay what they are."""
    if getattr(array, "dtype", None) is None or array.dtype.kind != "f":
        return array
    numbers = np.empty(array.shape, object)
    for place in np.ndindex(array.shape):
        numbers[place] = Number(array[place])
    return numbers


def counted(layer, inputs):
    """The multiplications of the ops that this call of the layer runs through, but for those inside of activations."""
    global tally
    layer.activity_regularizer = None  # a penalty is no part of the output
    with kernels_off(), taken_down(tape := []):
        layer(inputs)
    tally = 0
    for applied in tape:
        in_activation = applied.forward.__module__.startswith("minidl.activations")
        if not in_activation and applied.forward not in WITHOUT_PRODUCTS:
            applied.forward(*map(as_numbers, applied.arrays), **applied.options)
    return tally


def of_one_sample(layer, inputs_of):
    two, three = (counted(layer, inputs_of(n)) for n in (2, 3))
    return three - two


def shapes_of(layer, inputs):
    """The shapes of inputs and outputs, without the size of the batch."""
    several = inputs if isinstance(inputs, list) else [inputs]
    given_shapes = [(None, *x.shape[1:]) for x in several]
    made = layer.compute_output_shape(given_shapes if isinstance(inputs, list) else given_shapes[0])
    return given_shapes, ([made] if is_shape(made) else list(made))


def told_of(layer, inputs):
    return told(layer, *shapes_of(layer, inputs))


def value(formula):
    """What a formula is worth."""
    return eval(formula.replace("·", "*").replace("−", "-"), {"__builtins__": {}})  # noqa: S307


@pytest.mark.parametrize("cls", LAYERS, ids=lambda cls: cls.__name__)
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_work_of_every_layer_is_what_its_reference_multiplies(cls, data):
    case = data.draw(LAYERS[cls])
    layer = case.made(cls)
    layer(case.inputs(0, 2, np.float32))
    done = told_of(layer, case.inputs(0, 2, np.float32)).work
    assert done.per == "sample"
    assert value(done.formula) == done.count
    assert done.count == of_one_sample(layer, lambda n: case.inputs(0, n, np.float32))


@pytest.mark.parametrize(
    "cls", [cls for cls in LAYERS if cls is not layers.InputLayer], ids=lambda cls: cls.__name__
)
@settings(deadline=None, max_examples=4, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_class_of_ones_own_with_the_same_call_takes_as_many(cls, data):
    """The operations on the tape, counted by arrays, come to the same number as the formula."""

    class Own(cls):
        def call(self, *args, **kwargs):
            return super().call(*args, **kwargs)

    case = data.draw(LAYERS[cls])
    layer, own = case.made(cls), case.made(Own)
    for made in (layer, own):
        made(case.inputs(0, 2, np.float32))
        made.activity_regularizer = None
    done = told_of(own, case.inputs(0, 2, np.float32)).work
    assert done.count == told_of(layer, case.inputs(0, 2, np.float32)).work.count
    assert value(done.formula) == done.count


MERGED = st.lists(st.tuples(*[st.sampled_from([1, 3])] * 2), min_size=2, max_size=3)


@pytest.mark.parametrize(
    "cls", sorted(MERGES - {layers.Concatenate, layers.Dot, layers.Subtract}, key=lambda c: c.__name__)
)
@settings(deadline=None, max_examples=10)
@given(shapes=MERGED)
def test_the_work_of_merging(cls, shapes):
    def inputs(n):
        return [np.ones((n, *shape), np.float32) for shape in shapes]

    done = told_of(cls(), inputs(2)).work
    assert value(done.formula) == done.count == of_one_sample(cls(), inputs)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    ("axes", "one", "other"),
    [(1, (3,), (3,)), (2, (2, 3), (4, 3)), ((2, 1), (2, 3), (3, 5)), (-1, (2, 2, 3), (3,))],
)
def test_the_work_of_dot(axes, one, other, normalize):
    def inputs(n):
        return [np.ones((n, *shape), np.float32) for shape in (one, other)]

    layer = layers.Dot(axes, normalize=normalize)
    done = told_of(layer, inputs(2)).work
    assert value(done.formula) == done.count == of_one_sample(layer, inputs)


CELLS = [
    layers.SimpleRNNCell(3), layers.GRUCell(3), layers.GRUCell(2, reset_after=False), layers.LSTMCell(3),
    layers.StackedRNNCells([layers.LSTMCell(3), layers.GRUCell(2)]),
]  # fmt: skip


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: type(cell).__name__)
def test_the_work_of_a_cell_is_that_of_a_step_of_its_layer(cell):
    layer = layers.RNN(cell)
    layer.build((None, 5, 4))
    step = told(cell, [(None, 4)], [(None, cell.output_size)]).work
    all_steps = told(layer, [(None, 5, 4)], [(None, cell.output_size)]).work
    unknown = told(layer, [(None, None, 4)], [(None, cell.output_size)]).work
    assert all_steps.count == 5 * step.count
    assert all_steps.count == of_one_sample(layer, lambda n: np.zeros((n, 5, 4), np.float32))
    assert unknown == Work(step.formula, None, "time step")


def test_formulas_of_known_layers():
    """Written down by hand: what a reader can check on paper."""

    def formula(layer, shape):
        layer.build(shape)
        made = layer.compute_output_shape(shape)
        done = told(layer, [shape], [made]).work
        return done.formula, done.count, done.per

    assert formula(layers.Dense(10), (None, 64)) == ("64·10", 640, "sample")
    assert formula(layers.Dense(10), (None, None, 64)) == ("64·10", None, "time step")
    assert formula(layers.Conv2D(64, 3), (None, 26, 26, 32)) == ("24·24·3·3·32·64", 10_616_832, "sample")
    assert formula(layers.Conv2D(64, 3), (None, None, None, 32)) == ("3·3·32·64", None, "place")
    assert formula(layers.Conv2D(64, 3), (None, None, 26, 32)) == ("24·3·3·32·64", None, "row")
    assert formula(layers.Conv2D(64, 3), (None, 26, None, 32)) == ("24·3·3·32·64", None, "column")
    assert formula(layers.LSTM(32), (None, 4, 32)) == ("4·((32 + 32)·4·32 + 3·32)", 33_152, "sample")
    assert formula(layers.SimpleRNN(8), (None, None, 3)) == ("(3 + 8)·8", None, "time step")
    assert formula(layers.BatchNormalization(), (None, None, 8)) == ("8", None, "time step")
    assert formula(layers.MaxPooling2D(2), (None, 8, 8, 3)) == ("0", 0, "sample")
    assert formula(layers.TimeDistributed(layers.Dense(3)), (None, None, 4)) == ("4·3", None, "time step")
    assert formula(layers.TimeDistributed(layers.Conv2D(2, 3)), (None, 2, None, 8, 1)) == (
        "6·3·3·1·2",
        None,
        "row",
    )


def test_both_directions():
    def done(steps, **options):
        layer = layers.Bidirectional(
            layers.GRU(2, return_sequences=options.pop("sequences", False)), **options
        )
        layer.build((None, steps, 3))
        made = layer.compute_output_shape((None, steps, 3))
        return told(layer, [(None, steps, 3)], [made] if is_shape(made) else made).work

    assert done(5).formula == "2·5·((3 + 2)·3·2 + 3·2)"
    assert done(None) == Work("2·((3 + 2)·3·2 + 3·2)", None, "time step")
    assert done(None, merge_mode="mul", sequences=True) == Work(
        "2·((3 + 2)·3·2 + 3·2) + 2", None, "time step"
    )
    assert done(None, merge_mode="mul") == Work("T·2·((3 + 2)·3·2 + 3·2) + 2", None, "sample")
    assert done(5, merge_mode=None).count == done(5).count
    other = layers.Bidirectional(
        layers.GRU(2), backward_layer=layers.GRU(2, go_backwards=True, reset_after=False)
    )
    other.build((None, 5, 3))
    assert told(other, [(None, 5, 3)], [(None, 4)]).work == done(5)


def test_the_work_of_a_model_is_that_of_its_layers():
    x = Input((6, 6, 1))
    y = layers.Conv2D(2, 3)(x)
    z = layers.Flatten()(y + layers.Conv2D(2, 3)(x))
    inner = Sequential([Input((32,)), layers.Dense(4), layers.Dense(3, activation="relu")])
    model = Model(x, inner(z))
    done = told_of(model, np.zeros((1, 6, 6, 1), np.float32)).work
    assert done == Work("4·4·3·3·1·2 + 4·4·3·3·1·2 + 32·4 + 4·3", 2 * 288 + 128 + 12)
    assert done.count == of_one_sample(model, lambda n: np.zeros((n, 6, 6, 1), np.float32))


def test_a_model_with_unknown_sizes_takes_those_it_is_told():
    model = Sequential([Input((None, 3)), layers.LSTM(2, return_sequences=True), layers.Dense(1)])
    assert told(model, [(None, None, 3)], [(None, None, 1)]).work.count is None
    assert told(model, [(None, 7, 3)], [(None, 7, 1)]).work.count == 7 * ((3 + 2) * 4 * 2 + 3 * 2) + 7 * 2


class Unlike(minidl.tensor.Function):
    """An op that runs on plain arrays alone."""

    @staticmethod
    def forward(x):
        if type(x) is not np.ndarray:
            raise TypeError
        return x * 2, None

    @staticmethod
    def backward(dy, cache):
        return (dy * 2,)


def test_layers_of_ones_own_are_counted_where_that_is_possible():
    class Own(layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight((input_shape[-1],), name="factor")
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(np.tanh(x * self.factor)) @ np.ones((3, 2), np.float32)

    own = Own()
    own(np.ones((1, 4), np.float32))
    assert told(own, [(None, 4)], [(None, 2)]).work == Work("4 + 12 + 6", 22)
    assert told(own, [(None, None, 4)], [(None, None, 2)]).work == Work("?", None)
    unlike = layers.Lambda(Unlike.apply)
    assert told(unlike, [(None, 4)], [(None, 4)]).work == Work("?", None)
    failing = layers.Lambda(lambda x: x[:, 7])
    assert told(failing, [(None, 4)], [(None,)]).work == Work("?", None)


def test_arrays_that_count():
    def count(function, *arrays):
        with kernels_off(), taken_down(tape := []):
            function(*map(minidl.Tensor, arrays))
        return sum(map(products, tape))

    a, b, v = np.ones((2, 3, 4)), np.ones((2, 4, 5)), np.ones(4)
    assert count(lambda a, b: a @ b, a, b) == 2 * 3 * 4 * 5
    assert count(lambda a, v: a @ v, a, v) == 2 * 3 * 4
    assert count(lambda a, b: np.einsum("nij,njk->nik", a, b), a, b) == 2 * 3 * 4 * 5
    assert count(lambda a, b: np.tensordot(a, b, ([2, 0], [1, 0])), a, b) == 3 * 5 * 4 * 2
    assert count(lambda a: np.square(a) * a / a**3, a) == 2 * 24
    assert count(lambda a: a + a, a) == 0


def test_figures():
    assert product().text == "1"
    assert product(total(1, 2)).is_sum
    assert product(total(1, 2), 3).text == "(1 + 2)·3"
    assert total(0, 0).text == "0"
    assert total(product(2, 3), 0).text == "2·3"
    assert not figure(Work("2·(3 + 4)", 14)).is_sum
    assert figure(Work("2·(3 + 4) + 1", 15)).is_sum
    assert work((None, 3), 0) == Work("0", 0)
    assert work((2, 3), 1) == Work("2·3", 6)
    assert work((), 1) == Work("1", 1)


def test_every_exported_class_has_equations_of_its_own():
    exported = {getattr(layers, name) for name in layers.__all__}
    classes = {cls for cls in exported if isinstance(cls, type)} - {layers.Layer}
    assert len(classes) > 50
    assert classes - TELLERS.keys() == set()
    assert classes - LAYERS.keys() - MERGES - STEPS - {layers.Lambda} == set()  # all are tried here
