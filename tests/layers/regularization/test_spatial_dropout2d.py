"""SpatialDropout2D: a channel is there for the whole image, or not at all."""

import numpy as np
import pytest

from minidl.layers import SpatialDropout2D


def test_whole_channels_drop_and_the_rest_grows():
    y = SpatialDropout2D(0.25, seed=1)(np.ones((50, 3, 2, 40)), training=True).numpy()
    assert (y == y[:, :1, :1]).all()
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert (y[:, 0, 0] == 0).mean() == pytest.approx(0.25, abs=0.03)
    assert len({tuple(row) for row in y[:, 0, 0].tolist()}) == 50, "each image drops channels of its own"


def test_inference_changes_nothing():
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 2)).astype("float32")
    assert np.array_equal(SpatialDropout2D(0.9)(x).numpy(), x)


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="4-D input"):
        SpatialDropout2D(0.5)(np.zeros((2, 3, 4)))
