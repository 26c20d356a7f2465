"""Activations: their equations in plain `math`, their slopes by differences, their ends and their corners."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import activations
from minidl.activations import probabilities, rectifiers, smooth
from minidl.tensor import Tensor, no_grad

SELU = (1.0507009873554804934193349852946, 1.6732632423543772848170429916717)


def logistic(x):
    return 1 / (1 + math.exp(-x))


def normal_share(x):
    return (1 + math.erf(x / math.sqrt(2))) / 2


# name -> the equation for one number, as in the textbook and naive about overflow
EQUATIONS = {
    "relu": lambda x: x if x > 0 else 0.0,
    "leaky_relu": lambda x: x if x > 0 else 0.2 * x,
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "elu": lambda x: x if x > 0 else math.exp(x) - 1,
    "selu": lambda x: SELU[0] * (x if x > 0 else SELU[1] * (math.exp(x) - 1)),
    "celu": lambda x: x if x > 0 else math.exp(x) - 1,
    "gelu": lambda x: x * normal_share(x),
    "silu": lambda x: x * logistic(x),
    "mish": lambda x: x * math.tanh(math.log(1 + math.exp(x))),
    "softplus": lambda x: math.log(1 + math.exp(x)),
    "exponential": math.exp,
    "hard_silu": lambda x: x * min(max((x + 3) / 6, 0.0), 1.0),
    "tanh_shrink": lambda x: x - math.tanh(x),
    "sigmoid": logistic,
    "log_sigmoid": lambda x: math.log(logistic(x)),
    "tanh": math.tanh,
    "softsign": lambda x: x / (1 + abs(x)),
    "hard_sigmoid": lambda x: min(max((x + 3) / 6, 0.0), 1.0),
    "hard_tanh": lambda x: min(max(x, -1.0), 1.0),
    "linear": lambda x: x,
}
LIMITED = sorted(set(EQUATIONS) - {"exponential"})  # finite for every finite number


def slope(f, x, dy=None):
    """The gradient that `f` sends back to x."""
    x = Tensor(np.asarray(x), requires_grad=True)
    y = f(x)
    y.backward(np.ones_like(y.data) if dy is None else dy)
    return x.grad


# --- values and gradients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EQUATIONS)
def test_value_is_the_equation(name):
    x = np.linspace(-9, 9, 73)
    expected = [EQUATIONS[name](float(v)) for v in x]
    assert np.allclose(activations.get(name)(Tensor(x)).numpy(), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
def test_relu_sends_nothing_where_it_is_flat_not_even_infinity(dtype):
    dy = np.array([1.5, -0.0, np.nan, np.inf, -np.inf] * 3, dtype)
    y = np.repeat(np.array([0, 2, np.nan], dtype), 5)
    (dx,) = rectifiers.ReLU.backward(dy[::-1], y)
    expected = np.where(y > 0, dy[::-1], 0)
    assert dx.dtype == expected.dtype
    np.testing.assert_array_equal(dx, expected)
    np.testing.assert_array_equal(np.signbit(dx), np.signbit(expected))
    (one,) = rectifiers.ReLU.backward(np.array(3, dtype), np.array(1, dtype))
    assert one == 3


def test_approximate_gelu():
    x, f = np.linspace(-6, 6, 85), lambda v: activations.gelu(v, approximate=True)
    u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    assert np.allclose(f(Tensor(x)).numpy(), 0.5 * x * (1 + np.tanh(u)), rtol=1e-12, atol=1e-14)
    assert np.allclose(slope(f, x), f(Tensor(x + 1e-30j)).numpy().imag / 1e-30, rtol=1e-12, atol=1e-14)
    difference = np.abs(f(Tensor(x)).numpy() - activations.gelu(Tensor(x)).numpy()).max()
    assert 1e-4 < difference < 1e-3


@settings(deadline=None, max_examples=60)
@given(
    x=st.floats(-5, 5), slope_below=st.sampled_from([0.0, 0.1, 2.0]),
    cap=st.sampled_from([None, 1.5, 4.0]), threshold=st.sampled_from([0.0, 1.0]),
)  # fmt: skip
def test_bent_relu_is_three_lines(x, slope_below, cap, threshold):
    def expected(v):
        if cap is not None and v >= cap:
            return cap
        return v if v >= threshold else slope_below * (v - threshold)

    def relu(v):
        return activations.relu(v, negative_slope=slope_below, max_value=cap, threshold=threshold)

    assert float(relu(Tensor(np.array(x)))) == pytest.approx(expected(x), rel=1e-12, abs=1e-15)
    if all(abs(x - corner) > 0.01 for corner in (threshold, cap or threshold)):
        numeric = (expected(x + 1e-4) - expected(x - 1e-4)) / 2e-4
        assert float(slope(relu, np.array(x))) == pytest.approx(numeric, abs=1e-8)


def test_glu_gates_the_first_half_by_the_second():
    x = np.arange(12.0).reshape(2, 6) / 4
    expected = x[:, :3] / (1 + np.exp(-x[:, 3:]))
    assert np.allclose(activations.glu(Tensor(x)).numpy(), expected, rtol=1e-12)
    assert activations.glu(Tensor(x), axis=0).shape == (1, 6)


@pytest.mark.parametrize("alpha", [0.5, 3.0])
def test_alpha_of_elu_and_celu(alpha):
    x = np.array([-2.0, 1.0])
    assert np.allclose(activations.elu(Tensor(x), alpha).numpy(), [alpha * math.expm1(-2), 1])
    assert np.allclose(activations.celu(Tensor(x), alpha).numpy(), [alpha * math.expm1(-2 / alpha), 1])
    assert np.allclose(slope(lambda v: activations.elu(v, alpha), x), [alpha * math.exp(-2), 1])
    assert np.allclose(slope(lambda v: activations.celu(v, alpha), x), [math.exp(-2 / alpha), 1])


# --- corners ------------------------------------------------------------------------------------------------


def test_value_at_the_threshold_is_the_line():
    assert float(activations.relu(1.0, threshold=1.0)) == 1


# --- the ends of the number line ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LIMITED)
def test_huge_numbers_stay_finite_and_silent(name, dtype):
    x = np.array([-1e38, -1e20, -1e4, -89, -0.0, 0, 1e-30, 89, 1e4, 1e20, 1e38], dtype)
    f = activations.get(name)
    y = f(Tensor(x)).numpy()
    assert y.dtype == dtype
    assert np.isfinite(y).all()
    gradient = slope(f, x) if name != "linear" else x
    assert gradient.dtype == dtype
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("relu", 0, 1e4), ("elu", -1, 1e4), ("gelu", 0, 1e4), ("silu", 0, 1e4), ("mish", 0, 1e4),
        ("softplus", 0, 1e4), ("sigmoid", 0, 1), ("log_sigmoid", -1e4, 0), ("tanh", -1, 1), ("relu6", 0, 6),
        ("hard_sigmoid", 0, 1), ("hard_silu", 0, 1e4), ("exponential", 0, np.inf),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ten_thousand(name, low, high, dtype):
    y = activations.get(name)(Tensor(np.array([-1e4, 1e4], dtype))).numpy()
    assert np.array_equal(y, np.array([low, high], dtype))


@pytest.mark.parametrize("name", EQUATIONS)
@pytest.mark.parametrize("x", [np.nan, np.inf, -np.inf])
def test_nan_stays_nan_and_infinity_is_silent(name, x):
    y = activations.get(name)(Tensor(np.array([x, 1.0]))).numpy()
    assert np.isfinite(y[1])
    assert np.isnan(y[0]) or not np.isnan(x)


@pytest.mark.parametrize("name", ["sigmoid", "softplus"])
def test_the_small_end_keeps_its_digits(name):
    x = np.array([-30.0, -100.0, -700.0])
    assert np.allclose(activations.get(name)(Tensor(x)).numpy(), np.exp(x), rtol=1e-12, atol=0)


# --- inputs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(EQUATIONS) - {"linear"}) + ["softmax", "log_softmax"])
def test_lists_whole_numbers_and_odd_layouts(name):
    f = activations.get(name)
    assert f([[1, 2, 3]]).dtype == np.float32
    assert np.array_equal(f(np.array([[1, 2, 3]])).numpy(), f([[1.0, 2.0, 3.0]]).numpy())
    x = np.linspace(-4, 4, 24).reshape(4, 6)
    x.flags.writeable = False
    assert np.allclose(f(Tensor(x[::-1, ::2])).numpy(), f(Tensor(x[::-1, ::2].copy())).numpy(), rtol=1e-15)
    assert f(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("number", [np.float64(0.5), np.int64(2)])
def test_numpy_scalars_as_options_do_not_change_the_type(number):
    x = Tensor(np.array([-1.0, 1.0], np.float32))
    for y in (
        activations.elu(x, number),
        activations.celu(x, number),
        activations.leaky_relu(x, number),
        activations.relu(x, max_value=number, threshold=number),
    ):
        assert y.dtype == np.float32


# --- softmax ------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(
    x=hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, min_side=2, max_side=4), elements=st.floats(-9, 9)),
    axis=st.integers(-3, 2),
)
def test_softmax_is_its_equation_along_any_axis(x, axis):
    axis = axis % x.ndim
    e = np.exp(x)
    expected = e / e.sum(axis=axis, keepdims=True)
    assert np.allclose(activations.softmax(Tensor(x), axis).numpy(), expected, rtol=1e-12, atol=0)
    assert np.allclose(
        activations.log_softmax(Tensor(x), axis).numpy(), np.log(expected), rtol=1e-10, atol=1e-12
    )


def test_gradients_of_softmax_are_their_jacobians():
    z, dy = np.array([0.5, -1.0, 2.0, 0.0]), np.array([0.3, -0.7, 1.1, 0.2])
    p = np.exp(z) / np.exp(z).sum()
    jacobian = np.diag(p) - np.outer(p, p)
    assert np.allclose(slope(activations.softmax, z, dy), dy @ jacobian, rtol=1e-12)
    assert np.allclose(slope(activations.log_softmax, z, dy), dy @ (np.eye(4) - p[None, :]), rtol=1e-12)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_by_complex_step(name, axis):
    x, f = np.random.default_rng(0).normal(size=(3, 4)), activations.get(name)
    dy = np.random.default_rng(1).normal(size=(3, 4))
    by_step = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[index] += 1e-30j
        by_step[index] = np.sum(dy * f(Tensor(moved), axis).numpy().imag) / 1e-30
    assert np.allclose(slope(lambda v: f(v, axis), x, dy), by_step, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_of_huge_and_of_infinite_logits(dtype):
    x = np.array(
        [[1e4, 0, -1e4], [-np.inf, 0, 0], [-np.inf, -np.inf, -np.inf], [np.inf, 0, 0], [np.nan, 0, 0]], dtype
    )
    p = activations.softmax(Tensor(x)).numpy()
    assert p.dtype == dtype
    assert np.array_equal(p[:3], [[1, 0, 0], [0, 0.5, 0.5], [0, 0, 0]])
    assert np.isnan(p[3:]).any(axis=1).all()
    log_p = activations.log_softmax(Tensor(x)).numpy()
    assert np.array_equal(log_p[0], [0, -1e4, -2e4])
    assert np.array_equal(log_p[2], [-np.inf] * 3)
    assert np.array_equal(slope(activations.softmax, x[:3], np.ones((3, 3))), np.zeros((3, 3)))


def test_softmax_over_one_unit_warns():
    with pytest.warns(UserWarning, match="sigmoid"):
        assert activations.softmax([[3.0]]).numpy() == 1


@pytest.mark.parametrize("function", [activations.softmax, activations.log_softmax])
def test_softmax_needs_its_axis(function):
    with pytest.raises(ValueError, match=r"axis 2 .* shape \(2, 3\)"):
        function(np.zeros((2, 3)), axis=2)
    with pytest.raises(ValueError, match="axis -1"):
        function(1.0)


def test_probabilities_remember_their_logits():
    z = Tensor(np.zeros((2, 3)), requires_grad=True)
    for y in (activations.softmax(z), activations.softmax(z, axis=1)):
        assert y.origin[0] == "softmax"
        assert y.origin[1] is z
    assert activations.sigmoid(z).origin == ("sigmoid", z)
    with no_grad():
        assert activations.softmax(z).origin == ("softmax", z)
        assert activations.sigmoid(z).origin == ("sigmoid", z)
    for y in (activations.softmax(z, axis=0), activations.log_softmax(z), activations.tanh(z)):
        assert y.origin is None


# --- names --------------------------------------------------------------------------------------------------


def test_kernel_names():
    names = {op.kernel for op in (rectifiers.ReLU, probabilities.Softmax, probabilities.Sigmoid)}
    assert names == {"relu", "softmax", "sigmoid"}
    assert smooth.Gelu.kernel is None


def test_get_by_every_name():
    for name in [*EQUATIONS, "softmax", "log_softmax", "glu"]:
        assert activations.get(name) is getattr(activations, name)
        assert activations.deserialize(activations.serialize(getattr(activations, name))) is activations.get(
            name
        )
    assert activations.get("swish") is activations.swish is activations.silu
    assert activations.get("hard_swish") is activations.hard_silu
    assert activations.get("ReLU") is activations.relu
    assert activations.get(None) is activations.linear


def test_get_takes_your_own():
    class Bend:
        def __call__(self, x):
            return x

    def own(x):
        return x

    bend = Bend()
    assert activations.get(own) is own
    assert activations.get(bend) is bend
    assert isinstance(activations.get(Bend), Bend)
    assert activations.serialize(own) == "own"
    assert activations.deserialize("own", {"own": own}) is own


def test_get_refuses():
    with pytest.raises(ValueError, match=r"Unknown activation 'rellu'.*'relu'"):
        activations.get("rellu")
    with pytest.raises(TypeError, match="got int 3"):
        activations.get(3)
    with pytest.raises(TypeError, match="lambda"):
        activations.serialize(lambda x: x)
    with pytest.raises(TypeError, match="holds numbers"):
        activations.relu(["a"])


# --- peers --------------------------------------------------------------------------------------------------


@pytest.mark.oracle
@pytest.mark.parametrize("name", sorted(set(EQUATIONS) - {"linear"}))
def test_torch_agrees(name):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    theirs = {
        "leaky_relu": lambda x: functional.leaky_relu(x, 0.2), "exponential": torch.exp, "tanh": torch.tanh,
        "hard_silu": functional.hardswish, "log_sigmoid": functional.logsigmoid, "sigmoid": torch.sigmoid,
        "hard_sigmoid": functional.hardsigmoid, "hard_tanh": functional.hardtanh, "tanh_shrink": functional.tanhshrink,
    }.get(name) or getattr(functional, name)  # fmt: skip
    x = np.random.default_rng(0).normal(size=(40, 7)) * 4
    dy = np.random.default_rng(1).normal(size=x.shape)
    t = torch.tensor(x, requires_grad=True)
    y = theirs(t)
    y.backward(torch.tensor(dy))
    f = activations.get(name)
    assert np.allclose(f(Tensor(x)).numpy(), y.detach().numpy(), rtol=1e-9, atol=1e-13)
    # torch's softplus turns into a straight line at 20, and its hardsigmoid has a 1/6 of single precision
    loose = name in ("softplus", "mish", "hard_sigmoid")
    assert np.allclose(slope(f, x, dy), t.grad.numpy(), rtol=1e-9, atol=1e-7 if loose else 1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize("name", [*sorted(EQUATIONS), "softmax", "log_softmax", "glu"])
def test_keras_agrees(name, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    x = (np.random.default_rng(0).normal(size=(40, 8)) * 3).astype(np.float32)
    theirs = np.asarray(getattr(keras.activations, name)(keras.ops.convert_to_tensor(x)))
    assert np.allclose(activations.get(name)(Tensor(x)).numpy(), theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_of_numpy_gives_the_same_numbers(dtype):
    t = Tensor(np.random.default_rng(0).normal(size=5000).astype(dtype) * 3)
    ours, numpys = activations.tanh(t), np.tanh(t)
    assert ours.dtype == numpys.dtype == dtype
    assert np.allclose(ours.numpy(), numpys.numpy(), rtol=4 * np.finfo(dtype).eps, atol=0)
    assert activations.tanh([0, 1]).dtype == np.float32


@pytest.mark.parametrize("wrong", ["0.5", True, [0.5], None])
def test_settings_are_numbers(wrong):
    """float() would make numbers of some of these."""
    with pytest.raises(TypeError, match="elu expects alpha to be a number"):
        activations.elu([-1.0], alpha=wrong)
