"""No room in memory: a MemoryError that says for what, and a model that is as it was."""

import pytest
from processes import python
from small_models import rows, same, state, with_everything

from minidl import layers as L
from minidl.models import Sequential

TOO_LARGE = {
    "dense": (lambda: L.Dense(10**7), (None, 10**7), r"dense \(Dense\) .*kernel", 4 * 10**14),
    "zeros": (
        lambda: L.Dense(10**7, kernel_initializer="zeros"),
        (None, 10**7),
        r"dense \(Dense\)",
        4 * 10**14,
    ),
    "identity": (lambda: L.Dense(10**7, kernel_initializer="identity"), (None, 10**7), "dense", 4 * 10**14),
    "orthogonal": (
        lambda: L.Dense(10**7, kernel_initializer="orthogonal"),
        (None, 10**7),
        "dense",
        4 * 10**14,
    ),
    "beyond 64 bits": (lambda: L.Dense(10**12), (None, 10**12), "dense", 4 * 10**24),
    "embedding": (lambda: L.Embedding(10**9, 10**5), (None, 3), "embedding .*embeddings", 4 * 10**14),
    "lstm": (lambda: L.LSTM(2 * 10**5), (None, 3, 4), "lstm.*recurrent_kernel", 64 * 10**10),
    "conv2d": (lambda: L.Conv2D(10**7, 5), (None, 9, 9, 10**6), r"conv2d \(Conv2D\) .*kernel", 10**15),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_layer_too_large_is_named_with_its_shape_and_bytes(name, counted):
    make, shape, words, needed = TOO_LARGE[name]
    layer = make()
    with pytest.raises(MemoryError, match=rf"{words}.* of shape \(.*\): {needed:,} bytes") as caught:
        layer.build(shape)
    assert len(str(caught.value)) < 400
    assert not layer.built
    counted("no room in memory", 1)


def test_the_model_is_as_before():
    x, y = rows(12)
    model = with_everything()
    model.fit(x, y, verbose=0)
    before = state(model)
    grown = Sequential([L.Input((4,)), L.Dense(10**6)])
    with pytest.raises(MemoryError, match="kernel of shape"):
        grown.add(L.Dense(10**9))
    assert [type(layer).__name__ for layer in grown.layers] == ["Dense"]
    assert grown.predict(x[:1], verbose=0).shape == (1, 10**6)
    assert same(state(model), before)


LIMITED = """
import resource, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from small_models import rows, same, state, with_everything
x, y = rows(64)
model = with_everything()
model.fit(x, y, verbose=0)
before, wanted = state(model), model.predict(x, verbose=0)
many, targets = np.zeros((30_000_000, 4), "float32"), np.zeros((30_000_000, 1), "float32")
with open("/proc/self/statm") as statm:
    used = int(statm.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 300_000_000, resource.RLIM_INFINITY))
for call in (
    lambda: model.predict(many, batch_size=30_000_000, verbose=0),
    lambda: model.evaluate(many, targets, batch_size=30_000_000, verbose=0),
    lambda: model.fit(many, targets, batch_size=30_000_000, verbose=0, shuffle=False),
    lambda: model.train_on_batch(many, targets),
):
    try:
        call()
    except MemoryError:
        print("no room")
    assert same(state(model), before)
    assert np.array_equal(model.predict(x, verbose=0), wanted)
del many, targets
model.fit(x, y, verbose=0)
assert not same(state(model), before)
"""


def test_steps_for_which_there_is_no_room(counted):
    pytest.importorskip("resource")
    import small_models

    out, err = python("-c", LIMITED, small_models.__file__.rpartition("/")[0])
    assert (out, err) == ("no room\n" * 4, "")
    counted("no room in memory", 4)
