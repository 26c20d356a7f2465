"""Projections: values by loops over the vectors, what must not change, names and ranges."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import constraints
from minidl.variable import Variable

RNG = np.random.default_rng(0)
DENSE = RNG.normal(size=(4, 3)) * [0.01, 1.0, 10.0]
CONV = RNG.normal(size=(2, 3, 4, 5))
EVERY = [
    constraints.Constraint(),
    constraints.NonNeg(),
    constraints.MaxNorm(1.5),
    constraints.UnitNorm(),
    constraints.MinMaxNorm(0.5, 1.0, 0.5),
]


def project_by_loop(w, wanted):
    """Each column of a matrix scaled from its norm to wanted(norm)."""
    result = np.array(w)
    for u in range(w.shape[1]):
        norm = math.sqrt(sum(v * v for v in w[:, u]))
        result[:, u] *= wanted(norm) / (norm + 1e-7)
    return result


@given(st.floats(0, 5), st.floats(0, 5), st.floats(0, 1))
@settings(deadline=None, max_examples=25)
def test_norms_go_where_they_should(a, b, rate):
    low, high = sorted((a, b))
    np.testing.assert_allclose(
        constraints.MinMaxNorm(low, high, rate)(DENSE),
        project_by_loop(DENSE, lambda n: rate * min(max(n, low), high) + (1 - rate) * n),
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        constraints.MaxNorm(high)(DENSE), project_by_loop(DENSE, lambda n: min(n, high)), rtol=1e-12
    )
    np.testing.assert_allclose(constraints.UnitNorm()(DENSE), project_by_loop(DENSE, lambda n: 1), rtol=1e-12)


@pytest.mark.parametrize("axis", [[0, 1, 2], (0, 1, 2), (-4, 1, -2)])
def test_filters_of_a_convolution(axis):
    w = constraints.UnitNorm(axis)(CONV)
    np.testing.assert_allclose([np.linalg.norm(w[..., f]) for f in range(5)], 1, rtol=1e-6)


def test_non_neg():
    assert constraints.NonNeg()(np.array([-1.0, 0.0, 2.0])).tolist() == [0, 0, 2]


def test_a_vector_of_zeros_stays():
    for constraint in EVERY:
        assert not constraint(np.zeros((3, 2))).any()


@pytest.mark.parametrize("layout", ["C", "F", "strided", "float32", "empty", "one", "Variable"])
@pytest.mark.parametrize("constraint", EVERY, ids=repr)
def test_a_new_array_of_the_same_type_and_the_old_one_unchanged(constraint, layout):
    w = {
        "C": DENSE.copy(),
        "F": np.asfortranarray(DENSE),
        "strided": np.repeat(DENSE, 2, axis=1)[:, ::2],
        "float32": DENSE.astype("float32"),
        "empty": np.zeros((0, 3)),
        "one": np.full((1, 1), 3.0),
        "Variable": Variable(DENSE),
    }[layout]
    plain = w.numpy() if isinstance(w, Variable) else w
    before = plain.copy()
    result = constraint(w)
    assert type(result) is np.ndarray
    assert result.dtype == plain.dtype
    assert result.shape == plain.shape
    assert not np.shares_memory(result, plain)
    assert np.array_equal(plain, before)
    np.testing.assert_allclose(result, constraint(np.ascontiguousarray(before)), rtol=1e-6)


@pytest.mark.parametrize("constraint", EVERY[:4], ids=repr)
def test_projecting_twice_changes_no_more(constraint):
    once = constraint(CONV[0, 0])
    np.testing.assert_allclose(constraint(once), once, rtol=1e-6)


def test_norms_of_large_float32_do_not_overflow():
    w = constraints.UnitNorm()(np.full((4, 1), 1e30, np.float32))
    np.testing.assert_allclose(w, 0.5, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("max_norm", {"max_value": 2, "axis": 0}),
        ("MaxNorm", {"max_value": 2, "axis": 0}),
        ("non_neg", {}),
        ("unit_norm", {"axis": 0}),
        ("min_max_norm", {"min_value": 0, "max_value": 1, "rate": 1, "axis": 0}),
        ("MinMaxNorm", {"min_value": 0, "max_value": 1, "rate": 1, "axis": 0}),
    ],
)
def test_names_and_defaults(name, config):
    assert constraints.get(name).get_config() == config


def test_lower_case_names_are_the_classes():
    assert constraints.max_norm is constraints.MaxNorm
    assert constraints.min_max_norm is constraints.MinMaxNorm
    assert constraints.non_neg is constraints.NonNeg
    assert constraints.unit_norm is constraints.UnitNorm


@pytest.mark.parametrize("made", [*EVERY, constraints.MaxNorm(3, axis=(0, 1))], ids=repr)
def test_every_constraint_survives_json(made):
    config = json.loads(json.dumps(constraints.serialize(made)))
    for again in (constraints.deserialize(config), constraints.get(config)):
        assert type(again) is type(made)
        assert again.get_config() == made.get_config()


def test_other_forms():
    assert constraints.get(None) is None
    assert constraints.get(np.sign) is np.sign

    class Small(constraints.Constraint):
        def __call__(self, w):
            return np.clip(w, -1, 1)

    assert type(constraints.deserialize(constraints.serialize(Small()), {"Small": Small})) is Small


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: constraints.MaxNorm(-1), "MaxNorm expects max_value to be a number >= 0"),
        (lambda: constraints.MaxNorm(math.nan), "MaxNorm expects max_value"),
        (lambda: constraints.MaxNorm(axis=0.5), "MaxNorm expects axis to be a whole number"),
        (lambda: constraints.UnitNorm(axis=[0, "1"]), "UnitNorm expects every entry of axis"),
        (lambda: constraints.MinMaxNorm(2, 1), "MinMaxNorm expects max_value to be a number >= 2.0, got 1"),
        (lambda: constraints.MinMaxNorm(-1, 1), "MinMaxNorm expects min_value"),
        (lambda: constraints.MinMaxNorm(rate=2), "MinMaxNorm expects rate to be a number >= 0 and <= 1"),
        (lambda: constraints.MaxNorm(axis=2)(DENSE), r"MaxNorm has axis=2, .* shape \(4, 3\)"),
        (lambda: constraints.MaxNorm(axis=[0, -2])(DENSE), "does not fit"),
        (lambda: constraints.get("maxnrom"), "Did you mean 'MaxNorm'"),
        (lambda: constraints.get(2), "Expected a constraint"),
    ],
)
def test_errors(call, text):
    with pytest.raises((ValueError, TypeError), match=text) as caught:
        call()
    assert len(str(caught.value)) < 400


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("NonNeg", {}),
        ("MaxNorm", {"max_value": 1.2}),
        ("MaxNorm", {"max_value": 1.2, "axis": [0, 1]}),
        ("UnitNorm", {}),
        ("UnitNorm", {"axis": 1}),
        ("MinMaxNorm", {"min_value": 0.5, "max_value": 1.5, "rate": 0.3}),
    ],
)
def test_keras_gives_the_same_projection(name, arguments):
    keras = pytest.importorskip("keras")
    w = DENSE.astype("float32")
    theirs = getattr(keras.constraints, name)(**arguments)
    ours = getattr(constraints, name)(**arguments)
    np.testing.assert_allclose(ours(w), np.asarray(theirs(w)), rtol=1e-5)
    assert ours.get_config() == theirs.get_config()
