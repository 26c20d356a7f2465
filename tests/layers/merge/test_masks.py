"""Merge layers: whose mask the output has, and what masked steps count."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merge_cases import BY_HAND, ELEMENTWISE, M1, M2, masked
from strategies import normal, seeds

from minidl import Tensor, layers
from minidl.gradcheck import gradcheck
from minidl.layers import Masking, add, concatenate

EACH = pytest.mark.parametrize("name", ELEMENTWISE)


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
