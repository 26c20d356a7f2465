"""What every layer owes, whatever it computes. A new layer takes part by its entry in `strategies.LAYERS`."""

import inspect
import json
import math
import warnings

import arithmetic
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import LAYOUTS, laid_out
from strategies import LAYERS, MERGES, OTHERS, STEPS, seeds

from minidl import Tensor, layers
from minidl.layers import Layer
from minidl.symbolic import SymbolicTensor
from minidl.utils.naming import snake_case

EVERY = pytest.mark.parametrize("layer_class", LAYERS, ids=lambda c: c.__name__)


def made(layer_class, case, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return case.made(layer_class, **more)


def test_there_is_an_entry_for_every_layer():
    exported = {c for c in vars(layers).values() if inspect.isclass(c) and issubclass(c, Layer)}
    exported -= {Layer} | STEPS | MERGES | OTHERS
    assert exported == set(LAYERS), "give a new layer an entry in tests/strategies.py"
    assert all(name in layers.__all__ for name in (c.__name__ for c in exported))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("(3·3·1 + 1)·32", 320),
        ("⌊(28 − 3 + 2·0)/2⌋ + 1", 13),
        ("⌈7/2⌉", 4),
        ("(9 − ((3 − 1)·2 + 1))/1 + 1", 5),
    ],
)
def test_the_formulas_are_read_right(text, number):
    assert arithmetic.value(text) == number


@EVERY
@settings(deadline=None, max_examples=40)
@given(data=st.data(), batch=st.integers(0, 3), seed=seeds)
def test_shapes_said_laid_out_and_real(layer_class, data, batch, seed):
    case = data.draw(LAYERS[layer_class])
    layer = made(layer_class, case)
    said = layer.compute_output_shape((batch, *case.sample))
    real = layer(case.inputs(seed, batch)).shape
    assert said == real
    assert layer.compute_output_shape((None, *case.sample)) == (None, *real[1:])
    symbolic = layer(SymbolicTensor((None, *case.sample)))
    assert symbolic.shape == (None, *real[1:])
    assert symbolic.dtype == layer.dtype
    assert all(type(n) is int for n in said)


@EVERY
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_an_unknown_size_stays_unknown_or_does_not_matter(layer_class, data):
    case = data.draw(LAYERS[layer_class])
    layer = made(layer_class, case)
    known = layer.compute_output_shape((2, *case.sample))
    for axis in range(1, len(case.sample) + 1):
        shape = [2, *case.sample]
        shape[axis] = None
        guessed = layer.compute_output_shape(tuple(shape))
        assert len(guessed) == len(known)
        assert all(a in (None, b) for a, b in zip(guessed, known, strict=True))


@EVERY
@settings(deadline=None, max_examples=40)
@given(data=st.data(), after_data=st.booleans())
def test_formulas_are_true(layer_class, data, after_data):
    case = data.draw(LAYERS[layer_class])
    layer = made(layer_class, case)
    real = layer(np.zeros((2, *case.sample))).shape
    if not after_data:
        layer(SymbolicTensor((None, *case.sample)))
    sizes = sum(w.size for w in layer.get_weights())
    assert arithmetic.value(layer.parameter_formula()) == layer.count_params() == sizes
    lines = layer.shape_formulas()
    assert len(set(lines)) == len(lines)
    for line in lines:
        left, right = arithmetic.sides(line)
        assert left == right
        assert right in real[1:]
    if lines and len(real) == 4:  # images: every spatial size is accounted for
        assert {right for _, right in map(arithmetic.sides, lines)} == set(real[1:3])


@EVERY
@settings(deadline=None, max_examples=25)
@given(data=st.data(), seed=seeds, dtype=st.sampled_from(["float32", "float64"]))
def test_config_makes_an_equal_layer(layer_class, data, seed, dtype):
    case = data.draw(LAYERS[layer_class])
    layer = made(layer_class, case, dtype=dtype)
    config = layer.get_config()
    again = layer_class.from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config
    assert config["name"] == layer.name
    for name, value in case.arguments.items():
        if name in config and isinstance(value, bool | float):
            assert config[name] == value
    x = case.inputs(seed, 2)
    y = layer(x).numpy()
    again(x)
    again.set_weights(layer.get_weights())
    assert np.array_equal(again(x).numpy(), y)
    assert [(v.name, v.shape, v.trainable) for v in again.weights] == [
        (v.name, v.shape, v.trainable) for v in layer.weights
    ]


@EVERY
@settings(deadline=None, max_examples=25)
@given(
    data=st.data(), seed=seeds, dtype=st.sampled_from(["float32", "float64"]), layout=st.sampled_from(LAYOUTS)
)
def test_types_layouts_and_what_must_not_change(layer_class, data, seed, dtype, layout):
    case = data.draw(LAYERS[layer_class])
    layer = made(layer_class, case, dtype=dtype)
    plain = case.inputs(seed, 2, dtype=dtype)
    x = laid_out(plain, layout)
    y = layer(x).numpy()
    assert y.dtype == dtype
    assert np.array_equal(x, plain)
    assert all(v.dtype == dtype for v in layer.weights)
    before = layer.get_weights()
    assert np.allclose(layer(plain).numpy(), y, rtol=1e-5, atol=1e-6)
    assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))


@EVERY
@settings(deadline=None, max_examples=10)
@given(data=st.data(), seed=seeds)
def test_frozen_it_has_nothing_to_train_but_passes_gradients_on(layer_class, data, seed):
    case = data.draw(LAYERS[layer_class])
    layer = made(layer_class, case)
    layer.trainable = False
    x = Tensor(case.inputs(seed, 2, np.float32), requires_grad=True)
    y = layer(x, training=True)
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == len(layer.weights)
    if y.requires_grad:
        y.sum().backward()
        assert x.grad.shape == x.shape
    assert all(v.grad is None for v in layer.weights)


@EVERY
@settings(deadline=None, max_examples=5)
@given(data=st.data())
def test_names(layer_class, data):
    case = data.draw(LAYERS[layer_class])
    assert made(layer_class, case).name.startswith(snake_case(layer_class.__name__))
    assert made(layer_class, case, name="mine").name == "mine"
    layer = made(layer_class, case, name="mine")
    layer(np.zeros((2, *case.sample)))
    assert all(v.path == f"mine/{v.name}" for v in layer.weights if not layer._layers)
    assert math.prod((1, *layer.compute_output_shape((1, *case.sample)))) > 0
