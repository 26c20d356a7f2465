"""The graph: what backward does with shared inputs, long chains, several outputs, threads, failures and NumPy."""

import gc
import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import config
from minidl.graph import unbroadcast
from minidl.tensor import Function, Tensor, as_array, no_grad
from minidl.variable import FlatWeights, Variable


class Halves(Function):
    """Two outputs: the first half and the second."""

    @staticmethod
    def forward(x: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], None]:
        n = len(x) // 2
        return (x[:n] * 2, x[n:] * 3), None

    @staticmethod
    def backward(dys: tuple[np.ndarray, np.ndarray], cache: None) -> tuple[np.ndarray]:
        first, second = dys
        return (np.concatenate([first * 2, second * 3]),)


def returning(*gradients: Any) -> type[Function]:
    """A function x -> 2x whose backward gives `gradients` whatever arrives."""

    class Stubborn(Function):
        @staticmethod
        def forward(*xs: np.ndarray) -> tuple[np.ndarray, None]:
            return xs[0] * 2, None

        @staticmethod
        def backward(dy: np.ndarray, cache: None) -> Any:
            if isinstance(gradients[0], Exception):
                raise gradients[0]
            return None if isinstance(gradients[0], str) else gradients

    return Stubborn


def leaf(*values: float, dtype: Any = np.float64) -> Tensor:
    return Tensor(np.array(values, dtype), requires_grad=True)


# --- the chain rule -------------------------------------------------------------------------------------


def test_input_used_several_times() -> None:
    x = leaf(3.0)
    y = x * x * x + x
    y.backward()
    assert x.grad == 3 * 3**2 + 1


def test_diamond() -> None:
    x = leaf(2.0)
    a = x * 3
    (a * a + a * x).backward()  # 9x² + 3x²
    assert x.grad == 24 * 2


def test_two_walks_add_up_and_a_third_graph_too() -> None:
    x = leaf(1.0, 2.0)
    np.sum(x * 2).backward()
    np.sum(x * x).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [4, 6]


def test_several_outputs_of_which_one_is_used() -> None:
    x = leaf(1.0, 1.0, 1.0, 1.0)
    first, second = Halves.apply(x)
    np.sum(second).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0, 0, 3, 3]
    assert first.requires_grad


def test_several_outputs_all_used_twice() -> None:
    x = leaf(1.0, 1.0)
    first, second = Halves.apply(x)
    np.sum(first + first * second + second).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2 * (1 + 3), 3 * (1 + 2)]


@pytest.mark.parametrize("steps", [5_000, 50_000])
def test_long_chain(steps: int) -> None:
    x = leaf(1.0)
    y = x
    for _ in range(steps):
        y = y * 0.9999 + x * 0.0001
    y.backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad, 1, rtol=1e-9)  # y = x at every step
    del y
    gc.collect()


def test_long_chain_is_released_without_backward() -> None:
    y = leaf(1.0)
    for _ in range(50_000):
        y = y + 1
    del y
    gc.collect()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from([1, 2, 3]), max_size=3), st.data())
def test_broadcasting_is_undone(shape: list[int], data: Any) -> None:
    ones = [data.draw(st.sampled_from([1, n])) for n in shape]
    own = ones[data.draw(st.integers(0, len(shape))) :]
    x = Tensor(np.ones(own), requires_grad=True)
    dy = np.random.default_rng(0).standard_normal(shape)
    (x + np.zeros(shape)).backward(dy)
    total = np.zeros(own)
    for index in np.ndindex(*shape):
        inner = index[len(shape) - len(own) :]
        total[tuple(0 if n == 1 else i for i, n in zip(inner, own, strict=True))] += dy[index]
    np.testing.assert_allclose(x.grad, total, atol=1e-14)


def test_unbroadcast_adds_up_in_float64_and_leaves_a_fitting_gradient_alone() -> None:
    dy = np.full((300_000, 2), 0.1, np.float32)
    assert unbroadcast(dy, (300_000, 2)) is dy
    total = unbroadcast(dy, (2,))
    assert total.dtype == np.float32
    np.testing.assert_allclose(total, 300_000 * np.float64(np.float32(0.1)), rtol=1e-6)
    assert unbroadcast(np.ones((0, 3)), (3,)).tolist() == [0, 0, 0]


# --- no_grad, detach, retain ----------------------------------------------------------------------------


def test_no_grad_leaves_no_graph_and_ends_with_the_block() -> None:
    x = leaf(1.0)
    with no_grad():
        assert not (x * 2).requires_grad
        with no_grad():
            pass
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (x * 2).requires_grad


def test_no_grad_holds_for_its_thread_alone() -> None:
    seen: dict[str, bool] = {}
    x, inside, outside = leaf(1.0), threading.Event(), threading.Event()

    def other() -> None:
        inside.wait(10)
        seen["other"] = (x * 2).requires_grad
        outside.set()

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad():
        inside.set()
        outside.wait(10)
        seen["this"] = (x * 2).requires_grad
    thread.join()
    assert seen == {"other": True, "this": False}


def test_threads_build_and_walk_graphs_at_once() -> None:
    results: list[float] = []

    def work(factor: float) -> None:
        x = leaf(0.5)
        y = x
        for _ in range(2000):
            y = y + x * factor
        y.backward()
        results.append(x.grad.item())  # type: ignore[union-attr]

    threads = [threading.Thread(target=work, args=(f,)) for f in (1.0, 2.0, 3.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [2001, 4001, 6001]


def test_detached_tensor_is_a_constant() -> None:
    x = leaf(3.0)
    (x * x.detach()).backward()
    assert x.grad == 3


def test_retain_grad_keeps_that_of_an_intermediate_tensor() -> None:
    x = leaf(1.0, 2.0)
    a, b = x * 2, x * 3
    a.retain_grad()
    np.sum(a * b + a).backward()
    assert a.grad is not None
    assert a.grad.tolist() == [4, 7]
    assert b.grad is None


def test_retain_graph_allows_a_second_walk() -> None:
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad == 12
    with pytest.raises(RuntimeError, match="run through this graph before"):
        y.backward()
    assert x.grad == 12


def test_requires_grad_counts_when_the_operation_runs() -> None:
    x = leaf(1.0)
    x.requires_grad = False
    y = x * 2
    x.requires_grad = True
    assert not y.requires_grad


# --- gradients are nobody else's arrays -----------------------------------------------------------------


def test_gradients_share_no_memory() -> None:
    dy = np.ones(3)
    a, b = leaf(1.0, 1.0, 1.0), leaf(1.0, 1.0, 1.0)
    y = a + b
    y.retain_grad()
    y.backward(dy)
    grads = [a.grad, b.grad, y.grad, dy]
    for i, one in enumerate(grads):
        for other in grads[:i]:
            assert not np.shares_memory(one, other)
    assert a.grad is not None
    a.grad *= 5
    assert b.grad is not None
    assert (b.grad.tolist(), dy.tolist()) == ([1, 1, 1], [1, 1, 1])


def test_gradients_can_be_written_to() -> None:
    x = leaf(1.0, 2.0)
    np.sum(x).backward()  # arrives as a read-only view with stride 0
    assert x.grad is not None
    x.grad[0] = 7
    assert x.grad.tolist() == [7, 1]


def test_gradient_of_a_number_is_an_array() -> None:
    x = Tensor(2.0, requires_grad=True)
    for _ in range(2):
        (x * x + x).backward()
        assert isinstance(x.grad, np.ndarray)
    assert x.grad == 10


def test_changing_a_gradient_does_not_change_the_next_walk() -> None:
    x = leaf(1.0, 2.0)
    y = np.sum(x.reshape(2, 1))
    y.backward(retain_graph=True)
    assert x.grad is not None
    x.grad[...] = 100
    x.grad = None
    y.backward()
    assert x.grad.tolist() == [1, 1]


def test_variables_in_a_flat_buffer_receive_into_it() -> None:
    a, b = Variable([1.0, 2.0]), Variable([3.0])
    flat = FlatWeights([a, b])
    (np.sum(a * a) + np.sum(a) * b[0]).backward()
    assert flat.groups[0].gradients.tolist() == [5, 7, 3]
    assert a.grad is not None
    assert np.shares_memory(a.grad, flat.groups[0].gradients)
    np.sum(b).backward()
    assert flat.groups[0].gradients.tolist() == [5, 7, 4]


def test_frozen_variable_gets_no_gradient() -> None:
    a, b = Variable([1.0], trainable=False), Variable([2.0])
    np.sum(a * b).backward()
    assert a.grad is None
    assert b.grad == 1


# --- errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: (x * 2).backward(), RuntimeError, "starts from one number, got shape (2,)"),
        (lambda x: (x * 2).backward(np.ones(3)), ValueError, "gradient of shape (2,), got (3,)"),
        (lambda x: x.detach().backward(), RuntimeError, "no graph behind this tensor"),
        (lambda x: Tensor([1, 2], requires_grad=True), TypeError, "Only floats have gradients"),
        (lambda x: Tensor("text"), TypeError, "A tensor holds numbers, got str"),
        (lambda x: Tensor([None]), TypeError, "A tensor holds numbers, got list"),
        (lambda x: x.__setitem__(0, 1.0), TypeError, "does not change in place"),
        (lambda x: np.add(x, 1, out=np.zeros(2)), TypeError, "np.add(out=) is not traced"),
        (lambda x: np.add.reduce(x), TypeError, "np.add.reduce is not traced"),
        (lambda x: np.fft.fft(x), TypeError, "np.fft.fft is not traced, its gradient would be lost"),
        (lambda x: np.heaviside(x, 0), TypeError, "np.heaviside is not traced"),
        (lambda x: iter(x[0]), TypeError, "no rows: take the number with t.item()"),
        (lambda x: len(x[0]), TypeError, "no rows: take the number with t.item()"),
        (lambda x: f"{x:.3f}", TypeError, "A Tensor of shape (2,) has no format '.3f'"),
        (lambda x: x * 1j, TypeError, "Only floats have gradients, multiply gave complex128. Keep real"),
        (lambda x: x.astype(complex), TypeError, "AsType gave complex128"),
        (lambda x: Tensor([1j], requires_grad=True), TypeError, "holds complex128. Keep real and imaginary"),
        (
            lambda x: np.sum(x, initial=1),
            TypeError,
            "np.sum(initial=) is not traced. With tensors it takes x,",
        ),
        (lambda x: np.mean(x, where=x > 1, axis=0), TypeError, "np.mean(where=) is not traced"),
        (lambda x: np.sum(x, 0, None, None), TypeError, "np.sum of these arguments (too many positional"),
        (lambda x: bool(x), ValueError, "use np.any(t) or np.all(t)"),
        (
            lambda x: returning(np.ones(2), np.ones(2)).apply(x).backward(np.ones(2)),
            RuntimeError,
            "tuple of 1 gradients",
        ),
        (lambda x: returning("nothing").apply(x).backward(np.ones(2)), RuntimeError, "tuple of 1 gradients"),
        (
            lambda x: returning(np.ones(3)).apply(x).backward(np.ones(2)),
            RuntimeError,
            "Stubborn.backward gave a gradient of shape (3,) for input 0, which has shape (2,)",
        ),
        (
            lambda x: returning(np.ones(())).apply(x).backward(np.ones(2)),
            RuntimeError,
            "gradient of shape ()",
        ),
    ],
)
def test_errors_name_what_is_wrong(
    call: Callable[[Tensor], Any], error: type[Exception], message: str
) -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(error, match=re.escape(message)) as caught:
        call(x)
    assert len(str(caught.value)) < 400
    assert x.grad is None


def test_in_place_addition_to_an_array_is_refused() -> None:
    array = np.zeros(2)
    with pytest.raises(TypeError, match=re.escape("np.add(out=) is not traced")):
        array += leaf(1.0, 2.0)
    assert array.tolist() == [0, 0]


def test_failing_backward_changes_no_gradient() -> None:
    a, b = leaf(1.0), leaf(2.0)
    a.grad = np.array([5.0])
    broken = returning(ZeroDivisionError("in backward")).apply(b)
    y = a * 2 + broken * a  # a's first gradient arrives before the broken node is reached
    with pytest.raises(ZeroDivisionError, match="in backward"):
        y.backward(np.ones(1))
    assert a.grad.tolist() == [5]
    assert b.grad is None


def test_none_as_gradient_means_there_is_none() -> None:
    a, b = leaf(1.0), leaf(1.0)
    returning(None, np.ones(1)).apply(a, b).backward(np.ones(1))
    assert a.grad is None
    assert b.grad == 1


# --- types ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1.0, "float32"),
        ([1.0, 2.0], "float32"),
        ([[1, 2]], "int64"),
        (True, "bool"),
        (np.float64(1), "float64"),
        (np.zeros(2), "float64"),
        (np.zeros(2, np.float16), "float16"),
        (np.zeros(2, ">f4"), "float32"),
        (np.zeros(2, ">i2"), "int16"),
        (1j, "complex128"),
        (Tensor([1.0]), "float32"),
    ],
)
def test_types_of_new_tensors(value: Any, dtype: str) -> None:
    tensor = Tensor(value)
    assert tensor.dtype == dtype
    assert tensor.dtype.isnative


def test_big_endian_numbers_keep_their_value() -> None:
    assert Tensor(np.array([1.5, -2.0], ">f4")).numpy().tolist() == [1.5, -2.0]


def test_floatx_decides_on_python_floats() -> None:
    try:
        config.set_floatx("float64")
        assert Tensor([1.0]).dtype == np.float64
    finally:
        config.set_floatx("float32")


def test_array_is_kept_not_copied() -> None:
    x = np.ones(3)
    assert Tensor(x).numpy() is x
    assert as_array(Tensor(x)) is x


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_gradients_have_the_type_of_their_tensor(dtype: Any) -> None:
    x = leaf(1.0, 2.0, dtype=dtype)
    np.sum(x * np.float64(2) * Tensor(np.ones(2, np.float32))).backward()
    assert x.grad is not None
    assert x.grad.dtype == dtype


def test_upstream_gradient_is_converted() -> None:
    x = leaf(1.0, 2.0, dtype=np.float32)
    (x * 2).backward([1, 3])
    assert x.grad is not None
    assert (x.grad.dtype, x.grad.tolist()) == (np.float32, [2, 6])


# --- NumPy and Python -----------------------------------------------------------------------------------

OPERATORS: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: a // b,
    lambda a, b: a % b,
    lambda a, b: a**b,
    lambda a, b: a @ b,
    lambda a, b: a < b,
    lambda a, b: a <= b,
    lambda a, b: a > b,
    lambda a, b: a >= b,
    lambda a, b: a == b,
    lambda a, b: a != b,
]


@pytest.mark.parametrize("operator", OPERATORS)
def test_operators_from_both_sides(operator: Callable[[Any, Any], Any]) -> None:
    a, b = np.array([1.0, 4.0, 2.0]), np.array([3.0, 2.0, 2.0])
    wanted = operator(a, b)
    for left, right in ((Tensor(a), Tensor(b)), (Tensor(a), b), (a, Tensor(b)), (Tensor(a), b.tolist())):
        result = operator(left, right)
        assert isinstance(result, Tensor)
        np.testing.assert_allclose(result.numpy(), wanted)
    if wanted.ndim:
        for number in (2, 2.0, np.float64(2), np.array(2.0)):
            for result, expected in (
                (operator(Tensor(a), number), operator(a, number)),
                (operator(number, Tensor(a)), operator(number, a)),
            ):
                assert isinstance(result, Tensor)
                np.testing.assert_allclose(result.numpy(), expected)


def test_unary_operators_and_methods() -> None:
    a = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
    x = Tensor(a)
    for result, wanted in [
        (-x, -a),
        (abs(x), abs(a)),
        (x.sum(axis=0), a.sum(axis=0)),
        (x.mean(1, keepdims=True), a.mean(1, keepdims=True)),
        (x.var(axis=1), a.var(axis=1)),
        (x.prod(), a.prod()),
        (x.max(axis=-1), a.max(axis=-1)),
        (x.min(), a.min()),
        (x.argmax(axis=1), a.argmax(axis=1)),
        (x.clip(0, 2), a.clip(0, 2)),
        (x.reshape(3, 2), a.reshape(3, 2)),
        (x.reshape((3, -1)), a.reshape(3, 2)),
        (x.transpose(), a.T),
        (x.transpose(1, 0), a.T),
        (x.transpose((1, 0)), a.T),
        (x.T, a.T),
        (x.astype("float32"), a.astype("float32")),
        (x[1, ::2], a[1, ::2]),
    ]:
        assert isinstance(result, Tensor)
        np.testing.assert_array_equal(result.numpy(), wanted)


def test_conversions() -> None:
    x = Tensor(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert np.asarray(x) is x.numpy()
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    assert not np.shares_memory(np.array(x), x.numpy())
    assert (x.shape, x.ndim, x.size, len(x)) == ((2, 2), 2, 4, 2)
    one = Tensor(np.array(3))
    assert (float(one), int(one), bool(one), one.item(), [10, 20, 30, 40][one]) == (3.0, 3, True, 3, 40)
    assert not Tensor(0.0)
    assert len({x, one, x}) == 2


def test_iteration_gives_rows_on_the_graph() -> None:
    x = Tensor(np.array([[1.0, 2.0], [3.0, 4.0]]), requires_grad=True)
    first, second = x
    np.sum(first * second).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[3, 4], [1, 2]]


def test_numpy_functions_keep_the_graph() -> None:
    x = leaf(1.0, 2.0)
    for y in (np.exp(x), np.stack([x, x]), np.where(np.array([True, False]), x, 0), np.add(np.ones(2), x)):
        assert isinstance(y, Tensor)
        assert y.requires_grad


def test_repr_tells_where_a_tensor_comes_from() -> None:
    x = leaf(1.0)
    assert repr(x) == "Tensor([1.], dtype=float64, requires_grad=True)"
    assert repr(x * 2) == "Tensor([2.], dtype=float64, from multiply)"
    assert repr(x.detach()) == "Tensor([1.], dtype=float64)"


# --- what NumPy's users expect --------------------------------------------------------------------------


def test_complex_numbers_flow_without_a_graph() -> None:
    z = Tensor(np.array([1 + 2j, 3.0]))
    assert (z * z).numpy().tolist() == [(1 + 2j) ** 2, 9]
    with no_grad():
        assert (leaf(1.0) * 1j).numpy().tolist() == [1j]


def test_masks_are_joined() -> None:
    x = leaf(1.0, 2.0, 3.0)
    low, high = x > 1, x < 3
    for mask, wanted in [
        (low & high, [False, True, False]),
        (low | high, [True, True, True]),
        (low ^ high, [True, False, True]),
        (~low, [True, False, False]),
        (np.array([True, False, True]) & low, [False, False, True]),
    ]:
        assert mask.numpy().tolist() == wanted
        assert not mask.requires_grad


def test_plus_keeps_the_graph() -> None:
    x = leaf(2.0)
    (+x * x).backward()
    assert x.grad == 4


def test_a_single_element_formats_as_its_number() -> None:
    one = Tensor(1.5)
    assert (f"{one:.3f}", f"{one}", f"{Tensor([[2]]):03d}") == ("1.500", "1.5", "002")
    assert f"{Tensor([2])}" == repr(Tensor([2]))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.sum(a=x),
        lambda x: np.sum(a=x, axis=0, keepdims=True),
        lambda x: np.mean(x, dtype=np.float64),
        lambda x: np.sum(x, axis=1, dtype="float64"),
        lambda x: np.clip(x, min=0.5, max=2.5),
        lambda x: np.clip(a=x, a_min=1.5, a_max=3),
        lambda x: np.einsum("ij,ij->i", x, x, optimize=True),
        lambda x: np.stack(arrays=[x, x], axis=1),
        lambda x: np.flip(m=x, axis=0),
        lambda x: np.split(ary=x, indices_or_sections=2)[1],
        lambda x: np.concatenate([x, x[0]], axis=None),
    ],
)
def test_arguments_named_as_numpy_names_them(call: Callable[[Any], Any]) -> None:
    a = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    x = Tensor(a, requires_grad=True)
    y = call(x)
    np.testing.assert_array_equal(y.numpy(), call(a))
    assert y.dtype == call(a).dtype
    np.sum(y).backward()
    assert x.grad is not None
    assert x.grad.any()


def test_errors_inside_of_a_traced_function_are_its_own() -> None:
    with pytest.raises(TypeError, match="interpreted as an integer"):
        np.sum(leaf(1.0), axis="rows")
