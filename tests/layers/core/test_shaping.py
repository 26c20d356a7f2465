"""Flatten, Reshape and Permute: the same numbers, and where each goes, whatever the memory looks like."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import LAYOUTS, laid_out
from strategies import LAYERS, normal, seeds

from minidl.gradcheck import gradcheck
from minidl.layers import Flatten, Permute, Reshape
from minidl.symbolic import SymbolicTensor


@settings(deadline=None, max_examples=50)
@given(
    shape=st.lists(st.integers(1, 4), max_size=4),
    batch=st.integers(0, 3),
    layout=st.sampled_from(LAYOUTS),
    seed=seeds,
)
def test_flatten_row_by_row(shape, batch, layout, seed):
    (x,) = normal(seed, (batch, *shape))
    y = Flatten(dtype="float64")(laid_out(x, layout)).numpy()
    assert y.shape == (batch, np.prod(shape, dtype=int))
    for row, sample in zip(y, x, strict=True):
        assert row.tolist() == [sample[at] for at in np.ndindex(*shape)]


@settings(deadline=None, max_examples=50)
@given(case=LAYERS[Reshape], batch=st.integers(0, 3), layout=st.sampled_from(LAYOUTS), seed=seeds)
def test_reshape_keeps_the_order(case, batch, layout, seed):
    (x,) = normal(seed, (batch, *case.sample))
    y = Reshape(case.arguments["target_shape"], dtype="float64")(laid_out(x, layout)).numpy()
    assert len(y) == batch
    assert all(n in (-1, m) for n, m in zip(case.arguments["target_shape"], y.shape[1:], strict=True))
    assert y.ravel().tolist() == x.ravel().tolist()


def test_gradients():
    (x,) = normal(0, (2, 3, 4))
    gradcheck(Flatten(), x)
    gradcheck(Reshape((2, -1, 3)), x)


def test_formula_of_flatten():
    layer = Flatten()
    with pytest.raises(ValueError, match="Call it on data or build"):
        layer.shape_formulas()
    layer(np.zeros((1, 7, 7, 64)))
    assert layer.shape_formulas() == ["7·7·64 = 3136"]
    layer(SymbolicTensor((None, None, 2)))
    assert layer.shape_formulas() == []


def test_unknown_sizes():
    assert Flatten().compute_output_shape((None, None, 3)) == (None, None)
    assert Reshape((2, -1)).compute_output_shape((None, None)) == (None, 2, None)
    assert Reshape((2, -1)).compute_output_shape((5, 4, 3)) == (5, 2, 6)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ((0, 2), ValueError), ((-2,), ValueError), ((-1, -1), ValueError), ((2.0, 3), TypeError), (6, TypeError),
        ("23", TypeError), ((True, 3), TypeError), ((None, 3), TypeError), (None, TypeError),
    ],
)  # fmt: skip
def test_what_is_no_target_shape(target, error):
    with pytest.raises(error, match="Reshape expects target_shape"):
        Reshape(target)


@pytest.mark.parametrize(
    ("target", "sample"), [((5,), (4,)), ((5, -1), (12,)), ((2, 2), (2, 4)), ((4, 4), (8,))]
)
def test_sizes_that_do_not_agree(target, sample):
    layer = Reshape(target, name="r")
    with pytest.raises(
        ValueError, match=r"r \(Reshape\) cannot arrange the \d+ numbers of a sample of shape"
    ):
        layer(np.zeros((3, *sample)))
    with pytest.raises(ValueError, match="cannot arrange"):
        layer.compute_output_shape((None, *sample))


@pytest.mark.parametrize("layer", [Flatten(), Reshape((1,))])
def test_a_number_alone_is_refused(layer):
    with pytest.raises(ValueError, match="at least 1 axes"):
        layer(3.0)


def test_permute():
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    y = Permute((3, 1, 2))(x).numpy()
    assert y.shape == (1, 4, 2, 3)
    assert all(y[0, c, a, b] == x[0, a, b, c] for a in range(2) for b in range(3) for c in range(4))


@pytest.mark.parametrize("dims", [(1, 1), (0, 1), (2,), (), (1, 3)])
def test_dims_name_each_axis_once(dims):
    with pytest.raises(ValueError, match="Permute expects"):
        Permute(dims)


def test_what_does_not_fit_permute():
    with pytest.raises(TypeError, match="Permute expects dims to be a tuple"):
        Permute("21")
    with pytest.raises(ValueError, match="3-D input"):
        Permute((2, 1))(np.zeros((2, 3)))
