"""Identity: what goes in comes out, with its mask."""

import numpy as np

from minidl import Tensor
from minidl.layers import Identity, Masking
from minidl.symbolic import SymbolicTensor


def test_one_and_several():
    x = Tensor(np.ones((2, 3), np.float32))
    assert Identity()(x) is x
    again, other = Identity()([x, np.zeros((2, 4))])
    assert again is x
    assert other.shape == (2, 4)
    assert Identity().compute_output_shape([(None, 3), (None, 4)]) == [(None, 3), (None, 4)]
    shapes = [y.shape for y in Identity()([SymbolicTensor((None, 3)), SymbolicTensor((None, 4))])]
    assert shapes == [(None, 3), (None, 4)]


def test_masks_stay():
    masked = Masking()([[[1.0], [0.0]]])
    assert np.array_equal(Identity()(masked).mask, [[True, False]])
    one, other = Identity()([masked, np.zeros((1, 2, 1))])
    assert np.array_equal(one.mask, [[True, False]])
    assert other.mask is None
