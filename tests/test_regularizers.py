"""Penalties: values by hand, gradients by differences, names and ranges."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import regularizers
from minidl.tensor import Tensor
from minidl.variable import Variable

FACTORS = st.floats(0, 10)
W = np.array([[0.5, -1.25, 2.0], [3.0, 0.25, -0.75]])


def penalty_by_loop(w, l1, l2):
    return sum(l1 * abs(v) + l2 * v * v for v in w.ravel().tolist())


def mean_cosine_by_loop(rows):
    pairs = [(a, b) for i, a in enumerate(rows) for b in rows[:i]]
    cosines = [abs(sum(a * b)) / math.sqrt(sum(a * a) * sum(b * b)) for a, b in pairs]
    return sum(cosines) / len(cosines)


@given(FACTORS, FACTORS)
@settings(deadline=None, max_examples=25)
def test_values(a, b):
    assert float(regularizers.L1(a)(W)) == pytest.approx(penalty_by_loop(W, a, 0))
    assert float(regularizers.L2(b)(W)) == pytest.approx(penalty_by_loop(W, 0, b))
    assert float(regularizers.L1L2(a, b)(W)) == pytest.approx(penalty_by_loop(W, a, b))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_l1_and_l2(dtype):
    w = Variable(W, dtype=dtype)
    penalty = regularizers.L1L2(l1=0.5, l2=0.25)(w)
    assert isinstance(penalty, Tensor)
    assert penalty.dtype == dtype
    assert penalty.shape == ()
    penalty.backward()
    assert w.grad.dtype == dtype
    np.testing.assert_allclose(w.grad, 0.5 * np.sign(W) + 0.5 * W, rtol=1e-6)


def test_l1_has_no_pull_at_zero():
    w = Variable([0.0, -2.0])
    regularizers.L1(1.0)(w).backward()
    assert w.grad.tolist() == [0, -1]


@pytest.mark.parametrize(("mode", "rows"), [("rows", W), ("columns", W.T)])
def test_orthogonal_value(mode, rows):
    assert float(regularizers.OrthogonalRegularizer(0.5, mode)(W)) == pytest.approx(
        0.5 * mean_cosine_by_loop(rows)
    )


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal_gradient(mode):
    penalty, w = regularizers.OrthogonalRegularizer(2.0, mode), Variable(W)
    penalty(w).backward()
    for index in np.ndindex(W.shape):
        step = np.zeros_like(W)
        step[index] = 1e-6
        difference = (float(penalty(W + step)) - float(penalty(W - step))) / 2e-6
        assert w.grad[index] == pytest.approx(difference, abs=1e-8)


def test_orthogonal_at_its_limits():
    penalty = regularizers.OrthogonalRegularizer(1.0)
    assert float(penalty(np.eye(3))) == 0
    assert float(penalty(np.ones((3, 2)))) == pytest.approx(1)
    assert float(penalty(np.ones((1, 2)))) == 0  # no pair
    zero_row = Variable([[0.0, 0.0], [1.0, 0.0]])
    penalty(zero_row).backward()
    assert np.isfinite(zero_row.grad).all()


def test_empty_weights_cost_nothing():
    assert float(regularizers.L1L2(1.0, 1.0)(np.zeros((0, 3)))) == 0


def test_float32_is_added_up_in_float64():
    w = np.full((500_000, 2), 0.1, np.float32)
    assert float(regularizers.L2(1.0)(w)) == pytest.approx(10_000, rel=1e-6)
    assert float(regularizers.L1(1.0)(w)) == pytest.approx(100_000, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("l1", {"l1": 0.01}),
        ("L1", {"l1": 0.01}),
        ("l2", {"l2": 0.01}),
        ("l1_l2", {"l1": 0.01, "l2": 0.01}),
        ("L1L2", {"l1": 0.01, "l2": 0.01}),
        ("orthogonal_regularizer", {"factor": 0.01, "mode": "rows"}),
    ],
)
def test_names(name, config):
    assert regularizers.get(name).get_config() == config


def test_lower_case_names_are_the_classes():
    assert regularizers.l1 is regularizers.L1
    assert regularizers.l2 is regularizers.L2
    assert regularizers.l1_l2 is regularizers.L1L2
    assert regularizers.orthogonal_regularizer is regularizers.OrthogonalRegularizer


def test_the_defaults_of_l1l2_are_0_when_called_by_hand():
    assert regularizers.L1L2(l2=0.1).get_config() == {"l1": 0.0, "l2": 0.1}
    assert regularizers.L1L2(l1=None, l2=None).get_config() == {"l1": 0.0, "l2": 0.0}
    assert regularizers.get(regularizers.L1L2).get_config() == {"l1": 0.0, "l2": 0.0}


@pytest.mark.parametrize(
    "made",
    [
        regularizers.L1(0.3),
        regularizers.L2(0.3),
        regularizers.L1L2(0.0, 0.3),
        regularizers.OrthogonalRegularizer(0.3, "columns"),
    ],
)
def test_every_regularizer_survives_json(made):
    config = json.loads(json.dumps(regularizers.serialize(made)))
    for again in (regularizers.deserialize(config), regularizers.get(config)):
        assert type(again) is type(made)
        assert again.get_config() == made.get_config()


def test_other_forms():
    own = lambda x: np.sum(x)  # noqa: E731
    assert regularizers.get(None) is None
    assert regularizers.get(own) is own

    class Mine(regularizers.Regularizer):
        def __call__(self, x):
            return np.sum(x)

    assert type(regularizers.deserialize(regularizers.serialize(Mine()), {"Mine": Mine})) is Mine


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: regularizers.L1(-1), "L1 expects l1 to be a number >= 0, got -1"),
        (lambda: regularizers.L2(math.nan), "L2 expects l2"),
        (lambda: regularizers.L2("0.1"), "L2 expects l2 to be a number >= 0, got str '0.1'"),
        (lambda: regularizers.L2(True), "L2 expects l2"),
        (lambda: regularizers.L1L2(l2=math.inf), "L1L2 expects l2"),
        (lambda: regularizers.OrthogonalRegularizer(mode="row"), "Did you mean 'rows'"),
        (lambda: regularizers.OrthogonalRegularizer()(np.ones(3)), r"a matrix, got a weight of shape \(3,\)"),
        (lambda: regularizers.get("l3"), "Unknown regularizer 'l3'"),
        (lambda: regularizers.get(0.01), "Expected a regularizer"),
        (lambda: regularizers.Regularizer()(W), "must define __call__"),
    ],
)
def test_errors(call, text):
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=text) as caught:
        call()
    assert len(str(caught.value)) < 400


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("L1", {"l1": 0.3}),
        ("L2", {"l2": 0.3}),
        ("L1L2", {"l1": 0.3, "l2": 0.7}),
        ("OrthogonalRegularizer", {"factor": 0.3}),
        ("OrthogonalRegularizer", {"factor": 0.3, "mode": "columns"}),
    ],
)
def test_keras_gives_the_same_penalty(name, arguments):
    keras = pytest.importorskip("keras")
    w = W.astype("float32")
    theirs = getattr(keras.regularizers, name)(**arguments)
    ours = getattr(regularizers, name)(**arguments)
    assert float(ours(w)) == pytest.approx(float(theirs(keras.ops.convert_to_tensor(w))), rel=1e-5)
    assert ours.get_config() == pytest.approx(theirs.get_config())
