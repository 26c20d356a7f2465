"""Padding arithmetic: against a search for the smallest border, and against numbers worked out elsewhere."""

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl.layers import Dense
from minidl.layers.convolutional import windows

sizes = st.integers(1, 20)
few = st.integers(1, 6)
paddings = st.sampled_from(["valid", "same", "causal"])


@settings(deadline=None, max_examples=500)
@given(n=sizes, window=few, stride=few, padding=paddings, dilation=st.integers(1, 4))
def test_border_and_length_agree_with_a_search(n, window, stride, padding, dilation):
    wanted = oracles.border(n, window, stride, padding, dilation)
    assert windows.border(n, window, stride, padding, dilation) == wanted
    starts = oracles.starts(n, window, stride, padding, dilation)
    assert max(windows.output_length(n, window, stride, padding, dilation), 0) == len(starts)
    if starts:
        (length,) = windows.output_shape([n], [window], [stride], (wanted,), [dilation])
        assert length == len(starts)


@pytest.mark.parametrize(
    ("options", "sums"),
    [  # a window of ones over 1..7
        ({"window": 2, "stride": 1}, [3, 5, 7, 9, 11, 13, 7]),
        ({"window": 4, "stride": 1}, [6, 10, 14, 18, 22, 18, 13]),
        ({"window": 3, "stride": 2}, [3, 9, 15, 13]),
        ({"window": 2, "stride": 3}, [3, 9, 7]),
        ({"window": 3, "stride": 3}, [3, 12, 13]),
        ({"window": 3, "stride": 1, "padding": "causal", "dilation": 2}, [1, 2, 4, 6, 9, 12, 15]),
    ],
)
def test_sums_of_windows_as_keras(options, sums):
    x = np.arange(1.0, 8.0).reshape(1, 7, 1)
    options = {"padding": "same", "dilation": 1, **options}
    k, s, r = options["window"], options["stride"], options["dilation"]
    border = (windows.border(7, k, s, options["padding"], r),)
    padded = windows.pad(x, border)
    out = windows.output_shape([7], [k], [s], border, [r])
    taps = [windows.tap(padded, [cell], out, [s], [r]) for cell in range(k)]
    assert sum(taps).ravel().tolist() == sums


@settings(deadline=None, max_examples=200)
@given(
    n=sizes,
    cell=st.integers(0, 5),
    stride=few,
    dilation=st.integers(1, 3),
    out=few,
)
def test_tap_is_a_view_of_the_cells_that_a_loop_visits(n, cell, stride, dilation, out):
    needed = cell * dilation + (out - 1) * stride + 1
    x = np.arange(float(n + needed))[None, :, None]
    tapped = windows.tap(x, [cell], [out], [stride], [dilation])
    assert tapped.ravel().tolist() == [cell * dilation + o * stride for o in range(out)]
    assert np.shares_memory(tapped, x)


@settings(deadline=None, max_examples=100)
@given(
    border=st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2),
    h=few,
    w=few,
    batch=st.integers(0, 2),
)
def test_crop_undoes_pad(border, h, w, batch):
    x = np.arange(float(batch * h * w * 2)).reshape(batch, h, w, 2)
    padded = windows.pad(x, border, value=-9.0)
    assert padded.shape == (batch, h + sum(border[0]), w + sum(border[1]), 2)
    assert np.array_equal(windows.crop(padded, border), x)
    assert np.sum(padded == -9) == padded.size - x.size
    if border == ((0, 0), (0, 0)):
        assert padded is x


def test_a_window_that_does_not_fit():
    layer = Dense(1, name="any")
    with pytest.raises(
        ValueError, match=r"any \(Dense\) .* spans \(5, 2\) cells, more than .*\(4, 9\).*padding='same'"
    ):
        windows.fitting_windows(layer, (None, 4, 9, 1), (5, 2), (1, 1), "valid", (1, 1))
    with pytest.raises(ValueError, match=r"spans \(1, 5\) cells"):  # three cells, 2 apart, span 5
        windows.fitting_windows(layer, (None, None, 4, 1), (1, 3), (1, 1), "valid", (1, 2))
    unknown = windows.fitting_windows(layer, (None, None, 4, 1), (9, 3), (1, 1), "valid", (1, 1))
    assert unknown == (None, 2)


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (((28, 28), (3, 3), (1, 1), "valid", (1, 1)), ["(28 − 3 + 2·0)/1 + 1 = 26"]),
        (((28, 28), (3, 3), (2, 2), "valid", (1, 1)), ["⌊(28 − 3 + 2·0)/2⌋ + 1 = 13"]),
        (((9, 9), (3, 3), (1, 1), "valid", (2, 2)), ["(9 − ((3 − 1)·2 + 1) + 2·0)/1 + 1 = 5"]),
        (((28, 13), (3, 3), (2, 2), "same", (1, 1)), ["⌈28/2⌉ = 14", "⌈13/2⌉ = 7"]),
        (((None, 13), (3, 3), (2, 2), "same", (1, 1)), ["⌈13/2⌉ = 7"]),
    ],
)
def test_formulas(arguments, lines):
    assert windows.window_formulas(*arguments) == lines
