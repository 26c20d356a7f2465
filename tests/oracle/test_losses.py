"""Every loss beside the one of Keras, with drawn shapes, options and weights: the value and the gradient."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import ORACLE, agree, examples, jax, keras, precision, rounded
from strategies import seeds

from minidl import Tensor, losses

pytestmark = ORACLE
REDUCTIONS = ["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None]
EXCEPTIONS = {
    "Loss": "the base class",
    "LossFunctionWrapper": "what every loss here is made with",
}


def numbers(rng, shape):
    return rng.normal(size=shape)


def unit(rng, shape):
    return rng.uniform(
        0.05, 0.95, shape
    )  # well within (0, 1): what happens at its ends is in test_departures.py


def labels(rng, shape):
    return rng.integers(0, 2, shape)


def signs(rng, shape):
    return 2.0 * rng.integers(0, 2, shape) - 1


def one_hot(rng, shape):
    return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]


def shares(rng, shape):
    p = unit(rng, shape)
    return p / p.sum(axis=-1, keepdims=True)


smoothing = st.sampled_from([0.0, 0.1, 0.5])
axes = st.sampled_from([-1, 1])
FAMILIES = {  # options; what targets and predictions may be
    "MeanSquaredError": ({}, [(numbers, numbers)]),
    "MeanAbsoluteError": ({}, [(numbers, numbers)]),
    "MeanAbsolutePercentageError": ({}, [(numbers, numbers)]),
    "MeanSquaredLogarithmicError": ({}, [(unit, numbers), (numbers, unit)]),
    "Huber": ({"delta": st.sampled_from([0.3, 1.0, 2.5])}, [(numbers, numbers)]),
    "LogCosh": ({}, [(numbers, numbers)]),
    "CosineSimilarity": ({"axis": axes}, [(numbers, numbers)]),
    "Hinge": ({}, [(labels, numbers), (signs, numbers)]),
    "SquaredHinge": ({}, [(labels, numbers), (signs, numbers)]),
    "CategoricalHinge": ({}, [(one_hot, numbers)]),
    "KLDivergence": ({}, [(shares, shares), (unit, unit)]),
    "Poisson": ({}, [(unit, unit)]),
    "BinaryCrossentropy": (
        {"label_smoothing": smoothing, "from_logits": st.booleans(), "axis": axes}, [(labels, unit), (unit, unit)],
    ),
    "CategoricalCrossentropy": (
        {"label_smoothing": smoothing, "from_logits": st.booleans()}, [(one_hot, unit), (shares, shares)],
    ),
    "SparseCategoricalCrossentropy": (
        {"from_logits": st.booleans(), "ignore_class": st.sampled_from([None, 0, 1])}, [(one_hot, unit)],
    ),
}  # fmt: skip


def test_every_loss_is_compared():
    known = {n for n in losses.__all__ if isinstance(getattr(losses, n), type)}
    assert known - set(EXCEPTIONS) == set(FAMILIES)


@st.composite
def cases(draw, name):
    """Options, targets, predictions, weights."""
    options, kinds = FAMILIES[name]
    arguments = {n: draw(values) for n, values in options.items()}
    arguments["reduction"] = draw(st.sampled_from(REDUCTIONS))
    least = 2 if name.startswith(("Categorical", "Sparse", "KL")) else 1  # a share of 1 is a kink of the clip
    shape = draw(st.sampled_from([(4, 3), (3, 2), (2, 3, 4), (2, 2, 3, 2), (5, least)]))
    rng = np.random.default_rng(draw(seeds))
    true, predicted = draw(st.sampled_from(kinds))
    y, p = true(rng, shape), predicted(rng, shape)
    if arguments.get("from_logits"):
        p = 3 * numbers(rng, shape)
    if name.startswith("Sparse"):
        y = y.argmax(axis=-1)
        y = y[..., None] if draw(st.booleans()) else y
    elif (
        shape[-1] == 1
        and arguments.get("axis", -1) == -1
        and name not in ("CosineSimilarity", "KLDivergence")
    ):
        y = y[:, 0] if draw(st.booleans()) else y
    each = shape[:-1] if arguments.get("axis", -1) == -1 else (shape[0], *shape[2:])
    weight = {
        "none": None, "one number": np.float64(0.5), "each": rng.uniform(0, 2, each),
        "samples": rng.uniform(0, 2, (shape[0], *[1] * (len(each) - 1))), "zeros": np.zeros(each),
    }[draw(st.sampled_from(["none", "none", "one number", "each", "each", "samples", "zeros"]))]  # fmt: skip
    return arguments, y, rounded(p)[0], None if weight is None else rounded(weight)[0]


def of_keras(name, arguments, y, p, w):
    loss = getattr(keras.losses, name)(**arguments, dtype=str(p.dtype))
    if w is not None and arguments["reduction"] == "mean_with_sample_weight":
        w = np.broadcast_to(w, loss.call(y, p).shape)  # or Keras divides by too little: test_departures.py

    def total(p):
        value = loss(y, p, w)
        return value.sum(), value

    gradient, value = jax.jit(jax.grad(total, has_aux=True))(p)
    return {"value": np.asarray(value), "gradient": np.asarray(gradient)}


def of_minidl(name, arguments, y, p, w):
    t = Tensor(p, requires_grad=True)
    value = getattr(losses, name)(**arguments, dtype=str(p.dtype))(y, t, w)
    assert value.dtype == p.dtype
    (value.sum() if value.ndim else value).backward()
    return {"value": value.numpy(), "gradient": t.grad}


@pytest.mark.parametrize("name", FAMILIES)
@examples(15)
@given(data=st.data())
def test_losses(name, data):
    arguments, y, p, w = data.draw(cases(name))
    y64 = y if y.dtype.kind in "iu" else rounded(y)[0]
    wanted = of_keras(name, arguments, y64, p, w)
    agree(of_minidl(name, arguments, y64, p, w), wanted)
    small = [
        None if a is None else a.astype("float32") if np.asarray(a).dtype.kind == "f" else a
        for a in (y64, p, w)
    ]

    def in_float32():
        with precision("float32"):
            return of_keras(name, arguments, *small)

    agree(of_minidl(name, arguments, *small), wanted, "float32", in_float32)
