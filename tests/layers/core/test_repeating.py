"""RepeatVector: where each number goes."""

import numpy as np
import pytest

from minidl.layers import RepeatVector


def test_repeat():
    assert RepeatVector(2)([[1.0, 2.0], [3.0, 4.0]]).numpy().tolist() == [[[1, 2]] * 2, [[3, 4]] * 2]


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="RepeatVector expects n to be a whole number >= 1"):
        RepeatVector(0)
    with pytest.raises(ValueError, match="2-D input"):
        RepeatVector(2)(np.zeros((2, 3, 4)))
