"""Masking: which steps it rules out, and what becomes of their numbers."""

import numpy as np
import pytest

from minidl import Tensor
from minidl.layers import Masking


def test_a_step_is_masked_when_all_its_features_equal_the_value():
    x = [[[1.0, 2.0], [9.0, 2.0], [9.0, 9.0]], [[9.0, 9.0], [9.0, 9.0], [0.0, 0.0]]]
    y = Masking(9)(x)
    assert y.mask.tolist() == [[True, True, False], [False, False, True]]
    assert y.numpy().tolist() == [[[1, 2], [9, 2], [0, 0]], [[0, 0], [0, 0], [0, 0]]]


def test_a_step_ruled_out_before_stays_so():
    y = Masking(5.0)(Masking(0.0)([[[0.0], [1.0], [5.0]]]))
    assert y.mask.tolist() == [[False, True, False]]


def test_masked_steps_have_no_gradient_and_nan_does_not_spread():
    x = Tensor(np.array([[[0.0, 0.0], [np.nan, 1.0]]]), requires_grad=True)
    y = Masking(dtype="float64")(x)
    y.backward(gradient=np.ones((1, 2, 2)))
    assert x.grad.tolist() == [[[0, 0], [1, 1]]]


def test_a_value_that_float32_rounds_is_found():
    assert Masking(0.1)(np.full((1, 1, 2), 0.1)).mask.tolist() == [[False]]


def test_more_axes_than_three():
    assert Masking()(np.zeros((2, 3, 4, 5))).mask.shape == (2, 3, 4)


def test_the_value_is_a_number():
    with pytest.raises(TypeError, match="Masking expects mask_value to be a number"):
        Masking("none")
