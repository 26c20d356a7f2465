"""PReLU: slopes by hand, what shares one, and learning them."""

import numpy as np
import pytest

import minidl
from minidl import Tensor
from minidl.gradcheck import gradcheck
from minidl.layers import Input, PReLU
from minidl.symbolic import SymbolicTensor


def test_by_hand():
    layer = PReLU(dtype="float64")
    x = Tensor([[-2.0, 3.0, 0.0], [-4.0, -1.0, 5.0]], requires_grad=True)
    layer.build((None, 3))
    layer.set_weights([np.array([0.5, 2.0, -1.0])])
    y = layer(x)
    assert np.array_equal(y.numpy(), [[-1, 3, 0], [-2, -2, 5]])
    y.backward(gradient=np.array([[1.0, 1, 1], [10, 10, 10]]))
    assert np.array_equal(x.grad, [[0.5, 1, 0], [5, 20, 10]])
    assert np.array_equal(layer.alpha.grad, [-42, -10, 0])


@pytest.mark.parametrize(
    ("shared", "shape", "formula"),
    [
        (None, (4, 5, 2), "4·5·2"),
        ([], (4, 5, 2), "4·5·2"),
        (1, (1, 5, 2), "1·5·2"),
        ([1, 2], (1, 1, 2), "1·1·2"),
        ([3, 1, 2], (1, 1, 1), "1·1·1"),
    ],
)
def test_who_shares_a_slope(shared, shape, formula):
    layer = PReLU("random_normal", shared_axes=shared)
    (x,) = (np.random.default_rng(0).normal(size=(3, 4, 5, 2)),)
    y = layer(x).numpy()
    assert layer.alpha.shape == shape
    assert layer.parameter_formula() == formula
    assert np.allclose(y, np.where(x > 0, x, layer.alpha.data * x), atol=1e-6)
    gradcheck(layer, x)


def test_sizes_that_may_vary_if_shared():
    layer = PReLU(shared_axes=[1])
    assert layer(SymbolicTensor((None, None, 3))).shape == (None, None, 3)
    assert layer(np.zeros((2, 7, 3))).shape == (2, 7, 3)
    assert layer(np.zeros((2, 9, 3))).shape == (2, 9, 3)


@pytest.mark.parametrize(
    ("shared", "shape", "words"),
    [
        (None, (None, None, 3), "size of axis 1 .* Put 1 into shared_axes"),
        ([1], (None, 4, None), "size of axis 2"),
        ([2], (None, 4), r"axes from 1 to 1 of an input of shape \(None, 4\), got \[2\]"),
        (None, (None,), "at least 2 axes"),
    ],
)
def test_what_does_not_fit(shared, shape, words):
    layer = PReLU(shared_axes=shared, name="p")
    with pytest.raises(ValueError, match=r"p \(PReLU\) .*" + words) as caught:
        layer(SymbolicTensor(shape))
    assert len(str(caught.value)) < 400
    assert layer.weights == []


@pytest.mark.parametrize(
    ("shared", "error"),
    [(0, ValueError), ([1, -1], ValueError), ([1.0], TypeError), ("1", TypeError), (True, TypeError)],
)
def test_axes_that_are_none(shared, error):
    with pytest.raises(
        error, match=r"^PReLU expects every entry of shared_axes to be a whole number >= 1, got"
    ):
        PReLU(shared_axes=shared)


def test_other_sizes_than_it_was_built_for():
    layer = PReLU()
    layer(np.zeros((1, 3, 4)))
    for shape in ((1, 3, 5), (1, 1, 4), (1, 4), (1, 3, 4, 1)):
        with pytest.raises(ValueError, match="PReLU"):
            layer(np.zeros(shape))


def test_it_learns_the_slope_of_the_data():
    x = np.random.default_rng(1).normal(size=(64, 1)).astype("float32")
    model = minidl.Sequential([Input((1,)), PReLU()])
    model.compile(minidl.optimizers.Adam(0.1), "mse")
    model.fit(x, np.where(x > 0, x, 0.3 * x), epochs=60, verbose=0)
    assert model.get_weights()[0][0] == pytest.approx(0.3, abs=0.01)
