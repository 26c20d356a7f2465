"""RepeatVector and Permute: where each number goes."""

import numpy as np
import pytest

from minidl.layers import Permute, RepeatVector


def test_repeat():
    assert RepeatVector(2)([[1.0, 2.0], [3.0, 4.0]]).numpy().tolist() == [[[1, 2]] * 2, [[3, 4]] * 2]


def test_permute():
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    y = Permute((3, 1, 2))(x).numpy()
    assert y.shape == (1, 4, 2, 3)
    assert all(y[0, c, a, b] == x[0, a, b, c] for a in range(2) for b in range(3) for c in range(4))


@pytest.mark.parametrize("dims", [(1, 1), (0, 1), (2,), (), (1, 3)])
def test_dims_name_each_axis_once(dims):
    with pytest.raises(ValueError, match="Permute expects"):
        Permute(dims)


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="RepeatVector expects n to be a whole number >= 1"):
        RepeatVector(0)
    with pytest.raises(TypeError, match="Permute expects dims to be a tuple"):
        Permute("21")
    with pytest.raises(ValueError, match="3-D input"):
        Permute((2, 1))(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="2-D input"):
        RepeatVector(2)(np.zeros((2, 3, 4)))
