"""Every layer there is, drawn at random, and graphs of all kinds: trace shows what really ran, and prints."""

import re

import graphs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import LAYERS

import minidl
from minidl import layers as L
from minidl.inspect.traced import trace
from minidl.layers.context import CallContext
from minidl.losses import MeanSquaredError
from minidl.models import Model, Sequential
from minidl.random import training_step
from minidl.tensor import Tensor
from minidl.utils.columns import columns


def printed(step):
    """All that can be printed of it, in lines."""
    for part in (step, *step.calls, *step.ops, *(call.steps for call in step.recurrent)):
        lines = str(part).splitlines()
        assert lines
        assert max(map(columns, lines)) <= 80, max(lines, key=columns)
    for call in step.recurrent:
        for one in call.steps:
            assert max(map(columns, str(one).splitlines())) <= 80
    assert step._repr_html_().count("<tr>") == len(step.layers) + 1


def explained(step):
    """The last element of each op is what its calculation says."""
    for op in step.ops:
        if op.output.size:
            index = tuple(n - 1 for n in op.shape)
            recorded = float(op.output[index])
            scale = 1e-4 * max(1.0, abs(recorded))
            assert op.element(*index).value == pytest.approx(recorded, abs=scale, nan_ok=True), str(op)


def consistent(step):
    """What must hold for any trace."""
    explained(step)
    for i, op in enumerate(step.ops):
        assert op.number == i
        for name in op.inputs:
            if name.startswith("#"):
                assert int(re.match(r"#(\d+)", name)[1]) < i
        for y, dy in zip(op.outputs, op.gradients, strict=True):
            assert dy is None or (dy.shape, dy.dtype) == (y.shape, y.dtype)
    shown = [op for layer in (*step.layers, *(c for c in step.calls if c.kind == "loss")) for op in layer.ops]
    hidden = [op for op in step.ops if op not in shown]
    assert len(shown) == len(set(map(id, shown)))
    assert all(op.name == "AsType" for op in hidden)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), language=st.sampled_from(["en", "ko"]), alone=st.booleans())
def test_every_layer(data, language, alone):
    cls = data.draw(st.sampled_from(sorted(LAYERS, key=lambda cls: cls.__name__)))
    case = data.draw(LAYERS[cls])
    layer = case.made(cls)
    x = case.inputs(0, 3, "float32")
    layer(x)  # so that the copy has the same weights
    if alone or cls is L.InputLayer:
        step = trace(layer, x)
        with CallContext(), training_step(0):
            y = layer(Tensor(x), training=True)
    else:
        model = Sequential([L.Input(case.sample), layer])
        model.compile("sgd", MeanSquaredError())
        y = layer(x)
        step = trace(model, x, np.zeros(y.shape))
        with CallContext(), training_step(0):
            y = model(Tensor(x), training=True)
            loss = model.compute_loss(None, np.zeros(y.shape, "float32"), y)
            if loss.requires_grad:
                loss.backward()
        for v, w in zip(model.weights, step.weights, strict=True):
            if v.grad is not None:
                np.testing.assert_allclose(w.gradient, v.grad, rtol=1e-3, atol=1e-5)
            else:
                assert w.gradient is None or not w.gradient.any()
    np.testing.assert_array_equal(step.calls[0].output, y.data)
    consistent(step)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINIDL_LANG", language)
        printed(step)


@pytest.mark.parametrize("build", [*graphs.GRAPHS, *graphs.CHAINS], ids=lambda build: build.__name__)
def test_graphs(build):
    model = build(minidl)
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(2, *t.shape[1:])).astype("float32") for t in model.inputs]
    y = [np.zeros((2, *t.shape[1:]), "float32") for t in model.outputs]
    y = dict(zip(sorted(model.output), y, strict=True)) if isinstance(model.output, dict) else y
    model.compile("adam", "mse")
    step = trace(model, x if len(x) > 1 else x[0], y if len(model.outputs) > 1 else y[0])
    consistent(step)
    printed(step)
    predicted = model.compute_loss(
        None, y if len(model.outputs) > 1 else y[0], model(x if len(x) > 1 else x[0], training=True)
    )
    assert step.loss == pytest.approx(float(predicted), rel=1e-5)


def test_two_blocks_with_layers_of_the_same_name():
    def block():
        return Sequential([L.Dense(2, name="inside")])

    x = L.Input((2,))
    one, two = block(), block()
    step = trace(Model(x, L.Add(name="sum")([one(x), two(x)])), np.ones((1, 2)))
    names = [layer.name for layer in step.layers]
    assert names == [f"{one.name}/inside", f"{two.name}/inside", "sum"]
    with pytest.raises(KeyError, match="ran 2 times"):
        step["inside"]


def test_what_a_model_computes_outside_of_its_layers_has_rows_of_its_own():
    class Residual(Model):
        def __init__(self):
            super().__init__(name="residual")
            self.a, self.b = L.Dense(3, name="a"), L.Dense(3, name="b")
            self.scale = minidl.Variable(np.float32(2.0), name="scale")

        def call(self, x):
            return self.b(np.tanh(self.a(x))) * self.scale + x

    model = Residual()
    model.compile("sgd", "mse")
    step = trace(model, np.ones((2, 3), "float32"), np.zeros((2, 3)))
    assert [(layer.name, layer.kind) for layer in step.layers] == [
        ("a", "Dense"), ("residual", "operations"), ("b", "Dense"), ("residual", "operations"),
    ]  # fmt: skip
    assert [op.name for op in step.layers[3].ops] == ["multiply", "add"]
    assert [w.name for w in step.layers[3].weights] == ["scale"]
    assert "\n· multiply, add  " in str(step)
    consistent(step)


def test_a_layer_inside_of_time_distributed_and_of_ones_own():
    class Block(L.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first, self.second = L.Dense(4, name="first"), L.BatchNormalization(name="second")

        def call(self, x, training=False):
            return self.second(self.first(x), training=training)

    model = Sequential([L.Input((3, 2)), L.TimeDistributed(Block(name="block"), name="steps")])
    model.compile("sgd", "mse")
    step = trace(model, np.ones((2, 3, 2)), np.zeros((2, 3, 4)))
    assert [layer.name for layer in step.layers] == ["steps"]
    calls = [call.name for call in step["steps"].inner]
    assert calls == [f"steps/block[{t}]" for t in range(3)]
    assert [call.name for call in step["block[1]"].inner] == ["steps/block/first[1]", "steps/block/second[1]"]
    consistent(step)
    printed(step)
