"""The losses: as functions, and as classes with reductions, weights and masks."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from registry.entry import Entry, Example
from strategies import seeds

from minidl import losses
from minidl.activations import sigmoid, softmax
from minidl.devices import beside

CLASSES = {
    "binary_crossentropy": "BinaryCrossentropy", "categorical_crossentropy": "CategoricalCrossentropy",
    "categorical_hinge": "CategoricalHinge", "cosine_similarity": "CosineSimilarity", "hinge": "Hinge",
    "huber": "Huber", "kl_divergence": "KLDivergence", "log_cosh": "LogCosh",
    "mean_absolute_error": "MeanAbsoluteError",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError", "mean_squared_error": "MeanSquaredError",
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError", "poisson": "Poisson",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy", "squared_hinge": "SquaredHinge",
}  # fmt: skip
ENTROPIES = {"binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"}
POSITIVE = {"kl_divergence", "poisson", "mean_squared_logarithmic_error"}
ANALYTIC = {"mean_squared_error", "log_cosh", "cosine_similarity"} | ENTROPIES


def _targets(name: str, rng: Any, shape: tuple[int, ...], soft: bool) -> np.ndarray:
    if name == "sparse_categorical_crossentropy":
        return np.asarray(rng.integers(0, shape[-1], shape[:-1]))
    if name == "binary_crossentropy":
        return rng.random(shape) if soft else rng.integers(0, 2, shape).astype(float)
    if name in ("categorical_crossentropy", "categorical_hinge"):
        one_hot = np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
        return 0.8 * one_hot + 0.2 / shape[-1] if soft and name != "categorical_hinge" else one_hot
    if name in ("hinge", "squared_hinge"):
        return rng.choice([-1.0, 1.0], shape)
    if name in POSITIVE:
        return rng.uniform(0.2, 0.9, shape)
    y = rng.standard_normal(shape)
    return np.sign(y) * (0.3 + np.abs(y))  # away from 0, where a relative error explodes


def _predictions(name: str, rng: Any, shape: tuple[int, ...], kind: str) -> np.ndarray:
    if name in POSITIVE:
        return rng.uniform(0.2, 0.9, shape)
    if name in ENTROPIES and kind == "probabilities":
        p = rng.uniform(0.2, 0.9, shape)
        return p if name == "binary_crossentropy" else p / p.sum(axis=-1, keepdims=True)
    return 2 * rng.standard_normal(shape)


@st.composite
def _shapes(draw: Any, name: str) -> tuple[int, ...]:
    rest = draw(st.lists(st.integers(1, 3), max_size=1))
    least = 2 if name in ENTROPIES | {"cosine_similarity"} else 1
    return (draw(st.integers(1, 3)), *rest, draw(st.integers(least, 4)))


class Drawn(NamedTuple):
    """A loss to be: its options, what comes before it, and numbers."""

    options: dict[str, Any]
    before: Any
    kind: str  # what the predictions are: logits, logits behind a softmax or sigmoid, or probabilities
    arrays: tuple[np.ndarray, np.ndarray]


@st.composite
def _drawn(draw: Any, name: str) -> Drawn:
    shape = draw(_shapes(name))
    rng, options, kind = np.random.default_rng(draw(seeds)), {}, "logits"
    if name in ENTROPIES:
        kind = draw(st.sampled_from(["logits", "layer", "probabilities"]))
        options["from_logits"] = kind == "logits"
        options["axis"] = draw(st.sampled_from([-1, len(shape) - 1]))
        if name == "sparse_categorical_crossentropy":
            options["ignore_class"] = draw(st.sampled_from([None, 0]))
        else:
            options["label_smoothing"] = draw(st.sampled_from([0.0, 0.1]))
    if name == "cosine_similarity":
        options["axis"] = draw(st.sampled_from([-1, len(shape) - 1]))
    if name == "huber":
        options["delta"] = draw(st.sampled_from([0.5, 1.0, 3.0]))
    binary = name == "binary_crossentropy"
    before = {"layer": sigmoid if binary else softmax, "probabilities": None if binary else _shares}.get(kind)
    soft = draw(st.booleans())
    return Drawn(
        options, before, kind, (_targets(name, rng, shape, soft), _predictions(name, rng, shape, kind))
    )


def _shares(p: Any) -> Any:
    """Positive numbers divided by their sum: differences would else meet the warning that the sum is not 1."""
    return p / p.sum(axis=-1, keepdims=True)


def _example(name: str, drawn: Drawn, loss: Any, **about: Any) -> Example:
    def function(y_true: Any, y_pred: Any) -> Any:
        return loss(y_true, y_pred if drawn.before is None else drawn.before(y_pred))

    both = (0, 1) if name in ("mean_absolute_error", "huber") else (1,)
    return Example(function, drawn.arrays, wanted=both, **about)


@st.composite
def _functions(draw: Any, name: str) -> Example:
    drawn = draw(_drawn(name))

    def loss(y_true: Any, y_pred: Any) -> Any:
        return getattr(losses, name)(y_true, y_pred, **drawn.options)

    analytic = name in ANALYTIC and drawn.kind != "probabilities"
    text = f"{name} {drawn.options} of {drawn.kind}"
    return _example(name, drawn, loss, batch=(0, 0), analytic=analytic, text=text)


@st.composite
def _classes(draw: Any, name: str) -> Example:
    drawn = draw(_drawn(name))
    rng, shape = np.random.default_rng(draw(seeds)), drawn.arrays[1].shape[:-1]
    reduction = draw(
        st.sampled_from(["sum_over_batch_size", "mean", "sum", "none", "mean_with_sample_weight"])
    )
    of_weights = draw(st.sampled_from([None, shape, (*shape[:1], *(1 for _ in shape[1:]))]))
    w = None if of_weights is None else rng.random(of_weights)
    mask = draw(st.sampled_from([None, rng.random(shape) > 0.4]))
    made = getattr(losses, CLASSES[name])(reduction=reduction, **drawn.options)

    def loss(y_true: Any, y_pred: Any) -> Any:
        weights, valid = (None if a is None else beside(a, y_pred.data) for a in (w, mask))
        return made(y_true, y_pred, sample_weight=weights, mask=valid)

    text = f"{made!r} of {drawn.kind}, weights {of_weights}, mask {mask is not None}"
    return _example(name, drawn, loss, text=text)


ENTRIES = [
    *(Entry(f"loss: {name}", getattr(losses, name), _functions(name), kernel=True) for name in CLASSES),
    *(
        Entry(f"loss: {cls}", getattr(losses, cls), _classes(name), kernel=True)
        for name, cls in CLASSES.items()
    ),
]
