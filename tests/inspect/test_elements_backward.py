"""Every element of every gradient is told, and what is printed is enough to calculate it."""

import numpy as np
import pytest
from calculations import check_printed, recorded, tape_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry.every import ENTRIES
from strategies import normal, seeds

from minidl import Tensor, layers, ops
from minidl.backend import kernels_off, kernels_on
from minidl.graph import taken_down
from minidl.inspect.traced.elements import gradient_calculation
from minidl.tensor import Function

SELDOM = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))


def check_call(applied, seed):
    """Two random elements of each gradient of a call, for a random gradient of its output."""
    rng = np.random.default_rng(seed)
    dys = [rng.normal(size=y.shape).astype(y.dtype) for y in applied.outputs]
    if applied.function.__name__ == "BatchNormFunction":
        dys[1:] = None, None
    for number, x in enumerate(applied.arrays):
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or not x.size:
            continue
        for _ in range(2):
            index = tuple(int(rng.integers(n)) for n in x.shape)
            try:
                told = gradient_calculation(applied, tuple(dys) if applied.several else dys[0], number, index)
            except ValueError as error:
                assert "gradient" in str(error)  # noqa: PT017  of the targets of a loss there is none
                continue
            size = told.size if x.dtype == np.float32 else 0
            check_printed(told, 1e-2 if x.dtype == np.float16 else 1e-6 * max(1, size))


@pytest.mark.parametrize("entry", ENTRIES, ids=repr)
def test_the_printed_numbers_give_the_gradient(entry):
    """Of all primitives, activations, layers, losses, by reference and by kernel."""

    @SELDOM
    @given(entry.examples, st.sampled_from(["float32", "float64"]), st.booleans(), seeds)
    def holds(example, dtype, kernels, seed):
        for applied in tape_of(example, dtype, kernels):
            if all(y.dtype.kind == "f" for y in applied.outputs):
                check_call(applied, seed)

    holds()


def leaves(*arrays):
    return [Tensor(a, requires_grad=True) for a in arrays]


def test_the_gradient_of_a_kernel_as_in_a_textbook():
    x, w, dy = normal(0, (2, 5, 6, 3), (3, 3, 3, 4), (2, 3, 4, 4))
    layer = layers.Conv2D(4, 3, dtype="float64")
    layer.build((None, 5, 6, 3))
    layer.set_weights([w, np.zeros(4)])
    (applied,) = recorded(layer, Tensor(x))
    told = gradient_calculation(applied, dy, 1, (1, 2, 0, 3))
    by_hand = (x[:, 1:4, 2:6, 0] * dy[..., 3]).sum()
    assert told.text == f"dw[1,2,0,3] = Σ x[:,1:4,2:6,0]·dy[...,3] = {told.value:.{max(9, told.digits)}g}"
    assert told.value == pytest.approx(by_hand, rel=1e-12)
    assert float(told.recorded) == pytest.approx(by_hand, rel=1e-12)


def test_each_group_of_filters_has_met_channels_of_its_own():
    x, dy = normal(0, (2, 5, 6, 4), (2, 3, 4, 6))
    layer = layers.Conv2D(6, 3, groups=2, dtype="float64")
    (applied,) = recorded(layer, Tensor(x))
    for f, channel in ((2, 1), (3, 3), (5, 3)):
        told = gradient_calculation(applied, dy, 1, (1, 2, 1, f))
        by_hand = (x[:, 1:4, 2:6, channel] * dy[..., f]).sum()
        assert told.text.startswith(f"dw[1,2,1,{f}] = Σ x[:,1:4,2:6,{channel}]·dy[...,{f}] = ")
        assert told.value == pytest.approx(by_hand, rel=1e-12)
        assert float(told.recorded) == pytest.approx(by_hand, rel=1e-12)


def test_of_cells_that_tie_the_first_gets_the_gradient():
    x = np.zeros((1, 4, 1))
    (applied,) = recorded(layers.MaxPooling1D(3, 1, dtype="float64"), Tensor(x))
    dy = np.array([[[2.0], [5.0]]])
    texts = [gradient_calculation(applied, dy, 0, (0, t, 0)) for t in range(4)]
    assert [t.text for t in texts] == [
        "dx[0,0,0] = dy[0,0,0] = 2", "dx[0,1,0] = dy[0,1,0] = 5", "dx[0,2,0] = 0 = 0", "dx[0,3,0] = 0 = 0",
    ]  # fmt: skip
    assert "It is not the first largest number of the windows of out[0,0,0]." in texts[1].notes
    assert [float(t.recorded) for t in texts] == [2, 5, 0, 0]


def test_largest_of_all_shares_among_ties():
    (applied,) = recorded(ops.max, *leaves(np.array([3.0, 1.0, 3.0, 3.0])))
    assert gradient_calculation(applied, np.array(6.0), 0, (2,)).text == "dx[2] = dy/3 = 2"
    assert gradient_calculation(applied, np.array(6.0), 0, (1,)).value == 0


def test_at_a_corner_the_slope_is_the_one_that_backward_takes():
    class Ramp(Function):
        @staticmethod
        def forward(x):
            return np.maximum(x, 0), x > 0

        @staticmethod
        def backward(dy, above):
            return (dy * above,)

    (applied,) = recorded(Ramp.apply, *leaves(np.array([0.0, 1.0])))
    told = gradient_calculation(applied, np.array([4.0, 3.0]), 0, (0,))
    assert told.value == 0 == float(told.recorded)
    told = gradient_calculation(applied, np.array([4.0, 3.0]), 0, (1,))
    assert told.text.startswith("dx[1] = Σ dy[1]·slope[1] = 3")


@pytest.mark.parametrize("kernels", [False, True])
def test_after_backward_too(kernels):
    """Then the call has forgotten what its own backward needs; the reference tells it again."""
    x, w, dy = normal(0, (3, 4), (4, 2), (3, 2))
    tape, inputs = [], leaves(x, w)
    with kernels_on() if kernels else kernels_off(), taken_down(tape):
        y = ops.tanh(inputs[0] @ inputs[1])
        y.backward(dy)
    dz = dy * (1 - y.numpy() ** 2)
    matmul = next(a for a in tape if a.function.__name__ == "MatMul")
    told = gradient_calculation(matmul, dz, 1, (3, 1))
    assert float(told.recorded) == pytest.approx(inputs[1].grad[3, 1], rel=1e-12)
    assert told.text.startswith("db[3,1] = Σ a[...,3]·dy[...,1] = ")


@pytest.mark.parametrize(
    ("dy", "number", "index", "message"),
    [
        (np.ones((2, 3)), 0, (0,), r"An element of an array of shape \(2, 3\)"),
        (np.ones((2, 3)), 2, (0, 0), r"expects an input below 2, got 2"),
        (np.ones((3, 2)), 0, (0, 0), r"expects dy of shape \(2, 3\), got \(3, 2\)"),
        (np.ones((2, 3)), 1, (), "b has no gradient: it is no array of floats"),
    ],
)
def test_there_is_no_such_gradient(dy, number, index, message):
    (applied,) = recorded(ops.multiply, *leaves(np.zeros((2, 3))), 2)
    with pytest.raises(ValueError, match=message):
        gradient_calculation(applied, dy, number, index)


def test_an_input_that_gets_none():
    (applied,) = recorded(ops.where, np.array([1.0, 0.0]), *leaves(np.ones(2), np.ones(2)))
    with pytest.raises(ValueError, match="Where gives condition no gradient"):
        gradient_calculation(applied, np.ones(2), 0, (0,))


def test_recurrent_weights_meet_dz_at_all_steps():
    x, w, u, b, dy = normal(0, (2, 5, 3), (3, 8), (2, 8), (8,), (2, 5, 2))
    layer = layers.LSTM(2, return_sequences=True, dtype="float64")
    layer.build((None, 5, 3))
    layer.set_weights([w, u, b])
    (applied,) = recorded(layer, Tensor(x, requires_grad=True))
    for number, index, begins in (
        (0, (1, 2, 0), "dx[1,2,0] = Σ dz[1,2,:]·w[0,:] = "),
        (3, (2, 5), "dw[2,5] = Σ x[...,2]·dz[...,5] = "),
        (4, (1, 5), "du[1,5] = Σ h_before[...,1]·dz[...,5] = "),
        (5, (7,), "db[7] = Σ dz[...,7] = "),
        (1, (1, 0), "dh0[1,0] = Σ dy_0[1,0:5,0:2]·slope_0[1,0:5,0:2] + "),
    ):
        told = gradient_calculation(applied, (dy, None), number, index)
        assert told.text.startswith(begins)
        check_printed(told, 1e-7)
