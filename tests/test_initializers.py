"""First values of weights: distributions, spread, orthogonality, seeds, and names."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import initializers, random
from minidl.initializers import compute_fans
from minidl.random import SeedGenerator, streams
from minidl.tensor import Tensor

NAMED = {  # name: (scale, fan, distribution)
    "GlorotUniform": (1, "avg", "uniform"),
    "GlorotNormal": (1, "avg", "truncated"),
    "HeUniform": (2, "in", "uniform"),
    "HeNormal": (2, "in", "truncated"),
    "LecunUniform": (1, "in", "uniform"),
    "LecunNormal": (1, "in", "truncated"),
}
DRAWING = [*NAMED, "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Orthogonal"]
ALL = [*DRAWING, "Zeros", "Ones", "Constant", "Identity"]


@pytest.fixture(autouse=True)
def _own_seed(monkeypatch):
    monkeypatch.setattr(streams, "_streams", None)
    random.set_seed(123)


# --- fixed values ------------------------------------------------------------------------------------------


def test_zeros_ones_constant():
    assert initializers.Zeros()((2, 3)).tolist() == [[0, 0, 0]] * 2
    assert initializers.Ones()((2,), "int32").tolist() == [1, 1]
    assert initializers.Ones()((2,), "bool").tolist() == [True, True]
    assert initializers.Constant(0.1)((2,), "float64").tolist() == [0.1, 0.1]


def test_constant_takes_an_array_such_as_word_vectors():
    vectors = np.arange(6.0).reshape(3, 2)
    w = initializers.Constant(vectors)((3, 2))
    assert w.dtype == np.float32
    assert np.array_equal(w, vectors)
    w[:] = 0
    assert vectors[2, 1] == 5  # the weight is a copy
    with pytest.raises(ValueError, match=r"value of shape \(3, 2\), which does not fit .* \(2, 3\)"):
        initializers.Constant(vectors)((2, 3))


def test_get_takes_an_array_or_tensor():
    for values in (np.arange(3.0), Tensor([0.0, 1.0, 2.0])):
        assert initializers.get(values)((3,)).tolist() == [0, 1, 2]


def test_identity():
    assert initializers.Identity(gain=2.0)((2, 3)).tolist() == [[2, 0, 0], [0, 2, 0]]
    with pytest.raises(ValueError, match=r"Identity makes matrices, got the shape \(2,\)"):
        initializers.Identity()((2,))


# --- fans and spread ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "fans"),
    [
        ((), (1, 1)),
        ((7,), (7, 7)),
        ((3, 5), (3, 5)),
        ((5, 4, 8), (20, 40)),
        ((3, 3, 4, 8), (36, 72)),
        ((2, 3, 4, 5, 6), (120, 144)),
    ],
)
def test_fans(shape, fans):
    assert compute_fans(shape) == fans


@pytest.mark.parametrize("shape", [(60, 200), (5, 20, 40), (3, 3, 20, 50)])
@pytest.mark.parametrize("name", NAMED)
def test_spread_of_the_named_initializers(name, shape):
    scale, fan, distribution = NAMED[name]
    window = math.prod(shape[:-2])
    fans = {"in": window * shape[-2], "avg": window * (shape[-2] + shape[-1]) / 2}
    variance = scale / fans[fan]
    w = getattr(initializers, name)(seed=1)(shape, "float64")
    n = w.size
    # A uniform or truncated distribution has kurtosis < 3: the sample's variance errs by < Var·√(2/n).
    assert abs(w.mean()) < 5 * math.sqrt(variance / n)
    assert abs(w.var() / variance - 1) < 5 * math.sqrt(2 / n)
    # The largest of n draws comes close to the end of the range, but never over it.
    end = math.sqrt(3 * variance) if distribution == "uniform" else 2 * math.sqrt(variance) / 0.8796256610
    assert 0.99 * end < np.abs(w).max() <= end * (1 + 1e-9)


def test_untruncated_normal_has_tails():
    w = initializers.VarianceScaling(1.0, "fan_out", "untruncated_normal", seed=1)((100, 400), "float64")
    z = w * math.sqrt(400)
    assert abs(z.var() - 1) < 5 * math.sqrt(2 / z.size)
    beyond = 1 - math.erf(math.sqrt(2))  # of the draws lie beyond two sigma
    assert abs((np.abs(z) > 2).mean() - beyond) < 5 * math.sqrt(beyond / z.size)


def test_random_normal_uniform_truncated():
    shape = (200, 200)
    standard_error = 1 / 200
    w = initializers.RandomNormal(1.0, 2.0, seed=1)(shape)
    assert abs(w.mean() - 1) < 5 * 2 * standard_error
    w = initializers.TruncatedNormal(1.0, 2.0, seed=1)(shape)
    assert np.abs(w - 1).max() <= 4
    w = initializers.RandomUniform(1.0, 2.0, seed=1)(shape)
    assert abs(w.mean() - 1.5) < 5 * standard_error / math.sqrt(12)
    assert w.min() >= 1
    assert w.max() < 2


def test_defaults_are_those_of_keras():
    assert initializers.RandomUniform().get_config() == {"minval": -0.05, "maxval": 0.05, "seed": None}
    assert initializers.RandomNormal().get_config() == {"mean": 0.0, "stddev": 0.05, "seed": None}
    assert initializers.TruncatedNormal().get_config() == {"mean": 0.0, "stddev": 0.05, "seed": None}
    assert initializers.Orthogonal().get_config() == {"gain": 1.0, "seed": None}
    assert initializers.Constant().get_config() == {"value": 0.0}
    assert initializers.VarianceScaling().get_config() == {
        "scale": 1.0,
        "mode": "fan_in",
        "distribution": "truncated_normal",
        "seed": None,
    }


# --- orthogonal --------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.sampled_from([1.0, -0.5, 3.0]))
@settings(deadline=None, max_examples=30)
def test_orthogonal_rows_or_columns(shape, gain):
    w = initializers.Orthogonal(gain, seed=1)(shape, "float64")
    assert w.shape == tuple(shape)
    flat = w.reshape(-1, shape[-1])
    gram = flat.T @ flat if len(flat) >= shape[-1] else flat @ flat.T
    np.testing.assert_allclose(gram, gain**2 * np.eye(len(gram)), atol=1e-12)


def test_orthogonal_of_a_fused_recurrent_kernel_in_float32():
    w = initializers.Orthogonal(seed=1)((100, 400))
    assert w.dtype == np.float32
    np.testing.assert_allclose(w @ w.T, np.eye(100), atol=1e-6)


def test_orthogonal_matrices_are_spread_evenly():
    """Over all orthogonal matrices every entry has mean 0 and the mean square 1/n; without the signs of R
    the entries on the diagonal would lean to one side."""
    source = SeedGenerator(seed=1)
    draws = np.stack([initializers.Orthogonal(seed=source)((3, 3), "float64") for _ in range(2000)])
    assert np.abs(draws.mean(axis=0)).max() < 5 * math.sqrt(1 / 3 / 2000)
    # An entry is uniform on [-1, 1] in 3-D (Archimedes), so its square has variance 4/45.
    assert np.abs((draws**2).mean(axis=0) - 1 / 3).max() < 5 * math.sqrt(4 / 45 / 2000)


def test_the_gain_keeps_its_sign():
    a, b = (initializers.Orthogonal(gain, seed=1)((3, 2)) for gain in (2.0, -2.0))
    assert np.array_equal(a, -b)


@pytest.mark.parametrize("shape", [(), (3,)])
def test_orthogonal_needs_a_matrix(shape):
    with pytest.raises(ValueError, match="Orthogonal makes matrices"):
        initializers.Orthogonal()(shape)


# --- seeds -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DRAWING)
def test_what_a_seed_means(name):
    cls, shape = getattr(initializers, name), (3, 4)

    def equal(a, b):
        return np.array_equal(a(shape), b(shape))

    seeded, unseeded, going_on = cls(seed=1), cls(), cls(seed=SeedGenerator(seed=1))
    assert equal(seeded, seeded)
    assert equal(seeded, cls(seed=1))
    assert not equal(seeded, cls(seed=2))
    assert equal(unseeded, unseeded)  # as in Keras
    assert not equal(unseeded, cls())
    assert not equal(going_on, going_on)
    assert not equal(initializers.get(name), initializers.get(name))


@pytest.mark.parametrize("name", DRAWING)
def test_the_same_script_starts_from_the_same_weights(name):
    def script():
        random.set_seed(5)
        return [initializers.get(name)((2, 3)).tolist() for _ in range(2)]

    assert script() == script()


def test_a_training_step_around_it_changes_nothing():
    init = initializers.GlorotUniform()
    before = init((3, 3))
    with random.training_step(4):
        assert np.array_equal(init((3, 3)), before)


# --- any shape, any type -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [None, "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 4), (0, 4), (4, 0), (1, 1), [2, 3]])
@pytest.mark.parametrize("name", ALL)
def test_plain_arrays_of_the_type_asked_for(name, shape, dtype):
    w = initializers.get(name)(shape, dtype)
    assert type(w) is np.ndarray
    assert w.shape == tuple(shape)
    assert w.dtype == (dtype or "float32")
    assert np.isfinite(w).all()
    assert w.flags.writeable


# --- names and descriptions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("glorot_uniform", "GlorotUniform"),
        ("GlorotUniform", "GlorotUniform"),
        ("he_normal", "HeNormal"),
        ("lecun_uniform", "LecunUniform"),
        ("orthogonal", "Orthogonal"),
        ("OrthogonalInitializer", "Orthogonal"),
        ("IdentityInitializer", "Identity"),
        ("uniform", "RandomUniform"),
        ("normal", "RandomNormal"),
        ("zeros", "Zeros"),
        ("zero", "Zeros"),
        ("one", "Ones"),
    ],
)
def test_names(name, cls):
    assert type(initializers.get(name)) is getattr(initializers, cls)


@pytest.mark.parametrize("name", ALL)
def test_keras_lower_case_names_are_the_classes(name):
    snake = "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
    assert getattr(initializers, snake) is getattr(initializers, name)


@pytest.mark.parametrize("name", ALL)
def test_every_initializer_survives_json(name):
    made = initializers.get(name)
    config = json.loads(json.dumps(initializers.serialize(made)))
    again = initializers.deserialize(config)
    assert type(again) is type(made)
    assert again.get_config() == made.get_config()
    assert repr(again) == repr(made)


def test_arguments_survive_json():
    for made in (
        initializers.VarianceScaling(2.0, "fan_avg", "uniform", seed=3),
        initializers.RandomNormal(1.0, 2.0, seed=4),
        initializers.Orthogonal(0.5, seed=6),
        initializers.GlorotNormal(seed=SeedGenerator(seed=7)),
        initializers.Constant([[1.0, 2.0, 3.0]]),
        initializers.Identity(3.0),
    ):
        again = initializers.get(json.loads(json.dumps(initializers.serialize(made))))
        assert np.array_equal(made((2, 3)), again((2, 3)))


def test_other_forms():
    instance = initializers.Zeros()
    assert initializers.get(instance) is instance
    assert initializers.get(None) is None
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    own = lambda shape, dtype=None: np.full(shape, 3.0, dtype)  # noqa: E731
    assert initializers.get(own) is own


def test_own_class_by_custom_objects():
    class Threes(initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return np.full(shape, 3.0, dtype)

    config = initializers.serialize(Threes())
    with pytest.raises(ValueError, match="Unknown initializer 'Threes'"):
        initializers.deserialize(config)
    assert initializers.deserialize(config, {"Threes": Threes})((2,)).tolist() == [3, 3]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: initializers.get("glorot_unifrom"), "Did you mean 'GlorotUniform'"),
        (lambda: initializers.get(3), "Expected an initializer"),
        (lambda: initializers.Initializer()((2,)), "must define __call__"),
        (lambda: initializers.VarianceScaling(scale=0), "VarianceScaling expects scale to be a number > 0"),
        (lambda: initializers.VarianceScaling(mode="fan"), "Unknown mode of VarianceScaling 'fan'"),
        (
            lambda: initializers.VarianceScaling(distribution="cauchy"),
            "Unknown distribution of VarianceScaling",
        ),
        (lambda: initializers.RandomNormal(stddev=-1), "RandomNormal expects stddev"),
        (lambda: initializers.TruncatedNormal(stddev=math.nan), "TruncatedNormal expects stddev"),
        (lambda: initializers.RandomUniform(1, 0), "RandomUniform expects maxval"),
        (lambda: initializers.Orthogonal(gain="1"), "Orthogonal expects gain"),
        (lambda: initializers.Constant("a"), "holds numbers"),
        (lambda: initializers.HeNormal(seed=-1), "seed to be a whole number >= 0"),
        (lambda: initializers.HeNormal(seed=1.5), "seed to be a whole number"),
        (lambda: initializers.GlorotUniform()((2, None)), "compute_fans expects every entry of shape"),
        (lambda: initializers.Orthogonal()((2, None)), "Orthogonal expects every entry of shape"),
        (lambda: initializers.RandomNormal()((2, None)), "normal expects every entry of shape"),
        (lambda: initializers.GlorotUniform()((2, 2), "int32"), "draws float16, float32 or float64"),
    ],
)
def test_errors(call, text):
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=text) as caught:
        call()
    assert len(str(caught.value)) < 400


# --- Keras -------------------------------------------------------------------------------------------------


def _arguments_of_draws(module, monkeypatch):
    """Makes the functions of a `random` module note what they are asked for."""
    asked = []
    for name in ("uniform", "normal", "truncated_normal"):
        real = getattr(module, name)

        def noting(*args, _name=name, _real=real, **kwargs):
            values = (
                args[1:3]
                if len(args) > 1
                else [kwargs[k] for k in ("minval", "maxval", "mean", "stddev") if k in kwargs]
            )
            asked.append((_name, *map(float, values)))
            return _real(*args, **kwargs)

        monkeypatch.setattr(module, name, noting)
    return asked


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [(), (7,), (3, 5), (3, 0), (5, 4, 8), (3, 3, 4, 8)])
@pytest.mark.parametrize("name", [*NAMED, "VarianceScaling"])
def test_keras_asks_for_the_same_distribution(name, shape, monkeypatch):
    keras = pytest.importorskip("keras")
    theirs = _arguments_of_draws(keras.src.initializers.random_initializers.random, monkeypatch)
    ours = _arguments_of_draws(random, monkeypatch)
    getattr(keras.initializers, name)(seed=1)(shape)
    getattr(initializers, name)(seed=1)(shape)
    assert len(ours) == 1
    assert ours[0][0] == theirs[0][0]
    np.testing.assert_allclose(ours[0][1:], theirs[0][1:], rtol=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [(3, 3), (2, 8), (8, 2), (2, 2, 3, 5)])
def test_keras_makes_the_same_orthogonal_matrix_from_the_same_normal_one(shape, monkeypatch):
    keras = pytest.importorskip("keras")
    rng = np.random.default_rng(0)
    rows = math.prod(shape[:-1])
    matrix = rng.normal(size=(max(rows, shape[-1]), min(rows, shape[-1]))).astype("float32")
    their_random = keras.src.initializers.random_initializers.random
    monkeypatch.setattr(their_random, "normal", lambda *a, **k: keras.ops.convert_to_tensor(matrix))
    monkeypatch.setattr(random, "normal", lambda *a, **k: Tensor(matrix.astype("float64")))
    theirs = np.asarray(keras.initializers.Orthogonal(gain=1.5)(shape))
    np.testing.assert_allclose(initializers.Orthogonal(gain=1.5)(shape), theirs, atol=1e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("name", [*DRAWING, "Zeros", "Ones", "Identity"])  # Keras's get("Constant") fails
def test_keras_knows_the_same_names_and_repeats_values_alike(name):
    keras = pytest.importorskip("keras")
    theirs, ours = keras.initializers.get(name), initializers.get(name)
    assert type(theirs).__name__ == type(ours).__name__
    repeats = np.array_equal(np.asarray(theirs((3, 3))), np.asarray(theirs((3, 3))))
    assert repeats == np.array_equal(ours((3, 3)), ours((3, 3)))
