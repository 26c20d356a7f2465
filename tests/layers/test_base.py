"""Layer: what a subclass gets for nothing, and what happens when it goes wrong."""

import json

import numpy as np
import pytest

from minidl import Tensor, Variable, config, random
from minidl.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, InputLayer, Layer, MaxPooling2D
from minidl.layers.context import CallContext, mode
from minidl.layers.holder import all_layers
from minidl.symbolic import SymbolicTensor


class Scale(Layer):
    """The smallest layer with a weight."""

    def build(self, input_shape):
        self.factor = self.add_weight((input_shape[-1],), initializer="ones", name="factor")

    def call(self, x):
        return x * self.factor


class Block(Layer):
    """Layers as attribute, in a list, a tuple and a dict; weights of its own before and after them."""

    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.first = Dense(units, name="first")
        self.middle = [Dense(units, name=f"middle{i}") for i in range(2)]
        self.by_name = {"norm": BatchNormalization(name="norm")}
        self.pair = (Dropout(0.5), Dense(units, name="last"))

    def build(self, input_shape):
        self.counter = self.add_weight((), "zeros", trainable=False, name="counter")
        self.gain = self.add_weight((1,), "ones", name="gain")

    def call(self, x, training=False):
        x = self.first(x)
        for layer in self.middle:
            x = layer(x)
        for layer in (self.by_name["norm"], *self.pair):
            x = layer(x)
        return x * self.gain


def built_block(**kwargs):
    block = Block(**kwargs)
    block(np.ones((3, 2)))
    return block


# --- weights of a subclass ---------------------------------------------------------------------------------


def test_add_weight():
    layer = Scale(name="s")
    assert layer.weights == []
    assert layer([[2.0, 3.0]]).numpy().tolist() == [[2, 3]]
    (factor,) = layer.weights
    assert factor is layer.factor
    assert (factor.name, factor.path, factor.shape, factor.dtype) == ("factor", "s/factor", (2,), np.float32)
    assert layer.count_params() == 2
    assert layer.parameter_formula() == "2"


def test_gradients_of_a_subclass_follow_by_themselves():
    layer = Scale()
    x = Tensor([[2.0, 3.0]], requires_grad=True)
    layer(x).sum().backward()
    assert layer.factor.grad.tolist() == [2, 3]
    assert x.grad.tolist() == [[1, 1]]


def test_glorot_is_the_default_and_options_reach_the_variable():
    layer = Layer(name="l", dtype="float64")
    w = layer.add_weight((50, 50), regularizer="l2", constraint="non_neg")
    assert w.dtype == np.float64
    assert 0.2 < np.abs(w.numpy()).max() <= np.sqrt(6 / 100)
    assert w.regularizer is not None
    assert w.constraint is not None
    counts = layer.add_weight((2,), "zeros", dtype="int32", trainable=False)
    assert counts.dtype == np.int32
    assert layer.trainable_weights == [w]


def test_order_own_trainable_then_own_others_then_inner_layers():
    names = [v.path.split("/", 1)[-1] if "block" in v.path else v.path for v in built_block().weights]
    assert names == [
        "gain", "counter", "first/kernel", "first/bias", "middle0/kernel", "middle0/bias", "middle1/kernel",
        "middle1/bias", "norm/gamma", "norm/beta", "norm/moving_mean", "norm/moving_variance", "last/kernel",
        "last/bias",
    ]  # fmt: skip


def test_order_stays_when_frozen():
    block = built_block()
    before = [id(v) for v in block.weights]
    block.trainable = False
    assert [id(v) for v in block.weights] == before
    assert block.trainable_weights == []
    block.trainable = True
    assert [id(v) for v in block.weights] == before
    assert [v.name for v in block.non_trainable_weights] == ["counter", "moving_mean", "moving_variance"]


def test_freezing_is_recursive():
    block = built_block()
    block.trainable = False
    assert not block.first.trainable
    assert not block.by_name["norm"].trainable
    assert not any(v.requires_grad for v in block.weights)
    block(np.ones((3, 2)), training=True)
    assert block.by_name["norm"].moving_mean.numpy().tolist() == [0, 0]


def test_an_inner_layer_can_be_frozen_alone():
    block = built_block()
    block.first.trainable = False
    assert block.trainable
    trained = [v.path for v in block.trainable_weights]
    assert "first/kernel" not in trained
    assert "last/kernel" in trained


def test_what_comes_into_a_frozen_layer_is_frozen():
    block = Block(trainable=False)
    assert not block.first.trainable
    block(np.ones((3, 2)))
    assert block.trainable_weights == []
    block.extra = Variable([1.0])
    assert not block.extra.trainable
    assert len(block.non_trainable_weights) == 15


def test_lists_and_dicts_may_be_filled_later():
    class Stack(Layer):
        def __init__(self):
            super().__init__()
            self.steps, self.named, self.numbers = [], {}, [1, 2]
            for _ in range(2):
                self.steps.append(Dense(2))
            self.named["head"] = Dense(1)

        def call(self, x):
            for layer in (*self.steps, self.named["head"]):
                x = layer(x)
            return x

    layer = Stack()
    assert "numbers" not in layer._containers  # a long list of words is not looked through again and again
    layer(np.ones((1, 3)))
    assert [v.shape for v in layer.weights] == [(3, 2), (2,), (2, 2), (2,), (2, 1), (1,)]
    layer.trainable = False
    assert not any(v.trainable for v in layer.weights)


def test_a_replaced_layer_is_forgotten():
    block = built_block()
    old = block.first
    block.first = Dense(2, name="new")
    block(np.ones((3, 2)))
    assert not any(v is w for v in block.weights for w in old.weights)
    assert sum(v.path == "new/kernel" for v in block.weights) == 1
    block.alias = block.first
    block.alias = None
    assert sum(v.path == "new/kernel" for v in block.weights) == 1  # it is still block.first


def test_a_layer_used_twice_counts_once():
    class Twice(Layer):
        def __init__(self):
            super().__init__()
            self.a = self.b = Dense(2)
            self.all = [self.a, self.b]

        def call(self, x):
            return self.b(self.a(x))

    layer = Twice()
    layer(np.ones((1, 2)))
    assert [v.shape for v in layer.weights] == [(2, 2), (2,)]


def test_a_weight_of_two_layers_counts_once():
    class Tied(Layer):
        def __init__(self):
            super().__init__()
            self.first, self.second = Scale(), Scale()

        def build(self, input_shape):
            self.first.build(input_shape)
            self.second.factor = self.first.factor

    layer = Tied()
    layer.build((None, 3))
    assert layer.first.weights == layer.second.weights
    assert layer.count_params() == 3


def test_variables_as_attributes():
    class Own(Layer):
        def __init__(self):
            super().__init__()
            self.w = Variable([1.0, 2.0], name="w")
            self.rest = [Variable([3.0], trainable=False)]

        def call(self, x):
            return x * self.w

    layer = Own()
    assert [v.shape for v in layer.trainable_weights] == [(2,)]
    assert [v.shape for v in layer.non_trainable_weights] == [(1,)]


@pytest.mark.parametrize("shape", [(None, 3), (2.0,), (-1,)])
def test_shapes_of_weights_are_checked(shape):
    with pytest.raises((TypeError, ValueError), match=r"l \(Layer\) expects every entry of shape"):
        Layer(name="l").add_weight(shape)


def test_an_initializer_of_another_shape():
    layer = Dense(3, kernel_initializer=lambda shape, dtype=None: np.zeros((2, 2)), name="d")
    with pytest.raises(
        ValueError, match=r"d \(Dense\) expects the initializer of kernel .*\(4, 3\), got \(2, 2\)"
    ):
        layer(np.ones((1, 4)))
    assert layer.weights == []


@pytest.mark.parametrize("units", [10**12, 10**19])
def test_no_room_for_a_weight(units):
    layer = Dense(units, name="d")
    with pytest.raises(
        MemoryError, match=rf"d \(Dense\) has no room for kernel of shape \(100000, {units}\): .* bytes"
    ):
        layer.build((None, 100_000))
    assert not layer.built


# --- set_weights -------------------------------------------------------------------------------------------


def test_weights_go_back_and_forth():
    one, other = built_block(), built_block()
    random_weights = [np.random.default_rng(0).normal(size=v.shape) for v in one.weights]
    one.set_weights(random_weights)
    other.set_weights(one.get_weights())
    for a, b, c in zip(one.get_weights(), other.get_weights(), random_weights, strict=True):
        assert np.array_equal(a, b)
        assert np.allclose(a, c)
    one.get_weights()[0][...] = 99  # a copy
    assert one.gain.numpy() != 99


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([np.ones((4, 3))], ValueError, r"d \(Dense\) has 2 weight arrays, set_weights got 1"),
        ([np.ones((4, 3)), np.ones(4)], ValueError, r"d \(Dense\): d/bias has shape \(3,\), got \(4,\)"),
        (
            [np.ones((3, 4)), np.ones(3)],
            ValueError,
            r"d \(Dense\): d/kernel has shape \(4, 3\), got \(3, 4\)",
        ),
        ([np.ones((4, 3)), ["a", "b", "c"]], TypeError, "holds numbers"),
        ([np.ones((4, 3)), None], TypeError, "holds numbers"),
        ([np.ones((4, 3)), np.ones(3) * 1j], TypeError, "d/bias holds real numbers, got complex128"),
    ],
)
def test_all_weights_or_none(values, error, message):
    layer = Dense(3, name="d")
    layer.build((None, 4))
    before = layer.get_weights()
    with pytest.raises(error, match=message):
        layer.set_weights(values)
    assert all(np.array_equal(a, b) for a, b in zip(layer.get_weights(), before, strict=True))


def test_weights_for_a_layer_that_has_none_yet():
    with pytest.raises(ValueError, match=r"has 0 weight arrays, set_weights got 2. Build it first"):
        Dense(3).set_weights([np.ones((4, 3)), np.ones(3)])
    with pytest.raises(ValueError, match=r"dense_1 \(Dense\) has no weights yet.*build\(input_shape\) first"):
        Dense(3).count_params()


# --- building ----------------------------------------------------------------------------------------------


class Breaks(Layer):
    """Fails half-way through build, until told not to."""

    broken = True

    def build(self, input_shape):
        self.early = self.add_weight((2,), name="early")
        self.steps.append(Dense(1))
        self.inner = Dense(2)
        if self.broken:
            raise KeyboardInterrupt
        super().build(input_shape)

    def __init__(self):
        super().__init__()
        self.steps = []

    def call(self, x):
        return self.inner(x)


def test_a_failed_build_leaves_nothing():
    layer = Breaks()
    with pytest.raises(KeyboardInterrupt):
        layer(np.ones((1, 2)))
    assert not layer.built
    assert [v.name for v in layer._variables] == []
    assert not hasattr(layer, "early")
    assert not hasattr(layer, "inner")
    layer.broken = False
    layer.steps.clear()
    layer(np.ones((1, 2)))
    assert layer.built
    assert [v.shape for v in layer.weights] == [(2,), (2, 2), (2,)]


def test_a_failed_build_leaves_nothing_in_the_layers_inside_either():
    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.inner = Dense(2)

        def build(self, input_shape):
            self.inner.build(input_shape)
            raise ZeroDivisionError

    layer = Outer()
    with pytest.raises(ZeroDivisionError):
        layer.build((None, 3))
    assert not layer.inner.built
    assert layer.weights == layer.inner.weights == []
    layer.inner.build((None, 5))
    assert layer.inner.kernel.shape == (5, 2)


def test_building_twice_keeps_the_weights():
    layer = Dense(3)
    layer.build((None, 4))
    kernel = layer.kernel
    layer.build([None, 4])
    assert layer.kernel is kernel
    assert len(layer.weights) == 2
    with pytest.raises(ValueError, match="was built for 4 features"):
        layer.build((None, 5))


def test_build_checks_the_shape_first():
    with pytest.raises(
        ValueError, match=r"expects 4-D input \(batch, height, width, channels\), got shape \(28, 28\)"
    ):
        Conv2D(1, 3).build((28, 28))


def test_the_initializers_draw_once_per_layer_and_seed():
    first = [Dense(3)(np.eye(4)).numpy() for _ in range(2)]
    assert not np.array_equal(*first)
    random.set_seed(0)
    again = [Dense(3)(np.eye(4)).numpy() for _ in range(2)]
    assert np.array_equal(first, again)


# --- calling -----------------------------------------------------------------------------------------------


class Mode(Layer):
    """Reports the mode it is called in."""

    def call(self, x, training=None):
        self.seen = training
        return x


class Around(Layer):
    def __init__(self):
        super().__init__()
        self.inner = Mode()

    def call(self, x):
        return self.inner(x)


@pytest.mark.parametrize(("given", "seen"), [(None, False), (False, False), (True, True), (1, True)])
def test_training_reaches_inner_layers(given, seen):
    layer = Around()
    layer([[1.0]], training=given)
    assert layer.inner.seen is seen
    assert mode.training is False


def test_the_mode_is_restored_after_a_failure():
    class Fails(Layer):
        def call(self, x):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Fails()([[1.0]], training=True)
    assert mode.training is False


def test_an_inner_call_may_choose_its_own_mode():
    class Mixed(Layer):
        def __init__(self):
            super().__init__()
            self.a, self.b = Mode(), Mode()

        def call(self, x):
            return self.b(self.a(x, training=False))

    layer = Mixed()
    layer([[1.0]], training=True)
    assert (layer.a.seen, layer.b.seen) == (False, True)


def test_input_type_becomes_the_layers():
    assert Dense(1)(np.ones((1, 2))).dtype == np.float32
    assert Dense(1, dtype="float64")(np.ones((1, 2), np.float32)).dtype == np.float64
    assert Dense(1, dtype="float16")(np.ones((1, 2))).dtype == np.float16
    config.set_floatx("float64")
    try:
        assert Dense(1)([[1, 2]]).dtype == np.float64
    finally:
        config.set_floatx("float32")


def test_the_conversion_is_on_the_graph():
    x = Tensor(np.ones((1, 2)), requires_grad=True)
    Dense(1, kernel_initializer="ones")(x).sum().backward()
    assert x.grad.dtype == np.float64
    assert x.grad.tolist() == [[1, 1]]


def test_several_inputs():
    class Add(Layer):
        def call(self, inputs):
            a, b = inputs
            return a + b

    assert Add()([np.ones((1, 2)), np.ones((1, 2))]).numpy().tolist() == [[2, 2]]


def test_without_super_init():
    class Forgot(Layer):
        def __init__(self):
            self.units = 3

        def call(self, x):
            return x

    with pytest.raises(TypeError, match=r"Forgot.__init__ must call super\(\).__init__\(\)"):
        Forgot()([[1.0]])


def test_without_call():
    with pytest.raises(NotImplementedError, match=r"Layer does not define call\(self, inputs\)"):
        Layer()([[1.0]])


def test_activity_regularizer_is_the_mean_over_the_batch():
    layer = Dense(2, kernel_initializer="ones", activity_regularizer="l2")
    with CallContext() as step:
        layer(np.ones((4, 3)))
    (penalty,) = step.losses
    assert float(penalty) == pytest.approx(0.01 * 2 * 9)  # 0.01·Σy² = 0.01·4·2·3², over 4 samples
    layer(np.ones((4, 3)))  # outside of a step it has nowhere to go
    with CallContext() as step:
        layer(np.ones((0, 3)))
    assert float(step.losses[0]) == 0


# --- shapes ------------------------------------------------------------------------------------------------


def test_output_shape_of_a_subclass_is_found_by_running_it():
    class Pairs(Layer):
        def call(self, x, training):
            assert not training
            return x.reshape(len(x), -1, 2)

    assert Pairs().compute_output_shape((None, 6)) == (None, 3, 2)
    assert Pairs().compute_output_shape((5, 6)) == (5, 3, 2)
    x = SymbolicTensor((None, 4))
    y = Block(units=3)(x)
    assert y.shape == (None, 3)


def test_laying_out_builds_and_remembers():
    layer = Dense(3)
    x = SymbolicTensor((None, 4))
    y = layer(x)
    assert layer.built
    assert layer.input is x
    assert layer.output is y
    with pytest.raises(ValueError, match="was built for 4 features"):
        layer(SymbolicTensor((None, 5)))


# --- names and arguments -----------------------------------------------------------------------------------


def test_names_count_from_the_second_on():
    assert [Dense(1).name for _ in range(3)] == ["dense", "dense_1", "dense_2"]
    assert [MaxPooling2D().name, Conv2D(1, 1).name, BatchNormalization().name, Flatten().name] == [
        "max_pooling2d", "conv2d", "batch_normalization", "flatten",
    ]  # fmt: skip
    assert Dense(1, name="mine").name == "mine"
    assert str(Dense(1, name="mine")) == "mine (Dense)"
    assert repr(Dense(1, name="mine")) == "<Dense name=mine, built=False>"


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ({"input_shape": (28, 28, 1)}, (None, 28, 28, 1)),
        ({"input_shape": [4]}, (None, 4)),
        ({"input_shape": 784}, (None, 784)),
        ({"input_shape": (None, 9)}, (None, None, 9)),
        ({"input_shape": (4,), "batch_size": 32}, (32, 4)),
        ({"input_dim": 4}, (None, 4)),
        ({"input_dim": 9, "input_length": 128}, (None, 128, 9)),
        ({"batch_input_shape": (32, 4)}, (32, 4)),
        ({"batch_shape": (None, 4)}, (None, 4)),
        ({"input_shape": None}, None),
        ({}, None),
    ],
)
def test_spellings_of_the_input_shape(arguments, shape):
    assert Dense(3, **arguments).input_shape_hint == shape


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"input_shape": (-1,)}, ValueError), ({"input_shape": (0, 3)}, ValueError),
        ({"input_shape": ("a",)}, TypeError), ({"input_dim": 2.5}, TypeError), ({"input_dim": 0}, ValueError),
        ({"batch_input_shape": 4}, ValueError), ({"input_shape": (4,), "batch_size": 0}, ValueError),
    ],
)  # fmt: skip
def test_what_is_no_input_shape(arguments, error):
    with pytest.raises(
        error, match=r"Dense expects (batch_)?input_(shape|dim) to be made of whole numbers > 0"
    ):
        Dense(3, **arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(3, unit=4), "Dense has no argument 'unit'. Did you mean 'units'?"),
        (lambda: Dense(3, activaton="relu"), "Did you mean 'activation'?"),
        (lambda: Conv2D(3, 3, stride=2), "Conv2D has no argument 'stride'. Did you mean 'strides'?"),
        (lambda: Conv2D(3, 3, input_shap=(3,)), "Did you mean 'input_shape'?"),
        (lambda: MaxPooling2D(poolsize=2), "Did you mean 'pool_size'?"),
        (lambda: Dropout(0.5, qqq=1), "It takes rate, noise_shape, seed, name, trainable"),
    ],
)
def test_unknown_arguments(make, message):
    with pytest.raises(TypeError) as caught:
        make()
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("name", "bad"), [("name", 5), ("name", ""), ("trainable", "no"), ("trainable", None)]
)
def test_bad_names_and_flags(name, bad):
    with pytest.raises(TypeError, match=f"Dense expects {name} to be"):
        Dense(3, **{name: bad})


@pytest.mark.parametrize("dtype", ["int32", "strange", "complex64", object])
def test_types_that_are_no_floats(dtype):
    with pytest.raises(ValueError, match="Dense expects dtype to be a float type, such as 'float32'"):
        Dense(3, dtype=dtype)


# --- configuration -----------------------------------------------------------------------------------------


def test_config_of_a_subclass():
    assert Block(units=5, name="b").get_config() == {
        "units": 5, "name": "b", "trainable": True, "dtype": "float32", "activity_regularizer": None,
    }  # fmt: skip
    again = Block.from_config(json.loads(json.dumps(Block(units=5, trainable=False).get_config())))
    assert again.units == 5
    assert not again.trainable


def test_an_argument_that_is_not_kept_is_not_lost_in_silence():
    class Careless(Layer):
        def __init__(self, units=32, **kwargs):
            super().__init__(**kwargs)
            self.dense = Dense(units)

    with pytest.raises(
        ValueError, match=r"does not keep its argument 'units'.*self.units = units in __init__"
    ):
        Careless(64, name="c").get_config()


def test_subclass_without_kwargs_has_only_its_own_arguments():
    class Plain(Layer):
        def __init__(self, units):
            super().__init__()
            self.units = units

    assert Plain(3).get_config() == {"units": 3}


def test_input_layer_is_a_layer_like_others():
    assert InputLayer((3,)).weights == []
    assert InputLayer((3,)).count_params() == 0


def test_all_layers_come_once_each_behind_the_one_around_it():
    inner, outer = Block(name="inner"), Block(name="outer")
    outer.by_name["inner"] = inner
    inner.also = outer.first  # shared
    inner.outer = outer  # a circle
    names = [layer.name for layer in all_layers(outer)]
    assert names[:2] == ["outer", "first"]
    assert len(names) == len({id(layer) for layer in all_layers(outer)}) == 2 * 7
    own = ["inner", "first", "middle0", "middle1", "norm", inner.pair[0].name, "last"]
    assert names[names.index("inner") :][: len(own)] == own


def test_a_name_has_no_slash():
    with pytest.raises(ValueError, match=r"Dense expects a name without '/'.* got 'a/b'"):
        Dense(1, name="a/b")
