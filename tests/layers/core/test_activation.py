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


def test_the_old_name_of_the_slope():
    layer = LeakyReLU(alpha=0.1)
    assert layer.negative_slope == 0.1
    assert "alpha" not in layer.get_config()
    with pytest.raises(ValueError, match="negative_slope"):
        LeakyReLU(alpha=-1)


@pytest.mark.parametrize("axis", [(1, 2), [-1, 0], (2,)])
def test_softmax_over_several_axes(axis):
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    e = np.exp(x)
    layer = Softmax(axis, dtype="float64")
    assert np.allclose(layer(x).numpy(), e / e.sum(axis=tuple(axis), keepdims=True), rtol=1e-12)
    assert gradcheck(layer, x)
    again = Softmax.from_config(layer.get_config())
    assert np.array_equal(again(x).numpy(), layer(x).numpy())
    assert layer(np.zeros((0, 3, 4))).shape == (0, 3, 4) or 0 in [a % 3 for a in axis]


def test_softmax_refuses_axes_that_are_not_there():
    for axis in ((0, 5), (1, -1)):
        with pytest.raises(ValueError, match="different axes of an input of rank 2"):
            Softmax(axis)(np.ones((2, 2)))
    with pytest.raises(ValueError, match="at least one axis"):
        Softmax(())


def test_softmax_with_a_mask():
    mask = np.array([[True, False, True], [False, False, False]])
    y = Softmax()([[1.0, 50.0, 1.0], [2.0, 2.0, 2.0]], mask=mask).numpy()
    assert np.allclose(y, [[0.5, 0, 0.5], [1 / 3, 1 / 3, 1 / 3]])
