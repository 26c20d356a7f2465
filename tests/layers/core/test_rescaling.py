"""Rescaling: one number or one for each channel, and configs that arrays survive."""

import json

import numpy as np
import pytest

from minidl.gradcheck import gradcheck
from minidl.layers import Rescaling
from minidl.symbolic import SymbolicTensor

PIXELS = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)


@pytest.mark.parametrize(
    ("scale", "offset"),
    [(1 / 255, 0), (2, -1.5), ([1, 2, 3], 0.5), (np.array([0.5, 1, 2]), (1, 2, 3)), (1, np.ones((4, 1)))],
)
def test_pixels(scale, offset):
    layer = Rescaling(scale, offset)
    y = layer(PIXELS)
    assert y.dtype == np.float32
    assert np.allclose(y.numpy(), PIXELS * np.asarray(scale) + np.asarray(offset), atol=1e-5)
    assert layer.weights == []
    again = Rescaling.from_config(json.loads(json.dumps(layer.get_config())))
    assert np.array_equal(again(PIXELS).numpy(), y.numpy())
    gradcheck(layer, PIXELS.astype(float))


def test_an_array_as_keras_describes_it():
    scale = {"class_name": "__numpy__", "config": {"value": [1.0, 2.0, 3.0], "dtype": "float64"}}
    layer = Rescaling.from_config({"scale": scale, "offset": 0.0})
    assert np.array_equal(layer(PIXELS).numpy(), PIXELS * [1, 2, 3])


@pytest.mark.parametrize(
    ("scale", "shape"), [([1, 2], (None, 3)), ([[1], [2]], (2,)), ([1, 2], (None, 2, 1))]
)
def test_numbers_that_do_not_broadcast(scale, shape):
    for layer in (Rescaling(scale, name="r"), Rescaling(1, scale, name="r")):
        for call in (
            lambda layer=layer: layer(SymbolicTensor(shape)),
            lambda layer=layer: layer(np.zeros([5 if n is None else n for n in shape])),
        ):
            with pytest.raises(
                ValueError, match=r"r \(Rescaling\) expects (scale|offset), of shape .* to broadcast"
            ):
                call()
    assert Rescaling([1, 2])(SymbolicTensor((None, None))).shape == (None, None)
