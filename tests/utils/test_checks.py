"""Range checks: what passes, what does not, and with which message."""

import numpy as np
import pytest

from minidl.utils.checks import number, sizes, whole_number


@pytest.mark.parametrize("value", [0, 7, np.int64(7), np.uint8(7)])
def test_whole_numbers_pass_as_int(value):
    assert whole_number("X", "n", value, 0, 7) == value
    assert type(whole_number("X", "n", value)) is int


@pytest.mark.parametrize("value", [True, np.bool_(True), 2.0, "2", None, [2], np.float32(2)])
def test_what_is_no_whole_number(value):
    with pytest.raises(TypeError, match="X expects n to be a whole number >= 0, got"):
        whole_number("X", "n", value, minimum=0)


@pytest.mark.parametrize(("value", "text"), [(-1, "got -1"), (8, "got 8"), (10**400, "got 1000")])
def test_whole_numbers_out_of_bounds(value, text):
    with pytest.raises(ValueError, match=f"X expects n to be a whole number >= 0 and <= 7, {text}") as caught:
        whole_number("X", "n", value, 0, 7)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.5), np.int8(0)])
def test_numbers_pass_as_float(value):
    assert number("X", "rate", value, minimum=0, below=1) == value
    assert type(number("X", "rate", value)) is float


@pytest.mark.parametrize("value", [True, "0.1", None, 1j, [0.1]])
def test_what_is_no_number(value):
    with pytest.raises(TypeError, match="X expects rate to be a number > 0, got"):
        number("X", "rate", value, above=0)


@pytest.mark.parametrize(
    ("value", "bounds", "text"),
    [
        (-0.1, {"minimum": 0}, "a number >= 0, got -0.1"),
        (0, {"above": 0}, "a number > 0, got 0"),
        (1.1, {"minimum": 0, "maximum": 1}, "a number >= 0 and <= 1, got 1.1"),
        (1, {"minimum": 0, "below": 1}, "a number >= 0 and < 1, got 1"),
        (float("nan"), {}, "a number that is finite, got nan"),
        (float("inf"), {"minimum": 0}, "got inf"),
    ],
)
def test_numbers_out_of_bounds(value, bounds, text):
    with pytest.raises(ValueError, match=text):
        number("X", "rate", value, **bounds)


@pytest.mark.parametrize(
    ("shape", "expected"), [((), ()), (3, (3,)), ([2, 0], (2, 0)), (np.int64(4), (4,)), ((np.int8(1),), (1,))]
)
def test_sizes(shape, expected):
    assert sizes("X", shape) == expected


@pytest.mark.parametrize("shape", [None, (2, None), (-1,), (1.0,), "ab", 2.5])
def test_what_is_no_shape(shape):
    with pytest.raises((TypeError, ValueError), match="X expects every entry of shape to be a whole number"):
        sizes("X", shape)
