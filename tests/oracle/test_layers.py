"""Every layer beside the one of Keras: outputs, penalties, states, gradients and one step of SGD.

The layers and their options are drawn from `strategies.LAYERS`, so that a new layer is compared as soon as it has
an entry there, which it must have.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from merge_cases import arrays, elementwise_inputs, joined_inputs, multiplied_inputs
from peers import ORACLE, agree, examples, jax, keras, leaves, precision, rounded, weights_for
from strategies import LAYERS, MERGES, OTHERS, STEPS, normal, seeds

from minidl import Tensor, layers, optimizers
from minidl.layers.context import CallContext

pytestmark = ORACLE
TWO_MODES = {layers.BatchNormalization, layers.TimeDistributed}  # and no random numbers in either
EXCEPTIONS = {
    layers.InputLayer: "it computes nothing; graphs that begin with it are in tests/models/test_functional_keras.py",
    layers.Lambda: "it is whatever function it is given",
}
DRAW_IN_TRAINING = {
    layers.Dropout, layers.GaussianNoise, layers.SpatialDropout1D, layers.SpatialDropout2D,
}  # fmt: skip  # whose random numbers cannot be those of JAX: inference here, and the statistics below
RATE = 0.125


def test_every_layer_is_compared():
    known = {getattr(layers, n) for n in layers.__all__ if isinstance(getattr(layers, n), type)}
    known = {cls for cls in known if issubclass(cls, layers.Layer) and cls is not layers.Layer}
    assert known - set(EXCEPTIONS) - set(LAYERS) - MERGES - STEPS == set()
    assert set(EXCEPTIONS) >= OTHERS


def of_keras(layer, weights, x, dy, training):
    """Outputs, penalties, state, gradients and weights after a step of SGD, from one compiled program."""
    layer.set_weights(weights)
    options = {} if training is None else {"training": training}
    fixed = [v.value for v in layer.non_trainable_variables]
    trained = [v.value for v in layer.trainable_variables]
    optimizer = keras.optimizers.SGD(RATE)
    optimizer.build(layer.trainable_variables)

    def everything(trained, x, dy):
        def total(trained, x):
            values = [*zip(layer.trainable_variables, trained, strict=True),
                      *zip(layer.non_trainable_variables, fixed, strict=True)]  # fmt: skip
            with keras.StatelessScope(state_mapping=values, collect_losses=True) as scope:
                y, losses = layer(x, **options), layer.losses
                state = [scope.get_current_value(v) for v in layer.non_trainable_variables]
            parts = y if isinstance(y, list | tuple) else [y]
            return sum((a * b).sum() for a, b in zip(parts, dy, strict=True)) + sum(losses), (
                parts,
                state,
                losses,
            )

        (dw, dx), (y, state, losses) = jax.grad(total, argnums=(0, 1), has_aux=True)(trained, x)
        stepped = (
            optimizer.stateless_apply([v.value for v in optimizer.variables], dw, trained)[0] if dw else []
        )
        return {"y": y, "state": state, "losses": sum(losses), "dw": dw, "dx": dx, "stepped": stepped}

    found = jax.jit(everything)(trained, x, dy)
    own = {id(v) for v in layer.weights}  # the states of random numbers are no weights
    state = [v for v, w in zip(found["state"], layer.non_trainable_variables, strict=True) if id(w) in own]
    return jax.tree.map(np.asarray, {**found, "state": state})


def of_minidl(layer, weights, x, dy, training):
    layer.set_weights(weights)
    options = {} if training is None else {"training": training}
    several = isinstance(x, list)
    ts = [Tensor(a, requires_grad=True) for a in (x if several else [x])]
    with CallContext() as call:
        y = layer(ts if several else ts[0], **options)
        call.commit()
    parts = y if isinstance(y, list | tuple) else [y]
    penalties = [
        *call.losses,
        *(v.regularizer(v) for v in layer.trainable_weights if v.regularizer is not None),
    ]
    total = sum(penalties, sum((a * Tensor(b)).sum() for a, b in zip(parts, dy, strict=True)))
    if total.requires_grad:
        total.backward()
    dx = [np.zeros_like(t.data) if t.grad is None else t.grad for t in ts]
    dw = [v.grad for v in layer.trainable_weights]
    found = {
        "y": [p.numpy().copy() for p in parts],
        "state": [v.numpy().copy() for v in layer.non_trainable_weights],
        "losses": np.sum([loss.numpy() for loss in penalties], dtype=dy[0].dtype),
        "dw": [np.array(g) for g in dw],
        "dx": dx if several else dx[0],
    }
    if dw:
        optimizers.SGD(RATE).apply(dw, layer.trainable_weights)
    return {**found, "stepped": [v.numpy() for v in layer.trainable_weights]}


def compared(made, shape, x, seed, training=None):
    """`made(library, dtype)` makes the layer. Keras in float64 is what both of our precisions are held to."""
    theirs, ours = made(keras.layers, "float64"), made(layers, "float64")
    theirs.build(shape)
    ours.build(shape)
    assert [w.name for w in theirs.weights] == [v.name for v in ours.weights]
    weights = weights_for(theirs)
    parts = theirs.compute_output_shape(shape)
    parts = parts if isinstance(parts, list) and isinstance(parts[0], tuple | list) else [parts]
    n = len(x[0]) if isinstance(x, list) else len(x)
    assert ours.compute_output_shape(shape) == (tuple(parts[0]) if len(parts) == 1 else parts)
    assert ours.count_params() == theirs.count_params()
    dy = rounded(*normal(seed + 1, *((n, *tuple(p)[1:]) for p in parts)))
    wanted = of_keras(theirs, weights, x, dy, training)
    agree(of_minidl(ours, weights, x, dy, training), wanted)

    def single(a):
        return [single(b) for b in a] if isinstance(a, list) else np.asarray(a, np.float32)

    def in_float32():
        with precision("float32"):
            peer = made(keras.layers, "float32")
            peer.build(shape)
            return of_keras(peer, single(weights), single(x), single(dy), training)

    ours = made(layers, "float32")
    ours.build(shape)
    got = of_minidl(ours, single(weights), single(x), single(dy), training)
    assert {a.dtype for _, a in leaves(got)} == {np.dtype("float32")}
    agree(got, wanted, "float32", in_float32)


@pytest.mark.parametrize("cls", [c for c in LAYERS if c not in EXCEPTIONS], ids=lambda c: c.__name__)
@examples(8)
@given(data=st.data(), seed=seeds, training=st.booleans())
def test_layers(cls, data, seed, training):
    case = data.draw(LAYERS[cls])
    (x,) = rounded(case.inputs(seed, 3))

    def made(library, dtype):
        return case.made(getattr(library, cls.__name__), library, dtype=dtype)

    compared(made, (None, *case.sample), x, seed, training if cls in TWO_MODES else None)


@st.composite
def merges(draw, name):
    """Arguments of a merge layer, and shapes of inputs for it."""
    if name == "Concatenate":
        axis, shapes = draw(joined_inputs())
        return {"axis": axis}, shapes
    if name == "Dot":
        axes, shapes = draw(multiplied_inputs())
        return {"axes": axes, "normalize": draw(st.booleans())}, shapes
    _, shapes, _ = draw(elementwise_inputs())
    return {}, shapes[:2] if name == "Subtract" else shapes


@pytest.mark.parametrize("name", sorted(cls.__name__ for cls in MERGES))
@examples(8)
@given(data=st.data(), seed=seeds)
def test_merge_layers(name, data, seed):
    arguments, shapes = data.draw(
        merges(name).filter(lambda case: name in ("Concatenate", "Dot") or len(case[1]) > 1)
    )
    xs = rounded(*arrays(seed, 3, shapes))
    compared(
        lambda library, dtype: getattr(library, name)(**arguments, dtype=dtype),
        [(None, *s) for s in shapes],
        xs,
        seed,
    )


@pytest.mark.parametrize("cls", sorted(DRAW_IN_TRAINING, key=lambda c: c.__name__), ids=lambda c: c.__name__)
def test_random_layers_draw_from_the_same_distribution(cls):
    """20,000 draws: how many are 0, the mean and the spread of the rest; each within four standard errors."""
    sample = {"SpatialDropout1D": (5, 2000), "SpatialDropout2D": (2, 2, 2000)}.get(cls.__name__, (2000,))
    x, found = np.ones((10, *sample), np.float32), []
    for library in (layers, keras.layers):
        layer = getattr(library, cls.__name__)(0.3, dtype="float32", seed=5)
        y = layer(x, training=True)
        found.append(np.asarray(y.numpy() if isinstance(y, Tensor) else y))
    kept = [y if cls is layers.GaussianNoise else y.reshape(10, -1, 2000)[:, 0] for y in found]
    for y, whole in zip(kept, found, strict=True):
        assert abs((y == 0).mean() - (0 if cls is layers.GaussianNoise else 0.3)) < 4 * (0.21 / y.size) ** 0.5
        assert np.array_equal(y != 0, np.isin(y, whole[whole != 0]))
    (a, b) = (y[y != 0] for y in kept)
    spread = max(a.std(), 1e-3)
    assert abs(a.mean() - b.mean()) <= 4 * spread * (2 / a.size) ** 0.5
    assert a.std() == pytest.approx(b.std(), rel=4 / a.size**0.5, abs=1e-6)
