"""Merge layers: values by hand and by loops, shapes and gradients."""

import importlib
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import LAYOUTS, laid_out
from merge_cases import (
    BY_HAND,
    ELEMENTWISE,
    A,
    B,
    arrays,
    elementwise_inputs,
    joined_inputs,
    multiplied_inputs,
)
from strategies import MERGES, normal, seeds

from minidl import Tensor, layers
from minidl.layers import add, concatenate, dot
from minidl.symbolic import SymbolicTensor


def said_and_real(layer, shapes, xs):
    """The output, whose shape is what was said beforehand, laid out or not, with the batch known or not."""
    y = layer(xs)
    assert layer.compute_output_shape([x.shape for x in xs]) == y.shape
    unknown = [(None, *s) for s in shapes]
    assert layer.compute_output_shape(unknown) == (None, *y.shape[1:])
    symbolic = layer([SymbolicTensor(s) for s in unknown])
    assert symbolic.shape == (None, *y.shape[1:])
    assert symbolic.maker is layer
    return y.numpy()


# --- values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ELEMENTWISE, "Concatenate"])
def test_class_and_function_on_two_matrices(name):
    wanted = {
        "Add": A + B, "Subtract": A - B, "Multiply": A * B, "Average": (A + B) / 2, "Maximum": np.maximum(A, B),
        "Minimum": np.minimum(A, B), "Concatenate": np.concatenate([A, B], -1),
    }[name]  # fmt: skip
    for y in (getattr(layers, name)()([A, B]), getattr(layers, name.lower())([A, B], name="mine")):
        assert np.allclose(y.numpy(), wanted, atol=1e-6)
        assert y.dtype == np.float32
    assert getattr(layers, name)()((A, B)).shape == wanted.shape  # a tuple is a list


def test_dot_and_axes_of_the_functions():
    wanted = (A * B).sum(1, keepdims=True)
    for y in (layers.Dot(axes=1)([A, B]), dot([A, B], axes=1), dot([A, B])):
        assert np.allclose(y.numpy(), wanted, atol=1e-5)
    cosine = wanted / np.sqrt((A**2).sum(1) * (B**2).sum(1))[:, None]
    assert np.allclose(dot([A, B], axes=1, normalize=True).numpy(), cosine, atol=1e-5)
    assert concatenate([A, B], axis=0).shape == (6, 4)
    assert layers.Concatenate(axis=1)([A, B]).shape == (3, 8)


def test_names_are_where_they_were_in_older_keras():
    merge = importlib.import_module("minidl.layers.merge")
    for cls in MERGES:
        assert getattr(merge, cls.__name__) is getattr(layers, cls.__name__)
        assert getattr(merge, cls.__name__.lower()) is getattr(layers, cls.__name__.lower())
        assert {cls.__name__, cls.__name__.lower()} <= set(layers.__all__) & set(merge.__all__)


@settings(deadline=None, max_examples=100)
@given(case=elementwise_inputs(), seed=seeds)
def test_elementwise_by_loops(case, seed):
    name, shapes, batch = case
    xs = arrays(seed, batch, shapes)
    y = said_and_real(getattr(layers, name)(dtype="float64"), shapes, xs)
    ndim = max(map(len, shapes))
    full = [(1,) * (ndim - len(s)) + s for s in shapes]
    assert y.shape == (batch, *(max(sizes) for sizes in zip(*full, strict=True)))
    for where in product(*map(range, y.shape)):
        parts = []
        for x, sizes in zip(xs, full, strict=True):
            at = [i if n > 1 else 0 for i, n in zip(where[1:], sizes, strict=True)]
            parts.append(x[(where[0], *at[ndim + 1 - x.ndim :])])
        assert np.isclose(y[where], BY_HAND[name](parts), rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(case=joined_inputs(), batch=st.integers(0, 3), seed=seeds)
def test_joined_parts_are_found_again(case, batch, seed):
    axis, shapes = case
    xs = arrays(seed, batch, shapes)
    y = np.moveaxis(said_and_real(layers.Concatenate(axis=axis, dtype="float64"), shapes, xs), axis, 0)
    for x in (np.moveaxis(x, axis, 0) for x in xs):
        assert np.array_equal(y[: len(x)], x)
        y = y[len(x) :]
    assert len(y) == 0


@settings(deadline=None, max_examples=60)
@given(case=multiplied_inputs(), batch=st.integers(0, 3), seed=seeds, normalize=st.booleans())
def test_dot_by_loops(case, batch, seed, normalize):
    axes, shapes = case
    a, b = arrays(seed, batch, shapes)
    y = said_and_real(layers.Dot(axes, normalize=normalize, dtype="float64"), shapes, [a, b])
    i, j = axes if isinstance(axes, tuple) else (axes, axes)
    a, b = np.moveaxis(a, i, -1), np.moveaxis(b, j, -1)
    if normalize:
        a, b = (x / np.sqrt((x**2).sum(-1, keepdims=True)) for x in (a, b))
    assert y.shape == ((batch, *a.shape[1:-1], *b.shape[1:-1]) if a.ndim + b.ndim > 4 else (batch, 1))
    flat = y.reshape(batch, int(np.prod(a.shape[1:-1])), int(np.prod(b.shape[1:-1])))
    for n in range(batch):
        rows, columns = a[n].reshape(-1, a.shape[-1]), b[n].reshape(-1, b.shape[-1])
        for r, c in product(range(len(rows)), range(len(columns))):
            wanted = sum(u * v for u, v in zip(rows[r], columns[c], strict=True))
            assert np.isclose(flat[n, r, c], wanted, rtol=1e-12, atol=1e-12)


def test_a_vector_without_length_has_no_direction():
    x = Tensor(np.zeros((1, 3)), requires_grad=True)
    y = layers.Dot(1, normalize=True, dtype="float64")([x, np.ones((1, 3))])
    assert y.numpy() == 0
    y.sum().backward()
    assert np.isfinite(x.grad).all()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("cls", sorted(MERGES, key=lambda c: c.__name__))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_types_and_layouts(cls, dtype, layout):
    layer = cls(**({"axes": 1} if cls is layers.Dot else {}), dtype=dtype)
    plain = normal(1, (2, 3, 3), (2, 3, 3), dtype=dtype)
    xs = [laid_out(x, layout) for x in plain]
    y = layer(xs)
    assert y.dtype == dtype
    assert all(np.array_equal(x, p) for x, p in zip(xs, plain, strict=True))
    assert np.allclose(y.numpy(), layer(plain).numpy(), rtol=1e-6, atol=1e-6)
    assert layer.weights == []
    assert layer.parameter_formula() == "0"


# --- shapes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shapes", "wanted"),
    [
        (layers.Add(), [(None, None, 3), (None, 4, 3)], (None, None, 3)),
        (layers.Add(), [(None, 1, 3), (None, 4, 1)], (None, 4, 3)),
        (layers.Add(), [(2, 3, 4), (None, 4)], (2, 3, 4)),
        (layers.Add(), [(None, 4), (5, 4)], (5, 4)),
        (layers.Add(), [(None, 1), (None, None)], (None, None)),
        (layers.Concatenate(), [(None, None), (None, 4)], (None, None)),
        (layers.Concatenate(), [(None, 2, 3), (None, None, 3)], (None, 2, 6)),
        (layers.Concatenate(1), [(None, 2, 3), (None, 5, 3), (None, 1, 3)], (None, 8, 3)),
        (layers.Concatenate(0), [(2, 3), (4, 3)], (6, 3)),
        (layers.Dot(-1), [(None, 3), (None, 3)], (None, 1)),
        (layers.Dot((2, 1)), [(None, 3, 5, 6), (None, 5, 7, 8)], (None, 3, 6, 7, 8)),
        (layers.Dot((-1, -2)), [(None, None, 6), (None, 6, 3)], (None, None, 3)),
        (layers.Dot(1), [(None, None, 6), (None, 6, 3)], (None, 6, 3)),
    ],
)
def test_shapes_with_unknown_sizes(layer, shapes, wanted):
    assert layer.compute_output_shape(shapes) == wanted
    assert layer.compute_output_shape(tuple(shapes)) == wanted
    assert layer([SymbolicTensor(s) for s in shapes]).shape == wanted


def test_how_the_joined_size_comes_about():
    joined = layers.Concatenate()
    joined([SymbolicTensor((None, 2, n)) for n in (3, 4, 5)])
    assert joined.shape_formulas() == ["3 + 4 + 5 = 12"]
    rows = layers.Concatenate(axis=1)
    rows([np.zeros((5, 2, 3)), np.zeros((5, 4, 3))])
    assert rows.shape_formulas() == ["2 + 4 = 6"]
    for shapes in ([(None, 4)], [(None, None), (None, 4)]):
        free = layers.Concatenate()
        free([SymbolicTensor(s) for s in shapes])
        assert free.shape_formulas() == []


def test_the_batch_size_may_change_from_call_to_call():
    layer = layers.Add()
    assert layer([A, B]).shape == (3, 4)
    assert layer([A[:2], B[:2]]).shape == (2, 4)
    assert layer([A[:, :2], B[:, :2]]).shape == (3, 2)
    with pytest.raises(ValueError, match="equally many samples"):
        layer([A, B[:2]])


# --- gradients ----------------------------------------------------------------------------------------------


def test_one_tensor_twice():
    x = Tensor([[3.0, 4.0]], requires_grad=True)
    add([x, x]).sum().backward()
    assert np.array_equal(x.grad, [[2, 2]])
