"""Merge layers: what they refuse, their configs, and graphs with them."""

import json

import numpy as np
import pytest
from merge_cases import A, B
from strategies import MERGES, normal

from minidl import layers
from minidl.gradcheck import gradcheck
from minidl.layers import Layer, add, concatenate
from minidl.models import Model
from minidl.symbolic import SymbolicTensor

# --- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shapes", "words"),
    [
        (layers.Add(name="m"), [(2, 4), (2, 5)], ["m (Add)", "(2, 4) and (2, 5)", "4 and 5 on axis 1", "Dense"]),
        (layers.Add(name="m"), [(2, 3, 4), (2, 3)], ["m (Add)", "4 and 3 on axis 2", "behind the batch", "Reshape"]),
        (layers.Add(name="m"), [(2, 3), (1, 3)], ["equally many samples", "(2, 3) and (1, 3)", "1 and 2"]),
        (layers.Multiply(name="m"), [(2, 3)] * 9 + [(2, 4)], ["m (Multiply)", "7 more", "3 and 4"]),
        (layers.Maximum(name="m"), [(), ()], ["m (Maximum)", "batch axis", "np.reshape"]),
        (layers.Subtract(name="m"), [(2, 3)] * 3, ["m (Subtract)", "2 inputs", "got 3"]),
        (layers.Subtract(name="m"), [(2, 3)], ["m (Subtract)", "2 inputs", "got 1"]),
        (layers.Dot(1, name="m"), [(2, 3)], ["m (Dot)", "2 inputs", "got 1"]),
        (layers.Dot(1, name="m"), [(2, 3), (2, 4)], ["m (Dot)", "3 and 4", "axis 1 of the first", "Dense"]),
        (layers.Dot(1, name="m"), [(2, 3), (1, 3)], ["m (Dot)", "equally many samples"]),
        (layers.Dot((1, 2), name="m"), [(2, 3), (2, 3)], ["m (Dot)", "(1, 2)", "(2, 3) and (2, 3)"]),
        (layers.Dot(-2, name="m"), [(2, 3), (2, 3)], ["m (Dot)", "behind the batch axis"]),
        (layers.Dot(1, name="m"), [(2,), (2,)], ["m (Dot)", "(2,) and (2,)"]),
        (layers.Concatenate(name="m"), [(2, 3), (2, 3, 1)], ["m (Concatenate)", "equally many axes", "Reshape"]),
        (layers.Concatenate(name="m"), [(2, 1, 3), (2, 4, 3)], ["axis 2 only", "1 and 4 on axis 1"]),
        (layers.Concatenate(name="m"), [(2, 3), (4, 3)], ["equally many samples"]),
        (layers.Concatenate(5, name="m"), [(2, 3), (2, 3)], ["an axis 5", "-2 to 1"]),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit(layer, shapes, words):
    for call in (
        lambda: layer([np.zeros(s) for s in shapes]),
        lambda: layer([SymbolicTensor(s) for s in shapes]),
        lambda: layer.build(shapes),
        lambda: layer.compute_output_shape(shapes),
    ):
        with pytest.raises(ValueError, match=r"m \(") as caught:
            call()
        message = str(caught.value)
        assert [word for word in words if word not in message] == []
        assert len(message) < 400
        assert not layer.built


@pytest.mark.parametrize("cls", sorted(MERGES, key=lambda c: c.__name__))
def test_one_input_that_is_no_list(cls):
    layer = cls(**({"axes": 1} if cls is layers.Dot else {}), name="m")
    for one in (np.zeros((3, 4)), SymbolicTensor((None, 4)), [[1.0, 2.0], [3.0, 4.0]], []):
        with pytest.raises(
            ValueError, match=rf"m \({cls.__name__}\) expects a list of inputs, got (one|an empty)"
        ):
            layer(one)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: layers.Dot(1.0), TypeError),
        (lambda: layers.Dot(None), TypeError),
        (lambda: layers.Dot(True), TypeError),
        (lambda: layers.Dot((1,)), ValueError),
        (lambda: layers.Dot((1, "a")), TypeError),
        (lambda: layers.Dot(0), ValueError),
        (lambda: layers.Dot((1, 0)), ValueError),
        (lambda: layers.Dot(1, normalize="yes"), TypeError),
        (lambda: layers.Concatenate(axis="last"), TypeError),
        (lambda: layers.Concatenate(axis=1.0), TypeError),
        (lambda: layers.Add(axis=1), TypeError),
    ],
)
def test_bad_arguments(make, error):
    with pytest.raises(error, match=r"^(Dot expects|Concatenate expects axis|Add has no argument)") as caught:
        make()
    assert len(str(caught.value)) < 400


# --- configuration ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        *((cls, {}) for cls in sorted(MERGES - {layers.Dot}, key=lambda c: c.__name__)),
        (layers.Concatenate, {"axis": 1, "dtype": "float64"}),
        (layers.Dot, {"axes": 2, "normalize": True}),
        (layers.Dot, {"axes": [1, -1]}),
    ],
)
def test_config_makes_an_equal_layer(cls, arguments):
    layer = cls(**arguments)
    assert layer.name.startswith(cls.__name__.lower())
    config = layer.get_config()
    again = cls.from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config
    for name, value in arguments.items():
        assert config[name] == (tuple(value) if isinstance(value, list) else value)
    xs = normal(9, (2, 3, 3), (2, 3, 3))
    assert np.array_equal(again(xs).numpy(), layer(xs).numpy())


def test_inside_a_layer_of_ones_own():
    class Residual(Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner, self.sum = layers.Dense(3), layers.Add()

        def call(self, x):
            return self.sum([x, self.inner(x)])

    gradcheck(Residual(), *normal(10, (4, 3)))


# --- in a graph ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", sorted(MERGES, key=lambda c: c.__name__))
def test_in_a_model_of_two_inputs(cls):
    arguments = {"axes": 1} if cls is layers.Dot else {}
    wanted = cls(**arguments)([A, B]).numpy()
    for merge in (cls(**arguments), lambda xs: getattr(layers, cls.__name__.lower())(xs, **arguments)):
        one, other = layers.Input((4,)), layers.Input((4,))
        model = Model([one, other], merge([one, other]))
        assert np.array_equal(model([A, B]).numpy(), wanted)
        again = type(model).from_config(json.loads(json.dumps(model.get_config())))
        assert np.array_equal(again([A, B]).numpy(), wanted)
        assert again.outputs[0].shape == (None, *wanted.shape[1:])


def test_one_tensor_along_several_ways():
    x = layers.Input((4,))
    h = layers.Dense(4, activation="tanh")(x)
    model = Model(x, layers.Dense(1)(concatenate([add([x, h]), h, h])))
    assert model(A).shape == (3, 1)
    gradcheck(model, A.astype(float))
