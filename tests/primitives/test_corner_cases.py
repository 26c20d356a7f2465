"""What the primitives do at kinks, at ties, with nothing to work on, and where float32 would lose digits."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minidl import primitives
from minidl.gradcheck import gradcheck
from minidl.tensor import Tensor, no_grad


def slope(function: Callable[[Tensor], Any], x: Any) -> np.ndarray:
    """The gradient of the sum of function(x)."""
    t = Tensor(np.array(x, dtype=float), requires_grad=True)
    np.sum(function(t)).backward()
    assert t.grad is not None
    return t.grad


# --- kinks that the table of tests/gradients/kinks.py does not hold -------------------------------------


@pytest.mark.parametrize(
    ("function", "x", "wanted"),
    [
        (primitives.elementwise.Root.apply, [0.0, 4.0], [0, 0.25]),
        (np.sign, [1.0], None),
        (lambda x: x**0, [0.0, 2.0, 1e300], [0, 0, 0]),
        (lambda x: x**1, [0.0, 2.0], [1, 1]),
        (lambda x: x**2, [0.0, -2.0], [0, -4]),
        (lambda x: x**-1, [-2.0], [-0.25]),
        (lambda x: np.power(x, [0.0, 1.0, 2.0]), [0.0, 0.0, 0.0], [0, 1, 0]),
        (lambda x: np.power([0.0, 2.0], x), [2.0, 3.0], [0, 8 * np.log(2)]),
        (lambda x: x % 3, [4.0, -4.0], [1, 1]),
    ],
)
def test_slope_chosen(function: Callable[[Tensor], Any], x: list[float], wanted: list[float] | None) -> None:
    if wanted is None:
        with pytest.raises(RuntimeError, match="no graph"):
            slope(function, x)
    else:
        np.testing.assert_allclose(slope(function, x), wanted, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    ("function", "x", "wanted"),
    [
        (np.sqrt, 0.0, np.inf),
        (lambda x: x**0.5, 0.0, np.inf),
        (lambda x: np.exp(-1 / x), np.inf, 0.0),
        (np.arcsin, 1.0, np.inf),
    ],
)
def test_infinite_slopes_do_not_warn(function: Callable[[Tensor], Any], x: float, wanted: float) -> None:
    assert slope(function, x) == wanted


def test_nan_goes_to_the_elements_that_are_nan() -> None:
    dx = slope(lambda x: np.max(x, axis=0), [[np.nan, 1.0], [2.0, 3.0]])
    np.testing.assert_array_equal(dx, [[1, 0], [0, 1]])


def test_remainder_of_the_divisor() -> None:
    gradcheck(np.remainder, [7.3, -7.3, 0.4], [2.0, 2.0, -1.5])


def test_bounds_of_clip_get_gradients_when_they_want_them() -> None:
    low, high = Tensor(0.0, requires_grad=True), Tensor(1.0, requires_grad=True)
    np.sum(np.clip(Tensor([-1.0, -2.0, 0.5, 3.0]), low, high)).backward()
    assert (low.grad, high.grad) == (2, 1)
    assert np.clip(Tensor([-1.0, 3.0]), a_min=Tensor(0.0), a_max=None).numpy().tolist() == [0, 3]


# --- products, with zeros among the factors -------------------------------------------------------------


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_product_with_zero_factors(zeros: int) -> None:
    x = np.array([2.0, 3.0, 4.0, 5.0])
    x[:zeros] = 0
    wanted = [np.prod(np.delete(x, i)) for i in range(4)]
    np.testing.assert_array_equal(slope(np.prod, x), wanted)


def test_nothing_and_one() -> None:
    assert slope(np.prod, np.zeros((0,))).shape == (0,)
    assert slope(lambda x: np.prod(x, axis=1), np.ones((3, 0))).shape == (3, 0)
    assert slope(lambda x: np.sum(x, axis=0), np.ones((0, 3))).shape == (0, 3)
    assert slope(lambda x: np.mean(x, axis=1), np.ones((0, 3))).shape == (0, 3)
    with pytest.warns(RuntimeWarning, match="Mean of empty slice"), np.errstate(invalid="ignore"):
        y = np.mean(Tensor(np.zeros((0, 3)), requires_grad=True), axis=0)
    assert np.isnan(y.numpy()).all()
    y.backward(np.ones(3))


# --- an element used several times ----------------------------------------------------------------------


def test_index_given_twice_adds_up() -> None:
    np.testing.assert_array_equal(slope(lambda x: x[[0, 0, 2]], [1.0, 2.0, 3.0]), [2, 0, 1])
    np.testing.assert_array_equal(slope(lambda x: np.take(x, [[1, 1], [1, 0]]), [1.0, 2.0, 3.0]), [1, 3, 0])


def test_index_may_be_a_tensor() -> None:
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = x[Tensor([1, 0]), 0]
    assert y.numpy().tolist() == [3, 1]
    assert x[x > 2].numpy().tolist() == [3, 4]
    assert slope(lambda t: t[True] * 3, [1.0, 2.0]).tolist() == [3, 3]


def test_repeated_rows_add_up_in_float64() -> None:
    x = Tensor(np.ones((1, 2), np.float32), requires_grad=True)
    n = 300_000
    for y in (x[np.zeros(n, int)], np.broadcast_to(x, (n, 2)), np.repeat(x, n, axis=0)):
        x.grad = None
        y.backward(np.full((n, 2), 0.1, np.float32))
        np.testing.assert_allclose(x.grad, n * np.float64(np.float32(0.1)), rtol=1e-6)


@pytest.mark.parametrize("reduce", [np.sum, np.mean, lambda x, axis: np.cumsum(x, axis)[-1]])
def test_float32_is_added_up_in_float64(reduce: Callable[..., Tensor]) -> None:
    x = np.full((300_000, 2), 0.1, np.float32)
    y = reduce(Tensor(x), axis=0)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.numpy(), reduce(x.astype(np.float64), axis=0), rtol=1e-6)


def test_variance_far_from_zero() -> None:
    x = (1e4 + np.random.default_rng(0).standard_normal((1000, 3))).astype(np.float32)
    np.testing.assert_allclose(
        np.var(Tensor(x), axis=0).numpy(), np.var(x.astype(np.float64), axis=0), rtol=1e-5
    )


@pytest.mark.parametrize("ddof", [0, 1, 2])
def test_variance_is_divided_by_n_minus_ddof(ddof: int) -> None:
    x = np.array([[1.0, 2.0, 4.0, 9.0], [0.0, 0.0, 1.0, 1.0]])
    for axis in (1, None):
        wanted = np.sum((x - x.mean(axis, keepdims=True)) ** 2, axis) / ((4 if axis else 8) - ddof)
        np.testing.assert_allclose(np.var(Tensor(x), axis=axis, ddof=ddof).numpy(), wanted, rtol=1e-14)
        np.testing.assert_allclose(np.std(Tensor(x), axis=axis, ddof=ddof).numpy() ** 2, wanted, rtol=1e-14)


def test_weighted_average_of_a_tensor_and_lists() -> None:
    y = np.average(Tensor([[1.0, 2.0], [3.0, 4.0]]), 1, weights=[1.0, 3.0])
    np.testing.assert_allclose(y.numpy(), [1.75, 3.75])


# --- matrices -------------------------------------------------------------------------------------------


def test_einsum_spreads_the_gradient_over_freely_summed_indices() -> None:
    gradcheck(lambda a, b: np.einsum("ij,k->i", a, b), np.ones((2, 3)), np.arange(1.0, 5))


def test_einsum_broadcasts_axes_of_one() -> None:
    gradcheck(lambda a, b: np.einsum("ij,ij->ij", a, b), np.ones((1, 3)), np.ones((2, 3)))
    gradcheck(lambda a, b: np.einsum("ij,ij->", a, b), np.ones((2, 3)), np.ones((1, 3)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.einsum("ii->i", x), ValueError, "each index once"),
        (lambda x: np.einsum("ij,jk->ik", x), ValueError, "einsum got 1 operands"),
        (lambda x: np.transpose(x, (0, 3)), ValueError, "from -2 to 1 for shape (2, 2), got 3"),
        (lambda x: np.transpose(x, (0, 0)), ValueError, "epeated axis"),
        (lambda x: np.swapaxes(x, 0, 2), ValueError, "from -2 to 1 for shape (2, 2), got 2"),
        (lambda x: np.sum(x, axis=2), ValueError, "from -2 to 1 for shape (2, 2), got 2"),
        (lambda x: np.var(x, axis=2), ValueError, "from -2 to 1 for shape (2, 2), got 2"),
        (lambda x: np.flip(x, 2), ValueError, "from -2 to 1 for shape (2, 2), got 2"),
        (lambda x: np.take(x, [0], 2), ValueError, "from -2 to 1 for shape (2, 2), got 2"),
        (lambda x: np.split(x, 2, 2), ValueError, "from -2 to 1 for shape (2, 2), got 2"),
        (lambda x: np.repeat(x, 2, 2), ValueError, "from -2 to 1 for shape (2, 2), got 2"),
        (lambda x: np.tensordot(x, x, (2, 0)), ValueError, "from -2 to 1 for shape (2, 2), got 2"),
        (lambda x: np.pad(x, 1, "linear_ramp"), ValueError, "constant, edge, reflect, symmetric or wrap"),
        (lambda x: np.linalg.norm(x, 2), ValueError, "name one axis of shape (2, 2)"),
        (lambda x: np.linalg.norm(x, -1, axis=0), ValueError, "positive number"),
        (lambda x: np.linalg.norm(x, -0.5, axis=0), ValueError, "positive number"),
        (lambda x: np.linalg.norm(x, 0, axis=0), ValueError, "positive number"),
        (lambda x: np.take(x, [7], 0), IndexError, "take cannot take x of shape (2, 2)"),
        (lambda x: x[0.5], IndexError, "indexed by whole numbers"),
    ],
)
def test_errors(call: Callable[[Tensor], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call(Tensor(np.ones((2, 2))))


def test_stacks_times_one_matrix_need_no_stack_of_gradients() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((4, 5, 3)), rng.standard_normal((3, 2))
    dy = rng.standard_normal((4, 5, 2))
    da, db = primitives.linear_algebra.MatMul.backward(dy, (a, b))
    assert db.shape == b.shape
    np.testing.assert_allclose(db, np.einsum("nti,ntu->iu", a, dy))
    np.testing.assert_allclose(da, np.einsum("ntu,iu->nti", dy, b))


# --- types ----------------------------------------------------------------------------------------------


def test_whole_numbers_and_truths_pass_through() -> None:
    x = Tensor(np.arange(6).reshape(2, 3))
    assert np.sum(x).dtype.kind == "i"
    assert np.mean(x).dtype == np.float64
    assert np.concatenate([x, x]).dtype.kind == "i"
    assert np.sum(x > 2).item() == 3
    assert np.sort(x, axis=1).numpy().tolist() == x.numpy().tolist()


def test_conversion_to_whole_numbers_is_a_constant() -> None:
    x = Tensor([1.7, 2.2], requires_grad=True)
    y = x.astype(int)
    assert y.numpy().tolist() == [1, 2]
    assert not y.requires_grad
    assert y.node is None


def test_gradient_comes_back_in_the_type_of_the_input() -> None:
    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    y = np.sum(x.astype(np.float64) * np.array([1.0, 3.0]))
    assert y.dtype == np.float64
    y.backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32


def test_python_numbers_do_not_widen_float32_and_need_no_gradient() -> None:
    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    for y in (x * 2.5, 2.5 - x, x**2, 2.0**x, x / 3, np.maximum(x, 0.5), np.where(x > 0, x, 0.0), x % 2.0):
        assert y.dtype == np.float32
        assert y.node is not None
        dxs = y.node.backward(np.ones(2, np.float32), y.node.cache)
        assert sum(dx is not None for dx in dxs) == 1 or y.node.name == "Where"


def test_lists_take_part_as_float32() -> None:
    with no_grad():
        assert (Tensor([1.0, 2.0]) + [0.5, 0.25]).dtype == np.float32
        assert np.concatenate([Tensor([1.0]), [2.5]]).dtype == np.float32


# --- inputs by name -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.argmax(a=x),
        lambda x: np.round(a=x),
        lambda x: np.round(a=x, decimals=1),
        lambda x: np.isclose(np.array([1.0, 2.0]), b=x),
        lambda x: np.any(a=x, axis=0),
    ],
)
def test_steps_take_their_input_by_name(call: Callable[[Any], Any]) -> None:
    x = np.array([1.26, 2.0])
    result = call(Tensor(x, requires_grad=True))
    assert isinstance(result, Tensor)
    assert not result.requires_grad
    np.testing.assert_array_equal(result.numpy(), call(x))
