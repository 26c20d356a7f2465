"""minidl.ops: each operation against NumPy, with what Keras does differently, and with the names Keras has."""

import inspect
import math
from collections.abc import Callable

import numpy as np
import pytest
from ops_calls import SAME, VECTOR, A, error_function

from minidl import config, ops
from minidl.tensor import Tensor

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
