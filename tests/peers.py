"""Real Keras beside minidl: in float64 throughout, with the same layers, weights and numbers; and what "the same" means.

Keras on JAX never goes beyond 32 bits by itself: one table of its type promotion turns every float64 into float32.
`double_precision` puts float64 in that table, so that a fault in a formula is not lost among roundings: float64 must
agree to 1e-9 of the largest element. Our float32 is held to 1e-5 of the largest element of Keras's *float64*, which is
more than agreeing with somebody else's rounding. Where float32 cannot get so near, the fair rule holds: our error is
at most twice that of Keras in float32.
"""

import os
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import Phase, settings

import minidl
from minidl import Tensor

os.environ.setdefault("KERAS_BACKEND", "jax")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    keras = pytest.importorskip("keras")
    jax = pytest.importorskip("jax")

ORACLE = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]
TOLERANCE = {np.dtype("float64"): 1e-9, np.dtype("float32"): 1e-5}
LEAST = {np.dtype("float64"): 1e-3, np.dtype("float32"): 0.1}  # what is smaller than that is measured by that
DEEP = settings().max_examples >= 200


def examples(n):
    """`n` drawn configurations for a test, ten times as many in the profile that looks deeper."""
    phases = (Phase.explicit, Phase.reuse, Phase.generate)  # each smaller example would be compiled anew
    return settings(deadline=None, max_examples=10 * n if DEEP else n, phases=phases)


@contextmanager
def precision(floatx):
    """Keras and minidl make everything in `floatx`, and JAX compiles small programs quickly rather than well."""
    from keras.src.backend.common import dtypes

    promotion, before = dtypes.BIT64_TO_BIT32_DTYPE, (keras.config.floatx(), keras.config.dtype_policy())
    ours, kept = minidl.config.floatx(), dict(promotion)
    options = {"jax_enable_x64": floatx == "float64", "jax_disable_most_optimizations": True}
    was = {name: jax.config.values[name] for name in options}
    try:
        for name, value in options.items():
            jax.config.update(name, value)
        promotion["float64"] = floatx
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(floatx)
        minidl.config.set_floatx(floatx)
        yield
    finally:
        minidl.config.set_floatx(ours)
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])
        promotion.update(kept)
        for name, value in was.items():
            jax.config.update(name, value)


def error(got, wanted, dtype):
    """The largest difference, in units of the largest element of `wanted`."""
    got, wanted = (np.asarray(a, dtype=np.float64) for a in (got, wanted))
    assert got.shape == wanted.shape, (got.shape, wanted.shape)
    assert np.array_equal(np.isnan(got), np.isnan(wanted))
    with np.errstate(invalid="ignore"):
        apart = np.where(got == wanted, 0.0, np.abs(got - wanted))
    size = np.max(np.abs(wanted), initial=LEAST[dtype], where=np.isfinite(wanted))
    return float(np.max(apart, initial=0.0, where=~np.isnan(wanted)) / size)


def agree(got, wanted, dtype="float64", peer=None):
    """`got` is within the tolerance of `dtype` of `wanted`, number by number through lists and dictionaries.

    `peer` makes the same in Keras's own float32: what that is away from `wanted` may be doubled.
    """
    dtype = np.dtype(dtype)
    got, wanted = (leaves(a) for a in (got, wanted))
    assert [name for name, _ in got] == [name for name, _ in wanted]
    errors = {name: error(a, b, dtype) for (name, a), (_, b) in zip(got, wanted, strict=True)}
    late = {name: e for name, e in errors.items() if not e <= TOLERANCE[dtype]}
    if late and peer is not None:
        theirs = {name: error(a, b, dtype) for (name, a), (_, b) in zip(leaves(peer()), wanted, strict=True)}
        late = {name: (e, theirs[name]) for name, e in late.items() if not e <= 2 * theirs[name]}
    assert not late, f"{dtype}: not within {TOLERANCE[dtype]} of the largest element: {late}"


def leaves(tree, name=""):
    """(path, array) of every array in nested lists, tuples and dictionaries."""
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in leaves(tree[key], f"{name}.{key}")]
    if isinstance(tree, list | tuple):
        return [leaf for i, part in enumerate(tree) for leaf in leaves(part, f"{name}.{i}")]
    if tree is None:
        return []
    return [(name, tree.numpy() if isinstance(tree, Tensor) else np.asarray(tree))]


def rounded(*arrays):
    """The arrays in float64, with numbers that float32 can hold too."""
    return [np.asarray(a).astype(np.float32).astype(np.float64) for a in arrays]


def weights_for(layer, seed=1, positive=True):
    """Numbers for each weight of a Keras layer: positive where they have to be, as variances do."""
    rng = np.random.default_rng(seed)
    drawn = [rng.normal(size=w.shape) for w in layer.get_weights()]
    return rounded(*(np.abs(w) if positive else w for w in drawn))
