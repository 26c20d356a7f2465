"""The errors of a gradient check element by element, and their picture."""

import io

import numpy as np
import pytest

import minidl
from minidl import layers
from minidl.tensor import Function

pytest.importorskip("matplotlib")

from minidl.inspect.pictures.gradcheck import plot_gradcheck

RNG = np.random.default_rng(0)


def product(wrong):
    """x @ w, whose backward multiplies dw by `wrong`, an array of its shape."""

    class Product(Function):
        @staticmethod
        def forward(x, w):
            return x @ w, (x, w)

        @staticmethod
        def backward(dy, cache):
            x, w = cache
            return dy @ w.T, (x.T @ dy) * wrong

    return Product.apply


def check(*arguments, **options):
    return minidl.gradcheck(*arguments, raise_on_failure=False, **options)


def maps(figure):
    """The values of the heat maps."""
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def test_errors_by_element_are_those_of_the_backward():
    wrong = np.ones((4, 3))
    wrong[2, 1], wrong[0, 0] = 1.001, 0.5
    x, w = RNG.random((5, 4)), RNG.random((4, 3))
    report = check(product(wrong), x, w)
    row = report.rows[1]
    assert row.errors.shape == (4, 3)
    assert np.argwhere(row.errors > 1e-7).tolist() == [[0, 0], [2, 1]]
    largest = (
        x.max()
    )  # of all slopes d y[n, u] / d w[i, u] = x[n, i]; backward has them too but for the wrong ones
    np.testing.assert_allclose(row.errors[2, 1], 0.001 * x[:, 2].max() / largest, rtol=1e-6)
    assert row.errors.max() == pytest.approx(row.relative_error)
    assert np.unravel_index(row.errors.argmax(), (4, 3)) == row.index


@pytest.mark.parametrize(
    "layer", [layers.Dense(3), layers.LSTM(2), layers.LayerNormalization()], ids=lambda x: x.name
)
def test_every_element_of_a_right_layer_is_checked(layer):
    report = check(layer, RNG.random((2, 3, 4)))
    for row in report.rows:
        assert row.errors.shape == row.shape
        assert np.isfinite(row.errors).all()
        assert row.errors.max() < 1e-7


def test_what_was_not_checked_by_itself_is_nan():
    report = check(layers.Dense(30), RNG.random((2, 20)), max_elements=50)
    kernel = next(row for row in report.rows if row.name.endswith("kernel"))
    assert np.isfinite(kernel.errors).sum() == 50
    rest = next(row for row in report.rows if row.name.endswith("the rest"))
    assert rest.errors is None


def test_the_picture_shows_these_errors_and_marks_the_wrong_ones():
    wrong = np.ones((4, 3))
    wrong[2, 1] = 1.001
    report = check(product(wrong), RNG.random((5, 4)), RNG.random((4, 3)))
    figure = plot_gradcheck(report)
    for shown, row in zip(maps(figure), report.rows, strict=True):
        np.testing.assert_allclose(shown, np.clip(row.errors, 1e-16, 1))
    right, false = figure.axes[:2]
    assert "is right" in right.get_title()
    assert not right.lines
    assert "is WRONG" in false.get_title()
    assert false.lines[0].get_xydata().tolist() == [[1, 2]]


def test_shapes_are_written_as_shapes():
    figure = plot_gradcheck(check(lambda x, y, z: x * y * z, RNG.random((2, 3)), RNG.random(3), 2.0))
    said = [axes.get_title().split("\n")[-1] for axes in figure.axes[:3]]
    assert said == ["(2, 3)", "(3,)", "one number"]


def test_any_number_of_axes():
    report = check(layers.Conv2D(2, 2), RNG.random((1, 4, 4, 3)))
    shapes = [image.shape for image in maps(plot_gradcheck(report))]
    assert shapes == [(2 * 2 * 3, 2), (1, 2), (1 * 4 * 4, 3)]
    long = maps(plot_gradcheck(check(lambda x: x * 2, RNG.random(130))))[0]
    assert long.shape == (3, 64)
    assert np.ma.count_masked(np.ma.masked_invalid(long)) == 3 * 64 - 130
    assert maps(plot_gradcheck(check(lambda x: x * 2, 3.0)))[0].shape == (1, 1)


def test_it_can_be_written_as_an_image(monkeypatch):
    monkeypatch.setenv("MINIDL_LANG", "ko")
    file = io.BytesIO()
    plot_gradcheck(check(layers.GRU(2), RNG.random((2, 3, 2)))).savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")


def at_a_kink(slope):
    """|x[0] − x₀| + 0·x[1], with the kink wherever x is moved to, and a backward that gives `slope` for x[0]."""
    where = []

    class Kink(Function):
        @staticmethod
        def forward(x):
            if not where or abs(x[0] - where[-1]) > 0.005:
                where.append(x[0])
            return np.abs(x - where[-1])[:1] + 0 * x[1:], None

        @staticmethod
        def backward(dy, cache):
            return (np.concatenate([dy * slope, 0 * dy]),)

    return check(Kink.apply, [1.0, 2.0])


@pytest.mark.parametrize("slope", [0.0, -0.99, 1.0, 1.01, -3.0])
def test_at_a_kink_only_what_lies_beyond_both_sides_is_an_error(slope):
    row = at_a_kink(slope).rows[0]
    assert row.errors[1] < 1e-7
    beyond = abs(slope) - 1
    expected = (
        beyond / abs(slope) if beyond > 0 else np.nan
    )  # as a part of the largest slope, that of backward
    np.testing.assert_allclose(row.errors[0], expected, rtol=1e-6)


@pytest.mark.parametrize("wrong", [None, "report", np.ones(3)])
def test_only_reports(wrong):
    with pytest.raises(TypeError, match="plot_gradcheck expects the report"):
        plot_gradcheck(wrong)


def test_nothing_to_show():
    report = check(lambda x: x[:0], np.ones(3))
    with pytest.raises(ValueError, match="no element"):
        plot_gradcheck(report)
