"""Activation layers: the functions of `minidl.activations` under Keras's defaults."""

import numpy as np
import pytest
from strategies import normal

from minidl import activations
from minidl.gradcheck import gradcheck
from minidl.layers import ELU, Activation, LeakyReLU, ReLU, Softmax


def row(layer, *values):
    return layer(np.array([values], np.float64)).numpy()[0].tolist()


def test_activation_by_name_function_and_none():
    assert row(Activation("relu"), -1, 2) == [0, 2]
    assert row(Activation(activations.relu), -1, 2) == [0, 2]
    assert row(Activation(None), -1, 2) == [-1, 2]
    assert row(Activation(lambda x: x * 2), -1, 2) == [-2, 4]
    with pytest.raises(ValueError, match=r"Unknown activation 'reul'\. Did you mean 'relu'"):
        Activation("reul")


def test_relu_follows_its_three_pieces():
    layer = ReLU(max_value=6.0, negative_slope=0.5, threshold=1.0, dtype="float64")
    assert row(layer, -3, 0, 1, 5, 6, 9) == [-2, -0.5, 1, 5, 6, 6]
    assert row(ReLU(), -3, 0, 3) == [0, 0, 3]
    assert row(ReLU(max_value=0), -3, 3) == [0, 0]


def test_slopes_and_curves_by_default():
    assert row(LeakyReLU(dtype="float64"), -1, 2) == [-0.3, 2]
    assert row(LeakyReLU(0.1, dtype="float64"), -1, 2) == [-0.1, 2]
    assert row(ELU(dtype="float64"), -1, 2) == pytest.approx([np.exp(-1) - 1, 2])
    assert row(ELU(alpha=2.0, dtype="float64"), -1, 2) == pytest.approx([2 * np.exp(-1) - 2, 2])


def test_softmax_along_an_axis():
    (x,) = normal(0, (2, 3, 4))
    assert np.allclose(Softmax()(x).numpy().sum(axis=-1), 1)
    y = Softmax(axis=1, dtype="float64")(x).numpy()
    assert np.allclose(y, np.exp(x) / np.exp(x).sum(axis=1, keepdims=True))
    with pytest.raises(ValueError, match=r"axis 3 .* shape \(2, 3, 4\)"):
        Softmax(axis=3)(x)


@pytest.mark.parametrize(
    "layer", [Activation("tanh"), ReLU(2.0, 0.1, 0.5), LeakyReLU(), ELU(0.7), Softmax(), Softmax(1)], ids=repr
)
def test_gradients(layer):
    gradcheck(layer, *normal(0, (2, 3, 4)))


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda v: ReLU(max_value=v), "max_value"),
        (lambda v: ReLU(negative_slope=v), "negative_slope"),
        (lambda v: ReLU(threshold=v), "threshold"),
        (lambda v: LeakyReLU(v), "negative_slope"),
        (lambda v: ELU(v), "alpha"),
    ],
)
def test_arguments_out_of_range(make, argument):
    for value, error in ((-1, ValueError), (float("nan"), ValueError), ("1", TypeError), (True, TypeError)):
        with pytest.raises(error, match=f"expects {argument} to be a number >= 0, got"):
            make(value)


def test_several_inputs_are_refused():
    with pytest.raises(ValueError, match="expects one input, got a list of 2"):
        ReLU()([np.ones((1, 2)), np.ones((1, 2))])
