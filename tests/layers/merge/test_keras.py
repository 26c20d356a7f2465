"""Merge layers beside those of Keras."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merge_cases import ELEMENTWISE, M1, M2, arrays, elementwise_inputs, joined_inputs, multiplied_inputs
from strategies import normal, seeds

from minidl import layers


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
