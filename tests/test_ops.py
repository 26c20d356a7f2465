"""minidl.ops: each operation against NumPy, with what Keras does differently, and with the names Keras has."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minidl import config, ops
from minidl.gradcheck import gradcheck
from minidl.tensor import Tensor

A = np.array([[1.5, -2.0, 0.5], [4.0, 0.25, -6.0]])
B = np.array([[0.5, 2.0, -1.0], [1.0, 3.0, 2.0]])
POSITIVE = np.abs(A)
SMALL = A / 10
VECTOR, LABELS = np.array([3.0, 1.0, 2.0]), np.array([[1], [0]])


def error_function(x: np.ndarray) -> np.ndarray:
    return np.vectorize(math.erf)(x)


# name -> arguments, keyword arguments, and NumPy's answer
SAME: dict[str, tuple[tuple[Any, ...], dict[str, Any], Any]] = {
    "add": ((A, B), {}, A + B),
    "subtract": ((A, B), {}, A - B),
    "multiply": ((A, B), {}, A * B),
    "divide": ((A, B), {}, A / B),
    "true_divide": ((A, B), {}, A / B),
    "divide_no_nan": ((A, [1.0, 0.0, 2.0]), {}, np.array([[1.5, 0, 0.25], [4, 0, -3]])),
    "power": ((POSITIVE, B), {}, POSITIVE**B),
    "maximum": ((A, B), {}, np.maximum(A, B)),
    "minimum": ((A, B), {}, np.minimum(A, B)),
    "mod": ((A, B), {}, A % B),
    "floor_divide": ((A, B), {}, A // B),
    "logaddexp": ((A, B), {}, np.logaddexp(A, B)),
    "arctan2": ((A, B), {}, np.arctan2(A, B)),
    "equal": ((A, B), {}, A == B),
    "not_equal": ((A, B), {}, A != B),
    "greater": ((A, B), {}, A > B),
    "greater_equal": ((A, B), {}, A >= B),
    "less": ((A, B), {}, A < B),
    "less_equal": ((A, B), {}, A <= B),
    "isclose": ((A, A + 1e-9), {}, np.ones((2, 3), bool)),
    "logical_and": ((A > 0, B > 0), {}, (A > 0) & (B > 0)),
    "logical_or": ((A > 0, B > 0), {}, (A > 0) | (B > 0)),
    "logical_xor": ((A > 0, B > 0), {}, (A > 0) ^ (B > 0)),
    "logical_not": ((A > 0,), {}, A <= 0),
    "isnan": (([1.0, np.nan],), {}, [False, True]),
    "isinf": (([1.0, np.inf],), {}, [False, True]),
    "isfinite": (([1.0, np.inf],), {}, [True, False]),
    "abs": ((A,), {}, abs(A)),
    "absolute": ((A,), {}, abs(A)),
    "negative": ((A,), {}, -A),
    "square": ((A,), {}, A * A),
    "sign": ((A,), {}, np.sign(A)),
    "floor": ((A,), {}, np.floor(A)),
    "ceil": ((A,), {}, np.ceil(A)),
    "round": ((A + 0.049, 1), {}, np.round(A + 0.049, 1)),
    "reciprocal": ((A,), {}, 1 / A),
    "sqrt": ((POSITIVE,), {}, POSITIVE**0.5),
    "rsqrt": ((POSITIVE,), {}, POSITIVE**-0.5),
    "exp": ((A,), {}, np.exp(A)),
    "exp2": ((A,), {}, 2**A),
    "expm1": ((SMALL,), {}, np.expm1(SMALL)),
    "log": ((POSITIVE,), {}, np.log(POSITIVE)),
    "log1p": ((SMALL,), {}, np.log1p(SMALL)),
    "log2": ((POSITIVE,), {}, np.log2(POSITIVE)),
    "log10": ((POSITIVE,), {}, np.log10(POSITIVE)),
    "sin": ((A,), {}, np.sin(A)),
    "cos": ((A,), {}, np.cos(A)),
    "tan": ((A,), {}, np.tan(A)),
    "arcsin": ((SMALL,), {}, np.arcsin(SMALL)),
    "arccos": ((SMALL,), {}, np.arccos(SMALL)),
    "arctan": ((A,), {}, np.arctan(A)),
    "sinh": ((A,), {}, np.sinh(A)),
    "cosh": ((A,), {}, np.cosh(A)),
    "tanh": ((A,), {}, np.tanh(A)),
    "arcsinh": ((A,), {}, np.arcsinh(A)),
    "arccosh": ((POSITIVE + 1,), {}, np.arccosh(POSITIVE + 1)),
    "arctanh": ((SMALL,), {}, np.arctanh(SMALL)),
    "erf": ((A,), {}, error_function(A)),
    "clip": ((A, -1, 1), {}, np.clip(A, -1, 1)),
    "where": ((A > 0, A, B), {}, np.where(A > 0, A, B)),
    "cast": ((A, "int32"), {}, A.astype("int32")),
    "stop_gradient": ((A,), {}, A),
    "sum": ((A,), {"axis": 0}, A.sum(0)),
    "mean": ((A,), {"axis": (0, 1), "keepdims": True}, A.mean(keepdims=True)),
    "var": ((A,), {"axis": 1}, A.var(1)),
    "std": ((A,), {"axis": 1}, A.std(1)),
    "prod": ((A,), {"axis": -1}, A.prod(-1)),
    "max": ((A,), {"axis": 1, "keepdims": True}, A.max(1, keepdims=True)),
    "min": ((A,), {}, A.min()),
    "amax": ((A,), {"axis": 0}, A.max(0)),
    "amin": ((A,), {"axis": 0}, A.min(0)),
    "average": ((A, 1, VECTOR), {}, np.average(A, 1, VECTOR)),
    "norm": ((A,), {"ord": 1, "axis": 1}, np.abs(A).sum(1)),
    "normalize": ((A,), {"axis": 0}, A / np.sqrt((A * A).sum(0))),
    "logsumexp": ((A,), {"axis": 1}, np.log(np.exp(A).sum(1))),
    "cumsum": ((A, 1), {}, A.cumsum(1)),
    "argmax": ((A, 1), {}, A.argmax(1)),
    "argmin": ((A, 1), {"keepdims": True}, A.argmin(1, keepdims=True)),
    "argsort": ((A,), {}, A.argsort(-1)),
    "any": ((A > 3, 1), {}, (A > 3).any(1)),
    "all": ((A > -3, 1), {}, (A > -3).all(1)),
    "count_nonzero": ((np.floor(SMALL) + 1, 1), {}, [2, 2]),
    "reshape": ((A, (3, -1)), {}, A.reshape(3, 2)),
    "ravel": ((A,), {}, A.ravel()),
    "transpose": ((A, (1, 0)), {}, A.T),
    "swapaxes": ((A, 0, 1), {}, A.T),
    "moveaxis": ((A, 0, -1), {}, A.T),
    "expand_dims": ((A, (0, -1)), {}, A[None, ..., None]),
    "squeeze": ((A[:, :1], -1), {}, A[:, 0]),
    "broadcast_to": ((VECTOR, (2, 3)), {}, [VECTOR, VECTOR]),
    "flip": ((A, 1), {}, A[:, ::-1]),
    "roll": ((A, 1, 1), {}, np.roll(A, 1, 1)),
    "sort": ((A,), {"axis": 0}, np.sort(A, 0)),
    "take": ((A, [2, 0], 1), {}, A[:, [2, 0]]),
    "take_along_axis": ((A, LABELS, 1), {}, np.take_along_axis(A, LABELS, 1)),
    "repeat": ((A, 2, 1), {}, A.repeat(2, 1)),
    "tile": ((A, (1, 2)), {}, np.tile(A, (1, 2))),
    "pad": ((A, ((0, 1), (2, 0))), {"constant_values": 7}, np.pad(A, ((0, 1), (2, 0)), constant_values=7)),
    "concatenate": (([A, B], 1), {}, np.concatenate([A, B], 1)),
    "stack": (([A, B], -1), {}, np.stack([A, B], -1)),
    "matmul": ((A, B.T), {}, A @ B.T),
    "dot": ((A, VECTOR), {}, A @ VECTOR),
    "outer": ((VECTOR, VECTOR), {}, VECTOR[:, None] * VECTOR),
    "tensordot": ((A, B), {}, (A * B).sum()),
    "einsum": (("ij,kj->ik", A, B), {}, A @ B.T),
    "convert_to_tensor": ((A,), {}, A),
    "array": ((A, "float32"), {}, A.astype("float32")),
    "full": (((2, 2), 7.0), {}, [[7, 7], [7, 7]]),
    "zeros": ((2,), {}, [0, 0]),
    "ones": (((1, 2),), {}, [[1, 1]]),
    "full_like": ((A, 3), {}, np.full((2, 3), 3.0)),
    "zeros_like": ((A,), {}, np.zeros((2, 3))),
    "ones_like": ((A,), {"dtype": "int32"}, np.ones((2, 3))),
    "eye": ((2, 3, 1), {}, [[0, 1, 0], [0, 0, 1]]),
    "identity": ((2,), {}, [[1, 0], [0, 1]]),
    "arange": ((2, 8, 3), {}, [2, 5]),
    "linspace": ((0, 1, 5), {}, [0, 0.25, 0.5, 0.75, 1]),
    "one_hot": (([1, 0], 2), {"axis": 0}, [[0, 1], [1, 0]]),
}
OTHERS = {
    "convert_to_numpy",
    "is_tensor",
    "ndim",
    "shape",
    "size",
    "split",
    "top_k",
    "unstack",
}  # not one tensor as result
ACTIVATIONS = {
    "celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "log_sigmoid",
    "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "swish",
    "tanh_shrink",
}  # fmt: skip  # tested with the activations


def test_every_operation_is_tested() -> None:
    assert {*SAME, *OTHERS, *ACTIVATIONS} == set(ops.__all__)
    assert all(hasattr(ops, name) for name in ops.__all__)


@pytest.mark.parametrize("name", SAME)
def test_arrays_tensors_and_lists_give_numpys_answer(name: str) -> None:
    arguments, options, wanted = SAME[name]
    as_tensors = [Tensor(x) if isinstance(x, np.ndarray) else x for x in arguments]
    as_lists = [x.tolist() if isinstance(x, np.ndarray) else x for x in arguments]
    for version in (arguments, as_tensors, as_lists):
        result = getattr(ops, name)(*version, **options)
        assert isinstance(result, Tensor)
        assert result.shape == np.shape(wanted)
        np.testing.assert_allclose(result.numpy(), wanted, rtol=2e-6, atol=1e-6)


def test_not_tensors() -> None:
    assert (ops.shape([[1, 2]]), ops.ndim(A), ops.size(Tensor(A))) == ((1, 2), 2, 6)
    assert ops.is_tensor(Tensor(1.0))
    assert not ops.is_tensor(A)
    assert type(ops.convert_to_numpy(Tensor(A))) is np.ndarray
    assert [p.numpy().tolist() for p in ops.split(VECTOR, [1])] == [[3.0], [1.0, 2.0]]
    assert [p.numpy().tolist() for p in ops.unstack(A, axis=1)] == A.T.tolist()
    with pytest.raises(ValueError, match="num"):
        ops.unstack(A, 4)
    assert [i.numpy().tolist() for i in ops.where(A > 1)] == [[0, 1], [0, 0]]


# --- types, as Keras ------------------------------------------------------------------------------------

WHOLE, SINGLE = np.array([1, 2]), np.array([0.5, 1.5], np.float32)


@pytest.mark.parametrize(
    ("call", "dtype"),
    [
        (lambda: ops.add(WHOLE, SINGLE), "float32"),
        (lambda: ops.subtract(Tensor(WHOLE), Tensor(SINGLE)), "float32"),
        (lambda: ops.multiply(WHOLE, 0.5), "float32"),
        (lambda: ops.multiply(SINGLE, 0.5), "float32"),
        (lambda: ops.multiply(0.5, 2), "float32"),
        (lambda: ops.multiply(3, 2), "int64"),
        (lambda: ops.multiply(WHOLE, SINGLE.astype(float)), "float64"),
        (lambda: ops.add(A > 0, 1.0), "float32"),
        (lambda: ops.divide(WHOLE, WHOLE), "float32"),
        (lambda: ops.divide(1, 2), "float32"),
        (lambda: ops.logaddexp(1, WHOLE), "float32"),
        (lambda: ops.exp(WHOLE), "float32"),
        (lambda: ops.floor(WHOLE), "float32"),
        (lambda: ops.mean(WHOLE), "float32"),
        (lambda: ops.mean(A > 0), "float32"),
        (lambda: ops.mean(A), "float64"),
        (lambda: ops.sum(WHOLE), "int64"),
        (lambda: ops.square(WHOLE), "int64"),
        (lambda: ops.where(A > 0, 1.0, 0.0), "float32"),
        (lambda: ops.where(A > 0, WHOLE[:1], SINGLE[:1]), "float32"),
        (lambda: ops.concatenate([WHOLE, SINGLE]), "float32"),
        (lambda: ops.matmul(WHOLE, SINGLE), "float32"),
        (lambda: ops.clip(WHOLE, 0.5, 1.5), "float32"),
        (lambda: ops.clip(SINGLE, 0, 1), "float32"),
        (lambda: ops.cast(A, "float"), "float32"),
        (lambda: ops.arange(3), "int32"),
        (lambda: ops.arange(3.0), "float32"),
        (lambda: ops.zeros(3), "float32"),
        (lambda: ops.one_hot(WHOLE, 3), "float32"),
        (lambda: ops.convert_to_tensor(A), "float64"),
    ],
)
def test_whole_numbers_beside_floats(call: Callable[[], Tensor], dtype: str) -> None:
    assert call().dtype == dtype


def test_comparisons_are_exact() -> None:
    assert not ops.equal(np.array(2**24 + 1), np.array(2.0**24, np.float32)).item()


def test_floatx_is_followed() -> None:
    try:
        config.set_floatx("float64")
        assert ops.exp(WHOLE).dtype == ops.zeros(1).dtype == np.float64
    finally:
        config.set_floatx("float32")


# --- gradients ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        lambda x: ops.logsumexp(x),
        lambda x: ops.logsumexp(x, axis=(0, 1), keepdims=True),
        lambda x: ops.logsumexp(x, axis=-1),
        lambda x: ops.normalize(x, axis=1),
        lambda x: ops.normalize(x, axis=0, order=1),
        lambda x: ops.top_k(x, 2)[0],
        lambda x: ops.divide_no_nan(x, [1.0, 0.0, 2.0]),
        lambda x: ops.rsqrt(ops.square(x) + 1),
        lambda x: ops.average(x, axis=1, weights=[1.0, 2.0, 3.0]),
        lambda x: ops.stack([x[0], x[1] * 2]),
        lambda x: ops.convert_to_tensor([x[0, 0], x[1, 1] * 3, 1.0]),
        lambda x: ops.multiply([x[0, 0], x[1, 0]], [2.0, 3.0]),
        lambda x: ops.sort(x, axis=None),
        lambda x: ops.erf(x),
        lambda x: ops.pad(x, 1, "reflect"),
        lambda x: ops.gelu(x),
    ],
)
def test_gradients(function: Callable[[Tensor], Tensor]) -> None:
    gradcheck(function, A)


def test_stop_gradient() -> None:
    x = Tensor(3.0, requires_grad=True)
    ops.multiply(x, ops.stop_gradient(x)).backward()
    assert x.grad == 3


def test_gradient_beside_whole_numbers() -> None:
    x = Tensor(SINGLE, requires_grad=True)
    ops.sum(ops.square(WHOLE - x)).backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad, -2 * (WHOLE - SINGLE))


# --- extremes -------------------------------------------------------------------------------------------


def test_logsumexp_does_not_overflow() -> None:
    for x in (1e4, -1e4, np.inf, -np.inf):
        np.testing.assert_allclose(ops.logsumexp(np.array([x, x])).item(), x + math.log(2))
    assert ops.logsumexp(np.array([-np.inf, 3.0])).item() == 3


def test_normalize_of_zeros_is_zero_and_has_a_finite_gradient() -> None:
    x = Tensor(np.zeros(3), requires_grad=True)
    y = ops.normalize(x)
    assert y.numpy().tolist() == [0, 0, 0]
    ops.sum(y).backward()
    assert x.grad is not None
    assert np.isfinite(x.grad).all()


def test_top_k_takes_the_first_of_equals_and_refuses_too_many() -> None:
    values, indices = ops.top_k([[1.0, 3.0, 3.0, 2.0]], 3)
    assert (values.numpy().tolist(), indices.numpy().tolist()) == ([[3, 3, 2]], [[1, 2, 3]])
    with pytest.raises(ValueError, match="k from 0 to the size of the last axis, 4, got 5"):
        ops.top_k([1.0, 2.0, 3.0, 4.0], 5)


def test_argsort_keeps_the_order_of_equals() -> None:
    assert ops.argsort([1, 0, 1, 0]).numpy().tolist() == [1, 3, 0, 2]


def test_pad_refuses_a_value_it_would_not_use() -> None:
    with pytest.raises(ValueError, match="mode='constant' only"):
        ops.pad(A, 1, "edge", 3)


def test_one_hot_of_labels_out_of_range_is_zero() -> None:
    assert ops.one_hot([-1, 3, 1], 3).numpy().tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_gelu_is_approximate_by_default_unlike_the_activation() -> None:
    exact = A * (1 + error_function(A / math.sqrt(2))) / 2
    assert np.abs(ops.gelu(A).numpy() - exact).max() > 1e-5
    np.testing.assert_allclose(ops.gelu(A, approximate=False).numpy(), exact, rtol=1e-12, atol=1e-15)


@pytest.mark.oracle
def test_names_and_arguments_are_those_of_keras() -> None:
    keras_ops = pytest.importorskip("keras.ops")
    for name in ops.__all__:
        theirs = list(inspect.signature(getattr(keras_ops, name)).parameters)
        ours = [
            p.name
            for p in inspect.signature(getattr(ops, name)).parameters.values()
            if p.kind != p.KEYWORD_ONLY
        ]
        if name not in ACTIVATIONS:
            assert ours == [n for n in theirs if n != "kwargs"][: len(ours)], name
