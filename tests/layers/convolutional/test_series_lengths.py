"""ZeroPadding1D, Cropping1D and UpSampling1D: series made longer or shorter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import normal

from minidl import Tensor
from minidl.layers import Cropping1D, UpSampling1D, ZeroPadding1D
from minidl.symbolic import SymbolicTensor

few = st.integers(0, 3)


def row(layer, values):
    return layer(np.array(values, float).reshape(1, -1, 1)).numpy().ravel().tolist()


def test_numbers():
    assert row(ZeroPadding1D(), [1, 2]) == [0, 1, 2, 0]
    assert row(ZeroPadding1D((0, 2)), [1, 2]) == [1, 2, 0, 0]
    assert row(Cropping1D(), [1, 2, 3, 4]) == [2, 3]
    assert row(Cropping1D((2, 0)), [1, 2, 3, 4]) == [3, 4]
    assert row(Cropping1D(0), [1, 2]) == [1, 2]
    assert row(UpSampling1D(), [1, 2]) == [1, 1, 2, 2]


@settings(deadline=None, max_examples=20)
@given(before=few, after=few)
def test_cropping_undoes_padding(before, after):
    (x,) = normal(0, (2, 3, 2), dtype="float32")
    padded = ZeroPadding1D((before, after))(x)
    assert padded.shape == (2, 3 + before + after, 2)
    assert np.array_equal(Cropping1D((before, after))(padded).numpy(), x)


def test_the_gradient_of_a_step_is_the_sum_over_its_copies():
    x = Tensor(np.zeros((1, 2, 1)), requires_grad=True)
    UpSampling1D(3, dtype="float64")(x).backward(gradient=np.arange(6.0).reshape(1, 6, 1))
    assert x.grad.ravel().tolist() == [3, 12]


def test_formulas_and_unknown_lengths():
    for layer, line in (
        (ZeroPadding1D((1, 2)), "4 + 1 + 2 = 7"),
        (Cropping1D((1, 2)), "4 − 1 − 2 = 1"),
        (UpSampling1D(3), "4·3 = 12"),
    ):
        assert layer(SymbolicTensor((None, None, 2))).shape == (None, None, 2)
        assert layer.shape_formulas() == []
        again = type(layer).from_config(layer.get_config())
        again(np.zeros((1, 4, 2)))
        again(SymbolicTensor((None, 4, 2)))
        assert again.shape_formulas() == [line]


def test_mistakes():
    with pytest.raises(ValueError, match=r"takes 2 \+ 2 time steps away and nothing is left of 4"):
        Cropping1D(2)(np.zeros((1, 4, 1)))
    with pytest.raises(ValueError, match="ZeroPadding1D expects padding"):
        ZeroPadding1D((1, 2, 3))
    with pytest.raises(ValueError, match="Cropping1D expects cropping"):
        Cropping1D(-1)
    with pytest.raises(ValueError, match="UpSampling1D expects size"):
        UpSampling1D(0)
