"""A traced step is the step of `fit`, and every number of it is that of the op, the layer or the weight it is told of."""

import dataclasses

import numpy as np
import pytest
from small_models import linear, rows, with_everything

import minidl
from minidl import layers as L
from minidl import losses, optimizers
from minidl.graph import not_on_tape
from minidl.inspect.traced import trace
from minidl.models import Model, Sequential
from minidl.tensor import Function, Tensor, no_grad
from minidl.utils import PyDataset, set_random_seed

rng = np.random.default_rng(5)


def words(n=6, steps=7):
    x = rng.integers(1, 9, (n, steps))
    x[: n // 2, -3:] = 0
    return x, rng.normal(size=(n, 1)).astype("float32")


def masked():
    layers = [L.Embedding(9, 3, mask_zero=True), L.LSTM(4, dropout=0.3, recurrent_dropout=0.2), L.Dense(1)]
    model = Sequential([L.Input((7,)), *layers])
    model.compile("rmsprop", "mse")
    return model, *words()


def stateful():
    layers = [L.GRU(3, stateful=True), L.Dense(1, kernel_constraint="non_neg")]
    model = Sequential([L.Input(batch_shape=(4, 5, 2)), *layers])
    model.compile("adam", "mae")
    x = rng.normal(size=(4, 5, 2)).astype("float32")
    model.fit(x, x[:, 0, :1], batch_size=4, verbose=0)
    return model, x, x[:, 1, :1]


def several_ends():
    a, b = L.Input((3,), name="a"), L.Input((3,), name="b")
    dense = L.Dense(4, activation="tanh", activity_regularizer="l2", name="both")
    joined = L.Concatenate()([dense(a), dense(b)])
    ends = {
        "one": L.Dense(1, name="one")(joined),
        "two": L.Dense(3, activation="softmax", name="two")(joined),
    }
    model = Model([a, b], ends)
    model.compile(
        optimizers.SGD(0.1, clipnorm=0.5),
        {"one": "mse", "two": "sparse_categorical_crossentropy"},
        {"one": 2.0, "two": 1.0},
    )
    x = {name: rng.normal(size=(8, 3)).astype("float32") for name in "ab"}
    return model, x, {"one": np.ones((8, 1), "float32"), "two": np.arange(8) % 3}


def frozen():
    model = with_everything()
    model.layers[0].trainable = False
    model.compile(optimizers.Adam(0.01, weight_decay=0.1), "huber")
    return model, *rows()


def doubles():
    model = Sequential(
        [L.Input((4,), dtype="float64"), L.Dense(3, "selu", dtype="float64"), L.Dense(1, dtype="float64")]
    )
    model.compile("nadam", "log_cosh")
    return model, *rows()


def trained():
    model = with_everything()
    x, y = rows(40)
    model.fit(x, y, epochs=2, verbose=0)
    return model, x[:20], y[:20]


def new():
    return with_everything(), *rows()


class Own(Model):
    """A model of one's own with a loss of its own."""

    def __init__(self):
        super().__init__()
        self.hidden = L.Dense(4, activation="gelu", name="hidden")
        self.out = L.Dense(1, name="out")

    def call(self, x, training=False):
        h = self.hidden(x)
        self.add_loss((h**2).mean() * 0.1)
        return self.out(np.concatenate([h, x], axis=1)) * 2

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, y_pred, sample_weight, training) + np.abs(y_pred).mean()


def own():
    model = Own()
    model.compile("sgd", "mse")
    x, y = rows()
    model.predict(x, verbose=0)
    return model, x, y


MODELS = [new, trained, masked, stateful, several_ends, frozen, doubles, own]


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_it_is_the_step_that_fit_makes(make):
    model, x, y = make()
    step = trace(model, x, y)
    before = [v.numpy().copy() for v in model.weights]
    n = len(next(iter(x.values())) if isinstance(x, dict) else x)
    history = model.fit(x, y, batch_size=n, shuffle=False, verbose=0)
    assert step.loss == pytest.approx(history.history["loss"][0], rel=1e-6)
    assert step.samples == n
    assert [w.name for w in step.weights] == [v.path for v in model.weights]
    for w, v, old in zip(step.weights, model.weights, before, strict=True):
        np.testing.assert_array_equal(w.value, old)
        np.testing.assert_array_equal(w.update, v.numpy() - old)
        assert w.trainable == v.trainable
        assert w.update_norm == pytest.approx(np.sqrt(((v.numpy() - old).astype(float) ** 2).sum()))


@pytest.mark.parametrize("make", [new, masked, several_ends, doubles, own], ids=lambda make: make.__name__)
def test_gradients_are_those_of_plain_descent(make):
    model, x, y = make()
    if make is not several_ends:
        model.compile(optimizers.SGD(1.0), model.loss)
        for w in trace(model, x, y).weights:
            if w.trainable:
                np.testing.assert_allclose(w.gradient, -w.update, rtol=1e-4, atol=1e-6)
            else:
                assert w.gradient is None
    else:
        norms = [w.gradient_norm for w in trace(model, x, y).weights]
        clipped = [w.update_norm for w in trace(model, x, y).weights]
        for one, moved in zip(norms, clipped, strict=True):  # clipnorm is for each weight by itself
            assert moved == pytest.approx(0.1 * min(one, 0.5), rel=1e-4)


def test_a_step_by_hand():
    model = linear(optimizer=optimizers.SGD(0.1))
    x, y = rows(6)
    step = trace(model, x, y)
    z = x @ np.ones((4, 1)) + 0.0
    dense, *loss = step.ops
    assert (dense.number, dense.name, dense.layer, dense.kernel) == (0, "Dense", "dense", "reference")
    assert dense.inputs == ("x", "dense/kernel", "dense/bias")
    assert dense.input_shapes == ((6, 4), (4, 1), (1,))
    assert (dense.shape, dense.dtype) == ((6, 1), np.float32)
    np.testing.assert_allclose(dense.output, z, rtol=1e-6)
    np.testing.assert_allclose(dense.gradient, 2 * (z - y) / 6, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(step["dense"].weights[0].gradient, x.T @ (2 * (z - y) / 6), rtol=1e-5)
    assert dense.mean == pytest.approx(z.mean(), rel=1e-5)
    assert dense.std == pytest.approx(z.std(), rel=1e-5)
    assert (dense.min, dense.max) == pytest.approx((z.min(), z.max()), rel=1e-6)
    assert dense.gradient_norm == pytest.approx(np.sqrt(((2 * (z - y) / 6) ** 2).sum()), rel=1e-5)
    assert dense.gradient_rms == pytest.approx(np.sqrt(((2 * (z - y) / 6) ** 2).mean()), rel=1e-5)
    assert {op.layer for op in loss} == {"loss"}
    assert loss[0].inputs == ("#0", "y")
    assert step.loss == pytest.approx(((z - y) ** 2).mean(), rel=1e-5)
    assert step["loss"].output == pytest.approx(step.loss)
    assert step["loss"].gradient == 1


def test_ops_come_in_order_and_name_where_their_inputs_are_from():
    x = L.Input((3,), name="x")
    h = L.Dense(4, activation="relu", name="h")(x)
    model = Model(x, L.Add(name="sum")([h, L.Dropout(0.5, name="drop")(h)]))
    model.compile("sgd", "mse")
    step = trace(model, np.ones((2, 3), "float32"), np.ones((2, 4), "float32"))
    assert list(step) == list(step.ops)
    assert len(step) == len(step.ops)
    assert [op.number for op in step] == list(range(len(step)))
    assert [(op.name, op.layer) for op in step][:5] == [
        ("Dense", "h"), ("ReLU", "h"), ("coordinates", "drop"), ("Dropout", "drop"), ("add", "sum"),
    ]  # fmt: skip
    assert [op.inputs for op in step][:5] == [
        ("x", "h/kernel", "h/bias"), ("#0",), (), ("#1", "#2"), ("#1", "#3"),
    ]  # fmt: skip
    assert step[1] is step.ops[1]
    both = step["h"].gradient  # of both ways
    np.testing.assert_allclose(
        both, step["sum"].gradient * (1 + step[3].output / np.where(step[1].output, step[1].output, 1))
    )
    with pytest.raises(IndexError):
        step[99]


def test_layers_are_found_by_name():
    inner = Sequential([L.Dense(3, name="deep")], name="inner")
    x = L.Input((3,))
    twice = L.Dense(3, name="twice")
    model = Model(x, inner(twice(twice(x))))
    step = trace(model, np.ones((2, 3)))
    assert [layer.name for layer in step.layers] == ["twice[0]", "twice[1]", "inner/deep"]
    assert step["deep"] is step["inner/deep"]
    assert step["inner"].inner == (step["deep"],)
    assert step["twice[1]"].ops[0].inputs[0] == f"#{step['twice[0]'].ops[0].number}"
    with pytest.raises(KeyError, match=r"'twice' ran 2 times in this step: 'twice\[0\]', 'twice\[1\]'"):
        step["twice"]
    with pytest.raises(KeyError, match="Did you mean 'inner/deep'"):
        step["inner/dep"]


@pytest.mark.parametrize(("block", "kernel"), [(minidl.kernels_on, "cpu"), (minidl.kernels_off, "reference")])
def test_which_kernel_ran(block, kernel):
    if kernel == "cpu":
        pytest.importorskip("numba")
    model = Sequential([L.Input((8, 8, 1)), L.Conv2D(2, 3), L.Flatten(), L.Dense(2)])
    model.compile("sgd", "mse")
    with block():
        step = trace(model, np.ones((2, 8, 8, 1)), np.ones((2, 2)))
    assert step["conv2d"].ops[0].kernel == kernel
    assert step["flatten"].ops[0].kernel == "reference"


def test_times():
    model, x, y = new()
    step = trace(model, x, y)
    assert all(op.seconds > 0 for op in step)
    for op in step:
        assert (op.backward_seconds is None) == (op.gradient is None)
        assert op.backward_seconds is None or op.backward_seconds > 0
    assert step.seconds == pytest.approx(sum(op.seconds for op in step))
    layers = [*step.layers, step["loss"]]
    assert sum(layer.seconds for layer in layers) == pytest.approx(step.seconds)
    assert sum(layer.backward_seconds or 0 for layer in layers) == pytest.approx(step.backward_seconds)


def test_what_the_loss_takes_from_in_front_of_a_softmax():
    model = Sequential([L.Input((3,)), L.Dense(4, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = rng.normal(size=(5, 3)).astype("float32")
    y = np.arange(5) % 4
    layer = trace(model, x, y)["dense"]
    assert layer.in_front
    np.testing.assert_allclose(layer.gradient, (layer.output - np.eye(4)[y]) / 5, rtol=1e-5, atol=1e-7)
    model.compile("sgd", losses.MeanSquaredError())
    assert not trace(model, x, np.eye(4)[y])["dense"].in_front


def test_without_targets_there_is_only_the_way_forward():
    model, x, _ = new()
    step = trace(model, x)
    assert (step.loss, step.loss_kind) == (None, "none")
    assert all(op.gradient is None and op.backward_seconds is None for op in step)
    assert all(w.gradient is None and w.update is None for w in step.weights if w.trainable)
    assert step["dense"].shape == (20, 8)
    uncompiled = Sequential([L.Dense(2)])
    assert trace(uncompiled, x).loss is None
    assert not uncompiled.built
    uncompiled.compile("sgd")
    assert trace(uncompiled, x).loss is None


def test_a_loss_of_penalties_alone():
    model = Sequential([L.Input((4,)), L.Dense(2, kernel_regularizer="l2"), L.Dense(1)])
    model.compile("sgd")
    step = trace(model, rows()[0])
    assert step.loss == pytest.approx(0.01 * (step.weights[0].value ** 2).sum(), rel=1e-5)
    np.testing.assert_allclose(step.weights[0].gradient, 0.02 * step.weights[0].value, rtol=1e-5)
    assert step["dense_1"].weights[0].gradient is None


def test_a_layer_by_itself_has_the_sum_of_its_outputs_as_loss():
    layer = L.Dense(3, name="alone")
    x = rng.normal(size=(5, 4)).astype("float32")
    step = trace(layer, x)
    assert not layer.built
    assert (step.name, step.loss_kind) == ("alone", "sum")
    call = step["alone"]
    assert step.loss == pytest.approx(call.output.sum(), rel=1e-5)
    np.testing.assert_array_equal(call.gradient, np.ones((5, 3)))
    np.testing.assert_allclose(call.weights[0].gradient, np.tile(x.sum(0)[:, None], 3), rtol=1e-5)
    assert call.weights[0].update is None
    np.testing.assert_allclose(
        call.input_gradients[0], np.tile(call.weights[0].value.sum(1), (5, 1)), rtol=1e-5
    )
    merged = trace(L.Concatenate(), [x, x[:, :1]])
    assert [a.shape for a in merged["concatenate"].inputs] == [(5, 4), (5, 1)]
    assert trace(L.Embedding(4, 2), [[1, 2], [3, 0]])["embedding"].shape == (2, 2, 2)
    assert trace(L.Flatten(), np.zeros((0, 2, 2)))["flatten"].shape == (0, 4)


def test_elements():
    model, x, y = new()
    step = trace(model, x, y)
    for op in step:
        index = tuple(n - 1 for n in op.shape)
        found = op.element(*index)
        assert found.value == pytest.approx(float(op.output[index]), rel=1e-5, abs=1e-6)
    dense = step["dense"]
    assert dense.element(1, 2).value == pytest.approx(float(dense.output[1, 2]), rel=1e-5)
    assert dense.ops[0].element(1, 2).formula.text() in dense.element(1, 2).text
    idle = trace(L.Identity(), x)["identity"]
    with pytest.raises(ValueError, match="identity hands on its input"):
        idle.element(0, 0)


SEVERAL_OPS = [
    (L.Dense(5, activation="relu"), (2, 4), (1, 3), "max(z[1,3], 0)", "z[1,3] = Σ x[1,:]·w[:,3] + b[3]"),
    (L.Dense(5, activation="softmax"), (2, 4), (1, 3), "exp(z[1,3]", "z is what #0 Dense made: trace[0].element(1, 3)"),
    (L.Conv2D(3, 2, activation="tanh"), (2, 4, 4, 2), (1, 1, 2, 1), "tanh(z[", "z[1,1,2,1] = Σ x[1,1:3,2:4,:]·w[...,1] + b[1]"),
    (L.DepthwiseConv2D(2, activation="relu"), (2, 4, 4, 2), (1, 1, 2, 1), "max(z[", "Σ x[1,1:3,2:4,1]·w[...,1,0]"),
    (L.SeparableConv1D(3, 2), (2, 4, 2), (1, 1, 2), "Σ z[1,1:2,:]·w", "trace[0].element(...)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "shape", "index", "begins", "says"), SEVERAL_OPS, ids=lambda v: getattr(v, "name", "")
)
def test_an_element_of_a_layer_tells_what_its_activation_was_given(layer, shape, index, begins, says):
    step = trace(layer, rng.normal(size=shape).astype("float32"))[layer.name]
    found = step.element(*index)
    assert f" = {begins}" in found.text.splitlines()[0]
    assert says in str(found)
    assert found.value == pytest.approx(float(step.output[index]), rel=1e-6, abs=1e-6)


def test_elements_of_gradients():
    model = Sequential([L.Input((4,)), L.Dense(3, activation="tanh", name="d"), L.Dense(1, name="e")])
    model.compile("sgd", "mse")
    x, y = rows()
    t = trace(model, x, y)
    (kernel, bias) = t["d"].weights
    assert t["d"].gradient_element("kernel", 2, 1).value == pytest.approx(kernel.gradient[2, 1], rel=1e-5)
    assert t["d"].gradient_element("d/bias", 1).value == pytest.approx(bias.gradient[1], rel=1e-5)
    assert t["e"].ops[0].gradient_element(0, 3, 2).value == pytest.approx(t["d"].gradient[3, 2], rel=1e-5)
    with pytest.raises(ValueError, match=r"No op of d takes a weight called 'kernl'.*d/kernel, d/bias"):
        t["d"].gradient_element("kernl", 0, 0)
    with pytest.raises(ValueError, match="No gradient came back to #0 Dense: trace it with y"):
        trace(model, x)["d"].gradient_element("kernel", 0, 0)


def test_the_gradient_of_a_shared_weight_is_told_op_by_op():
    layer, x = L.Dense(3, name="d"), L.Input((3,))
    model = Model(x, layer(layer(x)))
    model.compile("sgd", "mse")
    data = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    t = trace(model, data, data[:, :3] * 2)
    ops = [op for op in t if op.name == "Dense"]
    parts = [op.gradient_element(1, 2, 1).value for op in ops]
    with pytest.raises(ValueError, match=r"Several ops of model take a weight called 'kernel': #0, #1"):
        dataclasses.replace(t["d[0]"], ops=tuple(ops), name="model").gradient_element("kernel", 2, 1)
    assert len(parts) == 2
    assert sum(parts) == pytest.approx(t.weights[0].gradient[2, 1], rel=1e-5)


def test_weights_in_an_element_are_those_before_the_update():
    model = linear(optimizer=optimizers.SGD(10.0))
    x, y = rows(6)
    element = trace(model, x, y)["dense"].element(2, 0)
    assert element.value == pytest.approx(x[2].astype(float).sum(), rel=1e-6)


def test_own_functions_and_own_layers():
    class Cube(Function):
        @staticmethod
        def forward(x):
            return x**3, x

        @staticmethod
        def backward(dy, x):
            return (3 * x**2 * dy,)

    class Cubes(L.Layer):
        def call(self, x):
            return Cube.apply(x) + Tensor(np.float32(1))

    model = Sequential([L.Input((4,)), Cubes(name="cubes"), L.Dense(1)])
    model.compile("sgd", "mse")
    x, y = rows(3)
    cubes = trace(model, x, y)["cubes"]
    assert [(op.name, op.inputs) for op in cubes.ops] == [("Cube", ("x",)), ("add", ("#0", "1"))]
    np.testing.assert_allclose(cubes.output, x**3 + 1, rtol=1e-6)


def test_inside_of_no_grad():
    model, x, y = new()
    with no_grad():
        step = trace(model, x, y)
    assert step["dense"].weights[0].gradient_norm > 0
    recurrent = trace(L.LSTM(2), np.ones((1, 3, 1)))
    with no_grad():
        assert recurrent["lstm"].steps[0].dh.any()


def test_sample_weights():
    model = linear()
    x, y = rows(6)
    weight = np.array([0, 0, 0, 0, 0, 6.0])
    step = trace(model, x, y, weight)
    assert step.loss == pytest.approx(float(((x[5].sum() - y[5]) ** 2)[0]), rel=1e-5)
    assert not step["dense"].gradient[:5].any()


def test_what_is_done_beside_the_tape_has_no_number():
    def noting(x):
        not_on_tape()
        return x * 2

    model = Sequential([L.Input((4,)), L.Lambda(noting, name="noting"), L.Dense(1, name="out")])
    model.compile("sgd", "mse")
    step = trace(model, *rows(3))
    assert [op.name for op in step["noting"].ops] == ["multiply"]
    assert [op.name for op in step["out"].ops] == ["Dense"]
    assert step["out"].ops[0].inputs[0] == "#0"
    assert {op.layer for op in step.ops[2:]} == {"loss"}


def test_a_replaced_seed_changes_what_is_dropped():
    drops = []
    for seed in (1, 1, 2):
        set_random_seed(seed)
        model = Sequential([L.Input((50,)), L.Dropout(0.5, name="dropout"), L.Dense(1)])
        model.compile("sgd", "mse")
        drops.append(trace(model, np.ones((2, 50)), np.ones((2, 1)))["dropout"].output)
    np.testing.assert_array_equal(drops[0], drops[1])
    assert (drops[0] != drops[2]).any()


# --- errors -------------------------------------------------------------------------------------------------


class Batches(PyDataset):
    """One batch."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return rows()


def test_errors_teach():
    model, x, y = new()
    with pytest.raises(TypeError, match="expects a model or a layer, got 'model'"):
        trace("model", x, y)
    with pytest.raises(ValueError, match="is not compiled"):
        trace(Sequential([L.Dense(1)]), x, y)
    with pytest.raises(ValueError, match="has no loss to compare y with"):
        trace(L.Dense(1), x, y)
    with pytest.raises(TypeError, match="to be one batch of arrays, got list_iterator"):
        trace(model, iter([(x, y)]))
    with pytest.raises(
        ValueError, match=r"5,000 samples \(2,000,000 numbers\).*trace\(model, x\[:32\], y\[:32\]\)"
    ):
        trace(model, np.zeros((5000, 400)), np.zeros((5000, 1)))
    with pytest.raises(ValueError, match="20 samples"):
        trace(model, x, y[:3])


def test_an_error_half_way_says_where():
    class Breaks(L.Layer):
        def call(self, x):
            return x @ np.ones((7, 7), "float32")

    model = Sequential([L.Dense(3), Breaks(name="breaks")])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="matmul") as error:
        trace(model, *rows(3))
    assert error.value.__notes__[-1] == "trace came as far as breaks."


def test_what_cannot_be_copied():
    model = linear()
    model.rows = (i for i in range(3))
    with pytest.raises(TypeError, match=r"trace works on a copy, and .* cannot be copied"):
        trace(model, *rows())
