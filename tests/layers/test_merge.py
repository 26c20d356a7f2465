"""Merge layers: values by hand and by loops, shapes, masks, gradients, refusals, and beside real Keras."""

import importlib
import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import LAYOUTS, laid_out
from strategies import MERGES, normal, seeds

from minidl import Tensor, layers
from minidl.gradcheck import gradcheck
from minidl.layers import Layer, Masking, add, concatenate, dot
from minidl.models import Model
from minidl.symbolic import SymbolicTensor

A, B = normal(0, (3, 4), (3, 4), dtype=np.float32)
ELEMENTWISE = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]
EACH = pytest.mark.parametrize("name", ELEMENTWISE)
BY_HAND = {
    "Add": lambda xs: sum(xs),
    "Subtract": lambda xs: xs[0] - xs[1],
    "Multiply": lambda xs: np.prod(xs, axis=0),
    "Average": lambda xs: sum(xs) / len(xs),
    "Maximum": lambda xs: max(xs),
    "Minimum": lambda xs: min(xs),
}


@st.composite
def elementwise_inputs(draw):
    """Shapes that fit element by element, of ranks from 1 to 4; the layer's name and a batch size."""
    name = draw(st.sampled_from(ELEMENTWISE))
    sizes = draw(st.lists(st.integers(1, 3), min_size=0, max_size=3))
    n = 2 if name == "Subtract" else draw(st.integers(1, 4))
    shapes = []
    for _ in range(n):
        kept = sizes[draw(st.integers(0, len(sizes))) :]
        shapes.append(tuple(draw(st.sampled_from([1, size])) for size in kept))
    return name, shapes, draw(st.integers(0, 3))


@st.composite
def joined_inputs(draw):
    """Samples that differ along one axis, and that axis, counted from either end."""
    sample = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    axis = draw(st.integers(1, len(sample)))
    parts = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    shapes = [(*sample[: axis - 1], part, *sample[axis:]) for part in parts]
    return draw(st.sampled_from([axis, axis - len(sample) - 1])), shapes


@st.composite
def multiplied_inputs(draw):
    """Two samples with one size in common, and where it stands in each."""
    samples, axes = [], []
    common = draw(st.integers(1, 3))
    for _ in range(2):
        rest = draw(st.lists(st.integers(1, 3), max_size=2))
        axis = draw(st.integers(1, len(rest) + 1))
        samples.append((*rest[: axis - 1], common, *rest[axis - 1 :]))
        axes.append(draw(st.sampled_from([axis, axis - len(rest) - 2])))
    one = axes[0] == axes[1] and draw(st.booleans())
    return axes[0] if one else tuple(axes), samples


def arrays(seed, batch, shapes, dtype=np.float64):
    return normal(seed, *((batch, *s) for s in shapes), dtype=dtype)


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


@settings(deadline=None, max_examples=25)
@given(case=elementwise_inputs(), seed=seeds)
def test_gradients_of_elementwise(case, seed):
    name, shapes, _ = case
    gradcheck(getattr(layers, name)(), arrays(seed, 2, shapes))


@settings(deadline=None, max_examples=10)
@given(case=joined_inputs(), seed=seeds)
def test_gradients_of_concatenate(case, seed):
    axis, shapes = case
    gradcheck(layers.Concatenate(axis), arrays(seed, 2, shapes))


@settings(deadline=None, max_examples=10)
@given(case=multiplied_inputs(), seed=seeds, normalize=st.booleans())
def test_gradients_of_dot(case, seed, normalize):
    axes, shapes = case
    shapes = [tuple(n + (normalize and n == 1) for n in s) for s in shapes]  # one number has a sign only
    gradcheck(layers.Dot(axes, normalize=normalize), arrays(seed, 2, shapes))


def test_one_tensor_twice():
    x = Tensor([[3.0, 4.0]], requires_grad=True)
    add([x, x]).sum().backward()
    assert np.array_equal(x.grad, [[2, 2]])


# --- masks --------------------------------------------------------------------------------------------------

M1 = np.array([[True, False, True], [False, False, True]])
M2 = np.array([[False, False, True], [True, False, False]])


def masked(x, mask):
    t = Tensor(x)
    t.mask = mask
    return t


@EACH
def test_masks_of_all_inputs(name):
    a, b = normal(3, (2, 3, 2), (2, 3, 2))
    y = getattr(layers, name)(dtype="float64")([masked(a, M1), masked(b, M2)])
    assert np.array_equal(y.mask, M1 | M2)
    wanted = BY_HAND[name]([a, b]) if name not in ("Maximum", "Minimum") else np.zeros(a.shape)
    if name in ("Multiply", "Maximum", "Minimum"):
        for n, t, c in product(range(2), range(3), range(2)):
            counting = [x[n, t, c] for x, m in ((a, M1), (b, M2)) if m[n, t]]
            nobody = 0 if name == "Multiply" else a[n, t, c]
            wanted[n, t, c] = BY_HAND[name](counting) if counting else nobody
    assert np.allclose(y.numpy(), wanted, rtol=1e-12)


@EACH
@pytest.mark.parametrize("first", [True, False])
def test_a_mask_of_one_input(name, first):
    a, b = normal(4, (2, 3, 2), (2, 3, 2))
    xs = [masked(a, M1), b] if first else [b, masked(a, M1)]
    y = getattr(layers, name)(dtype="float64")(xs)
    assert y.mask is None
    order = (lambda p, q: [p, q]) if first else (lambda p, q: [q, p])
    for n, t, c in product(range(2), range(3), range(2)):
        value, alone = a[n, t, c], b[n, t, c]
        left_out = name in ("Multiply", "Maximum", "Minimum") and not M1[n, t]
        assert np.isclose(y.numpy()[n, t, c], alone if left_out else BY_HAND[name](order(value, alone)))


@settings(deadline=None, max_examples=60)
@given(data=st.data(), name=st.sampled_from(["Multiply", "Maximum", "Minimum"]), seed=seeds)
def test_only_inputs_that_count_are_compared_or_multiplied(data, name, seed):
    given_ones = data.draw(st.lists(st.booleans(), min_size=2, max_size=4))
    xs = normal(seed, *[(2, 3, 2)] * len(given_ones))
    rng = np.random.default_rng(seed)
    masks = [rng.random((2, 3)) < 0.5 if one else None for one in given_ones]
    y = getattr(layers, name)(dtype="float64")([masked(x, m) for x, m in zip(xs, masks, strict=True)])
    counts = [np.ones((2, 3), bool) if m is None else m for m in masks]
    assert (y.mask is None) == (not all(given_ones))
    assert y.mask is None or np.array_equal(y.mask, np.any(counts, axis=0))
    for n, t, c in product(range(2), range(3), range(2)):
        counting = [x[n, t, c] for x, m in zip(xs, counts, strict=True) if m[n, t]]
        nobody = 0 if name == "Multiply" else xs[0][n, t, c]
        assert np.isclose(y.numpy()[n, t, c], BY_HAND[name](counting) if counting else nobody, rtol=1e-12)


@pytest.mark.parametrize("name", ["Multiply", "Maximum", "Minimum"])
def test_what_is_masked_is_not_looked_at(name):
    a, b, c = normal(5, (2, 3, 2), (2, 3, 2), (2, 3, 2))
    a[~M1], c[~M2] = np.nan, np.inf
    xs = [Tensor(x, requires_grad=True) for x in (a, b, c)]
    y = getattr(layers, name)(dtype="float64")(xs, mask=[M1, None, M2])
    assert np.isfinite(y.numpy()).all()
    y.sum().backward()
    assert all(np.isfinite(x.grad).all() for x in xs)
    assert not xs[0].grad[~M1].any()


@pytest.mark.parametrize("name", ["Multiply", "Maximum", "Minimum"])
def test_gradients_with_masks(name):
    layer = getattr(layers, name)(dtype="float64")
    a, b, c = normal(6, (2, 3, 2), (2, 3, 1), (2, 3, 2))
    gradcheck(lambda a, b, c: layer([a, b, c], mask=[M1, M2, None]), a, b, c)
    gradcheck(lambda a, b: layer([a, b], mask=[M1, M2]), a, c)


def test_masks_of_inputs_with_fewer_axes_are_lifted_with_them():
    a, b = normal(7, (2, 3, 2), (2, 2))
    samples = np.array([True, False])
    y = layers.Multiply(dtype="float64")([masked(a, M1), masked(b, samples)])
    assert np.array_equal(y.mask, M1 | samples[:, None])
    factors = np.where(M1[..., None], a, 1) * np.where(samples[:, None, None], b[:, None], 1)
    assert np.allclose(y.numpy(), np.where((M1 | samples[:, None])[..., None], factors, 0))


def test_concatenated_masks():
    a, b = normal(8, (2, 3, 2), (2, 3, 2))
    one, other = masked(a, M1), masked(b, M2)
    assert np.array_equal(concatenate([one, other], axis=1).mask, np.concatenate([M1, M2], 1))
    assert np.array_equal(concatenate([one, other], axis=-2).mask, np.concatenate([M1, M2], 1))
    assert np.array_equal(concatenate([one, other], axis=0).mask, np.concatenate([M1, M2], 0))
    assert np.array_equal(concatenate([one, other]).mask, M1 | M2)
    assert np.array_equal(concatenate([one, b[:, :1]], axis=1).mask, np.column_stack([M1, [True, True]]))
    assert np.array_equal(concatenate([one, b]).mask, np.ones((2, 3)))
    assert concatenate([a, b]).mask is None
    images = concatenate([masked(np.zeros((2, 3, 4, 1)), M1), np.zeros((2, 3, 4, 1))], axis=2)
    assert np.array_equal(images.mask, np.ones((2, 3)))


def test_dot_ends_a_mask_and_a_caller_keeps_his():
    one = masked(np.ones((2, 3, 2)), M1)
    assert layers.Dot(2)([one, one]).mask is None
    alone = add([one])
    assert np.array_equal(alone.mask, M1)
    out = add([Masking()(np.zeros((2, 3, 2))), Masking()(np.ones((2, 3, 2)))])
    assert np.array_equal(out.mask, np.ones((2, 3)))


@pytest.mark.parametrize("name", [*ELEMENTWISE, "Concatenate"])
@pytest.mark.parametrize("mask", [M1, [M1], [M1, M1.T], [None, np.True_]])
def test_masks_that_do_not_fit(name, mask):
    layer = getattr(layers, name)(name="m")
    with pytest.raises(ValueError, match=rf"m \({name}\) expects (a )?mask ") as caught:
        layer([np.ones((2, 3, 2))] * 2, mask=mask)
    assert len(str(caught.value)) < 400


# --- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shapes", "words"),
    [
        (layers.Add(name="m"), [(2, 4), (2, 5)], ["m (Add)", "(2, 4) and (2, 5)", "4 and 5 on axis 1", "Dense"]),
        (layers.Add(name="m"), [(2, 3, 4), (2, 3)], ["m (Add)", "4 and 3 on axis 2", "behind the batch", "Reshape"]),
        (layers.Add(name="m"), [(2, 3), (1, 3)], ["equally many samples", "(2, 3) and (1, 3)", "1 and 2"]),
        (layers.Multiply(name="m"), [(2, 3)] * 9 + [(2, 4)], ["m (Multiply)", "7 more", "3 and 4"]),
        (layers.Maximum(name="m"), [(), ()], ["m (Maximum)", "batch axis", "np.reshape"]),
        (layers.Subtract(name="m"), [(2, 3)] * 3, ["m (Subtract)", "2 inputs", "got 3"]),
        (layers.Subtract(name="m"), [(2, 3)], ["m (Subtract)", "2 inputs", "got 1"]),
        (layers.Dot(1, name="m"), [(2, 3)], ["m (Dot)", "2 inputs", "got 1"]),
        (layers.Dot(1, name="m"), [(2, 3), (2, 4)], ["m (Dot)", "3 and 4", "axis 1 of the first", "Dense"]),
        (layers.Dot(1, name="m"), [(2, 3), (1, 3)], ["m (Dot)", "equally many samples"]),
        (layers.Dot((1, 2), name="m"), [(2, 3), (2, 3)], ["m (Dot)", "(1, 2)", "(2, 3) and (2, 3)"]),
        (layers.Dot(-2, name="m"), [(2, 3), (2, 3)], ["m (Dot)", "behind the batch axis"]),
        (layers.Dot(1, name="m"), [(2,), (2,)], ["m (Dot)", "(2,) and (2,)"]),
        (layers.Concatenate(name="m"), [(2, 3), (2, 3, 1)], ["m (Concatenate)", "equally many axes", "Reshape"]),
        (layers.Concatenate(name="m"), [(2, 1, 3), (2, 4, 3)], ["axis 2 only", "1 and 4 on axis 1"]),
        (layers.Concatenate(name="m"), [(2, 3), (4, 3)], ["equally many samples"]),
        (layers.Concatenate(5, name="m"), [(2, 3), (2, 3)], ["an axis 5", "-2 to 1"]),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit(layer, shapes, words):
    for call in (
        lambda: layer([np.zeros(s) for s in shapes]),
        lambda: layer([SymbolicTensor(s) for s in shapes]),
        lambda: layer.build(shapes),
        lambda: layer.compute_output_shape(shapes),
    ):
        with pytest.raises(ValueError, match=r"m \(") as caught:
            call()
        message = str(caught.value)
        assert [word for word in words if word not in message] == []
        assert len(message) < 400
        assert not layer.built


@pytest.mark.parametrize("cls", sorted(MERGES, key=lambda c: c.__name__))
def test_one_input_that_is_no_list(cls):
    layer = cls(**({"axes": 1} if cls is layers.Dot else {}), name="m")
    for one in (np.zeros((3, 4)), SymbolicTensor((None, 4)), [[1.0, 2.0], [3.0, 4.0]], []):
        with pytest.raises(
            ValueError, match=rf"m \({cls.__name__}\) expects a list of inputs, got (one|an empty)"
        ):
            layer(one)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: layers.Dot(1.0), TypeError),
        (lambda: layers.Dot(None), TypeError),
        (lambda: layers.Dot(True), TypeError),
        (lambda: layers.Dot((1,)), ValueError),
        (lambda: layers.Dot((1, "a")), TypeError),
        (lambda: layers.Dot(0), ValueError),
        (lambda: layers.Dot((1, 0)), ValueError),
        (lambda: layers.Dot(1, normalize="yes"), TypeError),
        (lambda: layers.Concatenate(axis="last"), TypeError),
        (lambda: layers.Concatenate(axis=1.0), TypeError),
        (lambda: layers.Add(axis=1), TypeError),
    ],
)
def test_bad_arguments(make, error):
    with pytest.raises(error, match=r"^(Dot expects|Concatenate expects axis|Add has no argument)") as caught:
        make()
    assert len(str(caught.value)) < 400


# --- configuration ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        *((cls, {}) for cls in sorted(MERGES - {layers.Dot}, key=lambda c: c.__name__)),
        (layers.Concatenate, {"axis": 1, "dtype": "float64"}),
        (layers.Dot, {"axes": 2, "normalize": True}),
        (layers.Dot, {"axes": [1, -1]}),
    ],
)
def test_config_makes_an_equal_layer(cls, arguments):
    layer = cls(**arguments)
    assert layer.name.startswith(cls.__name__.lower())
    config = layer.get_config()
    again = cls.from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config
    for name, value in arguments.items():
        assert config[name] == (tuple(value) if isinstance(value, list) else value)
    xs = normal(9, (2, 3, 3), (2, 3, 3))
    assert np.array_equal(again(xs).numpy(), layer(xs).numpy())


def test_inside_a_layer_of_ones_own():
    class Residual(Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner, self.sum = layers.Dense(3), layers.Add()

        def call(self, x):
            return self.sum([x, self.inner(x)])

    gradcheck(Residual(), *normal(10, (4, 3)))


# --- in a graph ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", sorted(MERGES, key=lambda c: c.__name__))
def test_in_a_model_of_two_inputs(cls):
    arguments = {"axes": 1} if cls is layers.Dot else {}
    wanted = cls(**arguments)([A, B]).numpy()
    for merge in (cls(**arguments), lambda xs: getattr(layers, cls.__name__.lower())(xs, **arguments)):
        one, other = layers.Input((4,)), layers.Input((4,))
        model = Model([one, other], merge([one, other]))
        assert np.array_equal(model([A, B]).numpy(), wanted)
        again = type(model).from_config(json.loads(json.dumps(model.get_config())))
        assert np.array_equal(again([A, B]).numpy(), wanted)
        assert again.outputs[0].shape == (None, *wanted.shape[1:])


def test_one_tensor_along_several_ways():
    x = layers.Input((4,))
    h = layers.Dense(4, activation="tanh")(x)
    model = Model(x, layers.Dense(1)(concatenate([add([x, h]), h, h])))
    assert model(A).shape == (3, 1)
    gradcheck(model, A.astype(float))


# --- beside Keras -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keras():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "jax")
        pytest.importorskip("jax")
        return pytest.importorskip("keras")


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@settings(deadline=None, max_examples=40)
@given(data=st.data(), seed=seeds)
def test_as_keras(keras, data, seed):
    kind = data.draw(st.sampled_from(["elementwise", "Concatenate", "Dot"]))
    if kind == "elementwise":
        kind, shapes, _ = data.draw(elementwise_inputs())
        arguments = {}
    elif kind == "Concatenate":
        axis, shapes = data.draw(joined_inputs())
        arguments = {"axis": axis}
    else:
        axes, shapes = data.draw(multiplied_inputs())
        arguments = {"axes": axes, "normalize": data.draw(st.booleans())}
    xs = arrays(seed, 3, shapes, np.float32)
    ours, theirs = (getattr(library, kind)(**arguments) for library in (layers, keras.layers))
    y, wanted = ours(xs).numpy(), np.asarray(theirs(xs))
    assert y.shape == wanted.shape
    assert np.allclose(y, wanted, rtol=1e-5, atol=1e-5)
    unknown = [(None, *s) for s in shapes]
    assert ours.compute_output_shape(unknown) == theirs.compute_output_shape(unknown)
    mine, yours = ours.get_config(), theirs.get_config()
    assert {name: mine[name] for name in arguments} == {name: yours[name] for name in arguments}
    assert set(yours) <= set(mine)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("second_has_one", [True, False])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [*((n, {}) for n in ELEMENTWISE), ("Concatenate", {}), ("Concatenate", {"axis": 1})],
)
def test_masks_as_keras(keras, name, arguments, second_has_one):
    a, b = normal(11, (2, 3, 2), (2, 3, 2), dtype=np.float32)
    a[~M1] = b[~M2] = 0.5
    found = []
    for library in (layers, keras.layers):
        masking = library.Masking(mask_value=0.5)
        second = masking(b) if second_has_one else np.array(b)
        y = getattr(library, name)(**arguments)([masking(a), second])
        mask = y.mask if library is layers else keras.src.backend.get_keras_mask(y)
        found.append((np.asarray(y), mask))
    (y, mask), (wanted, wanted_mask) = found
    assert np.allclose(y, wanted, rtol=1e-5, atol=1e-6)
    assert (mask is None) == (wanted_mask is None)
    assert mask is None or np.array_equal(mask, wanted_mask)
