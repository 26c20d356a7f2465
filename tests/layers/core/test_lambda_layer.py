"""Lambda: functions as layers, in training, in graphs, in configs, and what it refuses."""

import base64
import json
import marshal

import numpy as np
import pytest
from strategies import normal

import minidl
from minidl import Tensor, layers, ops
from minidl.gradcheck import gradcheck
from minidl.layers import Lambda
from minidl.models.cloning import clone_model
from minidl.symbolic import SymbolicTensor
from minidl.utils.registry import custom_object_scope

(X,) = normal(0, (3, 4), dtype=np.float32)


def power(x, exponent=2):
    return x**exponent


def double_shape(shape):
    return (*shape[:-1], 2 * shape[-1])


def twice(x):
    return ops.concatenate([x, x], axis=-1)


def no_steps(inputs, mask):
    return None if mask is None else mask[:, :1]


CODE = base64.b64encode(marshal.dumps((lambda x: x).__code__)).decode()


# --- values and gradients -----------------------------------------------------------------------------------


def test_a_function_of_one_input():
    layer = Lambda(lambda x: ops.tanh(x) * 2)
    y = layer(X)
    assert np.allclose(y.numpy(), np.tanh(X) * 2, atol=1e-6)
    assert y.dtype == np.float32
    assert layer.weights == []
    assert layer.count_params() == 0
    gradcheck(layer, X.astype(float))


@pytest.mark.parametrize(
    ("function", "wanted"),
    [(np.exp, np.exp(X)), (minidl.activations.relu, np.maximum(X, 0)), (abs, abs(X)), (np.mean, X.mean())],
)
def test_functions_of_others(function, wanted):
    assert np.allclose(Lambda(function)(X).numpy(), wanted, atol=1e-6)


def test_several_inputs_and_outputs():
    layer = Lambda(lambda xs: [xs[0] * xs[1], xs[0] - xs[1]])
    product, difference = layer([X, X + 1])
    assert np.allclose(product.numpy(), X * (X + 1), atol=1e-6)
    assert np.allclose(difference.numpy(), -1, atol=1e-6)
    assert layer.compute_output_shape([(None, 4), (None, 4)]) == [(None, 4), (None, 4)]
    gradcheck(layer, *normal(1, (2, 3), (2, 3)))


def test_arguments_stay_the_callers_and_are_the_functions():
    arguments = {"exponent": 3}
    layer = Lambda(power, arguments=arguments)
    arguments["exponent"] = 4
    assert np.allclose(layer(X).numpy(), X**3, atol=1e-5)
    assert np.allclose(Lambda(power)(X).numpy(), X**2, atol=1e-5)


def test_training_is_told_to_a_function_that_asks():
    def told(x, *, training):
        return x * (2 if training else 1)

    layer = Lambda(told)
    assert np.array_equal(layer(X, training=True).numpy(), 2 * X)
    assert np.array_equal(layer(X).numpy(), X)
    assert layer.compute_output_shape((None, 4)) == (None, 4)


def test_whole_numbers_stay_and_floats_become_the_layers():
    table = Tensor(np.eye(5, dtype=np.float32))
    ids = np.array([[1, 4], [0, 0]])
    assert np.array_equal(Lambda(lambda x: table[x])(ids).numpy(), np.eye(5)[ids])
    assert Lambda(lambda x: x)(ids).dtype.kind == "i"
    assert Lambda(lambda x: x)(X.astype(float)).dtype == np.float32
    assert Lambda(lambda x: x, dtype="float64")(X).dtype == np.float64
    assert [y.dtype for y in Lambda(lambda xs: xs)([ids, X.astype(float)])] == [ids.dtype, np.float32]


def test_numbers_and_arrays_become_tensors():
    assert isinstance(Lambda(lambda x: x.numpy() + 1)(X), Tensor)
    assert Lambda(lambda x: 3.0)(X).shape == ()
    parts = Lambda(lambda x: (x.numpy(), x))(X)
    assert all(isinstance(y, Tensor) for y in parts)


# --- masks --------------------------------------------------------------------------------------------------

SERIES = np.array([[[1.0], [0.0], [2.0]], [[0.0], [0.0], [3.0]]], np.float32)
MASK = SERIES[..., 0] != 0


def test_a_mask_goes_to_a_function_that_asks_and_ends_there():
    def mean(x, mask):
        return ops.sum(x * mask[..., None], axis=1) / mask.sum(axis=1, keepdims=True)

    y = Lambda(mean, output_shape=(1,))(layers.Masking()(SERIES))
    assert np.array_equal(y.numpy(), [[1.5], [3.0]])
    assert y.mask is None
    assert Lambda(lambda x: x * 2)(layers.Masking()(SERIES)).mask is None  # without a warning


def test_masks_that_it_makes():
    masked = layers.Masking()(SERIES)
    assert np.array_equal(Lambda(lambda x: x, mask=lambda x, mask: mask)(masked).mask, MASK)
    assert np.array_equal(Lambda(lambda x: x[:, :1], mask=no_steps)(masked).mask, MASK[:, :1])
    fixed = Lambda(lambda x: x, mask=[[1, 0, 0], [1, 1, 1]])(SERIES).mask
    assert fixed.dtype == bool
    assert np.array_equal(fixed, [[True, False, False], [True, True, True]])
    assert Lambda(lambda x: x, mask=no_steps)(SERIES).mask is None


# --- shapes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape", "wanted"),
    [
        (Lambda(twice), (None, 3), (None, 6)),
        (Lambda(lambda x: x[:, -1]), (None, None, 3), (None, 3)),
        (Lambda(lambda x: ops.sum(x, axis=1)), (2, 4, None), (2, None)),
        (Lambda(lambda x: 1 / x), (None, 3), (None, 3)),  # 1 / 0 on the way
        (Lambda(lambda x: (x, x[:, 0])), (None, 3), ((None, 3), (None,))),
        (Lambda(twice, output_shape=(6,)), (5, 3), (5, 6)),
        (Lambda(twice, output_shape=[None]), (None, None), (None, None)),
        (Lambda(lambda x: x[:, 0], output_shape=()), (None, 3), (None,)),
        (Lambda(twice, output_shape=double_shape), (None, 3), (None, 6)),
        (Lambda(lambda x: (x, x), output_shape=[(3,), (3,)]), (None, 3), [(None, 3), (None, 3)]),
        (Lambda(sum), [(None, 3), (None, 3)], (None, 3)),
        (Lambda(sum, output_shape=(3,)), [(7, 3), (7, 3)], (7, 3)),
        (Lambda(sum, output_shape=lambda s: s[0]), [(None, 3), (None, 3)], (None, 3)),
    ],
)
def test_shapes(layer, shape, wanted):
    assert layer.compute_output_shape(shape) == wanted
    several = isinstance(shape, list)
    symbolic = layer([SymbolicTensor(s) for s in shape] if several else SymbolicTensor(shape))
    shapes = [y.shape for y in symbolic] if isinstance(symbolic, list | tuple) else symbolic.shape
    assert shapes == (
        wanted if isinstance(wanted, list) or isinstance(wanted[0], int | None) else list(wanted)
    )


def test_a_graph_of_whole_numbers():
    layer = Lambda(lambda ids: ops.one_hot(ids, 5))
    assert layer(SymbolicTensor((None, 7), "int32")).shape == (None, 7, 5)
    table = Tensor(np.eye(5, dtype=np.float32))
    y = Lambda(lambda ids: table[ids])(SymbolicTensor((None, 7), "int32"))
    assert (y.shape, y.dtype) == ((None, 7, 5), "float32")
    assert Lambda(lambda x: x.argmax(axis=-1))(SymbolicTensor((None, 7))).dtype.startswith("int")


def test_a_shape_that_cannot_be_tried():
    layer = Lambda(lambda x: x[:, 500], name="sixth")
    for call in (
        lambda: layer(SymbolicTensor((None, None, 3))),
        lambda: layer.compute_output_shape((None, None, 3)),
    ):
        with pytest.raises(
            ValueError, match=r"sixth \(Lambda\) tried its function .* output_shape=.* OutOfRangeError: "
        ) as caught:
            call()
        assert len(str(caught.value)) < 400
    assert Lambda(lambda x: x[:, 500], output_shape=(3,))(SymbolicTensor((None, None, 3))).shape == (None, 3)


def test_a_long_reason_ends_with_a_whole_word():
    def refuse(x):
        raise RuntimeError("because " * 40)

    with pytest.raises(ValueError, match=r"one sample\. RuntimeError: (because )+\.\.\.$"):
        Lambda(refuse)(SymbolicTensor((None, 3)))


def test_in_a_model_that_learns():
    (x,) = normal(2, (32, 3), dtype=np.float32)
    y = x[:, :1] ** 2
    model = minidl.Sequential([
        layers.Input((3,)), layers.Lambda(power), layers.Dense(1), layers.Lambda(lambda z: z - 1.0),
    ])  # fmt: skip
    model.compile(minidl.optimizers.Adam(0.1), "mse")
    losses = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]
    assert len(model.weights) == 2


def test_clones_keep_functions_without_a_name():
    x = layers.Input((4,))
    layer = Lambda(
        lambda x, k: x * k, (4,), no_steps, {"k": 3}, name="mine", dtype="float64", activity_regularizer="l2"
    )
    model = minidl.Model(x, layer(layers.Dense(4, use_bias=False)(x)))
    twin = clone_model(model)
    twin.set_weights(model.get_weights())
    assert np.array_equal(twin(X).numpy(), model(X).numpy())
    again = twin.layers[-1]
    assert again is not layer
    assert (again.function, again.mask, again.arguments) == (layer.function, layer.mask, layer.arguments)
    assert (again.name, again.dtype, again.output_shape) == ("mine", "float64", (4,))


def test_what_a_function_uses_from_outside_is_not_its_own():
    dense = layers.Dense(2)
    layer = Lambda(lambda x, factor: dense(x) * factor, arguments={"factor": minidl.Variable(2.0)})
    layer(X)
    assert layer.weights == []
    assert layer.trainable_weights == []
    layer.trainable = False
    assert dense.trainable


def test_in_time_distributed_each_step_is_a_batch_of_its_own():
    (x,) = normal(3, (4, 3, 2), dtype=np.float32)
    y = layers.TimeDistributed(Lambda(lambda s: s - s.mean(axis=0, keepdims=True)))(x).numpy()
    assert np.allclose(y, x - x.mean(axis=0), atol=1e-6)


# --- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (
            lambda: Lambda("relu"),
            TypeError,
            r"expects function to be a function, got 'relu'\. .*Activation\('relu'\)",
        ),
        (lambda: Lambda(None), TypeError, "expects function to be a function, got None"),
        (lambda: Lambda(3), TypeError, "expects function to be a function, got 3"),
        (
            lambda: Lambda(layers.Dense(2)),
            TypeError,
            "without weights, .*Put the layer itself into the model",
        ),
        (lambda: Lambda(layers.Dense(2).call), TypeError, "without weights"),
        (lambda: Lambda(power, arguments=[3]), TypeError, "expects arguments to be a dict"),
        (lambda: Lambda(power, arguments={3: 3}), TypeError, "expects arguments to be a dict"),
        (
            lambda: Lambda(power, arguments={"exponnt": 3}),
            TypeError,
            r"\['exponnt'\], got one that takes \(x, expo",
        ),
        (lambda: Lambda(lambda: 3), TypeError, "a function of one input"),
        (
            lambda: Lambda(lambda a, b: a + b),
            TypeError,
            "missing a required argument: 'b'. Several inputs come as a l",
        ),
        (lambda: Lambda(power, output_shape="3"), TypeError, "expects output_shape to be"),
        (lambda: Lambda(power, output_shape=(2.5,)), (TypeError, ValueError), "output_shape"),
        (lambda: Lambda(power, output_shape=[(2,), (0,)]), ValueError, "expects output_shape to be"),
        (lambda: Lambda(power, dtype="int32"), ValueError, "Lambda expects dtype"),
        (lambda: Lambda(power, argument={}), TypeError, "Lambda has no argument 'argument'. Did you mean"),
        (lambda: Lambda(lambda x: None)(X), TypeError, r"got NoneType from it\. Does it end with return\?"),
        (
            lambda: Lambda(lambda x: [x, "a"])(X),
            TypeError,
            "a function that returns tensors, got str",
        ),
        (lambda: Lambda(lambda x: None)(SymbolicTensor((None, 2))), ValueError, "Does it end with return"),
    ],
)
def test_what_it_refuses(make, error, words):
    with pytest.raises(error, match=words) as caught:
        make()
    assert len(str(caught.value)) < 400


# --- configuration ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer",
    [
        Lambda(power, arguments={"exponent": 3}, name="cube", dtype="float64"),
        Lambda(twice, output_shape=double_shape),
        Lambda(twice, output_shape=(8,), trainable=False),
        Lambda(power, output_shape=[4], mask=[[True, False, True, True]]),
        Lambda(np.tanh, mask=no_steps, activity_regularizer="l2"),
    ],
)
def test_config_makes_an_equal_layer(layer):
    known = {f.__name__: f for f in (power, twice, double_shape, no_steps, np.tanh)}
    config = layer.get_config()
    again = Lambda.from_config(json.loads(json.dumps(config)), known)
    assert json.dumps(again.get_config()) == json.dumps(config)
    assert (again.name, again.dtype, again.trainable) == (layer.name, layer.dtype, layer.trainable)
    assert np.array_equal(again(X).numpy(), layer(X).numpy())
    assert again.compute_output_shape((None, 4)) == layer.compute_output_shape((None, 4))


def test_a_model_with_one_by_name():
    model = minidl.Sequential([layers.Input((4,)), layers.Dense(4), Lambda(power, name="square")])
    config = json.loads(json.dumps(model.get_config()))
    again = minidl.Sequential.from_config(config, custom_objects={"power": power})
    again.set_weights(model.get_weights())
    assert np.array_equal(again(X).numpy(), model(X).numpy())
    with pytest.raises(
        ValueError, match=r"'square' needs the function 'power' .*custom_objects=\{'power': power\}"
    ):
        minidl.Sequential.from_config(config)


def test_a_name_that_the_program_knows_for_a_block():
    config = Lambda(power).get_config()
    with custom_object_scope({"power": power}):
        assert np.array_equal(Lambda.from_config(config)(X).numpy(), (X**2))
    with pytest.raises(ValueError, match="needs the function 'power'"):
        Lambda.from_config(config)


def local():
    offset = 3

    def shifted(x):
        return x + offset

    return shifted


class Holder:
    def method(self, x):
        return x

    def __call__(self, x):
        return x


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Lambda(lambda x: x, name="l"), "its function is an anonymous function"),
        (Lambda(local(), name="l"), "its function is shifted, which uses values of the function around it"),
        (Lambda(Holder().method, name="l"), "its function is method, a method"),
        (Lambda(Holder(), name="l"), "its function is an anonymous function"),
        (Lambda(power, output_shape=lambda s: s, name="l"), "its output_shape is an anonymous function"),
        (Lambda(power, mask=lambda x, m: m, name="l"), "its mask is an anonymous function"),
        (Lambda(power, arguments={"exponent": X}, name="l"), None),
        (Lambda(power, arguments={"exponent": Holder()}, name="l"), "its arguments holds .*Holder"),
    ],
)
def test_what_cannot_be_written(layer, words):
    if words is None:
        assert layer.get_config()["arguments"] == {"exponent": X.tolist()}
        return
    with pytest.raises(TypeError, match=r"l \(Lambda\) cannot be written: " + words) as caught:
        layer.get_config()
    assert "Layer with get_config()" in str(caught.value)
    assert len(str(caught.value)) < 400


KERAS_3 = {"class_name": "__lambda__", "config": {"code": CODE, "defaults": None, "closure": None}}
KERAS_2 = {"class_name": "__tuple__", "items": [CODE, None, None]}


@pytest.mark.parametrize("safe_mode", [None, True, False])
@pytest.mark.parametrize(
    ("config", "argument"),
    [
        ({"function": KERAS_3}, "function"),
        ({"function": KERAS_2, "function_type": "lambda"}, "function"),
        ({"function": [CODE, None, None], "function_type": "lambda", "module": "__main__"}, "function"),
        ({"function": CODE, "function_type": "lambda"}, "function"),
        ({"function": KERAS_2}, "function"),
        ({"function": None}, "function"),
        ({}, "function"),
        ({"function": "power", "output_shape": KERAS_3}, "output_shape"),
        (
            {"function": "power", "output_shape": [CODE, None, None], "output_shape_type": "lambda"},
            "output_shape",
        ),
        ({"function": "power", "mask": KERAS_3}, "mask"),
    ],
)
def test_code_in_a_file_is_never_run(config, argument, safe_mode):
    message = f"The {argument} of Lambda 'from_outside' is there as Python bytecode, not by name, and minidl runs no"
    with pytest.raises(ValueError, match=message) as caught:
        Lambda.from_config({"name": "from_outside", **config}, {"power": power}, safe_mode=safe_mode)
    assert ("safe_mode=False does not change that" in str(caught.value)) == (safe_mode is False)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("safe_mode", [None, True, False])
def test_names_as_keras_writes_them(safe_mode):
    named = {"module": "builtins", "class_name": "function", "config": "power", "registered_name": "function"}
    old = {
        "name": "l", "function": "power", "function_type": "function", "module": "__main__", "output_shape": None,
        "output_shape_type": "raw", "output_shape_module": None, "arguments": {"exponent": 3},
    }  # fmt: skip
    for config in ({"name": "l", "function": named, "output_shape": [4], "arguments": {"exponent": 3}}, old):
        layer = Lambda.from_config(config, {"power": power}, safe_mode=safe_mode)
        assert np.allclose(layer(X).numpy(), X**3, atol=1e-5)
        with pytest.raises(ValueError, match="'l' needs the function 'power' as its function"):
            Lambda.from_config(config, {}, safe_mode=safe_mode)


# --- beside Keras -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keras():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "jax")
        pytest.importorskip("jax")
        return pytest.importorskip("keras")


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "arguments",
    [
        {"function": power, "arguments": {"exponent": 3}},
        {"function": power, "output_shape": (4,), "name": "mine"},
        {"function": lambda x, mask=None, training=None: x if mask is None else x * 2, "mask": None},
        {"function": lambda x: x[:, :2] - 1, "output_shape": lambda s: (s[0], 2)},
        {"function": lambda x: 2 * x, "output_shape": [(4,)], "mask": None},
    ],
)
def test_as_keras(keras, arguments):
    ours, theirs = (library.layers.Lambda(**arguments) for library in (minidl, keras))
    assert np.allclose(ours(X).numpy(), theirs(X), atol=1e-5)
    assert ours.supports_masking == theirs.supports_masking
    if not isinstance(arguments.get("output_shape"), list):
        assert ours.compute_output_shape((None, 4)) == theirs.compute_output_shape((None, 4))


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_configs_go_back_and_forth(keras):
    arguments = {"function": power, "output_shape": (4,), "arguments": {"exponent": 3}, "name": "cube"}
    ours, theirs = (library.layers.Lambda(**arguments) for library in (minidl, keras))
    assert set(ours.get_config()) == set(theirs.get_config())
    known = {"power": power}
    config = {**theirs.get_config(), "dtype": "float32"}
    again = Lambda.from_config(json.loads(json.dumps(config)), known)
    assert again.get_config() == ours.get_config()
    there = keras.layers.Lambda.from_config(ours.get_config(), custom_objects=known)
    assert np.allclose(there(X), ours(X).numpy(), atol=1e-5)
    anonymous = keras.layers.Lambda(lambda x: x, name="from_outside").get_config()
    with pytest.raises(ValueError, match="bytecode"):
        Lambda.from_config({**anonymous, "dtype": "float32"}, known)
