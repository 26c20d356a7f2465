"""Beside real Keras: masks, states and directions together. (tests/layers/test_keras.py compares each layer.)"""

import os
import warnings

import numpy as np
import pytest
from strategies import normal

import minidl

os.environ.setdefault("KERAS_BACKEND", "jax")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    keras = pytest.importorskip("keras")
    pytest.importorskip("jax")

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]
X = normal(0, (4, 5, 3), dtype="float32")[0]
MASK = np.array([[1, 1, 1, 1, 1], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 0, 0, 0]], bool)
KINDS = [("SimpleRNN", {}), ("LSTM", {}), ("GRU", {}), ("GRU", {"reset_after": False})]


def same(theirs, ours, *arguments, **options):
    """Give both the same weights, run both, and compare every output."""
    theirs.build((None, *X.shape[1:]))
    ours.build((None, *X.shape[1:]))
    rng = np.random.default_rng(1)
    theirs.set_weights([rng.normal(size=w.shape).astype("float32") for w in theirs.get_weights()])
    ours.set_weights(theirs.get_weights())
    a, b = theirs(*arguments, **options), ours(*arguments, **options)
    a, b = ((y if isinstance(y, list | tuple) else [y]) for y in (a, b))
    assert len(a) == len(b)
    for wanted, got in zip(a, b, strict=True):
        assert np.allclose(got.numpy(), np.asarray(wanted), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "more"), KINDS)
@pytest.mark.parametrize("backwards", [False, True])
def test_masks_and_states(name, more, backwards):
    options = {"return_sequences": True, "return_state": True, "go_backwards": backwards, **more}
    states = normal(2, *[(4, 6)] * (2 if name == "LSTM" else 1), dtype="float32")
    for library_options in (options, {**options, "return_sequences": False}):
        layers = [getattr(library.layers, name)(6, **library_options) for library in (keras, minidl)]
        same(*layers, X, mask=MASK, initial_state=states)


@pytest.mark.parametrize("merge_mode", ["concat", None])
@pytest.mark.parametrize("sequences", [False, True])
def test_bidirectional_with_a_mask(merge_mode, sequences):
    made = []
    for library in (keras, minidl):
        inner = library.layers.LSTM(4, return_sequences=sequences, return_state=True)
        made.append(library.layers.Bidirectional(inner, merge_mode=merge_mode))
    same(*made, X, mask=MASK)


def test_a_padded_text_trains_alike():
    """Masking in front, a loss for each step behind: five steps of training keep the weights together."""
    x = X.copy()
    x[~MASK] = 0
    y = normal(3, (4, 5, 2), dtype="float32")[0]
    models = []
    for library in (keras, minidl):
        L = library.layers
        model = library.Sequential([L.Input((5, 3)), L.Masking(), L.LSTM(6, return_sequences=True),
                                    L.Bidirectional(L.GRU(3, return_sequences=True)), L.Dense(2)])  # fmt: skip
        model.compile(library.optimizers.SGD(0.1), "mse")
        models.append(model)
    theirs, ours = models
    ours.set_weights(theirs.get_weights())
    for _ in range(5):
        assert ours.train_on_batch(x, y) == pytest.approx(float(theirs.train_on_batch(x, y)), rel=1e-4)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.allclose(a, b, atol=1e-5)
    assert ours.evaluate(x, y, verbose=0) == pytest.approx(theirs.evaluate(x, y, verbose=0), rel=1e-4)
