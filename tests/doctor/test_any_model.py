"""Small models drawn at random, with data that may or may not fit: the doctor answers, and never fails itself."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import same

import minidl
from minidl import layers as L
from minidl.models import Sequential
from minidl.utils import set_random_seed

ACTIVATIONS = st.sampled_from([None, "relu", "tanh", "sigmoid", "softmax", "gelu", "exponential", "softplus"])
FLAT = st.one_of(
    st.builds(L.Dense, st.integers(1, 5), activation=ACTIVATIONS),
    st.builds(L.Dropout, st.floats(0, 0.95)),
    st.builds(L.BatchNormalization),
    st.builds(L.LayerNormalization),
    st.builds(L.Activation, ACTIVATIONS.filter(bool)),
)
ALONG = st.one_of(
    st.builds(L.LSTM, st.integers(1, 3), return_sequences=st.booleans()),
    st.builds(L.SimpleRNN, st.integers(1, 3), activation=st.sampled_from(["relu", "tanh"])),
    st.builds(L.Conv1D, st.integers(1, 3), st.integers(1, 4), activation=ACTIVATIONS),
    st.builds(L.Masking),
    st.builds(L.Flatten),
)
REFUSING = ("poisson", "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy")
LOSSES = st.sampled_from(
    ["mse", "mae", "huber", "poisson", "hinge", "binary_crossentropy", "categorical_crossentropy",
     "sparse_categorical_crossentropy", "kl_divergence", "cosine_similarity", None]
)  # fmt: skip
VALUES = st.sampled_from(["normal", "normal", "normal", "huge", "whole", "zeros", "NaN", "infinite"])


def drawn(kind, shape):
    x = np.random.default_rng(len(shape)).normal(size=shape)
    if kind == "whole":
        return np.abs(x * 3).astype(int)
    if kind in ("NaN", "infinite") and x.size:
        x.flat[0] = np.nan if kind == "NaN" else np.inf
    return x * {"huge": 1e30, "zeros": 0}.get(kind, 1)


def fitting(loss, n, units):
    """Targets that the loss takes."""
    if loss == "sparse_categorical_crossentropy":
        return np.arange(n) % units
    y = np.eye(units)[np.arange(n) % units]
    return y * np.linspace(1, 2, n)[:, None] if loss in ("mse", "mae", "huber") else y


@settings(deadline=None, max_examples=60)
@given(
    along=st.one_of(st.none(), ALONG),
    layers=st.lists(FLAT, max_size=3),
    last=st.builds(L.Dense, st.integers(1, 3), activation=ACTIVATIONS),
    loss=LOSSES,
    n=st.sampled_from([1, 2, 12, 40]),
    kinds=st.tuples(VALUES, st.one_of(st.none(), VALUES)),
    declared=st.booleans(),
)
def test_the_doctor_answers(along, layers, last, loss, n, kinds, declared):
    shape = (3,) if along is None else (4, 3)
    set_random_seed(0)
    try:
        chain = [*([L.Input(shape)] if declared else []), *([along] if along else []), *layers, last]
        model = Sequential(chain)
        model.compile("adam", loss)
    except (ValueError, TypeError):
        return  # refused when it was made
    x = drawn(kinds[0], (n, *shape))
    y = fitting(loss, n, last.units) if kinds[1] is None else drawn(kinds[1], (n, last.units))
    before = [v.numpy().copy() for v in model.weights]
    report = minidl.doctor(model, x, y, steps=6)
    assert same(before, [v.numpy() for v in model.weights])
    assert max(map(len, str(report).splitlines())) <= 80
    assert report.learnt or report.findings  # it was tried, or there is a reason why not
    # Only what a last layer without bounds makes may leave, in training, what the loss can take.
    assert loss in REFUSING or not report.about("training")
    for finding in report.findings:
        assert len(finding.message) < 400
        assert len(finding.mend) < 400
