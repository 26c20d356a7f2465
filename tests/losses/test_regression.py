"""Losses for numbers, against loops over their equations."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import losses
from minidl.losses.regression import LogCoshFunction
from minidl.tensor import Tensor

EPSILON = 1e-7


def row_loss(name, y, p):
    """The loss of one row, in plain Python."""
    errors = [b - a for a, b in zip(y, p, strict=True)]

    def mean(values):
        return sum(values) / len(values)

    if name == "mean_squared_error":
        return mean([e * e for e in errors])
    if name == "mean_absolute_error":
        return mean([abs(e) for e in errors])
    if name == "mean_absolute_percentage_error":
        return 100 * mean([abs(e) / max(abs(a), EPSILON) for e, a in zip(errors, y, strict=True)])
    if name == "mean_squared_logarithmic_error":
        return mean(
            [
                (math.log(max(a, EPSILON) + 1) - math.log(max(b, EPSILON) + 1)) ** 2
                for a, b in zip(y, p, strict=True)
            ]
        )
    if name == "huber":
        return mean([e * e / 2 if abs(e) <= 1 else abs(e) - 0.5 for e in errors])
    if name == "log_cosh":
        return mean([math.log(math.cosh(e)) for e in errors])
    lengths = [max(math.sqrt(sum(v * v for v in vector)), EPSILON) for vector in (y, p)]
    return -sum(a * b for a, b in zip(y, p, strict=True)) / (lengths[0] * lengths[1])


NAMES = [
    "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error", "huber", "log_cosh", "cosine_similarity",
]  # fmt: skip
CLASSES = {
    "mean_squared_error": "MeanSquaredError", "mean_absolute_error": "MeanAbsoluteError",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError", "huber": "Huber", "log_cosh": "LogCosh",
    "cosine_similarity": "CosineSimilarity",
}  # fmt: skip
numbers = st.floats(-6, 6)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_function_and_class_are_the_equation(name, data):
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=3, max_side=4))
    y, p = (data.draw(hnp.arrays(np.float64, shape, elements=numbers)) for _ in "yp")
    rows = [
        row_loss(name, a.tolist(), b.tolist())
        for a, b in zip(y.reshape(-1, shape[-1]), p.reshape(-1, shape[-1]), strict=True)
    ]
    expected = np.reshape(rows, shape[:-1])
    assert np.allclose(getattr(losses, name)(y, p).numpy(), expected, rtol=1e-10, atol=1e-12)
    assert float(getattr(losses, CLASSES[name])()(y, p)) == pytest.approx(
        float(np.mean(rows)), rel=1e-10, abs=1e-12
    )


@pytest.mark.parametrize(("loss", "jump"), [(losses.huber, 1.0), (losses.log_cosh, 0.0)])
def test_the_second_derivative_of_huber_jumps_at_delta_and_that_of_log_cosh_does_not(loss, jump):
    def slope(x):
        p = Tensor(np.array([x]), requires_grad=True)
        loss(np.zeros(1), p).backward()
        return p.grad[0]

    h = 1e-4
    for at in (1.0, -1.0):
        left, right = (slope(at) - slope(at - h)) / h, (slope(at + h) - slope(at)) / h
        assert abs(left - right) == pytest.approx(jump, abs=1e-3)
        assert slope(at - h) == pytest.approx(slope(at + h), abs=1e-3)  # no corner in either


def test_targets_on_the_graph_get_their_gradient(check_gradient):
    p = np.array([[1.0, -2.0]])
    check_gradient(lambda y: losses.mean_squared_error(y, p), [[0.5, 3.0]])


@pytest.mark.parametrize(
    ("f", "y", "p", "taken"),
    [
        (losses.mean_absolute_error, 1.0, 1.0, 0),
        (losses.huber, 0.0, 0.0, 0),
        (losses.huber, 0.0, 1.0, 1),
        (losses.huber, 0.0, -1.0, -1),
        (losses.huber, 0.0, 1e30, 1),
        (losses.mean_squared_logarithmic_error, 1.0, -1.0, 0),
    ],
)
def test_slope_taken_at_a_corner(f, y, p, taken):
    leaf = Tensor(np.array([p]), requires_grad=True)
    f(np.array([y]), leaf).backward()
    assert leaf.grad == [taken]


def test_numbers_worth_remembering():
    assert float(losses.mean_absolute_percentage_error([0.0], [1.0])) == pytest.approx(1e9)
    assert float(losses.log_cosh([0.0], [1e4])) == pytest.approx(1e4 - math.log(2), rel=1e-7)
    assert float(losses.huber([0.0], [10.0], delta=2.0)) == 18
    assert float(losses.cosine_similarity([1.0, 2.0], [-1.0, -2.0])) == pytest.approx(1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_cosh_keeps_its_digits(dtype):
    x = np.array([1e-4, -1e-3, 0.5, -0.999, 1.0, -30.0, 1e38], dtype)
    with np.errstate(over="ignore"):
        x_wide = x.astype(np.float64)
        expected = np.where(
            np.abs(x_wide) < 1e-2, x_wide**2 / 2 - x_wide**4 / 12, np.logaddexp(x_wide, -x_wide) - math.log(2)
        )
    y = LogCoshFunction.forward(x)[0]
    assert y.dtype == dtype
    assert np.allclose(y, expected, rtol=1e-6 if dtype == np.float32 else 1e-12, atol=0)


def test_huge_errors_stay_finite():
    p = np.array([[1e30], [-1e4]], np.float32)
    for f in (losses.huber, losses.log_cosh, losses.mean_absolute_error):
        assert np.isfinite(f(np.zeros((2, 1)), p).numpy()).all()


def test_axis_of_cosine_similarity():
    y, p = np.eye(3), np.ones((3, 3))
    assert np.allclose(losses.CosineSimilarity(axis=0, reduction=None)(y, p).numpy(), -1 / math.sqrt(3))


def test_arguments_are_checked():
    for delta in (0, -1, math.nan):
        with pytest.raises(ValueError, match="delta"):
            losses.Huber(delta=delta)
        with pytest.raises(ValueError, match="delta"):
            losses.huber([0.0], [0.0], delta=delta)
    with pytest.raises(TypeError, match="axis"):
        losses.CosineSimilarity(axis=0.5)


@pytest.mark.oracle
@pytest.mark.parametrize("name", NAMES)
def test_torch_agrees(name):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=(20, 5)) * 2, rng.normal(size=(20, 5)) * 2
    f = torch.nn.functional
    theirs = {
        "mean_squared_error": lambda y, p: f.mse_loss(p, y),
        "mean_absolute_error": lambda y, p: f.l1_loss(p, y),
        "mean_absolute_percentage_error": lambda y, p: 100 * ((y - p) / y.abs().clamp(min=EPSILON)).abs().mean(),
        "mean_squared_logarithmic_error": lambda y, p: f.mse_loss(
            p.clamp(min=EPSILON).log1p(), y.clamp(min=EPSILON).log1p()
        ),
        "huber": lambda y, p: f.huber_loss(p, y),
        "log_cosh": lambda y, p: torch.log(torch.cosh(p - y)).mean(),
        "cosine_similarity": lambda y, p: -f.cosine_similarity(y, p).mean(),
    }[name]  # fmt: skip
    t = torch.tensor(p, requires_grad=True)
    expected = theirs(torch.tensor(y), t)
    expected.backward()
    leaf = Tensor(p, requires_grad=True)
    loss = getattr(losses, CLASSES[name])()(y, leaf)
    loss.backward()
    assert float(loss) == pytest.approx(expected.item(), rel=1e-9)
    assert np.allclose(leaf.grad, t.grad.numpy(), rtol=1e-9, atol=1e-12)
