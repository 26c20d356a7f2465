"""Layers that are watched: only for the block, and only in the thread that watches."""

import threading

import numpy as np
import pytest

from minidl.layers import Dense
from minidl.models.watching import watched


def test_calls_of_other_threads_are_not_looked_at():
    layer, x = Dense(2), np.ones((1, 3), "float32")
    expected, seen = layer(x).numpy(), []
    answers = []
    with watched([layer], lambda *call: seen.append(call)):
        other = threading.Thread(target=lambda: answers.append(layer(x).numpy()))
        other.start()
        other.join()
        assert not seen
        layer(x)
    assert [call[0] for call in seen] == [layer]
    assert np.array_equal(answers[0], expected)


def test_an_error_in_the_block_leaves_nothing_behind():
    layer, seen = Dense(2), []
    with pytest.raises(ZeroDivisionError), watched([layer], lambda *call: seen.append(call)):
        raise ZeroDivisionError
    layer(np.ones((1, 3)))
    assert not seen
    assert "call" not in vars(layer)


def test_the_beginning_of_a_call_can_be_seen_too():
    layer, moments = Dense(2), []
    with watched(
        [layer],
        lambda layer, x, y: moments.append(("after", y.shape)),
        lambda layer, x: moments.append(x.shape),
    ):
        layer(np.ones((1, 3)))
    assert moments == [(1, 3), ("after", (1, 2))]
