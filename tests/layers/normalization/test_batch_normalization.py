"""BatchNormalization: against statistics taken feature by feature and a Jacobian written out in full."""

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import LAYOUTS, laid_out
from running import KERNELS, assert_close, run, using
from strategies import normal, seeds

from minidl import Tensor
from minidl.gradcheck import complex_step, gradcheck
from minidl.layers import BatchNormalization, Dense
from minidl.layers.context import CallContext
from minidl.layers.normalization.batch_normalization import BatchNormFunction


@st.composite
def settings_of_the_op(draw):
    shape = (draw(st.integers(0, 4)), *draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)))
    axis = draw(st.sampled_from([a for a in range(1 - len(shape), len(shape)) if a]))
    x, gamma, beta = normal(draw(seeds), shape, (shape[axis],), (shape[axis],))
    x = x * draw(st.sampled_from([1.0, 10.0])) + draw(st.sampled_from([0.0, 30.0]))
    arrays = (x, gamma if draw(st.booleans()) else None, beta if draw(st.booleans()) else None)
    return arrays, {"axis": axis, "epsilon": draw(st.sampled_from([1e-3, 0.1]))}


@KERNELS
@settings(deadline=None, max_examples=80)
@given(case=settings_of_the_op(), seed=seeds)
def test_feature_by_feature(kernels, case, seed):
    (x, gamma, beta), options = case
    (dy,) = normal(seed, x.shape)
    with using(kernels, BatchNormFunction):
        (y, mean, variance), (dx, d_gamma, d_beta) = run(BatchNormFunction, (x, gamma, beta), dy, **options)
    wanted_y, wanted_mean, wanted_variance = oracles.batch_norm(x, gamma, beta, **options)
    assert np.max(np.abs(y - wanted_y), initial=0) < 1e-9
    assert_close(mean, wanted_mean)
    assert np.max(np.abs(variance - wanted_variance), initial=0) < 1e-10 * np.max(np.abs(x), initial=1) ** 2
    wanted = oracles.batch_norm(x, gamma, beta, dy, **options)
    assert np.max(np.abs(dx - wanted[0]), initial=0) < 1e-6 * np.max(np.abs(dy), initial=1)
    assert gamma is None or np.max(np.abs(d_gamma - wanted[1])) < 1e-9
    assert beta is None or np.max(np.abs(d_beta - wanted[2])) < 1e-12


@KERNELS
@settings(deadline=None, max_examples=40)
@given(
    case=settings_of_the_op(), seed=seeds, x_layout=st.sampled_from(LAYOUTS), dy_layout=st.sampled_from(LAYOUTS),
    dtype=st.sampled_from("fd"),
)  # fmt: skip
def test_memory_layout_and_type(kernels, case, seed, x_layout, dy_layout, dtype):
    arrays, options = case
    x, gamma, beta = (a if a is None else a.astype(dtype) for a in arrays)
    (dy,) = normal(seed, x.shape, dtype=dtype)
    with using(kernels, BatchNormFunction):
        plain, plain_gradients = run(BatchNormFunction, (x, gamma, beta), dy, **options)
        odd = (laid_out(x, x_layout), gamma, beta)
        found, gradients = run(BatchNormFunction, odd, laid_out(dy, dy_layout), **options)
    tolerance = 1e-4 if dtype == "f" else 1e-11
    for a, b in zip((*found, *gradients), (*plain, *plain_gradients), strict=True):
        if b is not None:
            assert a.dtype == dtype
            assert np.max(np.abs(a - b), initial=0) <= tolerance * np.max(np.abs(b), initial=1)


@KERNELS
@settings(deadline=None, max_examples=25)
@given(case=settings_of_the_op())
def test_every_entry_of_the_jacobian_of_all_three_outputs(kernels, case):
    arrays, options = case
    present = [a is not None for a in arrays]

    def function(*given_arrays):
        rest = iter(given_arrays)
        return BatchNormFunction.apply(*(next(rest) if there else None for there in present), **options)

    with using(kernels, BatchNormFunction):
        gradcheck(function, *(a for a in arrays if a is not None))


@settings(deadline=None, max_examples=25)
@given(case=settings_of_the_op(), seed=seeds)
def test_complex_step(case, seed):
    (x, gamma, beta), options = case
    (dy,) = normal(seed, x.shape)
    (exact,) = complex_step(
        lambda x: np.sum(BatchNormFunction.forward(x, gamma, beta, **options)[0][0] * dy), x
    )
    _, (dx, _, _) = run(BatchNormFunction, (x, gamma, beta), dy, **options)
    assert np.max(np.abs(dx - exact), initial=0) < 1e-9 * np.max(np.abs(dy), initial=1)


# --- numerics ----------------------------------------------------------------------------------------------


@KERNELS
@pytest.mark.parametrize(("mean", "error"), [(1e3, 1e-4), (1e4, 1e-3), (1e5, 6e-3)])
def test_a_large_mean_in_float32(kernels, mean, error):
    x = (normal(0, (256, 4))[0] + mean).astype(np.float32)
    with using(kernels, BatchNormFunction):
        (y, _, variance), _ = run(BatchNormFunction, (x, None, None), axis=1, epsilon=1e-3)
    wanted_y, _, wanted_variance = oracles.batch_norm(x, axis=1, epsilon=1e-3)
    assert np.max(np.abs(y - wanted_y)) < error
    assert_close(variance, wanted_variance, 1e-6)


def test_a_large_mean_in_inference():
    layer = BatchNormalization(momentum=0.0)
    x = (normal(0, (256, 4))[0] + 1e4).astype(np.float32)
    in_training = layer(x, training=True).numpy()
    assert np.max(np.abs(layer(x).numpy() - in_training)) < 1e-3


@KERNELS
def test_means_over_many_float32_rows_keep_their_digits(kernels):
    x = np.full((200_000, 2), 0.1, np.float32)
    with using(kernels, BatchNormFunction):
        (y, mean, variance), (_, _, d_beta) = run(
            BatchNormFunction, (x, np.ones(2, "f"), np.zeros(2, "f")), x, axis=1, epsilon=1e-3
        )
    assert mean[0] == np.float32(0.1)
    assert abs(y[0, 0]) < 1e-6
    assert variance[0] < 1e-15
    assert d_beta[0] == pytest.approx(200_000 * float(np.float32(0.1)), rel=1e-7)


def test_a_constant_feature_becomes_beta():
    layer = BatchNormalization(beta_initializer="ones")
    x = np.array([[5.0, 1.0], [5.0, 3.0]])
    y = layer(x, training=True).numpy()
    assert y[:, 0].tolist() == [1, 1]


def test_a_batch_of_one_is_finite_and_warns():
    layer = BatchNormalization(name="bn")
    with pytest.warns(
        UserWarning, match=r"bn \(BatchNormalization\) got one number per feature.*larger batches"
    ):
        y = layer(np.array([[5.0, 1.0]]), training=True)
    assert y.numpy().tolist() == [[0, 0]]
    assert BatchNormalization()(np.ones((1, 2, 1)), training=True).shape == (
        1,
        2,
        1,
    )  # two numbers: no warning


def test_an_empty_batch_changes_nothing():
    layer = BatchNormalization()
    y = layer(np.zeros((0, 3)), training=True)
    assert y.shape == (0, 3)
    assert layer.moving_mean.numpy().tolist() == [0, 0, 0]
    assert layer.moving_variance.numpy().tolist() == [1, 1, 1]


# --- running averages --------------------------------------------------------------------------------------


def test_defaults_weights_and_their_order():
    layer = BatchNormalization()
    assert (layer.momentum, layer.epsilon, layer.axis) == (0.99, 1e-3, -1)
    layer.build((None, 4, 3))
    assert [(v.name, v.shape, v.trainable) for v in layer.weights] == [
        ("gamma", (3,), True), ("beta", (3,), True), ("moving_mean", (3,), False), ("moving_variance", (3,), False),
    ]  # fmt: skip
    assert [v.numpy()[0] for v in layer.weights] == [1, 0, 0, 1]
    assert layer.parameter_formula() == "4·3"
    assert layer.count_params() == 12


@pytest.mark.parametrize(
    ("center", "scale", "names"), [(True, False, ["beta"]), (False, True, ["gamma"]), (False, False, [])]
)
def test_without_center_or_scale(center, scale, names):
    layer = BatchNormalization(center=center, scale=scale)
    layer.build((None, 2))
    assert [v.name for v in layer.weights] == [*names, "moving_mean", "moving_variance"]
    x = np.array([[1.0, 2.0], [3.0, 8.0]])
    assert np.allclose(layer(x, training=True).numpy(), [[-1, -1], [1, 1]], atol=1e-3)
    assert np.allclose(layer(x).numpy(), (x - 0.01 * x.mean(0)) / np.sqrt(0.99 + 0.01 * x.var(0) + 1e-3))


def test_training_updates_with_the_variance_that_divides_by_n():
    layer = BatchNormalization(momentum=0.9)
    x = np.array([[1.0], [2.0], [6.0]])  # mean 3, variance 14/3
    layer(x, training=True)
    assert layer.moving_mean.numpy() == pytest.approx([0.3])
    assert layer.moving_variance.numpy() == pytest.approx([0.9 + 0.1 * 14 / 3])
    layer(x, training=True)
    assert layer.moving_mean.numpy() == pytest.approx([0.57])
    assert layer.moving_variance.numpy() == pytest.approx([0.81 + 0.19 * 14 / 3])


def test_inference_uses_the_averages_and_leaves_them():
    layer = BatchNormalization(epsilon=1.0)
    layer.build((None, 1))
    layer.set_weights([[2.0], [5.0], [10.0], [8.0]])
    assert layer(np.array([[13.0], [7.0]])).numpy().ravel().tolist() == pytest.approx([7.0, 3.0])
    assert [v.numpy()[0] for v in layer.weights] == [2, 5, 10, 8]


def test_frozen_means_inference_even_in_training():
    layer = BatchNormalization()
    x = np.array([[1.0], [3.0]], np.float32)
    layer.build((None, 1))
    layer.trainable = False
    assert np.array_equal(layer(x, training=True).numpy(), layer(x).numpy())
    assert layer.moving_mean.numpy() == [0]
    layer.trainable = True
    assert layer(x, training=True).numpy()[0] == pytest.approx(-1, abs=1e-3)
    assert [v.trainable for v in layer.weights] == [True, True, False, False]


def test_averages_wait_for_the_end_of_the_step():
    layer = BatchNormalization(momentum=0.5)
    x = np.array([[2.0], [6.0]])
    with CallContext() as step:
        layer(x, training=True)
        assert layer.moving_mean.numpy() == [0]
    assert layer.moving_mean.numpy() == [0]
    step.commit()
    assert layer.moving_mean.numpy() == [2]
    with CallContext():  # a step that is never committed, as after a failure
        layer(x, training=True)
    assert layer.moving_mean.numpy() == [2]


def test_called_twice_in_a_step_it_updates_twice():
    one, other = np.array([[2.0], [6.0]]), np.array([[8.0], [10.0]])
    at_once, in_a_step = BatchNormalization(momentum=0.5), BatchNormalization(momentum=0.5)
    for x in (one, other):
        at_once(x, training=True)
    with CallContext() as step:
        for x in (one, other):
            in_a_step(x, training=True)
    step.commit()
    assert in_a_step.moving_mean.numpy() == at_once.moving_mean.numpy() == [0.5 * 2 + 0.5 * 9]
    assert in_a_step.moving_variance.numpy() == at_once.moving_variance.numpy()


def test_gradients_of_the_layer_in_training_and_in_inference():
    (x,) = normal(0, (3, 2, 2))
    for axis in (-1, 1):
        gradcheck(BatchNormalization(axis=axis, gamma_initializer="random_normal"), x)
        gradcheck(
            BatchNormalization(axis=axis, center=False, moving_mean_initializer="ones"), x, training=False
        )


def test_the_statistics_get_no_gradient():
    layer = BatchNormalization()
    layer(Tensor(np.array([[1.0], [3.0]], np.float32)), training=True).sum().backward()
    assert [v.grad is None for v in layer.weights] == [False, False, True, True]


# --- what it refuses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 3, -4])
def test_axis_must_name_a_feature_axis(axis):
    with pytest.raises(ValueError, match=f"feature axis of .*got {axis}"):
        BatchNormalization(axis=axis)(np.ones((2, 3, 4)))


def test_unknown_number_of_features():
    with pytest.raises(ValueError, match=r"size of axis -1 of \(None, None\)"):
        BatchNormalization().build((None, None))


@pytest.mark.parametrize("axis", [2, -2])
def test_fewer_axes_than_it_was_built_for(axis):
    layer = BatchNormalization(axis=axis)
    layer(np.ones((2, 2, 2)))
    with pytest.raises(ValueError, match="at least 3 axes"):
        layer(np.ones((2, 2)))


def test_other_features_than_it_was_built_for():
    layer = BatchNormalization()
    layer(np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"was built for 4 features \(axis -1\), got 5 in shape \(2, 5\)"):
        layer(np.ones((2, 5)))


def test_inside_a_layer_in_training():
    layer = Dense(2, activation=BatchNormalization())
    y = layer(np.array([[1.0, 2.0], [3.0, -4.0]]), training=True).numpy()
    assert np.abs(y.mean(axis=0)).max() < 1e-6


def test_statistics_are_of_one_device():
    assert BatchNormalization(synchronized=False).get_config()["synchronized"] is False
    with pytest.raises(ValueError, match="synchronized=False: training runs on one device"):
        BatchNormalization(synchronized=True)
