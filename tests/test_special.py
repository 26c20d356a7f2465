"""The error functions, against the C library's."""

import math

import numpy as np
import pytest

from minidl.special import erf, erfc

# Both sides of every seam, both tails, and a fine grid between.
POINTS = np.concatenate(
    [
        np.linspace(-6, 6, 2401),
        [
            0.46875,
            np.nextafter(0.46875, 1),
            -0.46875,
            4.0,
            np.nextafter(4.0, 5),
            -4.0,
            1e-300,
            -1e-10,
            15.1,
            20.3,
            26.03,
        ],
    ]
)


@pytest.mark.parametrize(("function", "oracle"), [(erf, math.erf), (erfc, math.erfc)])
def test_every_digit_in_float64(function, oracle):
    expected = np.array([oracle(x) for x in POINTS])
    assert np.allclose(function(POINTS), expected, rtol=2e-15, atol=0)


@pytest.mark.parametrize(("function", "oracle"), [(erf, math.erf), (erfc, math.erfc)])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-6), (np.float16, 2e-3)])
def test_smaller_floats_keep_their_type(function, oracle, dtype, rtol):
    x = np.linspace(-2.5, 2.5, 301).astype(dtype)
    y = function(x)
    assert y.dtype == dtype
    assert np.allclose(y.astype(float), [oracle(float(v)) for v in x], rtol=rtol, atol=0)


def test_far_away_without_a_warning():
    far = np.array([-np.inf, -1e300, -1e4, 1e4, 1e300, np.inf, np.nan])
    assert np.array_equal(erf(far), [-1, -1, -1, 1, 1, 1, np.nan], equal_nan=True)
    assert np.array_equal(erfc(far), [2, 2, 2, 0, 0, 0, np.nan], equal_nan=True)


def test_any_shape_layout_and_number():
    x = np.linspace(-2, 2, 24).reshape(2, 3, 4)
    assert np.array_equal(erf(x.transpose(2, 0, 1)), erf(x).transpose(2, 0, 1))
    assert np.array_equal(erfc(x[:, ::-2]), erfc(x)[:, ::-2])
    assert erf(np.zeros((0, 3))).shape == (0, 3)
    assert float(erf(1)) == float(erf(1.0)) == pytest.approx(math.erf(1))


@pytest.mark.parametrize(("function", "sign"), [(erf, 1), (erfc, -1)])
def test_complex_step_gives_the_slope(function, sign):
    x, h = np.linspace(-5, 5, 101), 1e-30
    slope = function(x + 1j * h).imag / h
    assert np.allclose(slope, sign * 2 / math.sqrt(math.pi) * np.exp(-(x**2)), rtol=1e-13, atol=0)
